"""A meter's store: what must survive a crash, in one SQLite file of its home.

Everything that leaves the meter is stored here first, in a transaction that is on the disk when it is over (journal
truncated and synchronised). So a number is never used for two headers, whenever the power fails: after a restart the
very same bytes are sent again.

Every call opens the file and closes it again: a representative has thousands of homes and may keep few files open. Two
processes on one home (`watch`, and `submit` beside it) wait for one another.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from mpc_market.rules.model import Order, Side
from mpc_market.wire.identifiers import order_id
from mpc_market.wire.submission import InputShare, Submission
from parties.meter.errors import StoreError
from parties.meter.registers import Boundary, Registers

VERSION = 1
_WAIT_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE submissions (
    start INTEGER NOT NULL, number INTEGER NOT NULL, submission BLOB NOT NULL, secrets BLOB NOT NULL,
    orders TEXT NOT NULL, made_ms INTEGER NOT NULL, PRIMARY KEY (start, number)) WITHOUT ROWID;
CREATE TABLE receipts (
    start INTEGER NOT NULL, number INTEGER NOT NULL, party INTEGER NOT NULL, receipt BLOB NOT NULL,
    PRIMARY KEY (start, number, party),
    FOREIGN KEY (start, number) REFERENCES submissions (start, number)) WITHOUT ROWID;
CREATE TABLE results (
    start INTEGER PRIMARY KEY, state TEXT NOT NULL, price INTEGER, number INTEGER, verdict INTEGER, accepted TEXT,
    remark TEXT NOT NULL, evidence BLOB NOT NULL, final INTEGER NOT NULL);
CREATE TABLE boundaries (
    at INTEGER PRIMARY KEY, device TEXT NOT NULL, imported INTEGER NOT NULL, exported INTEGER NOT NULL,
    unbroken INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A submission on its way: with the seals of all parties, its orders, and what opens its digests to an arbiter.

    `orders`: none for a reading. `secrets`: the shares of all parties, one after the other.
    """

    submission: Submission
    orders: tuple[Order, ...] = field(repr=False)
    secrets: bytes = field(repr=False)

    @classmethod
    def of(cls, submission: Submission, orders: tuple[Order, ...], shares: Sequence[InputShare]) -> Self:
        """`shares`: of all parties, as they are sealed in the submission."""
        return cls(submission, orders, b"".join(share.encode() for share in shares))

    @property
    def shares(self) -> tuple[InputShare, ...]:
        """Of all parties."""
        parties = len(self.submission.header.share_digests)
        size = len(self.secrets) // parties
        return tuple(InputShare.decode(self.secrets[j * size : (j + 1) * size]) for j in range(parties))

    @property
    def start(self) -> int:
        """The period it is for."""
        return self.submission.header.period.start

    @property
    def number(self) -> int:
        """Its number in that period."""
        return self.submission.header.number


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one period, for the history. `state`: see `results.State`; `accepted`: lots per order."""

    start: int
    number: int | None
    receipts: int
    orders: tuple[Order, ...] = field(repr=False)
    state: str | None
    price: int | None
    verdict: int | None
    accepted: tuple[int, ...] | None = field(repr=False)
    remark: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a period, to be stored. `evidence`: the signed messages it rests on. `final`: ask no more."""

    start: int
    state: str
    price: int | None
    number: int | None
    verdict: int | None
    accepted: tuple[int, ...] | None = field(repr=False)
    remark: str
    evidence: bytes = field(repr=False)
    final: bool


