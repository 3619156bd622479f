"""Malicious meters in every round: 200 rounds, a cheat of every known kind in each (tests/hostile/malicious.py).

A town for each core: its services share a process, and mostly the engine does; in every tenth round worker processes
compute.
"""

import asyncio
import logging
import multiprocessing
import os
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from soak.part import Part, Play
from tests.hostile.malicious import play_round, town_of_cheats

ROUNDS = 200


@dataclass
class Played:
    """What came of one town. `processes`: in how many rounds worker processes were started."""

    rounds: int = 0
    processes: int = 0
    cheats: int = 0
    wrong: list[str] = field(default_factory=list)


async def _play(directory: Path, seed: str, rounds: int, seconds: float) -> Played:
    played, source = Played(), random.Random(seed)
    until = asyncio.get_running_loop().time() + seconds
    async with town_of_cheats(directory) as town:
        while played.rounds < rounds and asyncio.get_running_loop().time() < until:
            before = [each.started for each in town.workers]
            try:
                cheats = await play_round(town, played.rounds, source)
            except (AssertionError, TimeoutError) as error:
                played.wrong.append(f"{directory.name}, round {played.rounds}: {error!r}")
                break  # what the next one would find may follow from this
            played.rounds += 1
            played.cheats += len(cheats)
            played.processes += all(each.started > b for each, b in zip(town.workers, before, strict=True))
    return played


def play_town(directory: Path, seed: str, rounds: int, seconds: float) -> Played:
    """This many rounds in a town of its own, or fewer if its time is over. Run in a process of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return asyncio.run(_play(directory, seed, rounds, seconds))


def run(play: Play) -> None:
    """Play rounds until all are played, or the time is over."""
    towns = min(os.cpu_count() or 1, 4)
    play.due |= {"rounds": ROUNDS, "rounds computed by processes": ROUNDS // 10}
    # Not forked: this process may have threads.
    with ProcessPoolExecutor(towns, multiprocessing.get_context("spawn")) as processes:
        running = [
            processes.submit(play_town, play.directory / f"town-{town}", f"{play.seed}/{town}",
                             len(range(town, ROUNDS, towns)), play.seconds_left)
            for town in range(towns)
        ]  # fmt: skip
        for each in running:
            played = each.result()
            play.count("rounds", played.rounds)
            play.count("rounds computed by processes", played.processes)
            play.count("cheats", played.cheats)
            for wrong in played.wrong:
                play.check(False, wrong)
    if play.complete:
        play.count("seconds for all rounds", round(play.seconds))


PART = Part("malicious meters", 270, run)
