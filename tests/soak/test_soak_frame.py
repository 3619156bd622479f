"""The frame of the soak: parts have their time, and one that fails is seen."""

import json
import time

import pytest

from soak import __main__ as frame
from soak.lanes import places_apart, side_by_side
from soak.part import Part, Product
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


def product_of(cases, times):
    """A part that is to do three cases and does some, so often."""

    def run_of_part(play):
        product = Product(play, "cases", "abc")
        for case in cases * times:
            product.done(case)

    return run_of_part


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


def test_a_part_at_the_side_of_another_takes_no_time_from_the_rest(monkeypatch, tmp_path):
    beside = Part("at its side", 9, until_its_end, beside="first")
    parts = Part("first", 1, until_its_end), beside, Part("last", 1, until_its_end)
    groups = frame._side_by_side(parts)
    assert [[part.name for part in group] for group in groups] == [["first", "at its side"], ["last"]]
    assert frame._side_by_side(parts[1:]) == [[part] for part in parts[1:]]
    _, summary = run(monkeypatch, tmp_path, *parts)
    assert [each["part"] for each in summary["parts"]] == ["first", "at its side", "last"]
    assert [each["verdict"] for each in summary["parts"]] == ["holds"] * 3


@pytest.mark.parametrize("run_of_part", [failing, stumbling])
def test_a_part_that_fails_fails_the_soak_and_the_others_still_run(monkeypatch, tmp_path, run_of_part):
    code, summary = run(monkeypatch, tmp_path, Part("bad", 1, run_of_part), Part("good", 1, until_its_end))
    assert code == 1
    assert [each["verdict"] for each in summary["parts"]] == ["FAILS", "holds"]


def test_a_part_that_has_not_done_all_that_is_due_is_incomplete(monkeypatch, tmp_path, capsys):
    parts = (
        Part("some", 1, product_of("ab", 3)),
        Part("all", 1, product_of("abc", 2)),
        Part("none", 1, product_of("", 1)),
    )
    code, summary = run(monkeypatch, tmp_path, *parts)
    assert code == 2
    assert [each["verdict"] for each in summary["parts"]] == ["incomplete", "holds", "incomplete"]
    assert [(each["counts"].get("cases", 0), each["due"]["cases"]) for each in summary["parts"]] == [
        (2, 3),
        (3, 3),
        (0, 3),
    ]
    shown = capsys.readouterr().out
    assert "2 of 3 cases, 4 cases once more" in shown
    assert "0 of 3 cases" in shown


def test_what_fails_is_said_before_what_is_incomplete(monkeypatch, tmp_path):
    parts = Part("bad", 1, failing), Part("some", 1, product_of("ab", 1))
    assert run(monkeypatch, tmp_path, *parts)[0] == 1


def test_a_seed_does_the_same_again(monkeypatch, tmp_path):
    runs = [run(monkeypatch, tmp_path, Part("bad", 1, failing), seed=seed)[1] for seed in ("a", "a", "b")]
    first, second, other = (each["parts"][0]["failures"] for each in runs)
    assert first == second != other


def test_every_part_has_a_name_of_its_own_and_a_share():
    parts = all_parts()
    assert len({part.name for part in parts}) == len(parts)
    assert all(part.share > 0 for part in parts)
    assert {part.beside for part in parts} - {""} <= {part.name for part in parts}


def test_markets_at_once_have_no_port_in_common():
    ports = [port for places in places_apart(3, 3) for place in places for port in (place.api[1], *place.mpc_ports)]
    assert len(set(ports)) == len(ports)


def test_what_one_market_raises_is_raised_when_all_have_ended():
    ended = []

    def slow():
        time.sleep(0.2)
        ended.append("slow")

    def fails():
        raise RuntimeError("at once")

    with pytest.raises(RuntimeError, match="at once"):
        side_by_side([fails, slow])
    assert ended == ["slow"]