class Store:
    """The store of one meter. All calls block for some milliseconds. Raises: StoreError."""

    def __init__(self, path: Path, meter: str) -> None:
        self._path = path
        self._meter = meter

    # --- submissions --------------------------------------------------------------------------------------

    def prepare(
        self, start: int, now_ms: int, build: Callable[[int], Prepared], keep: Callable[[Prepared], bool]
    ) -> Prepared:
        """The submission to send: the latest one if `keep` says that it will do, else a new one with the next number.

        `build` is given the number and makes the submission; it is on the disk before anyone sees it.
        """
        with self._transaction() as db:
            latest = self._latest(db, start)
            if latest is not None and keep(latest):
                return latest
            made = build(1 if latest is None else latest.number + 1)
            row = (made.start, made.number, made.submission.encode(), made.secrets, _orders_text(made.orders), now_ms)
            db.execute("INSERT INTO submissions VALUES (?, ?, ?, ?, ?, ?)", row)
            return made

    def latest(self, start: int) -> Prepared | None:
        """The submission with the highest number for a period."""
        with self._transaction() as db:
            return self._latest(db, start)

    def submission(self, start: int, number: int) -> Prepared | None:
        """A certain submission."""
        with self._transaction() as db:
            query = "SELECT submission, orders, secrets FROM submissions WHERE start = ? AND number = ?"
            return self._prepared(db.execute(query, (start, number)).fetchone())

    def first(self) -> int | None:
        """The earliest period for which anything was submitted."""
        with self._transaction() as db:
            row: tuple[int | None] = db.execute("SELECT min(start) FROM submissions").fetchone()
            return row[0]

    def unfinished(self, since: int) -> list[int]:
        """Periods from `since` on for which something was submitted and no final result is known, earliest first."""
        query = (
            "SELECT DISTINCT start FROM submissions WHERE start >= ? AND start NOT IN "
            "(SELECT start FROM results WHERE final) ORDER BY start"
        )
        with self._transaction() as db:
            return [start for (start,) in db.execute(query, (since,))]

    def forget(self, before: int) -> None:
        """Erase what is only kept for disputes (shares, nonces, signatures, receipts) of the periods before a moment.

        What was ordered and accepted stays in the history.
        """
        with self._transaction() as db:
            old = db.execute("SELECT 1 FROM submissions WHERE start < ? AND submission <> x''", (before,)).fetchone()
            if old:
                db.execute("UPDATE submissions SET submission = x'', secrets = x'' WHERE start < ?", (before,))
                db.execute("DELETE FROM receipts WHERE start < ?", (before,))
                db.execute("UPDATE results SET evidence = x'' WHERE start < ?", (before,))

    # --- receipts and results -----------------------------------------------------------------------------

    def put_receipts(self, start: int, number: int, receipts: dict[int, bytes]) -> None:
        """Keep receipts, by party; the first one of a party stays."""
        rows = [(start, number, party, receipt) for party, receipt in receipts.items()]
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO receipts VALUES (?, ?, ?, ?)", rows)

    def receipts(self, start: int, number: int) -> dict[int, bytes]:
        """The receipts of a submission, by party."""
        query = "SELECT party, receipt FROM receipts WHERE start = ? AND number = ?"
        with self._transaction() as db:
            return dict(db.execute(query, (start, number)).fetchall())

    def put_finding(self, finding: Finding) -> None:
        """Keep the result of a period; a final one stays."""
        accepted = None if finding.accepted is None else json.dumps(finding.accepted)
        row = (finding.start, finding.state, finding.price, finding.number, finding.verdict, accepted, finding.remark,
               finding.evidence, int(finding.final))  # fmt: skip
        with self._transaction() as db:
            db.execute(
                "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (start) DO UPDATE SET "
                "state = excluded.state, price = excluded.price, number = excluded.number, verdict = excluded.verdict, "
                "accepted = excluded.accepted, remark = excluded.remark, evidence = excluded.evidence, "
                "final = excluded.final WHERE NOT results.final",
                row,
            )

    def final(self, since: int) -> dict[int, tuple[int, ...]]:
        """What was found for good, by period, from one on: lots."""
        query = "SELECT start, accepted FROM results WHERE final AND accepted IS NOT NULL AND start >= ?"
        with self._transaction() as db:
            return {start: tuple(json.loads(accepted)) for start, accepted in db.execute(query, (since,))}

    def evidence(self, start: int) -> tuple[int | None, bytes]:
        """Which submission the result of a period is for, and the messages it rests on; (None, b"") for none."""
        with self._transaction() as db:
            row = db.execute("SELECT number, evidence FROM results WHERE start = ?", (start,)).fetchone()
        return (None, b"") if row is None else (row[0], row[1])

    def history(self, last: int) -> list[Entry]:
        """The last periods of which anything is known, earliest first."""
        query = """
            SELECT p.start, s.number, s.orders,
                   (SELECT count(*) FROM receipts WHERE start = s.start AND number = s.number),
                   r.state, r.price, r.verdict, r.accepted, r.remark
            FROM (SELECT start FROM submissions UNION SELECT start FROM results ORDER BY start DESC LIMIT ?) AS p
            LEFT JOIN results AS r ON r.start = p.start
            LEFT JOIN submissions AS s ON s.start = p.start AND s.number = coalesce(
                r.number, (SELECT max(number) FROM submissions WHERE start = p.start))
            ORDER BY p.start"""
        with self._transaction() as db:
            rows = db.execute(query, (last,)).fetchall()
        return [
            Entry(start, number, receipts, self._orders(orders), state, price, verdict,
                  None if accepted is None else tuple(json.loads(accepted)), remark or "")
            for start, number, orders, receipts, state, price, verdict, accepted, remark in rows
        ]  # fmt: skip

    # --- registers ----------------------------------------------------------------------------------------

    def put_boundaries(self, boundaries: Iterable[Boundary]) -> int:
        """Keep registers at the ends of periods; what is known already stays. Returns how many are new."""
        rows = [
            (boundary.at, boundary.registers.device, boundary.registers.imported, boundary.registers.exported,
             int(boundary.unbroken))
            for boundary in boundaries
        ]  # fmt: skip
        with self._transaction() as db:
            return db.executemany("INSERT OR IGNORE INTO boundaries VALUES (?, ?, ?, ?, ?)", rows).rowcount

    def boundaries(self, since: int, until: int | None = None) -> list[Boundary]:
        """The registers at the ends of periods from a moment on, until another one if one is given, earliest first."""
        query = (
            "SELECT at, device, imported, exported, unbroken FROM boundaries "
            "WHERE at BETWEEN ? AND coalesce(?, at) ORDER BY at"
        )
        with self._transaction() as db:
            return [Boundary(Registers(*row), bool(unbroken)) for *row, unbroken in db.execute(query, (since, until))]

    # --- the file -----------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside happens as a whole, or not at all."""
        try:
            # made by us, since SQLite would make it readable for others
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)) as db:
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("PRAGMA journal_mode = TRUNCATE")
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA secure_delete = ON")
                db.execute("BEGIN IMMEDIATE")
                try:
                    self._check_version(db)
                    yield db
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from None

    def _check_version(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise StoreError(f"{self._path}: a store of version {version}: this software knows version {VERSION}")

    def _latest(self, db: sqlite3.Connection, start: int) -> Prepared | None:
        query = "SELECT submission, orders, secrets FROM submissions WHERE start = ? ORDER BY number DESC LIMIT 1"
        return self._prepared(db.execute(query, (start,)).fetchone())

    def _prepared(self, row: tuple[bytes, str, bytes] | None) -> Prepared | None:
        if row is None or not row[0]:  # none, or erased
            return None
        submission, orders, secrets = row
        return Prepared(Submission.decode(submission), self._orders(orders), secrets)

    def _orders(self, text: str | None) -> tuple[Order, ...]:
        rows = [] if text is None else json.loads(text)
        return tuple(Order(order_id(self._meter, k), Side(side), *numbers) for k, (side, *numbers) in enumerate(rows))


def _orders_text(orders: Sequence[Order]) -> str:
    return json.dumps([(order.side.value, order.price, order.quantity) for order in orders])
