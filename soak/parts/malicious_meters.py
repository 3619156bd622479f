"""Malicious meters in every round: 200 rounds, a cheat of every known kind in each (tests/hostile/malicious.py)."""

import asyncio
import logging

import structlog

from soak.part import Part, Play
from tests.hostile import conftest  # noqa: F401  (lets the tests' own modules find each other)
from tests.hostile.malicious import play_round, town_of_cheats

ROUNDS = 200


async def _play(play: Play) -> None:
    number = 0
    async with town_of_cheats(play.directory / "market") as town:
        while number < ROUNDS and play.seconds_left:
            try:
                cheats = await play_round(town, number, play.random)
            except AssertionError as error:
                play.check(False, f"round {number}: {error}")
                return  # what the next one would find may follow from this
            number += 1
            play.count("rounds")
            play.count("cheats", len(cheats))
    play.check(number > 0, "there was no time for a single round")


def run(play: Play) -> None:
    """Play rounds until all are played, or the time is over."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(_play(play))


PART = Part("malicious meters", 6, run)
