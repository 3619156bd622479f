"""Fixtures of the meter's tests."""

from pathlib import Path

import pytest

from tests.meter.small_market import SmallMarket


@pytest.fixture
def small(tmp_path: Path) -> SmallMarket:
    """A market of three parties, before the gate of START."""
    return SmallMarket(tmp_path)
