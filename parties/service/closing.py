"""Closing a month: the business of the rounds in which entries become amounts.

    its set        the settlements of the month, and the corrections of the month before, that have a result: agreed on
                   as a clearing agrees on its orders, and signed by all; and by their digests the disputes of users
                   that the parties keep, so that these are in the public record too
    computed       of each account what is due, rounded to the cent; of each bill line fresh shares of its volumes;
                   fresh shares of the totals of corrections
    kept           until the owners fetch it (`sheets`)

It waits for all of them: corrections have no deadline. What one that is void all the same would have covered is in no
bill, nor is what a party has lost (`earlier`): it does not list it, so it is not in the set. (A void settlement leaves
all to the correction.) A closing is resumed after a crash like any other round, on the same set, and its
outcome is signed once: closing a month again gives the same amounts.
"""

from collections.abc import AsyncIterator
from functools import partial

from mpc_market.rules.tariff import Tariff, rates_for, rates_of_correction
from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.codec import bytes_words, words_bytes
from mpc_market.wire.identifiers import MEMBER_SLASH, Stage, member
from mpc_market.wire.verdicts import Verdict
from parties.files.running import RunningMarket
from parties.ledger import ResultRow, TotalRow
from parties.service.business import Compute, Finished, Given, Timetable
from parties.service.disputes import DISPUTE, dispute_items
from parties.service.earlier import lowest_roll, result_of, results_of, until_final, until_said
from parties.service.intake import OpenRound
from parties.service.life import State
from parties.service.lookup import terms_known
from parties.service.node import Node
from parties.service.rolls import Enrolled
from parties.service.round import Round
from parties.service.schedule import day_of
from parties.service.tariffs import agreed_tariffs
from parties.service.timetables import ClosingTimes
from parties.service.workers import AttemptError, OnVerdicts, Way, Worker
from parties.settling.accounts import Account, Booking, LineKey, MonthBooks, MonthSums, Words
from parties.settling.calendar import Calendar
from parties.settling.kept import KeptAccount, KeptLine
from parties.worker import ClosingInput, ClosingResult


