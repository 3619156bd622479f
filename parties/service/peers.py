"""The other compute parties, as clients of their control APIs: pulling what they have published, forwarding seals.

Every connection is mutual TLS with pinned certificates: the context given for a peer accepts that peer's certificate
and no other (`parties.net`). What comes back is bytes, not longer than what is due; who said it and whether it is true
is for the caller to check by its signature.
"""

import ssl
from dataclasses import dataclass
from typing import Self

import httpx

from mpc_market.errors import PeerError
from parties.service.board import Kind

ANSWER_MAX = 2**28
"""The largest message that a peer may send: the list of what it holds, of two million meters."""

CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_ANSWERS = (httpx.codes.OK, httpx.codes.NO_CONTENT, httpx.codes.CONFLICT, httpx.codes.GONE)
_CONNECTIONS = 256
"""Kept open to one peer: every round of every market waits for its answer with a few."""


class UnreachableError(PeerError):
    """A peer cannot be reached, or answers what no party answers. Ask again later."""


class RoundVoidError(PeerError):
    """The peer says that the round is void; `signed`: its outcome, to be checked."""

    def __init__(self, party: int, signed: bytes) -> None:
        super().__init__(party, "says that the round is void")
        self.signed = signed


class StandsAsideError(PeerError):
    """The peer takes no part in the round any more: it has forgotten what it said there, or never opened it in time."""

    def __init__(self, party: int) -> None:
        super().__init__(party, "stands aside")


class PeerLink:
    """The connections to one other party, for all markets. `url`: of its control API, `https://host:port`."""

    def __init__(self, party: int, url: str, tls: ssl.SSLContext) -> None:
        self.party = party
        self._base = f"{url}/control/v1"
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=_CONNECTIONS)
        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=CONNECT_SECONDS)
        # nothing from the environment (proxies), and nothing compressed: what comes is measured as it comes
        self._client = httpx.AsyncClient(
            verify=tls, limits=limits, timeout=timeout, trust_env=False, headers={"accept-encoding": "identity"}
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def greet(self) -> bytes:
        """What time it is there, as JSON. Raises: UnreachableError."""
        _, body = await self.get("greeting", {}, 0.0)
        return body

    async def post(self, path: str, content: bytes) -> int:
        """Hand bytes over; the status of the answer. Raises: UnreachableError."""
        headers = {"content-type": "application/octet-stream"}
        try:
            answer = await self._client.post(f"{self._base}/{path}", content=content, headers=headers)
        except httpx.HTTPError as error:
            raise UnreachableError(self.party, type(error).__name__) from None
        return answer.status_code

    async def get(self, path: str, parameters: dict[str, str], wait: float) -> tuple[int, bytes]:
        """Status and body of an answer that may take `wait` seconds to come. Raises: UnreachableError."""
        timeout = httpx.Timeout(_ANSWER_SECONDS + wait, connect=CONNECT_SECONDS)
        try:
            async with self._client.stream("GET", f"{self._base}/{path}", params=parameters, timeout=timeout) as answer:
                body = bytearray()
                async for piece in answer.aiter_raw():
                    body += piece
                    if len(body) > ANSWER_MAX:
                        raise UnreachableError(self.party, f"answers with more than {ANSWER_MAX} bytes")
        except httpx.HTTPError as error:
            raise UnreachableError(self.party, type(error).__name__) from None
        if answer.status_code not in _ANSWERS:
            # 404: it has not begun the round yet
            raise UnreachableError(self.party, f"answers with status {answer.status_code}")
        return answer.status_code, bytes(body)


@dataclass(frozen=True, slots=True)
class Peer:
    """One other party, as one market sees it."""

    link: PeerLink
    market: str

    async def pull(self, start: int, kind: Kind, wait: float) -> bytes | None:
        """What the peer has published in a round, or None if it has not within `wait` seconds.

        Raises: UnreachableError; RoundVoidError; StandsAsideError.
        """
        return await self._of_round(start, kind, {"wait": f"{wait:.3f}"}, wait)

    async def gathered(self, start: int, kind: Kind, author: int) -> bytes | None:
        """What the peer has gathered of a party (this one or another) in a round; None if it has nothing of it.

        Raises: UnreachableError, also if the peer may have forgotten something of the round, or has none.
        """
        path = f"markets/{self.market}/rounds/{start}/{kind}/of/{author}"
        status, body = await self.link.get(path, {}, 0.0)
        return body if status == httpx.codes.OK else None

    async def progress(self, start: int, known: str, wait: float) -> bytes | None:
        """How far the peer is with attempts at a round, if that is not what is `known` already (`attempts.tag`).

        Raises: UnreachableError; RoundVoidError; StandsAsideError.
        """
        return await self._of_round(start, "attempt", {"wait": f"{wait:.3f}", "known": known}, wait)

    async def roll(self, version: int) -> bytes | None:
        """A version of the roll that this party does not have, signed by the registrar. Raises: UnreachableError."""
        status, body = await self.link.get(f"markets/{self.market}/rolls/{version}", {}, 0.0)
        return body if status == httpx.codes.OK else None

    async def forward(self, start: int, submission: bytes) -> int:
        """Hand over a submission with the peer's seal; the status of the answer. Raises: UnreachableError."""
        return await self.link.post(f"markets/{self.market}/rounds/{start}/orders", submission)

    async def _of_round(self, start: int, what: str, parameters: dict[str, str], wait: float) -> bytes | None:
        status, body = await self.link.get(f"markets/{self.market}/rounds/{start}/{what}", parameters, wait)
        if status == httpx.codes.GONE:
            raise RoundVoidError(self.link.party, body)
        if status == httpx.codes.CONFLICT:
            raise StandsAsideError(self.link.party)
        return body if status == httpx.codes.OK else None
