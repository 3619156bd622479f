"""Workers for tests of the round's life: the real engine, in this process, over the in-memory network.

What is left out against real workers is the process and its connections. Like those they meet by address, prove by
tokens that they belong to one attempt, and are good for one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import count

import numpy as np

from mpc_market.errors import MarketError
from mpc_market.network import MemoryNetwork, memory_networks
from mpc_market.secure.service_round import compute_service_round
from mpc_market.secure.submissions import Submissions
from parties.net import Address
from parties.service.workers import AttemptError, OnVerdicts, Way
from parties.worker import (
    ClearingInput,
    ClearingResult,
    ClosingInput,
    ClosingResult,
    SettlementInput,
    SettlementResult,
)
from tests.service.plain_settling import (
    NO_EFFORT,
    close_in_the_clear,
    settle_in_the_clear,
    traded_in_the_clear,
    verdicts_of,
)


class Meeting:
    """Where the workers of all parties meet."""

    def __init__(self) -> None:
        self.ports = count(1)
        self._networks: dict[tuple, list[MemoryNetwork]] = {}
        self._given: dict[tuple, dict[int, object]] = defaultdict(dict)
        self._all_there: dict[tuple, asyncio.Event] = defaultdict(asyncio.Event)
        self._tokens: dict[tuple, set[bytes]] = defaultdict(set)

    def network(self, addresses: Sequence[Address], party: int, tokens: Mapping[int, bytes]) -> MemoryNetwork:
        """One party's end of the network among the workers at these addresses, who must have the same tokens."""
        key = tuple(address.port for address in addresses)
        if key not in self._networks:
            self._networks[key] = memory_networks(len(addresses))
        for peer, token in tokens.items():
            pair = self._tokens[*key, *sorted((party, peer))]
            pair.add(token)
            assert len(pair) == 1, "both ends of a pair must know the same token"
        return self._networks[key][party]

    async def of_all(self, addresses: Sequence[Address], party: int, what: str, value: object) -> list:
        """What all parties' workers give, once all have."""
        key = (what, *(address.port for address in addresses))
        self._given[key][party] = value
        if len(self._given[key]) == len(addresses):
            self._all_there[key].set()
        await self._all_there[key].wait()
        return [self._given[key][j] for j in range(len(addresses))]

    async def from_all(self, addresses: Sequence[Address], party: int, what: str, value: object, make: Callable):
        """What party 0 makes of it, for each."""
        values = await self.of_all(addresses, party, what, value)
        made = make(values) if party == 0 else None
        return (await self.of_all(addresses, party, what + " made", made))[0][party]