class MonthClosing:
    """See `Business`. `clearing`: the same market's node for clearings."""

    def __init__(self, clearing: Node) -> None:
        self._clearing = clearing

    def timetable(self, market: RunningMarket) -> Timetable:
        """From the market file's calendar."""
        return ClosingTimes(_calendar(market))

    async def first(self, node: Node) -> int | None:
        """The month of the first period whose clearing this party has begun."""
        start = await node.ledger.first_start(self._clearing.market.id)
        return None if start is None else _calendar(node.market).months.of(start)

    def key_name(self, start: int) -> str:
        """For the shares of the randomness alone: no meter seals anything to a closing."""
        return f"{Stage.CLOSING} {day_of(start)}"

    async def roll(self, current: Round) -> Enrolled | None:
        """The newest."""
        return await current.node.rolls.latest()

    async def lowest_roll(self, current: Round) -> int:
        """That of the clearings of the month, and before."""
        return await lowest_roll(self._clearing, _calendar(current.node.market).months.next(current.start))

    async def until_closed(self, current: Round, opened: OpenRound) -> None:  # noqa: ARG002
        """Nothing is taken in."""
        current.following.expect_worker()
        await current.node.clock.until(current.gate)

    async def further_items(self, current: Round) -> list[Item]:
        """Every settlement of the month and correction of the month before whose result this party has signed, once it
        has come that far in all; but for those that are lost to it.
        """
        months, items = _calendar(current.node.market).months, []
        month = current.start
        for stage, begin in ((Stage.SETTLEMENT, month), (Stage.CORRECTION, months.before(month))):
            node = current.node.sibling(stage)
            without: dict[State, list[int]] = {State.LOST: [], State.VOID: []}
            for start in await self._starts(current, begin):
                state = await self._state(current, stage, start)
                if state in without:
                    without[state].append(start)
                else:
                    result = await result_of(node, start)
                    items.append(Item(member(stage.value, str(start)), 1, result.set_digest))
            _tell_without(current, stage, without)
        return items + await dispute_items(self._clearing)

    async def _starts(self, current: Round, month: int) -> range:
        """The periods of a month whose clearing this party was there for."""
        starts = _calendar(current.node.market).starts(month)
        first = await self._clearing.ledger.first_start(self._clearing.market.id)
        return range(starts.stop if first is None else max(starts.start, first), starts.stop, starts.step)

    async def _state(self, current: Round, stage: Stage, start: int) -> State:
        """As `until_said`. A correction is lost with its settlement: what it takes back is no longer known."""
        if stage is Stage.CORRECTION:
            settled = await until_said(current.node.sibling(Stage.SETTLEMENT), start)
            if settled is State.LOST:
                return settled
        return await until_said(current.node.sibling(stage), start)

    def is_too_large(self, current: Round, agreed: AgreedSet) -> bool:
        """One settlement for each period of the month, and one correction for each of the month before: the bound of
        exact bills (`Scale`). Nothing is computed on disputes, so they never count.
        """
        calendar = _calendar(current.node.market)
        covered = sum(item.name.partition(MEMBER_SLASH)[0] != DISPUTE for item in agreed.members)
        return covered > calendar.periods(current.start) + calendar.periods(calendar.months.before(current.start))

    async def nothing_to_compute(self, current: Round, given: Given) -> tuple[tuple[Verdict, ...], int] | None:
        """Nobody has an entry."""
        async for _ in self._all_bookings(current, given):
            return None
        return (Verdict.VALID,) * len(given.agreed.set.members), 0

    async def prepare(self, current: Round, given: Given) -> Compute:
        """This party's shares of the month's sums."""
        books = await self._books(current, given)
        return partial(_close, books, _input(current, given, books), bytes(len(given.agreed.set.members)))

    # --- what is added up

    async def _books(self, current: Round, given: Given) -> MonthBooks:
        # A month of 1,000 users has three million entries: they are added up period by period, and none is kept.
        sums = MonthSums()
        async for booking in self._all_bookings(current, given):
            sums.add(booking)
        return sums.books(current.settings.minimum_group)

    async def _all_bookings(self, current: Round, given: Given) -> AsyncIterator[Booking]:
        """Of all settlements and corrections of the set."""
        for item in given.agreed.set.members:
            kind, _, start = item.name.partition(MEMBER_SLASH)
            if kind != DISPUTE:
                for booking in await self._bookings(current, Stage(kind), int(start)):
                    yield booking

    async def _bookings(self, current: Round, stage: Stage, start: int) -> list[Booking]:
        """The entries of one settlement or correction, each with what it is worth."""
        node = current.node.sibling(stage)
        rows = await results_of(node, start)
        settled, replaced = await self._settled(current, start) if stage is Stage.CORRECTION else ([], {})
        agreed = await agreed_tariffs(node, rows)
        terms = await terms_known(node, start)
        enrolled = None if terms is None else await node.rolls.version(terms.roll_version)
        assert enrolled is not None, "a round is opened with its roll, and rolls are kept as long as it is"
        rates = {
            supplier: (rates_for(settled, supplier, start), rates_for(agreed, supplier, start))
            for supplier in enrolled.suppliers
        }
        price = current.settings.scale.money_price
        word = (await result_of(node, start)).price_word
        month, bookings = _calendar(current.node.market).months.of(start), []
        for row in rows:
            entry = enrolled.meters.get(row.meter)
            if not row.words or entry is None:
                continue
            before = replaced.get(row.meter) or None
            then, now = rates[entry.supplier]
            counts = rates_of_correction(then, now, replaces=before is not None)
            bookings.append(
                Booking(
                    account=Account(row.meter, entry.supplier, entry.identity_key.hex()),
                    line=LineKey(counts, month, estimated=row.number == 0),
                    region=entry.region,
                    price=price(word - 1) if word else None,
                    correction=stage is Stage.CORRECTION,
                    entry=bytes_words(row.words),
                    replaces=before,
                )
            )
        for supplier in sorted({each.account.supplier for each in bookings if not each.line.rates.published}):
            current.log.error("no tariff: only local trade is billed", supplier=supplier, period=start)
        return bookings

    async def _settled(self, current: Round, start: int) -> tuple[list[Tariff], dict[str, Words]]:
        """The tariffs at which a period was settled, and the entries, by meter."""
        node = current.node.sibling(Stage.SETTLEMENT)
        if await until_final(node, start) is not State.RESULT:
            return [], {}
        rows = await results_of(node, start)
        return await agreed_tariffs(node, rows), {row.meter: bytes_words(row.words) for row in rows}


