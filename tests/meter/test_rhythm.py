"""When rounds open and close (parties.meter.rhythm)."""

from hypothesis import given
from hypothesis import strategies as st

from parties.meter.rhythm import Rhythm


@given(st.integers(1, 10_000), st.integers(0, 10**8), st.integers(0, 2**45))
def test_at_every_moment_one_round_takes_orders(length, lead, now):
    rhythm = Rhythm(length, lead)
    start = rhythm.next_gate(now)
    assert start % length == 0
    assert rhythm.opens(start) <= now < rhythm.gate(start)
