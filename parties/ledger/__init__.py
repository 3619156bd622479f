"""The durable storage of one compute party: what it was given, what it has signed, what it must never forget.

Run by: every compute party, one ledger each, with one process at a time that owns it. On PostgreSQL, others may share
it to take in submissions (`Ledger.share`). What is returned after an `await`
has been written to stable storage (SQLite: WAL with full synchronisation; PostgreSQL: synchronous commit).

A ledger holds secrets: the share words of orders and results, the party's part of the randomness, the sealing keys of
the day. None of them is in a log, an error or a `repr`; SQLite files are readable by their owner only (0600);
what is erased is overwritten (on PostgreSQL: freed, see `Ledger.erase`).

**Written once.** A message, an outcome, a secret, a record is written once: the same bytes again change nothing, other
bytes raise ContradictionError. That is what keeps a restarted party from ever signing two sets, two sets of
verdicts or two outcomes for one round (parties.md, T10).

**Backups** forget what was signed after they were made. A restored ledger therefore *fences* every round that its
party may have signed something in: see `parties.ledger.backup`.
"""

from parties.ledger.backup import back_up, restore
from parties.ledger.errors import (
    ContradictionError,
    FencedError,
    InUseError,
    LedgerError,
    LedgerFullError,
    NotReadyError,
    SchemaError,
    StateError,
    UnstorableError,
)
from parties.ledger.ledger import Ledger
from parties.ledger.news import ROUNDS, SUBMISSIONS, News
from parties.ledger.place import PATIENCE_S
from parties.ledger.rows import (
    MAX_NUMBER,
    QUOTA,
    DisputeRow,
    Forward,
    HeldSubmission,
    OpenedSubmission,
    RecordRow,
    ResultRow,
    RoundRow,
    Stored,
    Storing,
    SubmissionRow,
    TariffRow,
    TotalRow,
)

__all__ = [
    "MAX_NUMBER",
    "PATIENCE_S",
    "QUOTA",
    "ROUNDS",
    "SUBMISSIONS",
    "ContradictionError",
    "DisputeRow",
    "FencedError",
    "Forward",
    "HeldSubmission",
    "InUseError",
    "Ledger",
    "LedgerError",
    "LedgerFullError",
    "News",
    "NotReadyError",
    "OpenedSubmission",
    "RecordRow",
    "ResultRow",
    "RoundRow",
    "SchemaError",
    "StateError",
    "Stored",
    "Storing",
    "SubmissionRow",
    "TariffRow",
    "TotalRow",
    "UnstorableError",
    "back_up",
    "restore",
]
