"""Markets cleared by real processes: equal to the plaintext rule, again and again, and nothing is left behind."""

import asyncio
import random
from collections.abc import Sequence

import psutil
import pytest

from mpc_market.errors import BookTooLargeError, InvalidOrderError, InvalidSettingsError, ProtocolError
from mpc_market.rules import clearing
from mpc_market.rules.model import Market, Order, Rationing, Side
from mpc_market.secure.clearing import Method
from parties.local import LocalParties, Outcome
from tests.books import KINDS, random_book

SEED = bytes(range(32))
MARKETS = [Market(rationing=rationing) for rationing in Rationing]


def run(
    parties: int, *books: tuple[Sequence[Order], Market, bytes | None], method: Method = Method.SORT
) -> tuple[list[Outcome], list[str]]:
    stages: list[str] = []

    async def clear_all() -> list[Outcome]:
        async with LocalParties(parties, stages.append) as local:
            for process in local._processes:
                assert not [
                    each
                    for each in psutil.Process(process.pid).net_connections("tcp")
                    if each.status == psutil.CONN_LISTEN
                ]
            return [await local.clear(*each, method) for each in books]

    outcomes = asyncio.run(clear_all())
    return outcomes, stages


@pytest.mark.parametrize(
    ("parties", "method", "sizes"),
    [
        (3, Method.SORT, (0, 1, 2, 7, 60)),
        (3, Method.SELECT, (0, 1, 2, 7, 60)),
        (5, Method.SORT, (0, 7, 60)),
        (5, Method.SELECT, (1, 60)),
        (7, Method.SORT, (20,)),
    ],
)
def test_equals_the_plaintext_rule(parties: int, method: Method, sizes: tuple[int, ...]) -> None:
    rng = random.Random(parties)
    books = [
        (random_book(rng, market, size, rng.choice(KINDS)), market, SEED if size % 2 else None)
        for market in MARKETS
        for size in sizes
    ]
    outcomes, stages = run(parties, *books, method=method)
    for (orders, market, seed), outcome in zip(books, outcomes, strict=True):
        assert outcome.clearing == clearing.clear(orders, market, outcome.seed)
        assert seed is None or outcome.seed == seed
        figures = outcome.figures
        assert (figures.orders, figures.parties, figures.threshold) == (
            len(orders),
            parties,
            (parties - 1) // 2,
        )
        assert figures.communication_rounds > 0
        for per_party in (figures.bytes_sent, figures.cpu_seconds, figures.peak_memory):
            assert len(per_party) == parties
        assert min(figures.bytes_sent) > 0
        assert min(figures.peak_memory) > 2**20
        seconds = figures.seconds
        assert list(seconds) == ["start", "input", "prepare", "compute", "total"]
        assert seconds["total"] == pytest.approx(seconds["start"] + seconds["input"] + seconds["compute"])
    assert outcomes[0].figures.seconds["start"] > 0
    assert {outcome.figures.seconds["start"] for outcome in outcomes[1:]} == {0.0}
    assert stages[:3] == ["start", "input", "keys"]
    assert {"sort", "select"} & set(stages) == {method.value}
    drawn = [outcome.seed for (_, _, seed), outcome in zip(books, outcomes, strict=True) if seed is None]
    assert len(set(drawn)) == len(drawn)
    assert len(drawn) > 1


def test_a_book_of_several_blocks() -> None:
    rng = random.Random(1)
    market = Market(4, 3, Rationing.LOTTERY)
    orders = [
        Order(f"m{i}é" * (i % 3 + 1), rng.choice(list(Side)), rng.randrange(16), rng.randrange(8))
        for i in range(2**15 + 7)
    ]
    (outcome,), _ = run(3, (orders, market, None))
    assert outcome.clearing == clearing.clear(orders, market, outcome.seed)


def test_a_book_that_does_not_fit_is_refused_and_harms_nothing() -> None:
    order = Order("a", Side.BUY, 1, 1)

    async def test() -> None:
        async with LocalParties() as local:
            with pytest.raises(InvalidOrderError, match="used twice"):
                await local.clear([order, order], Market())
            with pytest.raises(InvalidOrderError, match="UTF-8"):
                await local.clear([Order("\ud800", Side.BUY, 1, 1)], Market())
            with pytest.raises(BookTooLargeError):
                await local.clear([order] * 4097, Market(quantity_bits=24))
            with pytest.raises(InvalidSettingsError, match="the seed has 3 bytes, not 32"):
                await local.clear([order], Market(), b"abc")
            outcome = await local.clear([order], Market())
            assert outcome.clearing.price is None
        with pytest.raises(ProtocolError, match="do not run"):
            await local.clear([order], Market())

    asyncio.run(test())


@pytest.mark.parametrize("parties", [0, 1, 2, 4, 9])
def test_the_number_of_parties_is_checked(parties: int) -> None:
    with pytest.raises(InvalidSettingsError, match=f"{parties} compute parties: there must be 3, 5 or 7"):
        LocalParties(parties)
