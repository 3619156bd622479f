"""Malicious meters in every round: each is treated as it deserves and told so, and the honest have what is theirs."""

import random

from tests.hostile.malicious import WAYS, play_round, town_of_cheats
from tests.service.service_running import asynchronous

ROUNDS = 3


@asynchronous
async def test_rounds_with_every_kind_of_cheat(tmp_path):
    rng, tried = random.Random(5), []
    async with town_of_cheats(tmp_path / "market") as town:
        for number in range(ROUNDS):
            tried += await play_round(town, number, rng)
    assert len(tried) == ROUNDS * len(WAYS)
    assert min(each.started for each in town.workers) >= 1  # one round was computed by worker processes
