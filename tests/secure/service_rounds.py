"""Whole rounds of a running market in memory: what meters have sent goes in, what each party holds comes out."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mpc_market.field.shamir import recombine, threshold
from mpc_market.network import MemoryNetwork, Network, memory_networks
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Market, Rationing, Side
from mpc_market.secure.clearing import Method
from mpc_market.secure.round import prepare_round
from mpc_market.secure.service_round import ServiceRoundShares, compute_service_round
from mpc_market.secure.types import Verdicts
from mpc_market.secure.validity import Verdict
from tests.books import KINDS, random_book
from tests.secure.meters import KINDS_OF_CHEATS, Sent, every_cheat, honest, submissions_at

CHECK_SEED, TICKET_SEED = bytes(range(32)), bytes(range(100, 132))


@dataclass
class Round:
    """What has been sent, and how it is cleared. `each`: orders in a submission."""

    sent: Sequence[Sent]
    market: Market
    each: int = 1
    parties: int = 3
    suppliers: int = 1
    method: Method = Method.SORT
    prepared_for: int | None = None

    def arguments(self, party: int) -> dict[str, Any]:
        """What one party is given."""
        return {
            "submissions": submissions_at(party, self.sent, self.market, self.each, self.suppliers),
            "market": self.market,
            "check_seed": CHECK_SEED,
            "ticket_seed": TICKET_SEED,
            "on_verdicts": accept,
            "method": self.method,
        }

    async def run(self, network: Network, **others: Any) -> ServiceRoundShares:
        """One party's part; `others`: other arguments."""
        arguments = self.arguments(network.party) | others
        if self.prepared_for is not None:
            arguments["preparation"] = await prepare_round(network, self.prepared_for, self.market, self.method)
        return await compute_service_round(network, **arguments)


async def accept(_: Verdicts) -> None:
    """All parties have stored them."""


def run_round(round_: Round, **others: Any) -> tuple[list[ServiceRoundShares], list[MemoryNetwork]]:
    """What each party holds, and its network."""
    networks = memory_networks(round_.parties)

    async def main() -> list[ServiceRoundShares]:
        return await asyncio.gather(*(round_.run(network, **others) for network in networks))

    return asyncio.run(main()), networks


def attempt_round(round_: Round, given: dict[int, dict[str, Any]]) -> tuple[list[Any], list[MemoryNetwork]]:
    """What every party ends with: its result, its error, or None if it waits in vain; `given`: other arguments."""
    networks = memory_networks(round_.parties)

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(round_.run(n, **given.get(n.party, {}))) for n in networks]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION, timeout=20)
        for _ in range(200):
            await asyncio.sleep(0)
        ends = [(task.exception() or task.result()) if task.done() else None for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return ends

    return asyncio.run(main()), networks


def expected(round_: Round) -> Clearing:
    """The plaintext rule on the orders of those that are valid."""
    orders = [order for one in round_.sent if one.verdict is Verdict.VALID for order in one.orders]
    return clear(orders, round_.market, TICKET_SEED)


def outcome(results: Sequence[ServiceRoundShares]) -> Clearing:
    """What the parties hold together."""
    accepted = recombine([result.accepted for result in results], threshold(len(results)))
    return Clearing(results[0].price, tuple(accepted.reshape(-1).tolist()))


def assert_right(round_: Round, results: Sequence[ServiceRoundShares]) -> None:
    """Verdicts, price, every accepted quantity and all totals are those of the plaintext rule."""
    valid = [i for i, one in enumerate(round_.sent) if one.verdict is Verdict.VALID]
    for result in results:
        assert result.verdicts.tolist() == [one.verdict for one in round_.sent]
        assert result.valid.tolist() == valid
        assert result.accepted.shape == (len(valid), round_.each)
        assert result.price == results[0].price
        assert result.communication_rounds == results[0].communication_rounds
    right = expected(round_)
    assert outcome(results) == right
    traded = []
    bought, sold, users = [0] * round_.suppliers, [0] * round_.suppliers, [0] * round_.suppliers
    rest = iter(right.accepted)
    for i in valid:
        one = round_.sent[i]
        users[one.supplier] += 1
        traded.append([0, 0])
        for side, _, _ in one.lines:
            quantity = next(rest)
            (bought if side is Side.BUY else sold)[one.supplier] += quantity
            traded[-1][side is Side.SELL] += quantity
    t = threshold(round_.parties)
    assert recombine([result.traded for result in results], t).tolist() == traded
    assert recombine([result.bought for result in results], t).tolist() == bought
    assert recombine([result.sold for result in results], t).tolist() == sold
    assert {tuple(result.users.tolist()) for result in results} == {tuple(users)}
    assert sum(bought) == sum(sold)


def random_round(number: int, parties: int = 3, most: int = 14, cheating: float = 0.25) -> Round:
    """Some meters, some of which cheat; reproducible."""
    rng = random.Random(number)
    market = Market(*rng.choice(((1, 1), (2, 3), (5, 4), (12, 16))), rng.choice(tuple(Rationing)))
    each, suppliers, size = rng.choice((1, 1, 2, 3)), rng.randint(1, 4), rng.randrange(most + 1)
    lines = [(o.side, o.price, o.quantity) for o in random_book(rng, market, size * each, rng.choice(KINDS))]
    sent = []
    for i in range(size):
        own = lines[i * each : (i + 1) * each]
        maximum = rng.randint(max(quantity for _, _, quantity in own), 2**market.quantity_bits - 1)
        one = honest(f"mètre-{i}", own, maximum, market, parties, rng.randrange(suppliers))
        if rng.random() < cheating:
            one = rng.choice(every_cheat(one, market, parties, [rng.choice(KINDS_OF_CHEATS)]))
        sent.append(one)
    prepared_for = rng.choice((None, size * each, size * each + 5, size * each // 2))
    return Round(sent, market, each, parties, suppliers, rng.choice(tuple(Method)), prepared_for)
