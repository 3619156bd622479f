"""Other people's market clearings, and a second reading of our own rule, to compare ours with.

- `clear_units`: market.md §3 and §4 once more, lot by lot, for small books under the lottery rule.
- `pymarket_welfare`: the greatest welfare by linear programming (pymarket 0.7).
- `assume_volume`: the volume of `pay_as_clear` (assume-framework 0.6); its price rule is another one.
"""

import importlib
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pulp
import pytest
from dateutil.relativedelta import relativedelta
from dateutil.rrule import HOURLY, rrule
from pymarket.bids import BidManager
from pymarket.statistics.maximum_aggregated_utility import maximum_aggregated_utility

from mpc_market.rules.model import Clearing, Order, Side
from mpc_market.rules.ticket import ticket


def clear_units(orders: Sequence[Order], seed: bytes) -> Clearing:
    """The lottery rule, lot by lot: with M lots to buy, the M-th and (M+1)-st of the book set the price."""

    def place(order: Order) -> tuple[int, int, bytes]:
        return order.price, [Side.SELL, Side.BUY].index(order.side), ticket(seed, order.order_id)

    lots = [order for order in sorted(orders, key=place) for _ in range(order.quantity)]
    m = sum(order.side is Side.BUY for order in lots)
    trading = Counter(order.order_id for order in lots[:m] if order.side is Side.SELL)
    trading.update(order.order_id for order in lots[m:] if order.side is Side.BUY)
    price = (lots[m - 1].price + lots[m].price) // 2 if trading else None
    return Clearing(price, tuple(trading[order.order_id] for order in orders))


def pymarket_welfare(orders: Sequence[Order]) -> float:
    """The greatest sum, over all trades, of what the buyer would pay less what the seller asks; ticks × lots."""
    bids = BidManager()
    for user, order in enumerate(orders):
        bids.add_bid(order.quantity, order.price, user, order.side is Side.BUY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulp.LpSolverDefault, "msg", False)  # the solver's report is nobody's output
        status, _, trades = maximum_aggregated_utility(bids.get_df())
    assert status == "Optimal"
    # The welfare it returns beside the trades is None instead of 0 where every pair's gain is 0.
    gains = (lots * (orders[buy].price - orders[sell].price) for (buy, sell), lots in trades.items())
    return float(sum(gains))


def assume_volume(orders: Sequence[Order]) -> int:
    """The volume that `pay_as_clear` accepts; it breaks ties at random, which cannot change the volume."""
    start = datetime(2025, 6, 21, 12)
    product = (start, start + timedelta(minutes=15), None)
    orderbook = [
        {
            "bid_id": order.order_id,
            "start_time": start,
            "end_time": start + timedelta(minutes=15),
            "only_hours": None,
            "price": order.price,
            # there, supply is positive and demand negative
            "volume": order.quantity if order.side is Side.SELL else -order.quantity,
        }
        for order in orders
    ]
    accepted, _, _, _ = _pay_as_clear().clear(orderbook, [product])
    supply = sum(order["accepted_volume"] for order in accepted if order["volume"] > 0)
    assert supply == -sum(order["accepted_volume"] for order in accepted if order["volume"] < 0)
    return int(supply)


@cache
def _pay_as_clear() -> Any:
    simple = _import_assume("assume.markets.clearing_algorithms.simple")
    day = rrule(HOURLY, dtstart=datetime(2025, 6, 21), until=datetime(2025, 6, 22))
    quarter = simple.MarketProduct(relativedelta(minutes=15), 1, relativedelta())
    return simple.PayAsClearRole(simple.MarketConfig(opening_hours=day, market_products=[quarter]))


def _import_assume(name: str) -> ModuleType:
    """Import one module of assume-framework without the `__init__` of the packages on the way to it.

    Those load the whole simulator, set up logging, and write a file into the working directory. Bare packages
    stand in for them during the import; afterwards Python forgets all of it.
    """
    spec = find_spec("assume")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    for package in ("assume", "assume.common", "assume.markets", "assume.markets.clearing_algorithms"):
        bare = ModuleType(package)
        bare.__path__ = [str(folder.joinpath(*package.split(".")[1:]))]
        sys.modules[package] = bare
    try:
        return importlib.import_module(name)
    finally:
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "assume"]:
            del sys.modules[loaded]
