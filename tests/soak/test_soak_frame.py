"""The frame of the soak: parts have their time, and one that fails is seen."""

import json
import time

import pytest

from soak import __main__ as frame
from soak.part import Part
from soak.parts import all_parts


def until_its_end(play):
    while play.seconds_left:
        play.count("turns")
        time.sleep(0.01)
    play.check(bool(play.counts["turns"]), "it had no time at all")


def failing(play):
    play.check(False, f"wrong: {play.random.random()}")


def stumbling(play):
    raise RuntimeError("on something")


def skipping(play):
    play.skip("there is no such thing here")


def run(monkeypatch, tmp_path, *parts, seed="s"):
    monkeypatch.setattr(frame, "all_parts", lambda: list(parts))
    code = frame.main(["--minutes", "0.002", "--seed", seed, "--json", str(tmp_path / "soak.json")])
    return code, json.loads((tmp_path / "soak.json").read_text())


def test_parts_have_their_time_and_the_summary_says_what_was_done(monkeypatch, tmp_path, capsys):
    parts = Part("short", 1, until_its_end), Part("not here", 1, skipping)
    code, summary = run(monkeypatch, tmp_path, *parts)
    assert code == 0
    assert [each["verdict"] for each in summary["parts"]] == ["holds", "skipped"]
    assert summary["parts"][0]["counts"]["turns"] >= 1
    assert "there is no such thing here" in capsys.readouterr().out


@pytest.mark.parametrize("run_of_part", [failing, stumbling])
def test_a_part_that_fails_fails_the_soak_and_the_others_still_run(monkeypatch, tmp_path, run_of_part):
    code, summary = run(monkeypatch, tmp_path, Part("bad", 1, run_of_part), Part("good", 1, until_its_end))
    assert code == 1
    assert [each["verdict"] for each in summary["parts"]] == ["FAILS", "holds"]


def test_a_seed_does_the_same_again(monkeypatch, tmp_path):
    runs = [run(monkeypatch, tmp_path, Part("bad", 1, failing), seed=seed)[1] for seed in ("a", "a", "b")]
    first, second, other = (each["parts"][0]["failures"] for each in runs)
    assert first == second != other


def test_every_part_has_a_name_of_its_own_and_a_share():
    parts = all_parts()
    assert len({part.name for part in parts}) == len(parts)
    assert all(part.share > 0 for part in parts)
