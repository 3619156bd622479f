"""HTTP servers inside the service's own event loop: uvicorn, with what it lacks added.

- It leaves signals alone: the service stops its servers itself.
- Whoever connects must send the head of a request within `HEAD_SECONDS`, and has no second one while the first is
answered. Heads, and messages as a whole, have a largest size; what is behind a body (trailers) is not kept.
- What is no HTTP is refused with a problem document too, and leaves no line in the log: anybody can send it.
- The certificate that a caller has shown reaches the application, as its fingerprint (`caller`).
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Generator, MutableMapping
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from parties.service.problems import MEDIA_TYPE, Problem
from parties.tls import fingerprint

HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 60
STOP_SECONDS = 5
HEAD_BYTES_MAX = 2**16
MESSAGE_BYTES_MAX = 2**22
"""Of a request with everything around its body: no submission of any market is as large."""
_CALLER = "mpc_market.caller"


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with limits in time and size."""

    _head_timer: asyncio.TimerHandle | None = None
    _in_head = False
    _received = 0  # of the message that is coming in, with all of the piece that it began in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        shown = None if tls is None else tls.getpeercert(binary_form=True)
        self._caller = None if shown is None else fingerprint(shown)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._head_timer is None:
            self._wait_for_head()
        super().data_received(data)
        self._received += len(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._received > HEAD_BYTES_MAX:
            self._refuse(Problem.OVERSIZED_HEAD)
        elif self._received > MESSAGE_BYTES_MAX:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        self._refuse(Problem.NOT_HTTP)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._received = True, 0
        self.scope["state"][_CALLER] = self._caller

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _refuse(self, problem: Problem) -> None:
        """Answer below the application, and close the connection; not in the middle of another answer."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = json.dumps(problem.document()).encode("ascii")
            head = (
                f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Config(uvicorn.Config):
    """A configuration with a TLS context that is given and not made."""

    def __init__(self, app: FastAPI, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            cast(Any, app),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._tls = tls

    def load(self) -> None:
        super().load()
        self.ssl = self._tls


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, finish what is being answered, then close all connections."""
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=STOP_SECONDS)
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.sleep(0)  # the last answers are written
        # Not left to the other end: kept-alive connections would stay until it closes them too.
        for connection in list(self.server_state.connections):
            cast(_Protocol, connection).transport.abort()


@contextlib.asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    """Answer those who connect to `listener`, until the block ends: then what is being answered is finished."""
    server = _Server(_Config(app, tls))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the server has ended before it began")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


def caller(state: MutableMapping[str, Any]) -> str | None:
    """The fingerprint of the certificate that a caller has shown; `state`: of the request's scope."""
    shown: str | None = state.get(_CALLER)
    return shown
