"""A storm of 100,000 hostile requests against all ports of a market that trades meanwhile (tests/hostile/storm.py)."""

import asyncio

from soak.part import Part, Play
from tests.hostile import conftest  # noqa: F401  (lets the tests' own modules find each other)
from tests.hostile.field import StormyMarket

REQUESTS, PERIOD = 100_000, 20


def run(play: Play) -> None:
    """The whole storm, however long it takes; honest meters play rounds during most of the time that there is."""
    stormy = StormyMarket(play.directory / "market", play.random, meters=10, period=PERIOD)
    rounds = max(1, int(play.seconds_left) // PERIOD - 2)
    requests = REQUESTS if play.seconds_left > 240 else int(20 * play.seconds_left)
    asyncio.run(stormy.play(requests, rounds))
    play.count("hostile requests", stormy.storm.sent)
    play.count("refusals of a kind of their own", len(stormy.storm.refusals) - 1)
    play.count("rounds of honest meters", stormy.rounds)
    play.count("bytes a service has grown by, at most", stormy.growth)
    for wrong in stormy.found:
        play.check(False, wrong)
    play.count("void rounds", stormy.void)
    play.check(stormy.rounds > 0 and stormy.rounds >= 0.9 * rounds, f"{stormy.rounds} of {rounds} rounds cleared")


PART = Part("hostile clients", 10, run)
