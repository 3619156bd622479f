"""A market file that changes, over real HTTPS (parties.meter.sources)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mpc_market.errors import InputError
from parties.client.api import UnreachableError
from parties.clock import SystemClock
from parties.files.running_toml import running_text
from parties.meter.sources import MarketSource, read_market
from parties.tls.certificate import make_key_pair
from tests.meter.https_parties import https_parties, with_keys

PERIOD = timedelta(seconds=3600)


@pytest.fixture
def served(tmp_path):
    with https_parties(tmp_path / "parties", PERIOD) as parties:
        yield parties


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
