"""Settings of all tests."""

import signal

import pytest
from hypothesis import settings

# A busy machine must not fail a test: nothing here is timed.
settings.register_profile("mpc-market", deadline=None)
settings.load_profile("mpc-market")

# A shell that runs the tests in the background hands down that Ctrl-C is ignored; what they start must hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)

_LONG = ("soak", "launch", "hostile", "benchmarks", "service")
"""Rooms whose files run for a minute and more, and mostly wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: where tests run two at a time, neither is left alone with them at the end."""
    rooms = [*_LONG, *sorted({item.path.parent.name for item in items} - set(_LONG))]
    items.sort(key=lambda item: rooms.index(item.path.parent.name))
