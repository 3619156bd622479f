"""The private API, for whoever runs the party: is it alive, is it well, what does it count. Not for the outside."""

from collections import Counter

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from mpc_market.wire.identifiers import is_meter
from parties.ledger import LedgerError
from parties.service.following import last_begun
from parties.service.http import refuse
from parties.service.life import FINAL, State
from parties.service.sites import Sites
from parties.service.upkeep import Upkeep

CLOCK_MS_MAX = 1000.0
"""A peer's clock may be this far off: more, and orders in the last second before the gate may be late there."""

DISK_BYTES_MIN = 2**28


class PrivateApi:
    """The handlers; `app` puts them behind their addresses."""

    def __init__(self, sites: Sites, upkeep: Upkeep) -> None:
        self._sites = sites
        self._upkeep = upkeep

    def app(self) -> FastAPI:
        """The application."""
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        refuse(app, self._sites.metrics)
        app.add_api_route("/healthz", self.healthz)
        app.add_api_route("/readyz", self.readyz)
        app.add_api_route("/metrics", self.metrics)
        app.add_api_route("/markets/{market}/excluded/{start}", self.excluded)
        return app

    async def healthz(self) -> Response:
        """The service runs."""
        return Response("ok\n", media_type="text/plain")

    async def readyz(self) -> Response:
        """Whether everything is there that a round needs; 503 and what is missing if not."""
        checks: dict[str, str] = {"ledger": await self._ledger(), "roll": await self._roll()}
        free = self._upkeep.disk_free
        if free is not None:
            checks["disk"] = "ok" if free >= DISK_BYTES_MIN else f"{free // 2**20} MiB are free"
        for peer, state in self._upkeep.peers.items():
            if not state.reachable:
                checks[f"party {peer}"] = "not reachable"
            elif abs(state.ahead_ms) > CLOCK_MS_MAX:
                checks[f"party {peer}"] = f"its clock is {state.ahead_ms / 1000:+.3f} s off this one"
            else:
                checks[f"party {peer}"] = "ok"
        if not self._upkeep.driving:
            checks["driver"] = await self._driver()
        ready = all(value == "ok" for value in checks.values())
        return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)

    async def metrics(self) -> Response:
        """For Prometheus."""
        metrics = self._sites.metrics
        counts = sum((site.rounds.counts for site in self._sites), Counter[State]())
        for state in State:
            if state not in FINAL:
                metrics.in_state.labels(state.value).set(counts[state])
        now, since = self._sites.clock.now_ms(), [site.rounds.signed_ms for site in self._sites]
        metrics.signed.set(max(((now - each) / 1000 for each in since if each is not None), default=0))
        metrics.attempts_waiting.set(self._sites.pool.waiting)
        free = self._upkeep.disk_free
        if metrics.disk_free is not None and free is not None:
            metrics.disk_free.set(free)
        metrics.ledger_waiting.set(sum(site.node.intake.waiting for site in self._sites))
        for site in self._sites:
            latest = await site.node.rolls.latest()
            metrics.roll_version.labels(site.node.market.id).set(0 if latest is None else latest.version)
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def excluded(self, market: str, start: int) -> Response:
        """By name: the meters whose submissions were found not to be orders, with the code of the verdict; and those
        that signed two headers with one number, both of which were shown, with the digests of these.
        """
        ledger, site = self._sites.ledger, self._sites.of(market)
        _, attempt = await last_begun(ledger, market, start, site.node.party)
        rows = await ledger.results(market, start, attempt)
        found: list[dict[str, object]] = [{"meter": row.meter, "verdict": row.verdict} for row in rows if row.verdict]
        for each in await site.lookup.contradictions(start):
            if is_meter(each.name):
                digests = [digest.hex() for digest in each.digests]
                found.append({"meter": each.name, "number": each.number, "header_digests": digests})
        return JSONResponse(found)

    async def _ledger(self) -> str:
        try:
            await self._sites.ledger.check()
        except LedgerError as error:
            return str(error)
        return "ok"

    async def _driver(self) -> str:
        try:
            return "ok" if await self._sites.ledger.is_owned() else "no process drives the rounds"
        except LedgerError as error:
            return str(error)

    async def _roll(self) -> str:
        missing = [site.node.market.id for site in self._sites if await site.node.rolls.latest() is None]
        return f"there is no roll yet: {', '.join(missing)}" if missing else "ok"
