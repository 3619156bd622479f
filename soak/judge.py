"""Is it true what the market says? Judged from the ledgers of all parties and the stores of all meters together.

Nobody in a real market sees all of this. Of every round that any party knows:

- each party has signed exactly one outcome, and all say the same, or one says void and none has a result;
- no party has signed two sets, seeds or verdicts: what the others have kept of it is what it has itself (T10);
- every order with the receipts of all parties is stored by all, and in the agreed set, or a later one of its meter
  (T9);
- price and accepted quantities, recombined from the shares, are what the plaintext rule gives on that set;
- every attempt that any party was done with had that same result;
- the meters have been told the same, and the records hold and agree.
"""

import asyncio
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Order
from mpc_market.wire.agreement import AgreedSet, Held, agree
from mpc_market.wire.audit import check_record, same_round
from mpc_market.wire.codec import bytes_words
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.message import split_signed
from mpc_market.wire.opening import Opening, terms_of
from mpc_market.wire.outcome import Outcome, Result, Void
from mpc_market.wire.record import Record
from mpc_market.wire.sharing import recombine
from parties.files.party_home import read_party_home
from parties.files.problems import Problems
from parties.launch.community import Community
from parties.ledger import Ledger
from parties.meter.results import State as Told
from parties.meter.store import Store
from parties.service.board import Kind
from parties.service.following import stored_done
from soak.part import Play

_SIGNED = tuple(kind for kind in Kind if kind is not Kind.PART_SHARE)
"""What a party says once, to all alike."""

_ATTEMPTS_MAX = 200


@dataclass
class Judgement:
    """What was found. `rounds`: by start, "result", "void" or "pending". `wrong`: what must not be."""

    rounds: dict[int, str] = field(default_factory=dict)
    orders: Counter[int] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)

    def count(self, state: str) -> int:
        """How many rounds ended so."""
        return list(self.rounds.values()).count(state)

    def tell(self, play: Play) -> None:
        """Count it for the summary of a part, and note what is wrong."""
        for state in ("result", "void", "pending"):
            play.count(f"rounds {state}", self.count(state))
        play.count("acknowledged orders", self.acknowledged)
        play.check(not self.wrong, "; ".join(self.wrong[:5]))


def judge(community: Community, forgotten: Container[int] = ()) -> Judgement:
    """Judge all rounds; the parties must not be running.

    `forgotten`: starts of rounds of which a party knows no more what was in its backup: there it must not have
    contradicted itself, and that is all.
    """
    return asyncio.run(_judge(community, forgotten))


async def _judge(community: Community, forgotten: Container[int]) -> Judgement:
    found, market = Judgement(), community.running.id
    async with AsyncExitStack() as stack:
        ledgers = await _opened(community, stack)
        starts = {start for home in community.meters for start in Store(home.store, home.meter).unfinished(0)}
        starts |= {entry.start for home in community.meters for entry in Store(home.store, home.meter).history(1000)}
        for start in sorted(starts):
            case = _Round(community, ledgers, Period(market, start), found)
            if start in forgotten:
                await case.no_second_word()
            else:
                await case.judge()
    return found


def judge_stage(community: Community, stage: Stage, starts: Iterable[int]) -> Judgement:
    """Judge rounds after the clearing: one outcome, said once; every attempt with it; one of them kept, at all parties
    the same rows and totals of it. What they come to is for the readers of sheets to judge.
    """

    async def judged() -> Judgement:
        found = Judgement()
        async with AsyncExitStack() as stack:
            ledgers = await _opened(community, stack)
            for start in starts:
                await _Round(community, ledgers, Period(stage.of(community.running.id), start), found).settled()
        return found

    return asyncio.run(judged())


async def _opened(community: Community, stack: AsyncExitStack) -> dict[int, Ledger]:
    ledgers = {}
    for party in range(len(community.running.parties)):
        problems = Problems()
        home = read_party_home(community.party_home(party), 2**40, problems)
        problems.check()
        assert home is not None
        ledgers[party] = await Ledger.open(home.database, party)
        stack.push_async_callback(ledgers[party].close)
    return ledgers


