"""Settlement on shares: the oblivious twin of `rules.settlement`, from readings to entries and totals (market.md §6).

    readings → verdicts → (all parties have signed and stored them) → entries → totals for suppliers, DSO and TSO

For each row with a valid or an estimated reading the parties compute

    d = (imp − exp) − (buy − sell)       residual import = max(d, 0) = d − [d < 0]·d

with one comparison and one product; everything else in settlement is linear, and each party does it for itself: the
residual export is max(d, 0) − d, amounts are public multiples, a bill is a sum. Bills are completed in `closing`.

Leaks: the verdicts (see `validity`), and one uniform number for each row, in its comparison. Nothing else is opened.
What is revealed is revealed by others, from what is returned here: to each reader only its own totals. They are fresh
shares (`Session.refresh`). Entries are kept by the parties; nobody is shown them but an arbiter in a dispute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from mpc_market.errors import InvalidSettingsError
from mpc_market.field.mersenne import Vector
from mpc_market.network import Network
from mpc_market.rules.model import Market
from mpc_market.secure.attempt import attempt
from mpc_market.secure.chunks import in_chunks
from mpc_market.secure.compare import is_negative, sign_ranges
from mpc_market.secure.group_totals import Group, shown_groups, totals_of
from mpc_market.secure.randombits import random_masks
from mpc_market.secure.readings import Readings, reading_layout
from mpc_market.secure.seed import check_seed_length
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, stack
from mpc_market.secure.types import Index, OnStage, OnVerdicts, Verdicts
from mpc_market.secure.validity import Verdict, check_known, find_verdicts


@dataclass(frozen=True)
class SettlementShares:
    """What one party holds afterwards.

    Public: `verdicts` (M,), one for each metered row; `settled` (v,), the rows that are settled: those whose reading is
    valid or estimated, in sequence; `groups`, over which totals are shown; `communication_rounds`.
    Shares, in lots: `entries` (v, 5), of each settled row what was bought, sold, imported, exported, and the residual
    import; `totals` (groups, 2), import and export, fresh.
    """

    verdicts: Verdicts
    settled: Index
    groups: Sequence[Group]
    communication_rounds: int
    entries: Vector
    totals: Vector

    def __repr__(self) -> str:
        return f"SettlementShares({len(self.settled)} rows settled, {len(self.groups)} totals)"


async def settle_periods(
    network: Network,
    readings: Readings,
    market: Market,
    check_seed: bytes,
    minimum_group: int,
    on_verdicts: OnVerdicts,
    *,
    verdicts: Verdicts | None = None,
    on_stage: OnStage = lambda _: None,
    threads: int = 1,
) -> SettlementShares:
    """Settle the rows of one or more periods. Run by every compute party, on its own words of the same rows.

    `check_seed`: 32 bytes, public, the same at every attempt, made after the readings were fixed. `verdicts`: those
    that an earlier attempt has found and the parties have stored; then nothing is checked and `on_verdicts` is not
    called. A row whose reading is not valid is not settled. `on_stage` is called with "keys", "validity", "verdicts",
    "settlement", "totals".
    Leaks: the verdicts; a uniform number for each row.
    Cost: 4 rounds for keys and 1 for validity, 11 + t for every 131,072 rows, 1 for the totals; about 520 words per row
    and party for m = 3, most of it random bits.
    Raises: InvalidSettingsError, ShareError before anything is sent; PeerError; whatever `on_verdicts` raises.
    """
    _check_input(readings, market, check_seed, minimum_group, verdicts)
    on_stage("keys")
    known = None if verdicts is None else sha256(verdicts.tobytes()).digest()
    settings = ("settlement", market, check_seed, minimum_group, known, *readings.public())
    async with attempt(network, [each.encode() for each in readings.ids], settings, threads) as session:
        if verdicts is None:
            on_stage("validity")
            maxima, layout = readings.maxima[readings.metered], reading_layout(market)
            verdicts = await find_verdicts(session, readings.words, maxima, layout, check_seed)
            on_stage("verdicts")
            await on_verdicts(verdicts)
        valid = np.ones(len(readings.ids), np.bool_)
        valid[readings.metered] = verdicts == Verdict.VALID
        settled = np.flatnonzero(valid)
        on_stage("settlement")
        entries = await _entries(session, readings, settled, market)
        on_stage("totals")
        groups, totals = await _totals(session, readings, settled, entries, minimum_group)
    return SettlementShares(
        verdicts, settled, groups, session.rounds, np.ascontiguousarray(entries.words.T), totals.words
    )


async def _entries(session: Session, readings: Readings, settled: Index, market: Market) -> Shares:
    """Bought, sold, imported, exported and residual import of the settled rows: shape (5, v)."""
    imported, exported = (Shares(words[settled]) for words in readings.metered_quantities(market))
    bought, sold = (Shares(np.ascontiguousarray(words)) for words in readings.traded[settled].T)
    d = (imported - exported) - (bought - sold)
    return stack([bought, sold, imported, exported, await in_chunks(session, _positive_part, d)])


async def _positive_part(session: Session, d: Shares) -> Shares:
    """max(d, 0) = d − [d < 0]·d, for |d| < 2^60."""
    masks = await random_masks(session, d.size, sign_ranges(session.field.exponent))
    (negative_part,) = await session.reshare(await is_negative(session, d, masks) * d)
    return d - negative_part


async def _totals(
    session: Session, readings: Readings, settled: Index, entries: Shares, minimum_group: int
) -> tuple[list[Group], Shares]:
    """Import and export over each group that may be shown: shape (groups, 2), fresh."""
    places = np.flatnonzero(readings.counted[settled])
    rows = settled[places]
    groups = shown_groups(readings, rows, minimum_group)
    totals = totals_of(groups, readings, rows, entries[2:4].take(places))
    (fresh,) = await session.refresh(Shares(np.ascontiguousarray(totals.words.T)))
    return groups, fresh


def _check_input(
    readings: Readings, market: Market, check_seed: bytes, minimum_group: int, verdicts: Verdicts | None
) -> None:
    readings.check(market)
    check_seed_length("check seed", check_seed)
    check_known(verdicts, len(readings.words))
    if minimum_group < 1:
        raise InvalidSettingsError(f"minimum_group is {minimum_group}, not at least 1")
