"""The public API of a compute party: meters, suppliers and auditors over HTTPS. What there is: `parties.service`."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query, Request, Response

from mpc_market import __version__
from mpc_market.wire.checks import NUMBER_MAX
from mpc_market.wire.dispute import REQUEST_BYTES_MAX
from mpc_market.wire.identifiers import START_MAX, Stage, split_market
from parties.service.documents import PRICES_MAX, RECORDS_MAX
from parties.service.forwarding import Forwarding
from parties.service.http import BYTES, read_body, refuse
from parties.service.intake import OpenRound
from parties.service.problems import MEDIA_TYPE, Problem, RefusalError
from parties.service.schemas import (
    DisputesDocument,
    MarketDocument,
    MarketsDocument,
    PeriodDocument,
    PricesDocument,
    ProblemDocument,
    RecordsDocument,
    RollDocument,
    TariffDocument,
    TariffsDocument,
)
from parties.service.sheets import CONTENTS, READERS
from parties.service.sites import Site, Sites
from parties.service.tariffs import TARIFF_BYTES_MAX
from parties.settling.groups import Reader

WAIT_SECONDS_MAX = 30.0

_MARKET = "/v1/markets/{market}"
_PERIOD = _MARKET + "/periods/{start}"
_SUBMISSION, _TARIFF, _DISPUTE = (
    {"requestBody": {"required": True, "content": {BYTES: {}}, "description": f"mpc_market.wire.{module}"}}
    for module in ("submission", "tariff", "dispute")
)

_LATER = [Problem.UNKNOWN_PERIOD, Problem.NOT_OPEN_YET, Problem.CLOSED_PERIOD, Problem.LATE]
"""Why no reading is taken: what comes later here is said, of the settlement and of the correction."""

Wait = Annotated[float, Query(ge=0, le=WAIT_SECONDS_MAX, description="seconds to wait for a change")]
Limit = Annotated[int, Query(ge=1, le=PRICES_MAX)]
After = Annotated[int, Query(ge=-1, le=NUMBER_MAX, description="sequence number of a record: what comes after it")]
Number = Annotated[int, Query(ge=1, le=NUMBER_MAX, description="number of the submission")]
DisputeNumber = Annotated[int, Path(ge=1, le=NUMBER_MAX, description="number of the meter's dispute")]
Start = Annotated[int, Path(ge=0, le=START_MAX, description="start of the period, seconds since 1970")]
Authorization = Annotated[
    str, Header(description="Claim HEX: a claim for this party and round (mpc_market.wire.claim)")
]

_ANY = (Problem.INVALID_REQUEST, Problem.NOT_HTTP, Problem.OVERSIZED_HEAD, Problem.STORAGE, Problem.INTERNAL)
_OF_MARKET = (Problem.UNKNOWN_MARKET, Problem.NOT_FOUND)
_OF_PERIOD = (*_OF_MARKET, Problem.UNKNOWN_PERIOD, Problem.NOT_OPEN_YET)
_OF_RECORD = (*_OF_PERIOD, Problem.NOT_FINISHED, Problem.NOTHING_HERE)
_TO_OWNER = (*_OF_RECORD, Problem.UNAUTHORIZED, Problem.VOID)
_WITH_BODY = (Problem.WRONG_MEDIA_TYPE, Problem.OVERSIZED, Problem.SLOW_BODY, Problem.MALFORMED)
_OF_SUBMISSION = (
    *_OF_PERIOD, *_WITH_BODY, Problem.LATE, Problem.CLOSED_PERIOD, Problem.STALE_CHALLENGE, Problem.UNKNOWN_METER,
    Problem.BAD_SIGNATURE, Problem.RATE_LIMITED, Problem.OVERLOADED, Problem.WRONG_CONTEXT, Problem.WRONG_ORDER_COUNT,
    Problem.NO_SEAL, Problem.SEAL_DOES_NOT_OPEN, Problem.SEAL_CONTEXT, Problem.DIGEST_MISMATCH,
    Problem.WORD_NOT_BELOW_P, Problem.NUMBER_TOO_LOW, Problem.CONTRADICTION,
)  # fmt: skip
_OF_TARIFF = (
    *_OF_MARKET, *_WITH_BODY, Problem.NOT_SETTLED, Problem.UNKNOWN_SUPPLIER, Problem.WRONG_CONTEXT,
    Problem.BAD_SIGNATURE, Problem.OFF_GRID, Problem.TARIFF_PRICES, Problem.TARIFF_DAYS, Problem.TARIFF_CHANGES,
    Problem.TARIFF_LATE, Problem.TARIFF_NUMBER,
)  # fmt: skip
_OF_DISPUTE = (
    *_OF_PERIOD, *_WITH_BODY, Problem.NOT_FINISHED, Problem.NOT_SETTLED, Problem.UNKNOWN_METER, Problem.WRONG_CONTEXT,
    Problem.BAD_SIGNATURE, Problem.TOO_OLD, Problem.DISPUTE_NUMBER, Problem.TOO_MANY_DISPUTES,
    Problem.DISPUTES_FULL, Problem.NOTHING_HERE,
)  # fmt: skip
_OF_DISCLOSURE = (
    *_TO_OWNER, Problem.UNKNOWN_DISPUTE, Problem.NOT_NAMED, Problem.UNKNOWN_METER, Problem.BAD_SIGNATURE,
)  # fmt: skip


def _refusals(*problems: Problem) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI describes the refusals of a route: by status, with the types of problem that have it."""
    titles: dict[int, list[str]] = {}
    for each in sorted({*problems, *_ANY}, key=lambda problem: problem.slug):
        titles.setdefault(each.status, []).append(f"{each.slug}: {each.title}")
    return {
        status: {"model": ProblemDocument, "content": {MEDIA_TYPE: {}}, "description": "; ".join(listed)}
        for status, listed in sorted(titles.items())
    }