class _Round:
    """One round, as everybody together knows it."""

    def __init__(self, community: Community, ledgers: Mapping[int, Ledger], period: Period, found: Judgement) -> None:
        self._community, self._ledgers, self._period, self._found = community, ledgers, period, found
        self._settings = community.running.settings
        self._parties = len(ledgers)

    def _check(self, holds: bool, failure: str) -> None:
        if not holds:
            self._found.wrong.append(f"round {self._period}: {failure}")

    async def judge(self) -> None:
        outcomes, states = await self._outcomes(), await self._states()
        await self.no_second_word()
        agreed = await self._agreed()
        await self._acknowledged(agreed)
        if agreed is None:
            self._check("result" not in states, "a result without a set")
            return
        if (results := {each for each in outcomes.values() if isinstance(each, Result)}) and "result" in states:
            self._check(len(results) == 1 and len(outcomes) == self._parties, f"outcomes {outcomes}")
            if (seed := await self._records()) is not None:
                await self._computed(agreed, results.pop(), seed)

    async def settled(self) -> None:
        """As `judge_stage` says."""
        outcomes, states = await self._outcomes(), await self._states()
        await self.no_second_word()
        if "result" not in states:
            return
        results = set(outcomes.values())
        self._check(len(results) == 1 and len(outcomes) == self._parties, f"outcomes {outcomes}")
        result = results.pop()
        assert isinstance(result, Result), "its state says so"
        last = await self._attempts(result)
        kept = []
        for party, ledger in self._ledgers.items():
            numbers = [n for n in range(1, last + 1) if await ledger.results(*self._key, n)]
            self._check(numbers in ([], [last]), f"party {party} keeps results of the attempts {numbers}")
            rows = [(row.meter, row.number, row.verdict) for row in await ledger.results(*self._key, last)]
            kept.append((rows, [(row.supplier, row.users) for row in await ledger.totals(*self._key, last)]))
        self._check(all(each == kept[0] for each in kept), "the parties keep results of different users or groups")

    async def _states(self) -> list[str]:
        """At all parties; notes how the round has ended."""
        states = [row.state for ledger in self._ledgers.values() if (row := await ledger.round(*self._key))]
        final = {state for state in states if state in ("result", "void")}
        self._check(len(final) <= 1, f"states {states}")
        self._found.rounds[self._period.start] = final.pop() if final else "pending"
        return states

    @property
    def _key(self) -> tuple[str, int]:
        return self._period.market, self._period.start

    async def _outcomes(self) -> dict[int, Result | Void]:
        found = {}
        for party, ledger in self._ledgers.items():
            if (data := await ledger.outcome(*self._key)) is not None:
                found[party] = split_signed(Outcome, data).message.content
        return found

    async def no_second_word(self) -> None:
        """What a party has signed is the same wherever it is kept."""
        for kind in _SIGNED:
            words: dict[int, set[bytes]] = {party: set() for party in self._ledgers}
            for party, ledger in self._ledgers.items():
                for speaker, data in (await ledger.messages(*self._key, kind)).items():
                    words[speaker].add(data)
                if kind is Kind.OUTCOME and (own := await ledger.outcome(*self._key)) is not None:
                    words[party].add(own)
            for party, said in words.items():
                self._check(len(said) <= 1, f"party {party} has signed {len(said)} different messages: {kind}")

    async def _agreed(self) -> AgreedSet | None:
        openings = await self._messages(Kind.OPENING)
        held = await self._messages(Kind.HELD)
        if len(held) < self._parties or len(openings) < self._parties:
            return None
        terms = terms_of(
            {party: split_signed(Opening, data).message for party, data in openings.items()}, self._parties
        )
        lists = {party: split_signed(Held, data).message for party, data in held.items()}
        return agree(lists, terms, self._settings.orders_per_submission)

    async def _messages(self, kind: Kind) -> dict[int, bytes]:
        found = {}
        for party, ledger in self._ledgers.items():
            if (data := await ledger.message(*self._key, kind, party)) is not None:
                found[party] = data
        return found

    async def _acknowledged(self, agreed: AgreedSet | None) -> None:
        """Every order with the receipts of all is stored by all; and in the set, or a later one of its meter."""
        numbers = {} if agreed is None else {item.name: item.number for item in agreed.members}
        held = [
            {(row.meter, row.number) for row in await ledger.submissions(*self._key)}
            for ledger in self._ledgers.values()
        ]
        for home in self._community.meters:
            store, start = Store(home.store, home.meter), self._period.start
            latest = store.latest(start)
            for number in range(1, 0 if latest is None else latest.number + 1):
                if len(store.receipts(start, number)) < self._parties:
                    continue
                self._found.acknowledged += 1
                kept = all((home.meter, number) in rows for rows in held)
                self._check(kept, f"{home.meter}'s acknowledged order is not stored by all parties")
                if agreed is not None:
                    inside = numbers.get(home.meter, 0) >= number
                    self._check(inside, f"{home.meter}'s acknowledged order is not in the set")

    async def _computed(self, agreed: AgreedSet, result: Result, seed: bytes) -> None:
        orders = [order for item in agreed.members for order in self._orders(item.name, item.number)]
        self._found.orders[self._period.start] = len(orders)
        expected = clear(orders, self._settings.rules, seed) if orders else Clearing(None, ())
        self._check(result.price == expected.price, "another price than the plaintext rule")
        if not orders:
            return
        accepted = dict(zip((order.order_id for order in orders), expected.accepted, strict=True))
        attempt = await self._attempts(result)
        await self._shares(attempt, accepted)
        self._told(agreed, accepted, expected.price)

    def _orders(self, meter: str, number: int) -> Iterable[Order]:
        home = next(home for home in self._community.meters if home.meter == meter)
        sent = Store(home.store, meter).submission(self._period.start, number)
        assert sent is not None, "what the parties hold, its meter has stored before it was sent"
        return sent.orders

    async def _attempts(self, result: Result) -> int:
        """Every attempt that somebody was done with had this result; the number of the last one."""
        last = 0
        for party, ledger in self._ledgers.items():
            for number in range(1, _ATTEMPTS_MAX):
                progress = await stored_done(ledger, *self._key, party, number)
                if progress is not None:
                    last = max(last, number)
                    self._check(progress.done == result, f"attempt {number} had another result")
        self._found.attempts[last] += 1
        return last

    async def _shares(self, attempt: int, accepted: Mapping[str, int]) -> None:
        rows = {}
        for party, ledger in self._ledgers.items():
            rows[party] = {row.meter: row for row in await ledger.results(*self._key, attempt)}
        for meter in rows[0]:
            words = {party: bytes_words(of[meter].words) for party, of in rows.items()}
            expected = tuple(accepted[f"{meter}/{k}"] for k in range(self._settings.orders_per_submission))
            try:
                recombined = recombine(words, self._parties)
            except WireError as error:
                self._check(False, str(error))
                continue
            self._check(recombined == expected, "other quantities than the plaintext rule")

    def _told(self, agreed: AgreedSet, accepted: Mapping[str, int], price: int | None) -> None:
        """What the meters have verified is true."""
        members = {item.name for item in agreed.members}
        for home in self._community.meters:
            for entry in Store(home.store, home.meter).history(1000):
                if entry.start == self._period.start and entry.state == Told.VERIFIED and home.meter in members:
                    expected = tuple(accepted[order.order_id] for order in entry.orders)
                    self._check((entry.price, entry.accepted) == (price, expected), "a meter was told otherwise")

    async def _records(self) -> bytes | None:
        """The records of all parties hold, and agree; the ticket seed that they prove."""
        committee = self._community.running.committee(self._period.start)
        stored = [await ledger.record(*self._key) for ledger in self._ledgers.values()]
        records = [Record.decode(row.data) for row in stored if row is not None]
        seeds = set()
        for record in records:
            try:
                audited = check_record(record, committee)
                same_round(records[0], record)
            except WireError as error:
                self._check(False, f"a record: {error}")
                continue
            if audited.randomness is not None:
                seeds.add(audited.randomness.ticket_seed)
        self._check(len(seeds) == 1, f"{len(seeds)} ticket seeds")
        return seeds.pop() if seeds else None
