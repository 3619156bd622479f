"""Thousands of hostile requests while honest meters trade: refusals only, memory bounded, nobody else affected."""

import asyncio
import random
from pathlib import Path

from tests.hostile.field import StormyMarket

REQUESTS = 2_000
REFUSALS = {
    "malformed", "bad-signature", "unknown-meter", "stale-challenge", "oversized-body", "unauthorized", "no-seal",
    "seal-does-not-open", "wrong-media-type", "not-found", "invalid-request", "unknown-market",
}  # fmt: skip
"""Some of those that must have come up: the storm is no breeze."""


def test_a_market_in_a_storm(tmp_path: Path) -> None:
    stormy = StormyMarket(tmp_path / "market", random.Random(7))
    asyncio.run(stormy.play(REQUESTS, rounds=1, pause=0.1))
    assert stormy.found == []
    assert stormy.storm.sent >= REQUESTS
    assert min(stormy.storm.counts[act] for act in stormy.acts) > 0
    assert set(stormy.storm.refusals) >= REFUSALS
    assert stormy.rounds + stormy.void == 1
