"""What a supplier of a market that is settled is told that it owes: to other suppliers, and to the grid."""

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from mpc_market.rules.tariff import NO_TARIFF, Rates
from parties.files.running import RunningMarket
from parties.supplier.output import totals_csv, totals_json, totals_lines
from parties.supplier.periods import Metered, SupplierPeriod
from parties.supplier.totals import PeriodTotals
from tests.supplier.online_parties import MARKET_FILE, running_of
from tests.wire.wire_round import START, SUPPLIER, WireRound

RATES = Rates(retail=2000, feed_in=400, fee=300)
METERED = Metered(5, RATES, 99, 35)


@pytest.fixture(scope="module")
def running() -> RunningMarket:
    """Tick 0 is a price below 0."""
    settings = replace(MARKET_FILE, price_bits=12, price_min=Decimal("-0.0100"), currency="CHF")
    return replace(running_of(WireRound()), settings=settings)


def shown(
    running: RunningMarket, traded: PeriodTotals | str, metered: Metered | str | None
) -> tuple[list[str], dict[str, str | None]]:
    """The lines, and what is owed; the same in CSV and JSON."""
    period = SupplierPeriod(START, SUPPLIER, traded, metered)
    (row,) = csv.DictReader(io.StringIO(totals_csv(period, running)))
    written = json.loads(totals_json(period, running))
    assert row == {key: "" if value is None else str(value) for key, value in written.items()}
    assert written.pop("currency") == "CHF"
    return list(totals_lines(period, running)), {key: written.get(key) for key in ("owed_to_suppliers", "network_fee")}


def traded(price: int | None, bought: int, sold: int) -> PeriodTotals:
    return PeriodTotals(START, SUPPLIER, 7, price, bought, sold)


def test_what_is_owed_is_exact(running: RunningMarket) -> None:
    """0.11 CHF/kWh for 0.023 kWh more bought than sold; a fee of 0.03 CHF/kWh for 0.134 kWh."""
    lines, owed = shown(running, traded(1200, 29, 6), METERED)
    assert owed == {"owed_to_suppliers": "0.0025300", "network_fee": "0.0040200"}
    assert Decimal("0.11") * Decimal("0.023") == Decimal("0.0025300")
    assert "owed to others   0.0025300 CHF" in lines
    assert "network fee      0.0040200 CHF" in lines


def test_what_others_owe(running: RunningMarket) -> None:
    """More sold than bought; and at a price below 0 the other way round."""
    lines, owed = shown(running, traded(1200, 6, 29), METERED)
    assert owed["owed_to_suppliers"] == "-0.0025300"
    assert "owed by others   0.0025300 CHF" in lines
    assert shown(running, traded(0, 6, 29), METERED)[1]["owed_to_suppliers"] == "0.0002300"


def test_what_is_not_owed_or_not_known(running: RunningMarket) -> None:
    lines, owed = shown(running, traded(None, 0, 0), replace(METERED, rates=NO_TARIFF))
    assert owed == {"owed_to_suppliers": "0.0000000", "network_fee": None}
    assert "network fee      none: no tariff was published" in lines
    lines, owed = shown(running, "the round is void", replace(METERED, rates=Rates(0, 0, 0)))
    assert owed == {"owed_to_suppliers": None, "network_fee": "0.0000000"}
    lines, owed = shown(running, traded(1200, 29, 6), "too few")
    assert owed == {"owed_to_suppliers": "0.0025300", "network_fee": None}
    assert not any("network fee" in line for line in lines)
    lines, owed = shown(running, traded(1200, 29, 6), None)
    assert owed == {"owed_to_suppliers": None, "network_fee": None}, "a market that only clears settles nothing"
    assert not any("owed" in line for line in lines)
