"""A storm of 100,000 hostile requests against all ports of a market that trades meanwhile (tests/hostile/storm.py)."""

import asyncio

from soak.part import Part, Play
from tests.hostile.field import StormyMarket

REQUESTS, PERIOD = 100_000, 20

BESIDE_SECONDS = 60
"""What there is to do besides: processes that start, the last round and its settlement, the audit."""


def run(play: Play) -> None:
    """The storm, as much of it as there is time for; honest meters play rounds during most of that."""
    stormy = StormyMarket(play.directory / "market", play.random, meters=10, period=PERIOD)
    rounds = max(1, int(play.seconds_left - BESIDE_SECONDS) // PERIOD)
    play.due |= {
        "hostile requests": REQUESTS,
        "rounds of honest meters": max(1, int(0.9 * rounds)),
        "periods settled": 1,
    }
    asyncio.run(stormy.play(REQUESTS, rounds, seconds=max(play.seconds_left - BESIDE_SECONDS, PERIOD)))
    play.count("hostile requests", stormy.storm.sent)
    play.count("refusals of a kind of their own", len(stormy.storm.refusals) - 1)
    play.count("rounds of honest meters", stormy.rounds)
    play.count("void rounds", stormy.void)
    play.count("periods settled", stormy.settled)
    play.count("periods settled late", stormy.late)
    play.count("bytes a service has grown by, at most", stormy.growth)
    for wrong in stormy.found:
        play.check(False, wrong)
    for what in ("rounds of honest meters", "periods settled"):
        play.check(play.counts[what] >= play.due[what], f"{play.counts[what]} {what} of {play.due[what]}")


PART = Part("hostile clients", 430, run)
