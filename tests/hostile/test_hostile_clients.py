"""Thousands of hostile requests while honest meters trade and read: refusals only, memory bounded, none affected."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.hostile.field import StormyMarket

REQUESTS = 2_000
REFUSALS = {
    "malformed", "bad-signature", "unknown-meter", "stale-challenge", "oversized-body", "unauthorized", "no-seal",
    "seal-does-not-open", "wrong-media-type", "not-found", "invalid-request", "unknown-market",
    "rate-limited", "wrong-context", "unknown-supplier", "tariff-prices", "unknown-dispute",
}  # fmt: skip
"""Those that come up in every storm, however few requests of a kind there are: it is no breeze."""


PERIODS = (15, 45)
"""Seconds: a machine that is too busy to compute a round before its deadline is given longer periods."""


def test_a_market_in_a_storm(tmp_path: Path) -> None:
    for period in PERIODS:
        stormy = StormyMarket(tmp_path / f"market-{period}", random.Random(7), period=period)
        asyncio.run(stormy.play(REQUESTS, rounds=1, pause=0.1))
        assert stormy.found == []
        assert stormy.storm.sent >= REQUESTS
        assert min(stormy.storm.counts[act] for act in stormy.acts) > 0
        assert set(stormy.storm.refusals) >= REFUSALS
        assert stormy.rounds + stormy.void == 1
        if stormy.rounds and stormy.settled:
            return
    pytest.fail("void or late, however long the period is: a storm must not keep a market from clearing and settling")
