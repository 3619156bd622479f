"""What every test of local parties checks at its end: no process of its own is left behind."""

from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Compares with the processes there were before: an earlier test's process pool may leave its resource tracker."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    assert not left
