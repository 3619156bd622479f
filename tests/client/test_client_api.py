"""What is no answer of a party, and what is a refusal (parties.client.api)."""

import asyncio
import json

import pytest

from parties.client.api import (
    LONG_ANSWER_BYTES_MAX,
    WAIT_SECONDS,
    WAITING,
    Api,
    RefusedError,
    UnreachableError,
)
from parties.client.http import httpx
from tests.meter.small_market import START
from tests.meter.standin import problem


@pytest.mark.parametrize(
    ("answer", "passing"),
    [
        (problem("late", 409), False),
        (problem("rate-limited", 429), True),
        (problem("storage", 503), True),
        (problem("internal", 500), True),
    ],
)
def test_refusals_are_told_apart(small, answer, passing):
    small.parties.faults[0] = lambda request, real: answer
    with pytest.raises(RefusedError) as caught:
        small.run(small.rounds.api.get(0, f"periods/{START}"))
    assert caught.value.passing is passing
    assert caught.value.problem == json.loads(answer[2])["title"]


@pytest.mark.parametrize(
    "answer",
    [
        (404, "text/html", b"<html>"),
        (409, "application/problem+json", b"not json"),
        (409, "application/problem+json", b'{"type": "about:blank"}'),
        (409, "application/problem+json", b'{"type": "urn:mpc-market:problem:\\u001b[2J"}'),
        (302, "text/plain", b""),
        (200, "application/json", b" " * (2**20 + 1)),
    ],
)
def test_what_is_no_answer_of_a_party_is_unreachable(small, answer):
    small.parties.faults[0] = lambda request, real: answer
    with pytest.raises(UnreachableError):
        small.run(small.rounds.api.get(0, f"periods/{START}"))


def test_who_reads_rows_of_customers_says_how_long_an_answer_may_be(small):
    small.parties.faults[0] = lambda request, real: (200, "application/octet-stream", bytes(2**20 + 1))
    asked = small.rounds.api.get(0, f"periods/{START}/amounts/supplier/sun", longest=LONG_ANSWER_BYTES_MAX)
    assert len(small.run(asked)) == 2**20 + 1


class Slow(httpx.AsyncBaseTransport):
    """A party that lets everyone wait who asks for a change."""

    def __init__(self) -> None:
        self.waiting = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "wait" in request.url.params:
            self.waiting += 1
            await asyncio.Event().wait()
        return httpx.Response(200, content=b"here")


def test_what_is_sent_does_not_wait_behind_those_who_wait_for_a_change():
    async def both() -> tuple[bytes, bytes, int]:
        party = Slow()
        async with Api("m1", {"https://p.example": party}) as api:
            waiting = [asyncio.ensure_future(api.get(0, f"periods/{i}", wait=WAIT_SECONDS)) for i in range(20)]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(5):
                answers = await api.post(0, "periods/1/readings", b""), await api.get(0, "periods/1/record")
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return *answers, party.waiting

    assert asyncio.run(both()) == (b"here", b"here", WAITING)