async def _close(
    books: MonthBooks,
    held: ClosingInput,
    codes: bytes,
    worker: Worker,
    way: Way,
    verdicts: tuple[Verdict, ...] | None,
    on_verdicts: OnVerdicts,
) -> Finished:
    """Shares of sums become shares of amounts and fresh shares of all that is shown."""
    if verdicts is None:  # there is nothing to check: every member is a result that all have signed
        await on_verdicts(codes)
    closed = await worker.close(way, held)
    counts = (len(books.accounts), sum(map(len, books.lines.values())), len(books.totals))
    if (len(closed.due), len(closed.volumes), len(closed.totals)) != counts:
        raise AttemptError("the worker has computed another number of amounts")
    return Finished(codes, 0, _result_rows(books, closed), _total_rows(books, closed), closed.effort)


def _tell_without(current: Round, stage: Stage, without: dict[State, list[int]]) -> None:
    """Tell the operator which periods are in no bill. A void settlement is no such thing: it has its correction."""
    if stage is Stage.SETTLEMENT:
        without = {State.LOST: without[State.LOST]}
    for state, starts in without.items():
        current.node.metrics.left_out.labels(current.market, stage.value, state.value).set(len(starts))
        if starts:
            say = current.log.error if state is State.LOST else current.log.warning
            reason = "lost at this party" if state is State.LOST else "void"
            say(f"left out of the closing: {reason}", stage=stage.value, periods=starts)


def _input(current: Round, given: Given, books: MonthBooks) -> ClosingInput:
    lines = [
        (place, key.rates, tuple(line.volumes))
        for place, account in enumerate(books.accounts)
        for key, line in books.lines[account].items()
    ]
    return ClosingInput(
        scale=current.settings.scale,
        ids=[given.agreed.digest.hex(), *(account.name for account in books.accounts), *books.totals],
        bookings=[books.entries(account) for account in books.accounts],
        accounts=[place for place, _, _ in lines],
        rates=[(rates.retail, rates.feed_in, rates.fee) for _, rates, _ in lines],
        volumes=[words for _, _, words in lines],
        totals=[words for _, words in books.totals.values()],
    )


def _result_rows(books: MonthBooks, closed: ClosingResult) -> list[ResultRow]:
    """One for each account: what is due from it, and its lines."""
    volumes, rows = iter(closed.volumes), []
    for account, due in zip(books.accounts, closed.due, strict=True):
        lines = tuple(KeptLine(key.facts, line.entries, next(volumes)) for key, line in books.lines[account].items())
        kept = KeptAccount(books.periods(account), books.corrections(account), books.estimates(account), lines)
        rows.append(ResultRow(account.name, 1, Verdict.VALID, words_bytes((due,)), kept.encode()))
    return rows


def _total_rows(books: MonthBooks, closed: ClosingResult) -> list[TotalRow]:
    """One for each total of corrections that may be shown."""
    return [
        TotalRow(name, users, words_bytes(words))
        for (name, (users, _)), words in zip(books.totals.items(), closed.totals, strict=True)
    ]


def _calendar(market: RunningMarket) -> Calendar:
    calendar = market.calendar
    assert calendar is not None, "a market that only clears closes no months"
    return calendar
