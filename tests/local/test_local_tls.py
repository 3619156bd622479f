"""Parties on this machine that speak TLS with each other, as they do between machines."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from mpc_market.rules import clearing
from mpc_market.rules.model import Market, Order, Side
from parties.local import LocalParties

ORDERS = [Order("a", Side.BUY, 20, 5), Order("b", Side.SELL, 10, 5), Order("c", Side.BUY, 10, 5)]


def test_a_clearing_inside_tls_leaves_no_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def clear() -> None:
        async with LocalParties(tls=True) as local:
            assert list(tmp_path.iterdir()) == []
            outcome = await local.clear(ORDERS, Market())
            assert outcome.clearing == clearing.clear(ORDERS, Market(), outcome.seed)

    asyncio.run(clear())
