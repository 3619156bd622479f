"""Energies per period from readings: nothing lost, nothing guessed (parties.meter.registers)."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parties.meter.registers import TOLERANCE, Boundaries, Boundary, Energy, Registers, energies
from tests.meter.telegrams import BRUSSELS

QUARTER = 900
START = 1_795_262_400


def reading(at: int, imported: int = 0, exported: int = 0, device: str = "d") -> Registers:
    return Registers(at, device, imported, exported)


def found(readings, length=QUARTER):
    finder = Boundaries(length)
    return [boundary for one in readings for boundary in finder.add(one)]


def test_readings_at_the_boundaries_themselves():
    readings = [reading(START + QUARTER * i, 100 * i * i, 7 * i) for i in range(4)]
    assert energies(found(readings), QUARTER) == {
        START: Energy(100, 7),
        START + QUARTER: Energy(300, 7),
        START + 2 * QUARTER: Energy(500, 7),
    }


def test_between_two_readings_the_energy_is_spread_evenly():
    readings = [reading(START - 30, 0), reading(START + 30, 60), reading(START + QUARTER - 10, 500),
                reading(START + QUARTER + 10, 540)]  # fmt: skip
    assert energies(found(readings), QUARTER) == {START: Energy(490, 0)}


@given(st.lists(st.tuples(st.integers(1, TOLERANCE), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=300))
def test_no_watt_hour_is_lost_or_counted_twice(steps):
    """Energies of neighbouring periods add up to the difference of the registers at the outer ends."""
    readings, at, imported, exported = [reading(START)], START, 0, 0
    for seconds, more_imported, more_exported in steps:
        at, imported, exported = at + seconds, imported + more_imported, exported + more_exported
        readings.append(reading(at, imported, exported))
    boundaries = found(readings, 100)
    assert [boundary.at for boundary in boundaries] == list(range(START, at + 1, 100))
    known = energies(boundaries, 100)
    assert len(known) == max(len(boundaries) - 1, 0)
    if known:
        first, last = boundaries[0].registers, boundaries[-1].registers
        assert sum(e.imported for e in known.values()) == last.imported - first.imported
        assert sum(e.exported for e in known.values()) == last.exported - first.exported
        assert all(min(e.imported, e.exported) >= 0 for e in known.values())


def test_over_a_gap_nothing_is_guessed():
    """Readings every 10 s, and none from five past to twenty past: the two quarters of the gap are unknown."""
    gap = range(START + QUARTER + 300, START + 2 * QUARTER + 300)
    readings = [reading(at, at - START) for at in range(START, START + 4 * QUARTER + 1, 10) if at not in gap]
    assert sorted(energies(found(readings), QUARTER)) == [START, START + 3 * QUARTER]


def test_a_new_device_begins_anew():
    readings = [reading(at, at - START) for at in range(START, START + QUARTER + 300, 10)]
    readings += [reading(at, 90_000 + at - START, device="e")
                 for at in range(START + QUARTER + 300, START + 4 * QUARTER + 1, 10)]  # fmt: skip
    assert sorted(energies(found(readings), QUARTER)) == [START, START + 2 * QUARTER, START + 3 * QUARTER]


@given(st.integers(1, 2 * QUARTER - 1), st.integers(0, 5), st.integers(0, 10**6))
def test_a_restart_of_the_registers_is_never_taken_for_energy(second, imported, before):
    """They fall to 0 within one of two quarters; where they had reached little, they soon are higher again."""
    restart = START + second
    readings = [reading(at, before + imported * (at - START)) for at in range(START, restart)]
    readings += [reading(at, imported * (at - restart)) for at in range(restart, START + 2 * QUARTER + 1)]
    fell = readings[second].imported < readings[second - 1].imported
    known = energies(found(readings), QUARTER)
    for start in (START, START + QUARTER):
        hit = start < restart <= start + QUARTER
        if hit and fell:
            assert start not in known
        elif not hit:
            assert known[start] == Energy(imported * QUARTER, 0)


def test_a_break_exactly_at_the_boundary_belongs_to_the_period_before():
    readings = [reading(at, 5_000) for at in range(START, START + QUARTER, 10)]
    readings += [reading(at, 0) for at in range(START + QUARTER, START + 2 * QUARTER + 1, 10)]
    assert energies(found(readings), QUARTER) == {START + QUARTER: Energy(0, 0)}


def test_a_clock_that_is_set_back_is_waited_for():
    readings = [reading(START, 0), reading(START + 50, 5), reading(START + 20, 6), reading(START + 50, 7),
                reading(START + 100, 10)]  # fmt: skip
    assert energies(found(readings, 100), 100) == {START: Energy(10, 0)}


@pytest.mark.parametrize("times", [1, 4])
def test_after_a_clock_that_was_ahead_it_begins_anew(times):
    """One telegram, or some, of a meter whose clock was a year ahead: of the good ones after them none is lost."""
    told = []
    finder = Boundaries(QUARTER, lambda *moments: told.append(moments))
    good = [reading(at, at - START) for at in range(START, START + 2 * QUARTER + 1, 10)]
    ahead = [reading(START + 365 * 86_400 + 10 * i, 300) for i in range(1, times + 1)]
    boundaries = [found for each in [*good[:31], *ahead, *good[31:]] for found in finder.add(each)]
    assert energies(boundaries, QUARTER) == {START: Energy(900, 0), START + QUARTER: Energy(900, 0)}
    assert told == [(ahead[-1].at, good[31].at)]
    assert finder.left_out == 0


def test_a_break_that_was_seen_while_the_clock_was_ahead_counts_when_it_was():
    """The meter starts again from 0 with a wrong clock, and has soon counted more than before."""
    readings = [reading(START, 5), reading(START + 10, 6), reading(START + 10**7, 0)]
    readings += [reading(at, at - START) for at in range(START + 20, START + 2 * QUARTER + 1, 10)]
    assert energies(found(readings), QUARTER) == {START + QUARTER: Energy(900, 0)}


def test_fewer_that_run_back_are_left_out():
    """Some that were sent again, or out of sequence; those in a row must follow one another."""
    finder = Boundaries(QUARTER)
    back = [100, 110, 120, 130, 140, 50, 60, 70, 80, 90]
    for at in [0, 500, *back, 510, 510]:
        assert finder.add(reading(START + at, at)) == ([Boundary(reading(START), unbroken=True)] if at == 0 else [])
    assert finder.left_out == len(back) + 1


def test_a_restarted_reader_needs_no_memory():
    """Two runs of the reader, the second one from the middle of a quarter on: the store joins their boundaries."""
    readings = [reading(at, at - START) for at in range(START, START + 2 * QUARTER + 1, 10)]
    boundaries = found(readings[:40]) + found(readings[50:])
    assert energies(boundaries, QUARTER) == {START: Energy(900, 0), START + QUARTER: Energy(900, 0)}


@pytest.mark.parametrize(("day", "quarters"), [((2026, 3, 29), 92), ((2026, 10, 25), 100), ((2026, 11, 21), 96)])
def test_days_of_92_and_100_quarters(day, quarters):
    """Local days around the changes of the clocks, in UTC keys: as many quarters as the day has, each once."""
    midnight = datetime(*day, tzinfo=BRUSSELS)
    begin, end = (int(moment.timestamp()) for moment in (midnight, midnight + timedelta(days=1)))
    readings = [reading(at, (at - begin) // 10) for at in range(begin, end + 1, 60)]
    known = energies(found(readings), QUARTER)
    assert list(known) == list(range(begin, end, QUARTER))
    assert len(known) == quarters
    assert all(energy == Energy(90, 0) for energy in known.values())
