"""Real HTTPS with pinned certificates (parties.meter.api, parties.meter.sources)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mpc_market.errors import InputError
from parties.files.running_toml import running_text
from parties.meter.api import Api, UnreachableError, pinned
from parties.meter.clock import SystemClock
from parties.meter.sources import MarketSource, read_market
from parties.tls.certificate import make_key_pair
from tests.meter.https_parties import https_parties

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


def with_keys(running, j: int, **change):
    parties = list(running.parties)
    parties[j] = replace(parties[j], keys=(replace(parties[j].keys[0], **change),))
    return replace(running, parties=tuple(parties))


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


def test_a_market_file_with_new_keys_is_taken_over_without_a_restart(served, tmp_path):
    """The certificate was another one when the client was started; the market file brings the right one."""
    right = served.parties.market.running
    wrong = with_keys(right, 2, certificate=make_key_pair("x", ["127.0.0.1"]).certificate)
    path = tmp_path / "market.toml"
    path.write_text(running_text(wrong))
    start = SystemClock().now_ms() // 1000 // 3600 * 3600 + 3600

    async def play():
        source = MarketSource(str(path), read_market(str(path)), SystemClock())
        async with source.rounds.api as api:
            with pytest.raises(UnreachableError):
                await api.get(2, f"periods/{start}")
            source.refresh()
            path.write_text(running_text(right))
            source.refresh()
            assert b"openings" in await api.get(2, f"periods/{start}")
            path.write_text(running_text(replace(right, settings=replace(right.settings, price_bits=13))))
            with pytest.raises(InputError, match=r"table \[market\]"):
                source.refresh()
            assert source.rounds.market.file.price_bits == 12
            path.write_text("oh no")
            with pytest.raises(InputError, match="not TOML"):
                source.refresh()
            assert b"openings" in await api.get(2, f"periods/{start}")

    asyncio.run(play())
