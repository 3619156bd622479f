"""The control API: what the compute parties tell each other, over mutual TLS, on a port of its own.

    GET  /control/v1/greeting                                     what time it is here
    GET  /control/v1/markets/{market}/rolls/{version}             a version of the roll
    GET  /control/v1/markets/{market}/rounds/{start}/{kind}       what this party has published (`board.Kind`)
    GET  /control/v1/markets/{market}/rounds/{start}/{kind}/of/{party}
                                                                  what it has gathered of a party; openings and outcomes
    GET  /control/v1/markets/{market}/rounds/{start}/attempt      how far it is with attempts (`attempts`)
    POST /control/v1/markets/{market}/rounds/{start}/orders       a submission with the seal for this party

`?wait=SECONDS` waits for what is not there yet. 200: here it is; 204: not yet; 410: never, since the round is void, and
the body is this party's signed outcome; 409: never, since this party stands aside, or has not opened the round in time;
404: no such round here (yet). Everything is pulled, so everything may be asked for again. Who asks is known by the
fingerprint of its certificate.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response

from mpc_market.wire.checks import NUMBER_MAX
from mpc_market.wire.identifiers import START_MAX
from mpc_market.wire.outcome import Outcome, Void
from parties.service.attempts import tag
from parties.service.board import Kind, heard
from parties.service.following import last_begun, stored_done
from parties.service.forwarding import Forwarding
from parties.service.http import BYTES, read_body, refuse
from parties.service.life import FINAL, State
from parties.service.opening import share_for
from parties.service.problems import Problem, RefusalError
from parties.service.round import unsigned
from parties.service.serving import caller
from parties.service.sites import Site, Sites

WAIT_SECONDS_MAX = 60.0
_PARTY_MAX = 255
"""The number of a party is one byte of a message."""

Start = Annotated[int, Path(ge=0, le=START_MAX)]
Wait = Annotated[float, Query(ge=0, le=WAIT_SECONDS_MAX)]


class ControlApi:
    """The handlers; `app` puts them behind their addresses."""

    def __init__(self, sites: Sites, forwarding: Forwarding) -> None:
        self._sites = sites
        self._forwarding = forwarding

    def app(self) -> FastAPI:
        """The application."""
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        refuse(app, self._sites.metrics)
        add = partial(app.add_api_route, response_class=Response)
        market = "/control/v1/markets/{market}"
        add("/control/v1/greeting", self.greeting)
        add(f"{market}/rolls/{{version}}", self.roll)
        add(f"{market}/rounds/{{start}}/attempt", self.attempt)
        add(f"{market}/rounds/{{start}}/orders", self.orders, methods=["POST"])
        add(f"{market}/rounds/{{start}}/{{kind}}", self.published)
        add(f"{market}/rounds/{{start}}/{{kind}}/of/{{party}}", self.gathered)
        return app

    async def greeting(self, request: Request) -> Response:
        """What time it is here, ms since 1970."""
        self._peer(request)
        return Response(str(self._sites.clock.now_ms()), media_type="text/plain")

    async def roll(self, request: Request, market: str, version: Annotated[int, Path(ge=0, le=NUMBER_MAX)]) -> Response:
        """A version of the roll, as the registrar signed it."""
        self._peer(request)
        data = await self._sites.of(market).node.rolls.data(version)
        if data is None:
            raise RefusalError(Problem.NOTHING_HERE)
        return Response(data, media_type=BYTES)

    async def published(self, request: Request, market: str, start: Start, kind: Kind, wait: Wait = 0) -> Response:
        """What this party has published in a round."""
        peer, site = self._peer(request), self._sites.of(market)

        async def find() -> bytes | None:
            if kind is Kind.PART_SHARE:
                return await share_for(self._sites.ledger, market, start, peer)
            return await site.node.board.own(start, kind)

        return await _answer(site, start, find, wait)

    async def gathered(
        self, request: Request, market: str, start: Start, kind: Kind, party: Annotated[int, Path(ge=0, le=_PARTY_MAX)]
    ) -> Response:
        """What this party has gathered of one party in a round, signed by that one.

        204, nothing, only of a round that is under way here: of others it may have been forgotten or erased.
        """
        self._peer(request)
        node, ledger = self._sites.of(market).node, self._sites.ledger
        if kind not in (Kind.OPENING, Kind.OUTCOME):
            raise RefusalError(Problem.NOTHING_HERE)
        own = party == node.party
        data = await (node.board.own(start, kind) if own else node.board.of_peer(start, kind, party))
        row = await ledger.round(market, start)
        if data is None and (row is None or row.finished or row.fenced):
            raise RefusalError(Problem.NOTHING_HERE)
        return Response(status_code=HTTPStatus.NO_CONTENT) if data is None else Response(data, media_type=BYTES)

    async def attempt(self, request: Request, market: str, start: Start, known: str = "", wait: Wait = 0) -> Response:
        """How far this party is with attempts at a round, if that is not what is `known`."""
        peer, site = self._peer(request), self._sites.of(market)

        async def find() -> bytes | None:
            told = await _progress(site, start, peer)
            return None if told is None or tag(told) == known else told

        return await _answer(site, start, find, wait)

    async def orders(self, request: Request, market: str, start: Start) -> Response:
        """Take a submission that a meter has given to another party; the answer is the signed receipt."""
        self._peer(request)
        site = self._sites.of(market)
        opened = site.node.intake.round(start)
        if opened is None:
            raise RefusalError(await site.lookup.why_closed(start))
        receipt, _ = await site.node.intake.submit(opened, await read_body(request, opened.bytes_max))
        return Response(receipt, media_type=BYTES)

    def _peer(self, request: Request) -> int:
        """Who asks. Raises: RefusalError if it is none of the other parties."""
        shown = caller(request.scope["state"])
        peer = None if shown is None else self._sites.links.party_of(shown)
        if peer is None:
            raise RefusalError(Problem.UNAUTHORIZED)
        return peer


async def _answer(site: Site, start: int, find: Callable[[], Awaitable[bytes | None]], wait: float) -> Response:
    until = time.monotonic() + wait
    while True:
        ringing = site.node.board.listen(start)
        data = await find()
        if data is not None:
            return Response(data, media_type=BYTES)
        if await _stands_aside(site, start):
            return Response(status_code=HTTPStatus.CONFLICT)
        state = await site.lookup.state(start)
        if state is State.VOID and (outcome := await _void(site, start)) is not None:
            return Response(outcome, HTTPStatus.GONE, media_type=BYTES)
        left = until - time.monotonic()
        if left <= 0 or state in FINAL or site.node.board.ending:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        await heard(ringing, left)


async def _stands_aside(site: Site, start: int) -> bool:
    """Whether this party will say nothing more in a round that others may wait for."""
    current, node = site.rounds.round(start), site.node
    if current is not None:
        return current.aside
    schedule, now = node.schedule, node.clock.now_ms()
    late = schedule.is_start(start) and schedule.opened_by(start) <= now < schedule.deadline(start)
    return late and await node.ledger.round(node.market.id, start) is None


async def _void(site: Site, start: int) -> bytes | None:
    """This party's outcome, if it is void."""
    data = await site.node.board.own(start, Kind.OUTCOME)
    return data if data is not None and isinstance(unsigned(Outcome, data).content, Void) else None


async def _progress(site: Site, start: int, peer: int) -> bytes | None:
    current = site.rounds.round(start)
    told = None if current is None else current.following.told(peer)
    if told is None:  # after a restart, or after the round: what has been done stays done
        ledger, market, party = site.node.ledger, site.node.market.id, site.node.party
        _, number = await last_begun(ledger, market, start, party)
        done = await stored_done(ledger, market, start, party, number)
        told = None if done is None else done.encode()
    return told
