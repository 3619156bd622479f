"""What all tests of the service have in common: a named exception to warnings as errors."""

import pytest

# httpcore leaves the socket of a TLS handshake that is cancelled to the garbage collector, when a service is stopped
# while it connects with a peer. Python's warning about it then comes at any later moment.
LEFT_BY_HTTPCORE = pytest.mark.filterwarnings("ignore:unclosed (transport|<socket):ResourceWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "service" in item.path.name:
            item.add_marker(LEFT_BY_HTTPCORE)
