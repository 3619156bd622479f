"""A full and a slow disk, a clock 30 s off, cold caches, a ledger from a backup: real processes, a round for each."""

from pathlib import Path

import pytest

from soak.part import Play
from soak.parts.hardships import ALL, METERS, RESULTS, Trial


def test_a_round_in_every_hardship(tmp_path: Path) -> None:
    """No acknowledged order is lost, results equal the plaintext rule, nobody signs two things: as `judge` finds."""
    play = Play(tmp_path, "hardships", 1e9)
    trial = Trial(play, tmp_path / "market")
    found = trial.run(ALL)
    assert play.failures == []
    assert found.wrong == []
    assert (found.count("result"), found.count("pending")) == (RESULTS, 0)
    assert found.acknowledged == RESULTS * METERS
    if trial.left_out:
        pytest.skip(f"the others hold, but not tried: {'; '.join(trial.left_out)}")
