"""What may be done to a roll, and what is refused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.wire.identifiers import id_key
from mpc_market.wire.roll import Roll, RollEntry
from parties.files.problems import Problems
from parties.registrar import changes
from parties.registrar.changes import Candidate, first_roll
from tests.registrar.registrar_home import entry, key, supplier


def roll() -> Roll:
    """Two suppliers, two meters of the first."""
    begun = first_roll("oak-street", [supplier("green", 1), supplier("blue", 2)])
    return enrolled(begun, entry("m1", 1), entry("m2", 2))


def enrolled(before: Roll, *entries: RollEntry) -> Roll:
    problems = Problems()
    after = changes.enrol(before, [Candidate("meters.csv", each) for each in entries], problems)
    assert problems.shown == []
    assert after is not None
    return after


def refused(change: Callable[[Roll, Problems], Roll | None], before: Roll | None = None) -> list[str]:
    problems = Problems()
    assert change(roll() if before is None else before, problems) is None
    assert problems.shown
    return problems.shown


def test_every_change_raises_the_version_by_one() -> None:
    problems, before = Problems(), roll()
    assert before.version == 2
    steps: list[Callable[[Roll], Roll | None]] = [
        lambda roll: changes.enrol(roll, [Candidate("x", entry("m3", 3, "blue"))], problems),
        lambda roll: changes.change(roll, "m1", problems, supplier="blue", region="south", maximum=7),
        lambda roll: changes.remove(roll, ["m3"], problems),
        lambda roll: changes.add_suppliers(roll, [("x", supplier("red", 3))], problems),
        lambda roll: changes.remove_supplier(roll, "red", problems),
    ]
    for step in steps:
        after = step(before)
        assert problems.shown == []
        assert after is not None
        assert (after.version, after.market) == (before.version + 1, "oak-street")
        assert after.digest != before.digest
        before = after
    assert before.by_meter() == {"m1": entry("m1", 1, "blue", "south", 7), "m2": entry("m2", 2)}
    assert set(before.by_supplier()) == {"green", "blue"}


def test_only_what_is_said_changes() -> None:
    for new in ({"supplier": "blue"}, {"region": "south"}, {"maximum": 0}):
        after = changes.change(roll(), "m1", Problems(), **new)  # type: ignore[arg-type]
        assert after is not None
        (what,) = new
        assert getattr(after.by_meter()["m1"], what) == new[what]
        for other in {"meter", "identity_key", "sealing_key", "supplier", "region", "maximum"} - {what}:
            assert getattr(after.by_meter()["m1"], other) == getattr(entry("m1", 1), other)


WRONG_ENTRIES: dict[str, tuple[RollEntry, str]] = {
    "the id is enrolled": (entry("m1", 3), "meter 'm1' is enrolled already"),
    "an unknown supplier": (entry("m3", 3, "red"), "no supplier 'red' is on the roll (there are: blue, green)"),
    "the identity key of another": (
        RollEntry("m3", key(1), key(9), "green", "north", 1),
        "meter 'm3': its identity key is that of meter 'm1'",
    ),
    "the sealing key of another": (
        RollEntry("m3", key(9), key(1001), "green", "north", 1),
        "meter 'm3': its sealing key is that of meter 'm1'",
    ),
    "the identity key as sealing key": (
        RollEntry("m3", key(9), key(1), "green", "north", 1),
        "its sealing key is that of meter 'm1'",
    ),
    "one key for both": (
        RollEntry("m3", key(9), key(9), "green", "north", 1),
        "identity key and sealing key are the same",
    ),
}


@pytest.mark.parametrize("name", WRONG_ENTRIES)
def test_meters_that_are_not_enrolled(name: str) -> None:
    wrong, message = WRONG_ENTRIES[name]
    candidates = [Candidate("meters.csv:2", entry("m7", 7)), Candidate("meters.csv:3", wrong)]
    (problem,) = refused(lambda roll, problems: changes.enrol(roll, candidates, problems))
    assert problem.startswith("meters.csv:3: ")
    assert message in problem


def test_one_meter_twice_in_one_file() -> None:
    candidates = [Candidate("meters.csv:2", entry("m7", 7)), Candidate("meters.csv:3", entry("m7", 8))]
    (problem,) = refused(lambda roll, problems: changes.enrol(roll, candidates, problems))
    assert problem.startswith("meters.csv:3: meter 'm7' is enrolled already")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda roll, p: changes.enrol(roll, [], p), "no meter was named"),
        (lambda roll, p: changes.change(roll, "m9", p, region="x"), "no meter 'm9' is enrolled"),
        (lambda roll, p: changes.change(roll, "m1", p, supplier="red"), "no supplier 'red' is on the roll"),
        (lambda roll, p: changes.change(roll, "m1", p, region="a/b"), "the id of a region holds a character"),
        (lambda roll, p: changes.change(roll, "m1", p, maximum=2**24), "the largest quantity of a meter"),
        (lambda roll, p: changes.change(roll, "m1", p), "meter 'm1' is enrolled so already"),
        (lambda roll, p: changes.change(roll, "m1", p, maximum=5000), "meter 'm1' is enrolled so already"),
        (lambda roll, p: changes.remove(roll, ["m1", "m9"], p), "no meter 'm9' is enrolled"),
        (lambda roll, p: changes.remove(roll, ["m1", "m1"], p), "no meter 'm1' is enrolled"),
        (lambda roll, p: changes.add_suppliers(roll, [("f", supplier("blue", 9))], p), "'blue' is on the roll already"),
        (
            lambda roll, p: changes.add_suppliers(roll, [("f", supplier("red", 1))], p),
            "supplier 'red': one of its keys is that of supplier 'green'",
        ),
        (
            lambda roll, p: changes.add_suppliers(roll, [("f", supplier("red", 8)), ("g", supplier("red", 9))], p),
            "g: supplier 'red' is on the roll already",
        ),
        (lambda roll, p: changes.remove_supplier(roll, "green", p), "supplier 'green' still has 2 meters"),
        (lambda roll, p: changes.remove_supplier(roll, "red", p), "no supplier 'red' is on the roll"),
    ],
)
def test_changes_that_are_refused(change: Callable[[Roll, Problems], Roll | None], message: str) -> None:
    (problem,) = refused(change)
    assert message in problem


def test_every_reason_is_told() -> None:
    candidates = [Candidate("a", entry("m1", 1, "red")), Candidate("b", entry("m2", 9))]
    assert len(refused(lambda roll, problems: changes.enrol(roll, candidates, problems))) == 3


ids = st.text("abcéß€ .-_0", min_size=1, max_size=8).filter(lambda text: text not in (".", ".."))


@given(st.lists(ids, unique=True, max_size=8), st.data())
def test_a_roll_is_sorted_by_bytes_whatever_the_sequence(meters: list[str], data: st.DataObject) -> None:
    begun = first_roll("oak-street", [supplier("green", 1)])
    entries = [entry(meter, i) for i, meter in enumerate(meters, 1)]
    if not entries:
        return
    one = enrolled(begun, *entries)
    other = enrolled(begun, *data.draw(st.permutations(entries)))
    assert one == other
    assert [each.meter for each in one.entries] == sorted(meters, key=id_key)
    assert Roll.decode(one.encode()) == one
