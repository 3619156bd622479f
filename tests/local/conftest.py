"""What every test of local parties checks at its end: no process of its own is left behind."""

from collections.abc import Iterator

import pytest

from tests.leftovers import none_left


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    with none_left():
        yield