def _bytes_of(name: str, *problems: Problem) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI describes a route that answers with bytes."""
    text = f"signed {name} (mpc_market.wire): message ‖ signature"
    return {200: {"content": {BYTES: {}}, "description": text}, **_refusals(*problems)}


class _Application(FastAPI):
    """FastAPI, with a document of what is answered: a wrong parameter is a problem with 400, never its own 422."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        if self.openapi_schema is None:
            document = super().openapi()
            for methods in document["paths"].values():
                for operation in methods.values():
                    if operation["responses"].get("422", {}).get("description") == "Validation Error":
                        del operation["responses"]["422"]
            for name in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(name, None)
        return super().openapi()


class PublicApi:
    """The handlers; `app` puts them behind their addresses."""

    def __init__(self, sites: Sites, forwarding: Forwarding) -> None:
        self._sites = sites
        self._forwarding = forwarding

    def app(self) -> FastAPI:
        """The application."""
        app = _Application(
            title="mpc-market: compute party",
            version=__version__,
            summary="Takes orders that nobody can read, and hands out what came of them.",
            openapi_url="/v1/openapi.json",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        refuse(app, self._sites.metrics)
        add = app.add_api_route
        of_market, of_period, of_record = _refusals(*_OF_MARKET), _refusals(*_OF_PERIOD), _refusals(*_OF_RECORD)
        roll = _refusals(*_OF_MARKET, Problem.NOTHING_HERE)
        add("/v1/markets", self.markets, response_model=MarketsDocument, responses=_refusals())
        add(_MARKET, self.market, response_model=MarketDocument, responses=of_market)
        add(f"{_MARKET}/roll", self.roll, response_model=RollDocument, responses=roll)
        add(f"{_MARKET}/records", self.records, response_model=RecordsDocument, responses=of_market)
        add(f"{_MARKET}/prices", self.prices, response_model=PricesDocument, responses=of_market)
        add(_PERIOD, self.period, response_model=PeriodDocument, responses=of_period)
        add(f"{_PERIOD}/tariffs", self.tariffs, response_model=TariffsDocument, responses=of_market)
        add(f"{_PERIOD}/record", self.record, responses=of_record)
        publish = partial(add, methods=["POST"], responses=_refusals(*_OF_TARIFF), openapi_extra=_TARIFF)
        publish(f"{_MARKET}/tariffs", self.publish, response_model=TariffDocument)
        add = partial(app.add_api_route, response_class=Response)
        self._add_disputes(add)
        taken = _bytes_of("Receipt", *_OF_SUBMISSION)
        take = partial(add, methods=["POST"], openapi_extra=_SUBMISSION)
        take(f"{_PERIOD}/orders", self.submit, responses=taken)
        take(f"{_PERIOD}/readings", self.read, responses=_bytes_of("Receipt", *_OF_SUBMISSION, Problem.NOT_SETTLED))
        sheet = _bytes_of("Sheet", *_TO_OWNER, Problem.UNKNOWN_READER, Problem.GROUP_TOO_SMALL)
        receipt, result = (_bytes_of(name, *_TO_OWNER, Problem.UNKNOWN_METER) for name in ("Receipt", "Delivery"))
        totals = _bytes_of("Totals", *_TO_OWNER, Problem.UNKNOWN_SUPPLIER, Problem.GROUP_TOO_SMALL)
        add(f"{_PERIOD}/{{content}}/{{reader}}/{{name}}", self.sheet, responses=sheet)
        add(f"{_PERIOD}/receipts/{{meter}}", self.receipt, responses=receipt)
        add(f"{_PERIOD}/results/{{meter}}", self.result, responses=result)
        add(f"{_PERIOD}/totals/{{supplier}}", self.totals, responses=totals)
        return app

    def _add_disputes(self, add: Callable[..., None]) -> None:
        taken, disclosed = _bytes_of("DisputeReceipt", *_OF_DISPUTE), _bytes_of("Disclosure", *_OF_DISCLOSURE)
        add(f"{_MARKET}/disputes", self.dispute, methods=["POST"], responses=taken, openapi_extra=_DISPUTE)
        add(f"{_PERIOD}/disclosures/{{meter}}/{{number}}", self.disclosure, responses=disclosed)
        recorded = _refusals(*_OF_RECORD, Problem.VOID)
        add(f"{_PERIOD}/disputes", self.disputes, response_model=DisputesDocument, responses=recorded)

    # --- open to all

    async def markets(self) -> Response:
        """The markets that this party runs."""
        return _json(MarketsDocument(markets=self._sites.ids).model_dump_json().encode())

    async def market(self, market: str) -> Response:
        """A market: its grid, times and parties."""
        return _json(await self._sites.of(market).documents.market())

    async def roll(self, market: str) -> Response:
        """The newest version of the roll: version and digest, not who is on it."""
        document = await self._sites.of(market).documents.roll()
        if document is None:
            raise RefusalError(Problem.NOTHING_HERE)
        return _json(document.model_dump_json().encode())

    async def period(self, market: str, start: Start, wait: Wait = 0) -> Response:
        """One round: how far it is, its signed openings, its outcome."""
        return _json(await self._sites.of(market).documents.period(start, wait))

    async def record(self, market: str, start: Start) -> Response:
        """The public record of one round, byte for byte as it is chained."""
        return _json(await self._sites.of(market).documents.record(start))

    async def records(self, market: str, after: After = -1, limit: Limit = RECORDS_MAX) -> Response:
        """The chain of public records."""
        return _json(await self._sites.of(market).documents.records(after, limit))

    async def prices(self, market: str, after: After | None = None, limit: Limit = RECORDS_MAX) -> Response:
        """Outcomes of past rounds: those after a record, or the latest."""
        return _json(await self._sites.of(market).documents.prices(after, limit))

    # --- orders

    async def submit(self, market: str, start: Start, request: Request) -> Response:
        """Take a submission; the answer is the signed receipt, once the submission is on stable storage."""
        site = self._sites.clearing(market)
        opened = site.node.intake.round(start)
        if opened is None:
            raise RefusalError(await site.lookup.why_closed(start))
        return await self._taken(site, opened, request)

    # --- readings and tariffs

    async def read(self, market: str, start: Start, request: Request) -> Response:
        """Take a reading for the settlement of a period, or once that is closed for its correction; as for orders."""
        market, _ = split_market(self._sites.of(market).node.market.id)
        sites = [self._sites.stage(market, stage) for stage in (Stage.SETTLEMENT, Stage.CORRECTION)]
        for site in sites:
            opened = site.node.intake.round(start)
            if opened is not None:
                return await self._taken(site, opened, request)
        raise RefusalError(max([await site.lookup.why_closed(start) for site in sites], key=_LATER.index))

    async def _taken(self, site: Site, opened: OpenRound, request: Request) -> Response:
        """The receipt for what a meter submits to a round that is open."""
        body = await read_body(request, opened.bytes_max)
        begun = time.perf_counter()
        receipt, forwards = await site.node.intake.submit(opened, body)
        if forwards:
            self._forwarding.bell.ring()
        self._sites.metrics.receipts.labels(site.node.stage.label).observe(time.perf_counter() - begun)
        return Response(receipt, media_type=BYTES)

    async def publish(self, market: str, request: Request) -> Response:
        """Take a supplier's tariff."""
        tariffs = self._sites.clearing(market).tariffs
        tariff = await tariffs.publish(await read_body(request, TARIFF_BYTES_MAX))
        return _json(TariffDocument(number=tariff.number, digest=tariff.digest.hex()).model_dump_json().encode())

    async def tariffs(self, market: str, start: Start) -> Response:
        """The tariffs that hold for a period, every version, as their suppliers signed them."""
        found = await self._sites.clearing(market).tariffs.holding(start)
        return _json(TariffsDocument(tariffs=[data.hex() for data in found]).model_dump_json().encode())

    # --- disputes

    async def dispute(self, market: str, request: Request) -> Response:
        """Take a user's request that its shares be disclosed to an arbiter; the answer is a signed receipt."""
        disputes = self._sites.clearing(market).disputes
        return _bytes(await disputes.accept(await read_body(request, REQUEST_BYTES_MAX)))

    async def disputes(self, market: str, start: Start) -> Response:
        """The digests of the disputes in the set of a closing. `market`: ID:closing; `start`: of its month."""
        site = self._sites.of(market)
        if site.node.stage is not Stage.CLOSING:
            raise RefusalError(Problem.NOTHING_HERE)
        return _json((await site.recorded.of(start)).model_dump_json().encode())

    async def disclosure(
        self, market: str, start: Start, meter: str, number: DisputeNumber, authorization: Authorization = ""
    ) -> Response:
        """What this party reveals of one round to the arbiter whom a meter's dispute with this number names.

        `market`: with its stage, of a closing the start of its month.
        """
        disclosing = self._sites.of(market).disclosing
        return _bytes(await disclosing.disclosure(start, meter, number, _claim(authorization)))

    # --- to their owners

    async def receipt(
        self, market: str, start: Start, meter: str, number: Number, authorization: Authorization = ""
    ) -> Response:
        """The receipt that a meter was given for the submission with this number."""
        return _bytes(await self._sites.of(market).desk.receipt(start, meter, number, _claim(authorization)))

    async def result(
        self, market: str, start: Start, meter: str, wait: Wait = 0, authorization: Authorization = ""
    ) -> Response:
        """A meter's result."""
        return _bytes(await self._sites.clearing(market).desk.result(start, meter, _claim(authorization), wait))

    async def totals(
        self, market: str, start: Start, supplier: str, wait: Wait = 0, authorization: Authorization = ""
    ) -> Response:
        """What a supplier's users have bought and sold in total."""
        return _bytes(await self._sites.clearing(market).desk.totals(start, supplier, _claim(authorization), wait))

    async def sheet(
        self,
        market: str,
        start: Start,
        content: str,
        reader: str,
        name: str,
        wait: Wait = 0,
        authorization: Authorization = "",
    ) -> Response:
        """What settling reveals. `market`: with its stage, :settlement or :closing; `content`: totals (settlement),
        corrections, amounts or bill (closing); `reader`: supplier, dso, tso or meter.
        """
        if reader not in READERS or content not in CONTENTS:
            raise RefusalError(Problem.NOTHING_HERE)
        asking, sheets = Reader(READERS[reader], name), self._sites.of(market).sheets
        return _bytes(await sheets.sheet(start, asking, CONTENTS[content], _claim(authorization), wait))


def _claim(authorization: str) -> bytes:
    """The claim in an Authorization header. Raises: RefusalError."""
    scheme, _, value = authorization.partition(" ")
    try:
        if scheme.lower() == "claim":
            return bytes.fromhex(value)
    except ValueError:
        pass
    raise RefusalError(Problem.UNAUTHORIZED)


def _json(document: bytes) -> Response:
    return Response(document, media_type="application/json", headers={"cache-control": "no-cache"})


def _bytes(message: bytes) -> Response:
    return Response(message, media_type=BYTES, headers={"cache-control": "no-store"})
