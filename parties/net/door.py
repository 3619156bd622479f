"""Connections between parties, until both ends have proved who they are.

Lower numbers call higher ones, as in MPyC. Whoever connects to a party's port is nobody until its hello is
proved: garbage, silence, no TLS or another certificate than the pinned one of the number it claims, a wrong token, a
number that is not awaited or already here are closed without an answer and without a trace in the run. At most
`HALF_OPEN_MAX` connections are kept waiting for their handshake and hello, each for at most `HELLO_SECONDS`; when there
are more, the oldest goes, since an honest caller says hello at once. After the last awaited party has come in, the port
is closed.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import cast

from parties.net.hello import HELLO_BYTES, Claim, Kind, read_claim
from parties.tls import MutualTls

HALF_OPEN_MAX = 32
HELLO_SECONDS = 5.0
_RETRY_SECONDS = 0.05

Admit = Callable[[int, asyncio.Transport], None]
"""Takes over a proved connection to a peer: must set the transport's protocol before it returns."""

Refused = Callable[[int, str], None]
"""Is told why a peer could not be reached so far."""


class _HalfOpen(asyncio.BufferedProtocol):
    """Reads exactly one hello, never a byte more: what follows belongs to the next protocol.

    `judge`: whether a hello is proved; if so, it has taken the connection over when it returns. `over`: is set when
    the other end has been `proved`, or will not be.
    """

    def __init__(self, judge: Callable[[bytes, asyncio.Transport], bool]) -> None:
        self._judge = judge
        self._frame = bytearray(HELLO_BYTES)
        self._filled = 0
        self._transport: asyncio.Transport | None = None
        self.proved = False
        self.over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return memoryview(self._frame)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if self._filled == HELLO_BYTES and self._transport is not None and not self.over.is_set():
            self.proved = self._judge(bytes(self._frame), self._transport)
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.end()

    def end(self) -> None:
        """Close the connection, unless the other end is proved."""
        self.over.set()
        if not self.proved and self._transport is not None:
            self._transport.abort()


class _Caller(_HalfOpen):
    """A connection that we make to a peer's port. `refusal`: why it came to nothing."""

    def __init__(self, claim: Claim, token: bytes, admit: Admit, tls: MutualTls | None) -> None:
        super().__init__(self._is_peer)
        self._claim = claim
        self._token = token
        self._admit = admit
        self._tls = tls
        self.refusal = "whoever answers there hangs up"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._tls is not None and not self._tls.is_peer(self._claim.receiver, transport):
            self.refusal = "whoever answers there shows the certificate of another party"
            self.end()
            return
        cast(asyncio.Transport, transport).write(self._claim.hello(self._token))

    def _is_peer(self, frame: bytes, transport: asyncio.Transport) -> bool:
        if not self._claim.answer().is_proved_by(frame, self._token):
            self.refusal = "whoever answers there does not know the token"
            return False
        self._admit(self._claim.receiver, transport)
        return True


class Door:
    """The listening side for one kind of connection: lets in every awaited peer once.

    `tokens`: the token shared with each awaited peer. `tls`: the certificates that they must show, None for plain TCP.
    """

    def __init__(
        self, kind: Kind, party: int, tokens: Mapping[int, bytes], admit: Admit, tls: MutualTls | None = None
    ) -> None:
        self._kind = kind
        self._party = party
        self._awaited = dict(tokens)
        self._admit = admit
        self._tls = tls
        self._half_open: dict[_HalfOpen, asyncio.Task[None]] = {}
        self._listener: socket.socket | None = None

    def open(self, listener: socket.socket) -> None:
        """Answer those who connect to `listener`, in the running event loop."""
        listener.setblocking(False)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._answer, listener)
        if not self._awaited:
            self.close()

    def close(self) -> None:
        """Close the port and whoever is still at the door."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
        while self._half_open:
            self._dismiss_oldest()

    def _answer(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return  # gone again, or there are no descriptors left: until some visitor's time is over
        visitor = _HalfOpen(self.judge)
        self._half_open[visitor] = asyncio.create_task(self._meet(visitor, sock))
        if len(self._half_open) > HALF_OPEN_MAX:
            self._dismiss_oldest()

    def _dismiss_oldest(self) -> None:
        visitor = next(iter(self._half_open))
        meeting = self._half_open.pop(visitor)
        # A task that is cancelled may take its connection with it: that of a proved peer is about to end by itself.
        if not visitor.proved:
            visitor.end()
            # Not before it has begun: it closes the connection.
            asyncio.get_running_loop().call_soon(meeting.cancel)

    async def _meet(self, visitor: _HalfOpen, sock: socket.socket) -> None:
        """Keep a connection until it has proved who it is, or is gone, or has had its time."""
        tls = self._tls.server if self._tls else None
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                await asyncio.get_running_loop().connect_accepted_socket(lambda: visitor, sock, ssl=tls)
                await visitor.over.wait()
        except OSError:
            pass  # its time is over, or it speaks no TLS, or shows a certificate that nobody has
        finally:
            visitor.end()
            self._half_open.pop(visitor, None)

    def judge(self, frame: bytes, transport: asyncio.Transport) -> bool:
        """Let a proved, awaited peer in; False for anything else."""
        claim = read_claim(frame)
        token = None if claim is None else self._awaited.get(claim.sender)
        if claim is None or token is None:
            return False
        expected = Claim(self._kind, claim.sender, self._party)
        if not expected.is_proved_by(frame, token):
            return False
        # Who has a token and a certificate of ours has still to have the certificate of that very number.
        if self._tls is not None and not self._tls.is_peer(claim.sender, transport):
            return False
        del self._awaited[claim.sender]
        transport.write(expected.answer().hello(token))
        self._admit(claim.sender, transport)
        if not self._awaited:
            asyncio.get_running_loop().call_soon(self.close)  # when this visitor counts as proved
        return True


async def call(
    claim: Claim, token: bytes, where: tuple[str, int], admit: Admit, tls: MutualTls | None, refused: Refused
) -> None:
    """Connect to a peer at (host, port), as often as it takes; the caller sets the time limit."""
    while True:
        refusal = await _try(_Caller(claim, token, admit, tls), where, tls)
        if refusal is None:
            return
        refused(claim.receiver, refusal)
        await asyncio.sleep(_RETRY_SECONDS)


async def _try(caller: _Caller, where: tuple[str, int], tls: MutualTls | None) -> str | None:
    """Connect once; why it failed, or None."""
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            client = tls.client if tls else None
            await asyncio.get_running_loop().create_connection(lambda: caller, *where, ssl=client)
            await caller.over.wait()
            return None if caller.proved else caller.refusal
    except OSError as error:
        return _reason(error)
    finally:
        caller.end()


def _reason(error: OSError) -> str:
    """Why a connection could not be made, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "whoever answers there shows a certificate that no party has"
    if isinstance(error, ssl.SSLError):
        return f"whoever answers there does not speak TLS as we do ({error.reason})"
    if isinstance(error, TimeoutError):
        return "nobody answers there"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
