"""Real HTTPS with pinned certificates (parties.client.api)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from parties.client.api import Api, UnreachableError, pinned
from parties.clock import SystemClock
from parties.meter.sources import read_market
from parties.tls.certificate import make_key_pair
from tests.meter.https_parties import https_parties, with_keys

PERIOD = timedelta(seconds=3600)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with https_parties(tmp_path_factory.mktemp("parties"), PERIOD) as parties:
        yield parties


def ask(running, party: int) -> bytes:
    async def once() -> bytes:
        clock = SystemClock()
        async with Api("m1", pinned(running, clock.now_ms() // 1000)) as api:
            start = clock.now_ms() // 1000 // 3600 * 3600 + 3600
            return await api.get(party, f"periods/{start}")

    return asyncio.run(once())


def test_parties_with_their_own_certificates_are_spoken_to(served):
    running = read_market(str(served.market_path)).running
    for party in range(3):
        assert b"openings" in ask(running, party)


@pytest.mark.parametrize("other", ["stranger", "another party"])
def test_another_certificate_is_not_believed(served, other):
    """Not even that of another party of the market: each URL is one party."""
    running = served.parties.market.running
    certificate = running.parties[1].keys[0].certificate if other == "another party" else None
    wrong = with_keys(running, 0, certificate=certificate or make_key_pair("x", ["127.0.0.1"]).certificate)
    with pytest.raises(UnreachableError, match=r"party 0: .*certificate"):
        ask(wrong, 0)
    assert b"openings" in ask(wrong, 1)


def test_no_other_host_is_asked(served):
    running = served.parties.market.running

    async def elsewhere():
        async with Api("m1", pinned(running, 0)) as api:
            api._urls[0] = "https://localhost:1/v1/markets/m1"
            await api.get(0, "periods/0")

    with pytest.raises(UnreachableError, match="not the address of a compute party"):
        asyncio.run(elsewhere())


def test_a_party_that_is_not_there(served):
    running = served.parties.market.running
    parties = (replace(running.parties[0], api="https://127.0.0.1:9"), *running.parties[1:])
    with pytest.raises(UnreachableError, match="party 0: "):
        ask(replace(running, parties=parties), 0)