class MemoryWorker:
    """One party's worker for one attempt. `trouble` is called with every stage; it may raise, or wait."""

    def __init__(self, meeting: Meeting, trouble: Callable) -> None:
        port = next(meeting.ports)
        self.address = Address("127.0.0.1", port, port)
        self.ended = False
        self._meeting = meeting
        self._trouble = trouble
        self._used = False

    def _begin(self, way: Way) -> tuple[int, MemoryNetwork]:
        """The one time that it is used: its number, and its end of the network."""
        assert not self._used
        assert not self.ended
        self._used = True
        party = way.addresses.index(self.address)
        return party, self._meeting.network(way.addresses, party, way.tokens)

    async def clear(self, way: Way, given: ClearingInput, on_verdicts: OnVerdicts) -> ClearingResult:
        _, network = self._begin(way)
        stages = []

        async def settle(verdicts: np.ndarray) -> None:
            await self._trouble("verdicts found", self)
            await on_verdicts(verdicts.tobytes())
            await self._trouble("verdicts settled", self)

        await self._trouble("begin", self)
        found = await _cleared(network, given, settle, stages)
        await self._trouble("computed", self)
        verdicts = found.verdicts.tobytes()
        accepted = [tuple(row.tolist()) for row in found.accepted]
        return ClearingResult(
            price=found.price,
            verdicts=verdicts,
            users=tuple(found.users.tolist()),
            accepted=_of_valid(verdicts, accepted),
            traded=_of_valid(verdicts, await self._traded(way.addresses, given, verdicts, accepted)),
            bought=tuple(found.bought.tolist()),
            sold=tuple(found.sold.tolist()),
            effort=NO_EFFORT._replace(stage_seconds=dict.fromkeys(stages, 0.0)),
        )

    async def _traded(
        self, addresses: Sequence[Address], given: ClearingInput, verdicts: bytes, accepted: list[tuple[int, ...]]
    ) -> list[tuple[int, ...]]:
        """What each valid submission has bought and sold: worked out in the clear."""
        words = zip(submissions_of(given).words, verdicts, strict=True)
        sides = [[int(order[0]) for order in each] for each, verdict in words if verdict == 0]
        return await self._meeting.from_all(
            addresses,
            addresses.index(self.address),
            "traded",
            (accepted, sides),
            lambda all_of: traded_in_the_clear([a for a, _ in all_of], [s for _, s in all_of]),
        )

    async def settle(self, way: Way, given: SettlementInput, on_verdicts: OnVerdicts) -> SettlementResult:
        party, _ = self._begin(way)
        await self._trouble("begin", self)
        tasks = await self._meeting.of_all(way.addresses, party, "settle", given)
        if any((task.ids, task.check_seed) != (given.ids, given.check_seed) for task in tasks):
            raise AttemptError("a party was given other readings than this one")
        verdicts = given.verdicts
        if verdicts is None:
            verdicts = verdicts_of(tasks)
            await self._trouble("verdicts found", self)
            await on_verdicts(verdicts)
            await self._trouble("verdicts settled", self)
        found = await self._meeting.from_all(
            way.addresses, party, "settled", verdicts, lambda _: settle_in_the_clear(tasks, verdicts)
        )
        await self._trouble("computed", self)
        return found

    async def close(self, way: Way, given: ClosingInput) -> ClosingResult:
        party, _ = self._begin(way)
        await self._trouble("begin", self)
        closed = await self._meeting.from_all(way.addresses, party, "close", given, close_in_the_clear)
        await self._trouble("computed", self)
        return closed

    async def end(self) -> None:
        self.ended = True


def _of_valid(verdicts: bytes, words: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """One for each submission: nothing for one that is not valid."""
    of_valid = iter(words)
    return tuple(next(of_valid) if verdict == 0 else () for verdict in verdicts)


async def _cleared(network: MemoryNetwork, given: ClearingInput, settle: Callable, stages: list[str]):
    """What the engine computes. Raises: AttemptError for what a worker would report."""
    try:
        return await compute_service_round(
            network,
            submissions_of(given),
            given.market,
            given.check_seed,
            given.ticket_seed,
            settle,
            verdicts=None if given.verdicts is None else np.frombuffer(given.verdicts, np.uint8),
            on_stage=stages.append,
        )
    except MarketError as error:
        if type(error).__module__ == "mpc_market.errors":
            raise AttemptError(str(error)) from None
        raise


def submissions_of(given: ClearingInput) -> Submissions:
    words = np.frombuffer(b"".join(given.words), "<u8").reshape(-1, given.orders_each, given.market.order_words)
    return Submissions(
        given.order_ids,
        np.array(given.maxima, np.uint64),
        np.array(given.suppliers, np.intp),
        given.supplier_count,
        words,
    )


async def no_trouble(stage: str, worker: MemoryWorker) -> None:
    await asyncio.sleep(0)


class MemoryWorkers:
    """Starts one party's workers, and keeps them for the test to look at."""

    def __init__(self, meeting: Meeting, trouble: Callable = no_trouble) -> None:
        self.started: list[MemoryWorker] = []
        self.trouble = trouble
        self._meeting = meeting

    async def _trouble(self, stage: str, worker: MemoryWorker) -> None:
        await self.trouble(stage, worker)  # a test may change it at any time

    async def start(self, *_: object) -> MemoryWorker:
        worker = MemoryWorker(self._meeting, self._trouble)
        self.started.append(worker)
        return worker
