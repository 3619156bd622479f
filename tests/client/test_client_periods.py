"""Periods as text (parties.client.periods)."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import InvalidOrderError
from parties.client.periods import period_start
from parties.files.values import moment_text


@given(st.integers(0, 10**6), st.sampled_from([1, 10, 60, 900, 3600]))
def test_periods_as_text_and_back(number, length):
    assert period_start(moment_text(number * length), length) == number * length


@given(st.text(max_size=30))
def test_any_text_is_a_period_or_refused(text):
    with contextlib.suppress(InvalidOrderError):
        assert period_start(text, 900) % 900 == 0
