"""Grid operators on the roll: added with all checks, removed in the right sequence, and kept by every other change."""

import pytest

from mpc_market.wire.roll import Roll, RollArea, RollRegion
from parties.files.problems import Problems
from parties.registrar import changes
from tests.registrar.registrar_home import entry, key, supplier

GRID = RollArea("grid", key(1), key(2))
NORTH = RollRegion("north", key(3), key(4), "grid")
SOUTH = RollRegion("south", key(5), key(6), "grid")
EMPTY = Roll("oak-street", 7, (), (supplier("green", 1),))


def added(roll: Roll, *rows: RollRegion | RollArea) -> Roll:
    problems = Problems()
    after = changes.add_operators(roll, [("x.toml", row) for row in rows], problems)
    problems.check()
    assert after is not None
    return after


def test_they_are_added_in_any_sequence_and_sorted() -> None:
    roll = added(EMPTY, SOUTH, NORTH, GRID)
    assert (roll.version, roll.regions, roll.areas) == (8, (NORTH, SOUTH), (GRID,))
    assert roll.suppliers == EMPTY.suppliers


def test_other_changes_keep_them() -> None:
    roll, problems = added(EMPTY, GRID, NORTH), Problems()
    after = changes.enrol(roll, [changes.Candidate("x", entry("m1", 1))], problems)
    assert after is not None
    assert (after.regions, after.areas, len(after.entries)) == ((NORTH,), (GRID,), 1)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((NORTH,), "the DSO of region 'north' is on the roll already"),
        ((GRID,), "the TSO of area 'grid' is on the roll already"),
        ((SOUTH, SOUTH), "the DSO of region 'south' is on the roll already"),
        ((RollRegion("west", key(7), key(8), "none"),), "no TSO of area 'none' is on the roll (areas that are: grid)"),
        ((RollRegion("west", key(4), key(8), "grid"),), "one of its keys is that of the DSO of region 'north'"),
        ((RollArea("sea", key(9), key(1)),), "one of its keys is that of the TSO of area 'grid'"),
    ],
)
def test_what_is_refused(rows: tuple[RollRegion | RollArea, ...], reason: str) -> None:
    roll, problems = added(EMPTY, GRID, NORTH), Problems()
    assert changes.add_operators(roll, [("x.toml", row) for row in rows], problems) is None
    assert any(reason in each and each.startswith("x.toml: ") for each in problems.shown)


def test_removed_in_the_right_sequence() -> None:
    roll, problems = added(EMPTY, GRID, NORTH), Problems()
    assert changes.remove_area(roll, "grid", problems) is None
    assert "regions of area 'grid' are still on the roll: north" in problems.shown[-1]
    assert changes.remove_region(roll, "grid", problems) is None
    assert "no DSO of region 'grid' is on the roll" in problems.shown[-1]
    roll = changes.remove_region(roll, "north", problems) or roll
    assert (roll.version, roll.regions) == (9, ())
    roll = changes.remove_area(roll, "grid", problems) or roll
    assert (roll.version, roll.areas) == (10, ())
    assert changes.remove_area(roll, "grid", problems) is None
