"""Rounds of a running market through real worker processes: as the plaintext rule says, again at a second attempt."""

import asyncio
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

import parties
from mpc_market.field.shamir import recombine, threshold
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Rationing, Side
from mpc_market.secure.validity import Verdict
from parties.compute.messages import Connect
from parties.worker import ClearingResult
from tests.secure.meters import Sent, every_cheat, honest
from tests.worker.services import TICKET_SEED, inputs, run, run_all, tls_files, told, workers

BUY, SELL = Side.BUY, Side.SELL
LOTTERY, PRO_RATA = Market(5, 6, Rationing.LOTTERY), Market(5, 6, Rationing.PRO_RATA)


def meters(count: int, market: Market, each: int, parties_: int, suppliers: int) -> list[Sent]:
    """Some honest meters, and some that cheat in all sorts of ways."""
    rng = random.Random(count)
    sent = []
    for i in range(count):
        lines = [(rng.choice((BUY, SELL)), rng.randrange(32), rng.randint(0, 40)) for _ in range(each)]
        sent.append(honest(f"mètre {i}", lines, 50, market, parties_, i % suppliers))
        if i % 7 == 3:
            cheat = rng.choice(every_cheat(sent[-1], market, parties_))
            sent.append(replace(cheat, meter=f"cheat {i}"))
    return sent


def check(results: list[ClearingResult | BaseException], sent: list[Sent], market: Market, suppliers: int) -> None:
    """All parties report the same public outcome, and their shares are those of the plaintext one."""
    good: list[ClearingResult] = []
    for result in results:
        assert isinstance(result, ClearingResult), result
        good.append(result)
    valid = [one for one in sent if one.verdict is Verdict.VALID]
    orders = [order for one in valid for order in one.orders]
    expected = clear(orders, market, TICKET_SEED)
    degree = threshold(len(good))
    for result in good:
        assert result.price == expected.price
        assert list(result.verdicts) == [one.verdict for one in sent]
        assert result.users == tuple(sum(one.supplier == s for one in valid) for s in range(suppliers))
        assert [bool(shares) for shares in result.accepted] == [one.verdict is Verdict.VALID for one in sent]
        assert result.effort.bytes_sent > 0
        assert result.effort.stage_seconds["totals"] > 0

    def opened(shares: list[tuple[int, ...]]) -> list[int]:
        return recombine([np.array(each, np.uint64) for each in shares], degree).tolist()

    accepted = [word for i in range(len(sent)) for word in opened([result.accepted[i] for result in good])]
    assert tuple(accepted) == expected.accepted
    traded = [opened([result.traded[i] for result in good]) for i in range(len(sent)) if good[0].traded[i]]
    shares_of = iter(zip(orders, expected.accepted, strict=True))
    own = [[next(shares_of) for _ in one.lines] for one in valid]
    assert traded == [[sum(x for o, x in each if o.side is side) for side in (BUY, SELL)] for each in own]
    for side, totals in ((BUY, [result.bought for result in good]), (SELL, [result.sold for result in good])):
        suppliers_of = [one.supplier for one in valid for _ in one.lines]
        each = list(zip(orders, suppliers_of, expected.accepted, strict=True))
        assert opened(totals) == [
            sum(x for order, s, x in each if (order.side, s) == (side, k)) for k in range(suppliers)
        ]


@pytest.mark.parametrize(
    ("market", "each", "method", "prepared", "loop"),
    [
        (LOTTERY, 1, "sort", None, "asyncio"),
        (PRO_RATA, 2, "select", 100, "uvloop"),
        (LOTTERY, 1, "sort", 3, "uvloop"),
    ],
)
def test_equals_the_plaintext_rule(
    tmp_path: Path, market: Market, each: int, method: str, prepared: int | None, loop: str
) -> None:
    sent = meters(30, market, each, 3, 2)
    stages: list[str] = []
    asked: list[bytes] = []

    async def stored(verdicts: bytes) -> None:
        asked.append(verdicts)
        await asyncio.sleep(0.01)

    async def test() -> None:
        given = inputs(sent, market, each, 3, 2, method=method)
        async with workers(tmp_path) as started:
            if prepared is not None:
                took = await asyncio.gather(*(worker.prepare(prepared, market, method, 20) for worker in started))
                assert min(each.bytes_sent for each in took) > 0
            results = await asyncio.gather(
                started[0].clear(given[0], stored, 30, stages.append),
                *(worker.clear(one, stored, 30) for worker, one in zip(started[1:], given[1:], strict=True)),
            )
        check([*results], sent, market, 2)
        assert asked == [results[0].verdicts] * 3
        assert stages[0] == "keys"
        assert stages[-1] == "totals"

    run(test, loop=loop)


