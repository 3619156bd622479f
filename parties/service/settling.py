"""Settlement and correction of a period: the business of the rounds in which readings become entries and totals.

    settlement    the readings that are there in time; totals over those with a valid one
    correction    late and corrected readings, and estimates for those who are left without; no totals

Both agree on their readings, and on the tariffs that the month's closing will use, exactly as a clearing agrees on its
orders. An entry holds, as shares, what one user has bought, sold, imported, exported, and drawn beyond it. After a void
clearing nothing was bought or sold. A settlement that is void leaves all its users to the correction. What rests on a
round that is lost to a party (`earlier`) is void.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.codec import words_bytes
from mpc_market.wire.digest import digest
from mpc_market.wire.identifiers import Stage, member
from mpc_market.wire.merkle import MerkleTree
from mpc_market.wire.signing import SIGNATURE_BYTES
from mpc_market.wire.verdicts import Verdict
from parties.files.running import RunningMarket
from parties.ledger import ResultRow, TotalRow
from parties.service.agreeing import randomness_of
from parties.service.business import Compute, Finished, Given, Timetable
from parties.service.delivering import packed_path
from parties.service.earlier import ending_of, lowest_roll, result_of, results_of, until_final
from parties.service.intake import OpenRound
from parties.service.life import State
from parties.service.lookup import terms_known
from parties.service.node import Node
from parties.service.rolls import Enrolled
from parties.service.round import Round, first_of
from parties.service.schedule import day_of
from parties.service.tariffs import TARIFF
from parties.service.timetables import CorrectionTimes, SettlementTimes
from parties.service.workers import AttemptError, OnVerdicts, Way, Worker
from parties.settling.groups import part_group, region_group, supplier_group
from parties.settling.rows import (
    Row,
    correction_rows,
    member_verdicts,
    reading_verdicts,
    readings,
    settlement_rows,
)
from parties.worker import GroupTotal, SettlementInput, SettlementResult


class PeriodSettling:
    """See `Business`. `stage`: settlement or correction; `clearing`: the same market's node for clearings."""

    def __init__(self, stage: Stage, clearing: Node) -> None:
        self.stage = stage
        self._clearing = clearing

    def timetable(self, market: RunningMarket) -> Timetable:
        """From the market file's calendar."""
        calendar = market.calendar
        assert calendar is not None, "a market that only clears has no such rounds"
        return SettlementTimes(calendar) if self.stage is Stage.SETTLEMENT else CorrectionTimes(calendar)

    async def first(self, node: Node) -> int | None:
        """The first period whose clearing this party has begun: it was not there for those before."""
        return await node.ledger.first_start(self._clearing.market.id)

    def key_name(self, start: int) -> str:
        """Of its day and stage: readings come later than orders, and their keys live longer."""
        return f"{self.stage} {day_of(start)}"

    async def roll(self, current: Round) -> Enrolled | None:
        """The roll of the clearing, so that everybody is settled who could trade; if it was not opened, the newest.

        A correction uses that of its settlement, so that nobody is corrected at another supplier.
        """
        _, used = await self._rolls_before(current)
        return used or await current.node.rolls.latest()

    async def lowest_roll(self, current: Round) -> int:
        """That of the clearing, or of the settlement; if it was not opened, that of the clearings before."""
        lowest, _ = await self._rolls_before(current)
        return lowest

    async def _rolls_before(self, current: Round) -> tuple[int, Enrolled | None]:
        """The version behind which this round does not go back; and the roll that the period was opened with, if it was
        (where that went back itself, nobody took part).
        """
        lowest, used = await lowest_roll(self._clearing, current.start), None
        for node in reversed(self._earlier(current)):
            terms = await terms_known(node, current.start)
            if terms is not None and terms.roll_version >= lowest:
                lowest = terms.roll_version
                used = await current.node.rolls.version(lowest) or used
        return lowest, used

    async def until_closed(self, current: Round, opened: OpenRound) -> None:
        """Until the gate; a settlement only until every reading is there."""
        if self.stage is Stage.SETTLEMENT:
            opened.store(*await current.node.ledger.meters(current.market, current.start))
            await first_of(current.node.clock.until(current.gate), opened.until_complete())
        else:
            await current.node.clock.until(current.gate)

    async def further_items(self, current: Round) -> list[Item]:
        """The tariffs that hold for the period, every version: the highest that all parties have is agreed on."""
        rows = await current.node.ledger.tariffs(self._clearing.market.id, current.start)
        return [
            Item(member(TARIFF, row.supplier), row.number, digest("tariff", row.data[:-SIGNATURE_BYTES]))
            for row in rows
        ]

    def is_too_large(self, current: Round, agreed: AgreedSet) -> bool:
        """Totals over the readings must be exact in the field. Nothing is multiplied, as in a clearing."""
        return len(readings(agreed.members)) > current.settings.scale.readings_max

    async def nothing_to_compute(self, current: Round, given: Given) -> tuple[tuple[Verdict, ...], int] | None:
        """Nobody has read anything."""
        members = given.agreed.set.members
        if readings(members) or (self.stage is Stage.CORRECTION and await self._rows(current, given)):
            return None
        return (Verdict.VALID,) * len(members), await self._price_word(current.start)

    async def prepare(self, current: Round, given: Given) -> Compute:
        """This party's shares of readings and accepted quantities."""
        rows = await self._rows(current, given)
        held = await self._input(current, given, rows)
        return partial(_settle, given, rows, held, await self._price_word(current.start))

    # --- what it rests on

    def _earlier(self, current: Round) -> list[Node]:
        """The stages whose rounds of the same period it rests on, the last one first."""
        settlement = [current.node.sibling(Stage.SETTLEMENT)] if self.stage is Stage.CORRECTION else []
        return [*settlement, self._clearing]

    async def _basis(self, current: Round) -> bytes:
        """A digest of how these have ended. A party can sign a result to one and void to another; then some feed shares
        of what was traded and others 0, which lie on no polynomial, and are made shares of anything, unnoticed.
        """
        return digest("basis", *[await ending_of(node, current.start) for node in self._earlier(current)])

    async def _price_word(self, start: int) -> int:
        """The price of the clearing, once it is over; 0 if nothing was traded."""
        if await until_final(self._clearing, start) is not State.RESULT:
            return 0
        return (await result_of(self._clearing, start)).price_word

    async def _traded(self, start: int) -> dict[str, tuple[int, int]]:
        """Share words (bought, sold) of everybody who took part in the clearing with valid orders."""
        if await until_final(self._clearing, start) is not State.RESULT:
            return {}
        found = await results_of(self._clearing, start)
        return {row.meter: struct.unpack("<2Q", row.traded) for row in found if row.traded}

    async def _rows(self, current: Round, given: Given) -> list[Row]:
        members = given.agreed.set.members
        if self.stage is Stage.SETTLEMENT:
            return settlement_rows(members)
        settlement = current.node.sibling(Stage.SETTLEMENT)
        settled: set[str] = set()
        if await until_final(settlement, current.start) is State.RESULT:
            settled = {row.meter for row in await results_of(settlement, current.start) if row.words}
        return correction_rows(members, given.enrolled.meters, settled)

    async def _input(self, current: Round, given: Given, rows: Sequence[Row]) -> SettlementInput:
        enrolled, traded = given.enrolled, await self._traded(current.start)
        keys = [(row.meter, row.reading.number) for row in rows if row.reading is not None]
        words = iter(await current.node.ledger.submission_words(current.market, current.start, keys))
        seeds = await randomness_of(current, given.terms, given.agreed.digest)
        entries, basis = [enrolled.meters[row.meter] for row in rows], await self._basis(current)
        suppliers = {supplier: place for place, supplier in enumerate(enrolled.suppliers)}
        regions = {region: place for place, region in enumerate(regions_of(enrolled))}
        return SettlementInput(
            market=current.settings.rules,
            minimum_group=current.settings.minimum_group,
            check_seed=seeds.check_seed,
            ids=[row.id(current.start, basis) for row in rows],
            maxima=[entry.maximum for entry in entries],
            periods=[0] * len(rows),
            period_count=1,
            suppliers=[suppliers[entry.supplier] for entry in entries],
            supplier_count=len(suppliers),
            regions=[regions[entry.region] for entry in entries],
            region_count=len(regions),
            metered=[row.metered for row in rows],
            counted=[self.stage is Stage.SETTLEMENT] * len(rows),
            traded=[traded.get(row.meter, (0, 0)) for row in rows],
            words=[next(words) if row.metered else b"" for row in rows],
        )


