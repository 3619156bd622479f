"""Plain HTTPS to the compute parties: one connection pool, every party recognised by its pinned certificate.

A party is not trusted here: answers are read up to a limit and within a time, and what they say is checked by whoever
asked.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import Self

from mpc_market.errors import InvalidSettingsError, MarketError
from parties.client.documents import problem_of
from parties.client.http import httpx
from parties.files.running import RunningMarket
from parties.tls import client_context

ANSWER_BYTES_MAX = 2**20
"""No answer that a meter asks for is longer."""

LONG_ANSWER_BYTES_MAX = 2**26
"""Nor one that a supplier, a grid operator or an arbiter asks for: its rows are customers, or a month's rounds."""

WAIT_SECONDS = 30
"""How long a party may be asked to wait for a change before it answers."""

CONNECTIONS = 6
"""At most this many connections to each party, also for a representative with thousands of meters."""

WAITING = 4
"""At most this many of them are held by requests that wait for a change: what is sent finds another one."""

SHORT_WAIT_SECONDS = 1
"""Who waits no longer is not counted among them: something is to be sent, as soon as the answer is there."""

_TIMEOUT = httpx.Timeout(10, read=WAIT_SECONDS + 10, pool=None)
_KEEP_SECONDS = 60.0
_WORDS = {
    "not-open-yet": ": its round has not begun yet",
    "not-finished": ": it has no outcome yet",
    "unknown-period": ": the party knows no such round, or has deleted it",
    "unknown-meter": ": the meter is not enrolled: ask the registrar",
    "overloaded": ": try again later",
}
"""What the problems mean that people meet, for those who do not know the names."""

_TRY_AGAIN = frozenset({408, 425, 429})


class UnreachableError(MarketError):
    """A party did not answer, or what came was no answer of such a service. Trying again may help."""


class RefusedError(MarketError):
    """A party refused, with a problem document (RFC 9457). `problem`: the last part of its type.

    `passing`: whether the same request may succeed later; `retry_after`: not before this many seconds.
    """

    def __init__(self, party: int, problem: str, status: int, retry_after: float | None) -> None:
        super().__init__(f"party {party}: refused: {problem} (status {status}){_WORDS.get(problem, '')}")
        self.problem = problem
        self.passing = status in _TRY_AGAIN or status >= 500
        self.retry_after = retry_after


def pinned(running: RunningMarket, now: int) -> dict[str, httpx.AsyncBaseTransport]:
    """Connections to the parties of a market by URL, party by party: each trusts that party's certificates alone.

    `now`: seconds since 1970. Raises: InvalidSettingsError if a party has no certificate in use; TlsError.
    """
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=_KEEP_SECONDS
    )
    transports: dict[str, httpx.AsyncBaseTransport] = {}
    for party in running.parties:
        certificates = party.certificates(now)
        if not certificates or party.api in transports:
            raise InvalidSettingsError(f"party {party.name}: no certificate in use now, or an address of another party")
        transports[party.api] = httpx.AsyncHTTPTransport(verify=client_context(certificates), limits=limits)
    return transports


class Api:
    """The compute parties of one market, numbered as in the market file. To be used as an async context manager."""

    def __init__(self, market: str, transports: Mapping[str, httpx.AsyncBaseTransport]) -> None:
        """`transports`: by URL, party by party."""
        self.market = market
        self._earlier: list[httpx.AsyncClient] = []
        # who waits for a connection waits here: in the pool, each waiting request is looked at again and again
        self._turns = [asyncio.Semaphore(CONNECTIONS) for _ in transports]
        self._waiting = [asyncio.Semaphore(WAITING) for _ in transports]
        self._use(transports)

    @property
    def parties(self) -> int:
        """m."""
        return len(self._urls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (*self._earlier, self._client):
            await client.aclose()

    def replace(self, transports: Mapping[str, httpx.AsyncBaseTransport]) -> None:
        """The parties have other addresses or certificates from now on; what is under way comes to its end."""
        self._earlier.append(self._client)
        self._use(transports)

    def _use(self, transports: Mapping[str, httpx.AsyncBaseTransport]) -> None:
        self._hosts = list(transports)
        self._urls = [f"{url.rstrip('/')}/v1/markets/{self.market}" for url in transports]
        # what is not mounted goes nowhere: no proxy of the environment, no other host
        self._client = httpx.AsyncClient(
            transport=_Nowhere(), mounts=dict(transports), timeout=_TIMEOUT, trust_env=False, follow_redirects=False
        )

    async def get(
        self,
        party: int,
        path: str,
        *,
        claim: bytes | None = None,
        wait: int = 0,
        query: Mapping[str, str] | None = None,
        longest: int = ANSWER_BYTES_MAX,
    ) -> bytes:
        """What a party answers. `path`: below the market; `claim`: shows whose it is; `wait`: for a change, seconds;
        `longest`: of more bytes nothing is read.

        Raises: UnreachableError; RefusedError.
        """
        headers = {} if claim is None else {"Authorization": f"Claim {claim.hex()}"}
        parameters = {**(query or {}), **({"wait": str(wait)} if wait else {})}
        async with self._waiting[party] if wait > SHORT_WAIT_SECONDS else nullcontext():
            return await self._ask(party, "GET", path, headers=headers, params=parameters or None, longest=longest)

    async def post(self, party: int, path: str, body: bytes) -> bytes:
        """Send bytes to a party. Raises: UnreachableError; RefusedError."""
        headers = {"Content-Type": "application/octet-stream"}
        return await self._ask(party, "POST", path, headers=headers, content=body)

    async def _ask(
        self,
        party: int,
        method: str,
        path: str,
        *,
        headers: dict[str, str],
        params: dict[str, str] | None = None,
        content: bytes | None = None,
        longest: int = ANSWER_BYTES_MAX,
    ) -> bytes:
        url = f"{self._urls[party]}/{path}"
        try:
            async with (
                self._turns[party],
                self._client.stream(method, url, headers=headers, params=params, content=content) as answer,
            ):
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > longest:
                        raise UnreachableError(f"party {party}: an answer of more than {longest} bytes")
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            # its text may hold an address, and nothing that was sent
            reason = str(error) or type(error).__name__
            raise UnreachableError(f"party {party}: {self._hosts[party]}: {reason}") from None
        if answer.status_code in (200, 201):
            return bytes(body)
        raise _refusal(party, answer, bytes(body))


def _refusal(party: int, answer: httpx.Response, body: bytes) -> UnreachableError | RefusedError:
    """The problem document of a refusal; anything else is no answer of this service (a proxy's error page…)."""
    problem = problem_of(answer.headers.get("Content-Type", ""), body)
    if problem is None:
        return UnreachableError(f"party {party}: status {answer.status_code} without a problem document")
    after = answer.headers.get("Retry-After", "")
    retry_after = float(after) if after.isascii() and after.isdigit() and len(after) < 7 else None
    return RefusedError(party, problem, answer.status_code, retry_after)


class _Nowhere(httpx.AsyncBaseTransport):
    """For addresses that are none of a party's."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("not the address of a compute party", request=request)
