"""A network that delivers in rounds: whatever is sent arrives when no party has anything left to do but wait.

So the number of deliveries is the number of communication rounds that a slow network would see, however the protocol
counts them itself.
"""

import asyncio
from collections.abc import Sequence

from mpc_market.field.shamir import recombine, threshold
from mpc_market.network import Vector
from mpc_market.rules.model import Clearing, Market, Order
from mpc_market.secure.book import share_book
from mpc_market.secure.clearing import Method
from mpc_market.secure.round import RoundShares, compute_round

_QUIET = 30
"""This many turns of the event loop without a message sent or received: all parties wait."""


class Lockstep:
    """The network between all parties; `ends` are what each of them sees of it."""

    def __init__(self, parties: int) -> None:
        self.parties = parties
        self.ends = [LockstepEnd(self, party) for party in range(parties)]
        self.deliveries = 0
        self.activity = 0
        self.outbox: list[tuple[tuple[int, int, int], Vector]] = []
        self.arrived: dict[tuple[int, int, int], asyncio.Future[Vector]] = {}

    def message(self, sender: int, receiver: int, label: int) -> "asyncio.Future[Vector]":
        name = (sender, receiver, label)
        if name not in self.arrived:
            self.arrived[name] = asyncio.get_running_loop().create_future()
        return self.arrived[name]

    async def deliver_forever(self) -> None:
        while True:
            quiet = 0
            while quiet < _QUIET:
                before = self.activity
                await asyncio.sleep(0)
                quiet = quiet + 1 if self.activity == before else 0
            assert self.outbox, "all parties wait and nothing is under way"
            self.deliveries += 1
            for name, words in self.outbox:
                self.message(*name).set_result(words)
            self.outbox.clear()


class LockstepEnd:
    """One party's end; implements `Network`."""

    def __init__(self, lockstep: Lockstep, party: int) -> None:
        self._lockstep = lockstep
        self.party, self.parties = party, lockstep.parties

    def send(self, peer: int, label: int, words: Vector) -> None:
        self._lockstep.activity += 1
        self._lockstep.outbox.append(((self.party, peer, label), words.copy()))

    async def receive(self, peer: int, label: int, size: int) -> Vector:
        words = await self._lockstep.message(peer, self.party, label)
        self._lockstep.activity += 1
        assert words.size == size
        return words

    async def flush(self) -> None:
        await asyncio.sleep(0)


def clear_in_lockstep(
    orders: Sequence[Order], market: Market, seed: bytes | None, parties: int, method: Method
) -> tuple[Clearing, int, int]:
    """The outcome, the communication rounds that the parties count, and those that the network sees."""
    books = share_book(orders, market, parties)
    ids = [order.order_id for order in orders]

    async def main() -> tuple[list[RoundShares], int]:
        lockstep = Lockstep(parties)
        pump = asyncio.ensure_future(lockstep.deliver_forever())
        rounds = [
            compute_round(e, ids, b, market, seed, method=method) for e, b in zip(lockstep.ends, books, strict=True)
        ]
        everybody = asyncio.gather(*rounds)
        await asyncio.wait([everybody, pump], return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            pump.result()
        pump.cancel()
        return await everybody, lockstep.deliveries

    results, deliveries = asyncio.run(main())
    accepted = recombine([result.accepted for result in results], threshold(parties))
    (counted,) = {result.communication_rounds for result in results}
    return Clearing(results[0].price, tuple(map(int, accepted))), counted, deliveries
