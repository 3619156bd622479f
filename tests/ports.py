"""Ports for servers of tests."""

import contextlib
import random
import socket

_BELOW_CONNECTIONS = range(30_700, 32_768)
"""The system gives those from 32,768 on to outgoing connections: one that was free is taken by another test."""


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_BELOW_CONNECTIONS, len(_BELOW_CONNECTIONS)):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == number:
            return found
    raise OSError(f"fewer than {number} ports are free")