def test_a_second_attempt_reuses_the_verdicts(tmp_path: Path) -> None:
    sent = meters(12, LOTTERY, 1, 3, 1)
    verdicts = bytes(one.verdict for one in sent)

    async def nobody_asks(_: bytes) -> None:
        raise AssertionError("the verdicts are known")

    async def test() -> None:
        async with workers(tmp_path) as started:
            given = inputs(sent, LOTTERY, verdicts=verdicts)
            results = await run_all(started, given, [nobody_asks] * 3)
            check(results, sent, LOTTERY, 1)
            assert all("validity" not in result.effort.stage_seconds for result in results)  # type: ignore[union-attr]

    run(test)


def test_five_parties_and_an_empty_round(tmp_path: Path) -> None:
    async def test() -> None:
        async with workers(tmp_path, 5) as started:
            results = await run_all(started, inputs([], PRO_RATA, 1, 5, 2))
            check(results, [], PRO_RATA, 2)

    run(test, 120)


def test_a_round_without_trade(tmp_path: Path) -> None:
    sent = [honest("a", [(BUY, 3, 5)], 9, LOTTERY, 3), honest("b", [(SELL, 8, 5)], 9, LOTTERY, 3)]

    async def test() -> None:
        async with workers(tmp_path) as started:
            results = await run_all(started, inputs(sent, LOTTERY))
            check(results, sent, LOTTERY, 1)
            assert isinstance(results[0], ClearingResult)
            assert results[0].price is None

    run(test)


def test_nothing_secret_is_in_arguments_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://party:hunter2@localhost/ledger")
    monkeypatch.setenv("MPC_MARKET_SOMETHING", "hunter3")
    monkeypatch.setenv("PYTHONSTARTUP", "/hunter4")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("MPC_MARKET_THREADS", "1")

    async def test() -> None:
        async with workers(tmp_path) as started:
            for worker in started:
                process = psutil.Process(worker.pid)
                environment = process.environ()
                assert "hunter" not in str(environment)
                assert environment["MPC_MARKET_THREADS"] == "1"
                assert environment["LC_ALL"] == "C.UTF-8"
                assert {*environment} <= {
                    *("HOME", "LANG", "PATH", "TMPDIR", "TZ", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH"),
                    *("MPC_MARKET_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONPATH", "XDG_CACHE_HOME"),
                    *(name for name in environment if name.startswith("NUMBA_")),
                }
                assert process.cmdline()[1:] == ["-s", "-P", "-m", "parties.compute"]

    run(test)


def test_the_service_needs_no_engine_to_drive_a_worker() -> None:
    code = "import sys, parties.worker; print(*{'numpy', 'mpyc', 'numba', 'cryptography'} & {*sys.modules})"
    root = str(Path(parties.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": root}, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "\n"


def test_a_token_and_a_share_are_not_shown(tmp_path: Path) -> None:
    one = told([], [])
    assert one == []
    token = os.urandom(32)
    shown = repr(Connect(0, [], {1: token}, tls_files(tmp_path, 3)[0]))
    assert token.hex() not in shown
    assert repr(token) not in shown
    assert "CERTIFICATE" not in shown
    given = inputs([honest("a", [(BUY, 3, 5)], 9, LOTTERY, 3)], LOTTERY)[0]
    assert "words" not in repr(given)
    result = ClearingResult(3, b"\0", (1,), ((4711,),), ((4714, 4715),), (4712,), (4713,), None)  # type: ignore[arg-type]
    assert "471" not in repr(result)
