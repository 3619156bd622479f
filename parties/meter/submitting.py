"""An order on its way in: made, stored, and only then sent, to every party, until it has its receipt or the gate
closes.

    terms of the round ─▶ number, shares, seals, signature ─▶ on the disk ─▶ party 0 … m − 1 ─▶ m receipts: accepted

Whatever happens in between, a crash included, the same bytes are sent again: only a round opened with another challenge
makes a new submission necessary, with a higher number. A party that cannot be reached still gets its seal by way of
another one, which forwards it; its receipt is asked for all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from mpc_market.rules.model import Order
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import order_id
from mpc_market.wire.layout import filled, order_bits
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.receipt import Receipt, check_receipt
from mpc_market.wire.submission import dealt, of_shares
from parties.client.api import RefusedError, UnreachableError
from parties.meter.forecast import Wish
from parties.meter.market import Market, Meter
from parties.meter.retry import pause_before
from parties.meter.rounds import Rounds
from parties.meter.store import Prepared

FORWARD_AFTER = 2
"""After this many attempts to reach a party another one is asked to forward its seal."""

SPREAD = 4
"""Meters send at a random moment of the first quarter of the time left: not all at once, and not at the end."""

Report = Callable[[str], None]
"""Told in a line what has happened: never a price limit or a quantity, since it may go to a log."""

_STALE = "stale-challenge"
_TOO_LATE = {"late", "closed-period"}
_OPENED_AGAIN_MAX = 3


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission. `receipts`: whose receipt is there; `troubles`: of the others, why not."""

    start: int
    number: int
    parties: int
    receipts: frozenset[int]
    troubles: dict[int, str]

    @property
    def accepted(self) -> bool:
        """An order counts as accepted once all m receipts are there."""
        return len(self.receipts) == self.parties


def prepare(
    meter: Meter, market: Market, terms: Terms, wishes: Sequence[Wish], now_ms: int, *, replace: bool = False
) -> Prepared:
    """The submission for a round, on the disk: the one that was made before if there is one, else a new one.

    `replace`: make a new one in any case, which replaces those before. Blocks for some milliseconds.
    Raises: InvalidOrderError if the wishes do not fit the market or the enrolled maximum; StoreError.
    """

    def build(number: int) -> Prepared:
        wanted = [Order(order_id(meter.id, k), w.side, w.price, w.quantity) for k, w in enumerate(wishes)]
        orders = filled(meter.id, wanted, market.orders)
        shares = dealt(order_bits(orders, meter.id, market.file.rules, meter.maximum), terms)
        submission = of_shares(terms, meter.id, number, len(orders), shares, meter.home.identity)
        return Prepared.of(submission, orders, shares)

    def keep(latest: Prepared) -> bool:
        return not replace and latest.submission.header.challenge == terms.challenge

    return meter.store.prepare(terms.period.start, now_ms, build, keep)


async def submit(
    meter: Meter, rounds: Rounds, start: int, wishes: Sequence[Wish], *, replace: bool = False
) -> Submitted:
    """Bring a meter's orders for a period to all parties. Returns when all receipts are there, or none can come any
    more.

    Raises: NotKnownError if the round's terms cannot be had before the gate; InvalidOrderError; StoreError.
    """
    gate, clock = rounds.market.rhythm.gate(start), rounds.clock
    for again in range(1, _OPENED_AGAIN_MAX + 1):
        terms = await rounds.terms(start, gate)
        prepared = await asyncio.to_thread(
            prepare, meter, rounds.market, terms, wishes, clock.now_ms(), replace=replace and again == 1
        )
        sending = Sending(meter, rounds, terms, prepared)
        submitted = await sending.run()
        if submitted.accepted or _STALE not in sending.refusals.values() or again == _OPENED_AGAIN_MAX:
            return submitted
        rounds.forget_terms(start)
    raise AssertionError("the last attempt returns")


