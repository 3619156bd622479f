"""What the OpenAPI document says is what a running service does: schemathesis draws requests from the document itself.

The service has a round that is over, one that is open, and a settled market; most requests are for those. The
control and the private port serve no document (`test_service_control`, `tests/hostile`).
"""

import asyncio
import gc
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import parties.service
from mpc_market.rules.model import Side
from parties.service.life import FINAL, State
from parties.service.metrics import Metrics
from parties.service.problems import MEDIA_TYPE, Problem
from parties.service.public_api import PublicApi
from parties.tls import client_context
from tests.service.service_town import PERIOD, START, Meter
from tests.service.settled_town import SettledTown

EXAMPLES = 12
_MOMENT = 0.5
"""Seconds in which connections that have just been closed are gone, before their event loop is."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SERVED = {200, 400, 401, 404, 410, 425}
"""Some of what must have come up: the requests got further than the first check."""

# On a busy machine that moment may be too short: a connection of the test's own event loop is then found unclosed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_the_package_lists_every_route() -> None:
    """The overview that a reader of the code begins with has every path, and no other."""
    app = PublicApi(SimpleNamespace(metrics=Metrics()), None).app()  # type: ignore[arg-type]
    routes = {(how, route.path) for route in app.routes if isinstance(route, APIRoute) for how in route.methods}
    assert set(re.findall(r"^    (GET|POST) +(/v1/[^\s?]*)", parties.service.__doc__ or "", re.MULTILINE)) == routes


@contextmanager
def served(path: Path) -> Iterator[tuple[SettledTown, httpx.Client]]:
    """A town in a thread of its own, with a round that has a result and one that is open; and a client of party 0."""
    town, ready, over = SettledTown(path, [Meter("anna"), Meter("ben")]), threading.Event(), threading.Event()

    async def run() -> None:
        async with town.up():
            await town.until(State.COLLECTING)
            terms = await town.terms()
            for meter, wish in zip(town.meters, [(Side.SELL, 5, 10), (Side.BUY, 9, 6)], strict=True):
                await town.submit(meter.submission(terms, 1, wish))
            town.clock.move_to(town.gate)
            await town.until(*FINAL)
            town.clock.move_to(town.gate + 600_000)
            await town.until(State.COLLECTING, start=START + PERIOD)
            ready.set()
            await asyncio.to_thread(over.wait)
        await asyncio.sleep(_MOMENT)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(60), "the town is not up"
        party = town.market.parties[0]
        tls = client_context(party.certificates(town.clock.now_ms() // 1000))
        with httpx.Client(base_url=party.api, verify=tls, trust_env=False) as client:
            yield town, client
    finally:
        over.set()
        thread.join()
        gc.collect()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SettledTown, httpx.Client]]:
    with served(tmp_path_factory.mktemp("openapi") / "m") as running:
        yield running


def test_every_route_answers_as_the_document_says(service: tuple[SettledTown, httpx.Client]) -> None:
    town, client = service
    document = client.get("/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    known = {
        "market": [town.market.id, town.market.id, f"{town.market.id}:settlement", f"{town.market.id}:closing"],
        "start": [START, START + PERIOD, START + 100 * PERIOD],
        "meter": ["anna"],
        "supplier": ["sun"],
        "content": ["totals", "bill"],
        "reader": ["supplier", "meter"],
        "name": ["sun", "anna"],
        "number": [1],
    }
    seen: Counter[int] = Counter()
    for operation in schema.get_all_operations():
        made = operation.ok()
        check_operation(made, document["paths"][made.path][made.method], client, known, seen)
    assert set(seen) >= SERVED, seen


def check_operation(operation, described, client: httpx.Client, known, seen: Counter[int]) -> None:
    """Requests for one route; the refusals must be of the types that the document lists for their status."""
    listed = described["responses"]
    cases = operation.as_strategy()
    if described.get("parameters"):
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases, data=st.data())
    def ask(case, data) -> None:
        for name in case.path_parameters or {}:
            if data.draw(st.integers(0, 5), label=f"known {name}"):
                case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
        if "wait" in (case.query or {}):
            case.query["wait"] = min(case.query["wait"], 0.01) if isinstance(case.query["wait"], float) else 0
        request = case.as_transport_kwargs(base_url=str(client.base_url))
        answer = client.request(
            request["method"], request["url"], params=request.get("params"), headers=dict(request["headers"]),
            content=request.get("data"),
        )  # fmt: skip
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == MEDIA_TYPE
            slug = answer.json()["type"].rpartition(":")[2]
            assert f"{slug}: " in listed[str(answer.status_code)]["description"], (operation.path, slug)

    ask()


def test_the_document_is_strict(service: tuple[SettledTown, httpx.Client]) -> None:
    """Every status by itself, no default that anything would fit."""
    _, client = service
    document = client.get("/v1/openapi.json").json()
    statuses = {str(problem.status) for problem in Problem} | {"200"}
    for path, methods in document["paths"].items():
        for method in methods.values():
            assert set(method["responses"]) <= statuses, path
            assert "requestBody" in method or "post" not in methods, path
