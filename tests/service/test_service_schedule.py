"""When rounds open, close and expire."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import InvalidSettingsError
from parties.service.schedule import Schedule, day_of

QUARTER = Schedule(900, 300_000, 240_000)
NOON = 1_800_014_400
assert NOON % 900 == 0

schedules = st.builds(Schedule, st.integers(1, 86_400), st.integers(0, 10**7), st.integers(1, 10**7))
moments = st.integers(10**9, 2 * 10**12)


def test_a_quarter_hour():
    assert QUARTER.gate(NOON) == 1000 * (NOON - 300)
    assert QUARTER.opens(NOON) == 1000 * (NOON - 1200)
    assert QUARTER.deadline(NOON) == 1000 * (NOON - 60)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (-1201, [-900]),
        (-1200, [-900, 0]),  # the gate of the one before closes, and this one opens
        (-961, [-900, 0]),
        (-960, [0]),  # the one before has expired
        (-300, [0, 900]),
        (-61, [0, 900]),
        (-60, [900]),
    ],
)
def test_which_rounds_are_open(seconds, starts):
    now = 1000 * (NOON + seconds)
    expected = [NOON + start for start in starts]
    assert QUARTER.open_starts(now) == expected


@given(schedules, moments)
def test_the_next_round_opens_next(schedule, now):
    start = schedule.next_start(now)
    assert schedule.is_start(start)
    assert schedule.opens(start) > now >= schedule.opens(start - schedule.period_seconds)


@given(schedules, moments)
def test_open_are_exactly_those_that_have_opened_and_not_expired(schedule, now):
    starts = schedule.open_starts(now)
    assert starts == sorted(set(starts))
    assert all(schedule.is_start(start) and schedule.opens(start) <= now < schedule.deadline(start) for start in starts)
    if starts:
        before = starts[0] - schedule.period_seconds
        assert before < 0 or schedule.deadline(before) <= now
        assert schedule.opens(starts[-1] + schedule.period_seconds) > now


def test_a_round_opens_when_the_gate_before_closes():
    assert QUARTER.opens(NOON) == QUARTER.gate(NOON - 900)


@pytest.mark.parametrize("start", [NOON + 1, -900])
def test_periods_start_at_multiples_only(start):
    assert not QUARTER.is_start(start)
    assert QUARTER.is_start(NOON)


@pytest.mark.parametrize("settings", [(0, 0, 1), (900, -1, 1), (900, 0, 0)])
def test_impossible_durations(settings):
    with pytest.raises(InvalidSettingsError):
        Schedule(*settings)


def test_the_day_is_that_of_utc():
    midnight = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())
    assert [day_of(midnight - 1), day_of(midnight), day_of(midnight + 86_399)] == [
        "2026-11-20",
        "2026-11-21",
        "2026-11-21",
    ]
