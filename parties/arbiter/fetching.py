"""Asking the parties for what a dispute names: the public record of each round, then each party's disclosure.

The claim that an arbiter shows names the round's challenge, which the record holds. A round that no party knows, or
that was never opened by all, has nothing to disclose.
"""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import quote

from mpc_market.wire.audit import check_record
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.disclosure import Disclosure, Place
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.record import Record
from parties.arbiter.case import Answer, Case, closing_covers, place_among
from parties.arbiter.home import ArbiterHome
from parties.client.api import LONG_ANSWER_BYTES_MAX, Api, RefusedError, UnreachableError, pinned
from parties.files.disputes import DisputeFile
from parties.files.running import RunningMarket

_AT_ONCE = 20

_NO_ROUND = {"unknown-period", "not-open-yet"}


class Fetching:
    """Run by the arbiter. `home`: whose keys the request names."""

    def __init__(self, running: RunningMarket, home: ArbiterHome, dispute: DisputeFile) -> None:
        self._running, self._home, self._dispute = running, home, dispute
        self._apis: dict[str, Api] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, now: int) -> Case:
        """All that the parties hand out, and why something is missing. `now`: seconds since 1970."""
        asked = self._dispute.asked
        rounds = asked.rounds(settled=self._running.calendar is not None)
        named = set(rounds)
        due = [] if asked.month is None else closing_covers(self._running, asked.month)
        beside = [period for period in due if period not in named]
        case = Case(self._dispute, {}, {})
        async with AsyncExitStack() as stack:
            for market in sorted({period.market for period in (*rounds, *beside)}):
                api = Api(market, pinned(self._running, now))
                self._apis[market] = await stack.enter_async_context(api)
            await asyncio.gather(*(self._round(period, case) for period in rounds))
            await asyncio.gather(*(self._beside(period, case) for period in beside))
            recorded = await self._recorded(now, stack, case)
        order = {period: place for place, period in enumerate([*rounds, *beside, *([recorded[0]] if recorded else [])])}
        return Case(
            self._dispute,
            dict(sorted(case.records.items(), key=lambda pair: order[pair[0]])),
            dict(sorted(case.answers.items(), key=lambda pair: order[pair[0]])),
            recorded,
        )

    async def _recorded(self, now: int, stack: AsyncExitStack, case: Case) -> tuple[Period, Place] | None:
        """The first closing, of the months from the last period on, that has the request in its set; and its record."""
        calendar = self._running.calendar
        if calendar is None:
            return None
        market = Stage.CLOSING.of(self._running.id)
        if market not in self._apis:
            self._apis[market] = await stack.enter_async_context(Api(market, pinned(self._running, now)))
        month = calendar.months.of(self._dispute.asked.starts[-1])
        while calendar.closes(month) <= 1000 * now:
            period = Period(market, month)
            place, found = await self._place(period), await self._record(period)
            if place is not None and isinstance(found, tuple):
                case.records[period] = found[0]
                return period, place
            month = calendar.months.next(month)
        return None

    async def _place(self, period: Period) -> Place | None:
        """Where a party says that the request is."""
        for party in range(len(self._running.parties)):
            try:
                api, path = self._apis[period.market], f"periods/{period.start}/disputes"
                data = await api.get(party, path, longest=LONG_ANSWER_BYTES_MAX)
                place = place_among(data, self._dispute.digest)
            except (UnreachableError, RefusedError, WireError):
                continue
            if place is not None:
                return place
        return None

    async def _round(self, period: Period, case: Case) -> None:
        async with self._places:
            found = await self._record(period)
            if not isinstance(found, tuple):
                if found:
                    case.answers[period] = {answer.party: answer for answer in found}
                return
            record, terms = found
            case.records[period] = record
            if terms is not None:
                parties = range(terms.parties)
                answers = await asyncio.gather(*(self._disclosure(period, party, terms) for party in parties))
                case.answers[period] = {answer.party: answer for answer in answers}

    async def _beside(self, period: Period, case: Case) -> None:
        """The record alone, of a round that the user has not named: was it left out of the bill?"""
        async with self._places:
            found = await self._record(period)
            if isinstance(found, tuple):
                case.records[period] = found[0]
            elif found:
                case.answers[period] = {answer.party: answer for answer in found}

    async def _record(self, period: Period) -> tuple[Record, Terms | None] | list[Answer]:
        """A record that holds, of whichever party; else why there is none: nothing if no party knows the round.

        All parties have signed a result, and one alone can sign that a round is void: only if no party shows a result
        is a void one believed.
        """
        found, troubles, unknown = None, [], True
        committee = self._running.staged(period.stage).committee(period.start)
        for party in range(committee.parties):
            try:
                record = Record.decode(await self._apis[period.market].get(party, f"periods/{period.start}/record"))
                if record.period == period:
                    found = record, check_record(record, committee).terms
            except (UnreachableError, RefusedError, WireError) as error:
                unknown &= isinstance(error, RefusedError) and error.problem in _NO_ROUND
                troubles.append(Answer(period, party, b"", f"no public record: {error}"))
            if found is not None and found[0].result is not None:
                return found
        return found if found is not None else [] if unknown else troubles

    async def _disclosure(self, period: Period, party: int, terms: Terms) -> Answer:
        asked, home = self._dispute.asked, self._home
        claim = make_claim(terms, party, Claimant.ARBITER, home.public.name, home.identity)
        path = f"periods/{period.start}/disclosures/{quote(asked.meter, safe='')}/{asked.number}"
        try:
            data = await self._apis[period.market].get(party, path, claim=claim, longest=LONG_ANSWER_BYTES_MAX)
            read_signed(Disclosure, data, self._running.staged(period.stage).committee(period.start), period, party)
        except (UnreachableError, RefusedError, WireError) as error:
            return Answer(period, party, b"", str(error))
        return Answer(period, party, data)