def regions_of(enrolled: Enrolled) -> list[str]:
    """All regions that meters are in, by their bytes."""
    return sorted({entry.region for entry in enrolled.meters.values()}, key=str.encode)


async def _settle(
    given: Given,
    rows: Sequence[Row],
    held: SettlementInput,
    price_word: int,
    worker: Worker,
    way: Way,
    verdicts: tuple[Verdict, ...] | None,
    on_verdicts: OnVerdicts,
) -> Finished:
    """Shares of readings and accepted quantities become shares of entries and totals."""
    members = given.agreed.set.members
    if verdicts is not None:
        held = replace(held, verdicts=reading_verdicts(members, verdicts))

    async def found(codes: bytes) -> None:
        await on_verdicts(member_verdicts(members, codes))

    settled = await worker.settle(way, held, found)
    if len(settled.entries) != len(rows) or len(settled.verdicts) != len(readings(members)):
        raise AttemptError("the worker has computed another number of entries")
    codes = member_verdicts(members, settled.verdicts)
    totals = [_total_row(given.enrolled, total) for total in settled.totals]
    return Finished(codes, price_word, _result_rows(given, rows, settled, codes), totals, settled.effort)


def _result_rows(given: Given, computed_on: Sequence[Row], settled: SettlementResult, codes: bytes) -> list[ResultRow]:
    """One row for each member of the set, and for each user that is estimated."""
    agreed, tree = given.agreed.set, given.agreed.tree
    entries = list(zip(computed_on, settled.entries, strict=True))
    words = {row.meter: entry for row, entry in entries if row.metered}
    rows = [
        ResultRow(item.name, item.number, code, words_bytes(words.get(item.name, ())), _path(agreed, tree, place))
        for place, (item, code) in enumerate(zip(agreed.members, codes, strict=True))
    ]
    for row, entry in entries:
        if not row.metered and not words.get(row.meter):
            rows = [other for other in rows if other.meter != row.meter]
            rows.append(ResultRow(row.meter, 0, Verdict.VALID, words_bytes(entry), b""))
    return rows


def _path(agreed: AgreedSet, tree: MerkleTree, place: int) -> bytes:
    index = place * agreed.orders
    return packed_path(agreed.count, index, [tree.path(index)])


def _total_row(enrolled: Enrolled, total: GroupTotal) -> TotalRow:
    suppliers, regions = list(enrolled.suppliers), regions_of(enrolled)
    supplier = None if total.supplier is None else suppliers[total.supplier]
    region = None if total.region is None else regions[total.region]
    if supplier is None:
        name = region_group(region or "")
    else:
        name = supplier_group(supplier) if region is None else part_group(region, supplier)
    return TotalRow(name, total.users, words_bytes(total.shares))