class Sending:
    """One submission on its way to all parties. `refusals`: problems that trying again does not solve, by party."""

    def __init__(self, meter: Meter, rounds: Rounds, terms: Terms, prepared: Prepared) -> None:
        self._meter, self._rounds, self._terms, self._prepared = meter, rounds, terms, prepared
        self._known: frozenset[int] = frozenset()
        self._receipts: dict[int, bytes] = {}
        self._troubles: dict[int, str] = {}
        self._place = "orders" if prepared.submission.header.kind == "submission" else "readings"
        self.refusals: dict[int, str] = {}

    async def run(self) -> Submitted:
        """Send it, keep the receipts, and say what became of it. Raises: StoreError."""
        store, start, number = self._meter.store, self._prepared.start, self._prepared.number
        self._known = frozenset(await asyncio.to_thread(store.receipts, start, number))
        try:
            async with asyncio.TaskGroup() as group:
                for party in set(range(self._terms.parties)) - self._known:
                    group.create_task(self._to(party))
        finally:
            if self._receipts:
                await asyncio.to_thread(store.put_receipts, start, number, self._receipts)
        held = self._known.union(self._receipts)
        troubles = {party: trouble for party, trouble in self._troubles.items() if party not in held}
        return Submitted(start, number, self._terms.parties, held, troubles)

    async def _to(self, party: int) -> None:
        """Try until this party's receipt is there, it has refused for good, or the gate is closed."""
        clock, gate, attempt, forwarded = self._rounds.clock, self._terms.gate, 0, False
        while clock.now_ms() < gate and party not in self.refusals:
            wait = await self._try(party, self._post)
            if party in self._receipts:
                return
            attempt += 1
            if attempt >= FORWARD_AFTER and not forwarded:
                forwarded = await self._forward(party)
            left = (gate - clock.now_ms()) / 1000
            await clock.pause(max(pause_before(attempt, left), min(wait, left / 4)))
        if self.refusals.get(party) in _TOO_LATE | {None}:
            # the answer to an earlier attempt may have been lost on the way: what is stored has its receipt
            trouble = self._troubles.get(party, f"party {party}: the gate closed before it was sent")
            await self._try(party, self._ask)
            self._troubles[party] = trouble

    async def _try(self, party: int, ask: Callable[[int], Awaitable[bytes]]) -> float:
        """Ask a party for its receipt and check it. Returns how many seconds it wants to be left alone, mostly 0."""
        try:
            data = await ask(party)
            receipt = read_signed(
                Receipt, data, self._rounds.market.committee(self._prepared.start), self._terms.period, party
            ).message
            check_receipt(receipt, self._prepared.submission.header)
            self._receipts[party] = data
        except UnreachableError as error:
            self._troubles[party] = str(error)
        except RefusedError as error:
            self._troubles.setdefault(party, str(error))
            if not error.passing:
                self._troubles[party] = str(error)
                self.refusals.setdefault(party, error.problem)
            return error.retry_after or 0
        except WireError as error:
            self._troubles[party] = f"party {party}: its answer is no receipt of this submission: {error}"
        return 0

    async def _post(self, party: int) -> bytes:
        body = self._prepared.submission.only_for(party).encode()
        return await self._rounds.api.post(party, f"periods/{self._prepared.start}/{self._place}", body)

    async def _ask(self, party: int) -> bytes:
        claim = make_claim(self._terms, party, Claimant.METER, self._meter.id, self._meter.home.identity)
        path = f"periods/{self._prepared.start}/receipts/{quote(self._meter.id, safe='')}"
        query = {"number": str(self._prepared.number)}
        return await self._rounds.api.get(party, path, claim=claim, query=query)

    async def _forward(self, party: int) -> bool:
        """Give a party's seal to one that has the submission, to be forwarded. Whether somebody took it."""
        for helper in sorted(self._known.union(self._receipts)):
            body = self._prepared.submission.only_for(helper, party).encode()
            try:
                await self._rounds.api.post(helper, f"periods/{self._prepared.start}/{self._place}", body)
                return True
            except (UnreachableError, RefusedError):
                continue
        return False
