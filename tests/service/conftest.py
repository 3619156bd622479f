"""What all tests of the service have in common: a named exception to warnings as errors."""

import gc
from collections.abc import Iterator

import pytest

from tests.postgres import postgres
from tests.service.searching import log

__all__ = ["log", "postgres"]

# httpcore leaves the socket of a TLS handshake that is cancelled to the garbage collector, when a service is stopped
# while it connects with a peer. Python warns about it when it is collected.
LEFT_BY_HTTPCORE = pytest.mark.filterwarnings("ignore:unclosed (transport|<socket):ResourceWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "service" in item.path.name:
            item.add_marker(LEFT_BY_HTTPCORE)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What a test leaves is collected at its own end, and not in the middle of another one.

    What was there before is left out of it: with all our dependencies loaded it would take seconds, test after test.
    """
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()
