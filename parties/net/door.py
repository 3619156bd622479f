"""Connections between parties, until both ends have proved who they are.

Lower numbers call higher ones, as in MPyC. Whoever connects to a party's port is nobody until its hello is
proved: garbage, silence, a wrong token, a number that is not awaited or already here are closed without an
answer and without a trace in the run. At most `HALF_OPEN_MAX` connections are kept waiting for their hello,
each for at most `HELLO_SECONDS`; when there are more, the oldest goes, since an honest caller says hello at
once. After the last awaited party has come in, the port is closed.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import cast

from parties.net.hello import HELLO_BYTES, Claim, Kind, read_claim

HALF_OPEN_MAX = 32
HELLO_SECONDS = 5.0
_RETRY_SECONDS = 0.05

Admit = Callable[[int, asyncio.Transport], None]
"""Takes over a proved connection to a peer: must set the transport's protocol before it returns."""


class _HalfOpen(asyncio.BufferedProtocol):
    """Reads exactly one hello, never a byte more: what follows belongs to the next protocol."""

    def __init__(self) -> None:
        self._frame = bytearray(HELLO_BYTES)
        self._filled = 0
        self._timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(HELLO_SECONDS, self.transport.abort)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return memoryview(self._frame)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if self._filled == HELLO_BYTES:
            self.done()
            self.heard(bytes(self._frame))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.done()

    def done(self) -> None:
        """Nothing more is awaited here."""
        if self._timer is not None:
            self._timer.cancel()

    def heard(self, frame: bytes) -> None:
        """Judge the hello."""
        raise NotImplementedError


class _Visitor(_HalfOpen):
    """A connection that somebody made to our port."""

    def __init__(self, door: "Door") -> None:
        super().__init__()
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._door.enter(self)

    def done(self) -> None:
        super().done()
        self._door.leave(self)

    def heard(self, frame: bytes) -> None:
        self._door.judge(frame, self.transport)


class _Caller(_HalfOpen):
    """A connection that we make to a peer's port."""

    def __init__(self, claim: Claim, token: bytes, admit: Admit, admitted: "asyncio.Future[bool]") -> None:
        super().__init__()
        self._claim = claim
        self._token = token
        self._admit = admit
        self._admitted = admitted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(self._claim.hello(self._token))

    def heard(self, frame: bytes) -> None:
        if not self._claim.answer().is_proved_by(frame, self._token):
            self.transport.abort()
            return
        self._admit(self._claim.receiver, self.transport)
        if not self._admitted.done():
            self._admitted.set_result(True)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self._admitted.done():
            self._admitted.set_result(False)


class Door:
    """The listening side for one kind of connection: lets in every awaited peer once.

    `tokens`: the token shared with each awaited peer.
    """

    def __init__(self, kind: Kind, party: int, tokens: Mapping[int, bytes], admit: Admit) -> None:
        self._kind = kind
        self._party = party
        self._awaited = dict(tokens)
        self._admit = admit
        self._half_open: dict[_Visitor, None] = {}
        self._server: asyncio.Server | None = None

    async def open(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Answer those who connect to `listener`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Visitor(self), sock=listener, ssl=tls)
        if not self._awaited:
            self.close()

    def close(self) -> None:
        """Close the port and whoever is still at the door."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for visitor in list(self._half_open):
            visitor.transport.abort()

    def enter(self, visitor: _Visitor) -> None:
        """Take note of a connection that has not said hello yet."""
        self._half_open[visitor] = None
        if len(self._half_open) > HALF_OPEN_MAX:
            oldest = next(iter(self._half_open))
            oldest.transport.abort()
            self.leave(oldest)

    def leave(self, visitor: _Visitor) -> None:
        """Forget a connection: it has said hello, or it is gone."""
        self._half_open.pop(visitor, None)

    def judge(self, frame: bytes, transport: asyncio.Transport) -> None:
        """Let a proved, awaited peer in; close anything else."""
        claim = read_claim(frame)
        token = None if claim is None else self._awaited.get(claim.sender)
        if claim is None or token is None:
            transport.abort()
            return
        expected = Claim(self._kind, claim.sender, self._party)
        if not expected.is_proved_by(frame, token):
            transport.abort()
            return
        del self._awaited[claim.sender]
        transport.write(expected.answer().hello(token))
        self._admit(claim.sender, transport)
        if not self._awaited:
            self.close()


async def call(claim: Claim, token: bytes, where: tuple[str, int], admit: Admit, tls: ssl.SSLContext | None) -> None:
    """Connect to a peer at (host, port), as often as it takes; the caller sets the time limit."""
    loop = asyncio.get_running_loop()
    while True:
        admitted: asyncio.Future[bool] = loop.create_future()
        try:
            await loop.create_connection(
                lambda admitted=admitted: _Caller(claim, token, admit, admitted),
                *where,
                ssl=tls,
            )
            if await admitted:
                return
        except OSError:
            pass  # not there yet, or gone: the time limit decides
        await asyncio.sleep(_RETRY_SECONDS)
