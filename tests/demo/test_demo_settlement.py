"""The day after: the published table from real processes, and nothing is shown that the rule does not say."""

import asyncio
import csv
import io
import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from mpc_market.errors import ProtocolError
from mpc_market.field.mersenne import GF
from parties.demo.calendar import quarter_hours
from parties.demo.community import Community, make_community
from parties.demo.day import clear_day
from parties.demo.forecast import metered, sun_error
from parties.demo.households import Household, make_households
from parties.demo.orders import Limits
from parties.demo.settlement import Day, settle_day
from parties.demo.settlement_picture import draw_settlement
from parties.demo.spreadsheet import households_csv, settlement_csv
from parties.demo.table import community_table
from parties.demo.tariffs import SUPPLIERS
from parties.local import LocalParties
from parties.local.settlement import Closed, Settled

SUMMER = date(2025, 6, 21)
GREEN = SUPPLIERS[0]


async def settled(parties: LocalParties, street: Sequence[Household], periods: int) -> list[Day]:
    starts = quarter_hours(SUMMER)[:periods]
    outcomes = [outcome async for _, outcome in clear_day(parties, street, starts)]
    days, work = await settle_day(parties, street, starts, outcomes)
    assert work.rows == len(street) * periods
    return days


def settle_alone(street: Sequence[Household], periods: int) -> list[Day]:
    async def run() -> list[Day]:
        async with LocalParties() as parties:
            return await settled(parties, street, periods)

    return asyncio.run(run())


def cells(community: Community) -> dict[str, tuple[int, int]]:
    return {row.who: (row.without, row.with_market) for row in community.rows}


U1 = Household("U1", Limits(bid=0, ask=1100), GREEN, (2000,), (2000,))
U2 = Household("U2", Limits(bid=1100, ask=2000), GREEN, (-4000,), (-4000,))


@pytest.fixture(scope="module")
def two_users() -> list[Day]:
    return settle_alone([U1, U2], 1)


def test_the_published_table_comes_out_of_the_demo(two_users: list[Day]) -> None:
    """market.md §6: U1 exports 2 kWh, U2 imports 4, U1 sells 2 to U2 at 0.11."""
    days = two_users
    assert [(day.bought, day.sold, day.imported, day.exported) for day in days] == [
        (0, 2000, 0, 2000),
        (2000, 0, 4000, 0),
    ]
    assert cells(make_community(days)) == {
        "sellers": (8, 16),
        "buyers": (-80, -62),
        "all households": (-72, -46),
        "supplier Green": (54, 28),
        "supplier City": (0, 0),
        "supplier Valley": (0, 0),
        "all suppliers": (54, 28),
        "DSO and TSO": (18, 18),
    }
    (green,) = [row for row in make_community(days).rows if row.who == "supplier Green"]
    assert green.percent == pytest.approx(-48.15, abs=0.005)


def test_money_that_crosses_suppliers_is_passed_on() -> None:
    """As above, but U1 is with another supplier at the same prices: each keeps what its own user is worth to it."""
    other = replace(SUPPLIERS[2], retail=GREEN.retail, feed_in=GREEN.feed_in)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parties.demo.settlement.SUPPLIERS", (GREEN, SUPPLIERS[1], other))
        patch.setattr("parties.demo.community.SUPPLIERS", (GREEN, SUPPLIERS[1], other))
        found = cells(make_community(settle_alone([replace(U1, supplier=other), U2], 1)))
    # Without: the seller's keeps −0.08 − 0.06, the buyer's 0.80 − 0.12. With: −0.16 − 0.06 + 0.22, 0.62 − 0.12 − 0.22.
    assert found["supplier Valley"] == (-14, 0)
    assert found["supplier Green"] == (68, 28)
    assert found["all suppliers"] == (54, 28)


def test_what_was_not_delivered_is_bought_from_the_supplier() -> None:
    """U1 sold 2 kWh and exports 1: it gets 0.11 − 0.03 for 2, and pays 0.20 for the one that is missing."""
    days = settle_alone([replace(U1, metered=(1000,)), U2], 1)
    assert (days[0].without, days[0].due, days[0].gain) == (-4, 4, -8)


class Lying(LocalParties):
    """Parties whose answers are all changed alike, so that they still fit together."""

    lie = ""

    async def settle(self, given):  # type: ignore[no-untyped-def]
        found = await super().settle(given)
        if self.lie == "total":
            return _TotalsOff(found.results, found.input_seconds, found.compute_seconds)
        if self.lie == "entry":
            entries = [
                (*r.entries[0][:2], (r.entries[0][2] + 1) % GF.modulus, *r.entries[0][3:]) for r in found.results
            ]
            changed = [replace(r, entries=(e, *r.entries[1:])) for r, e in zip(found.results, entries, strict=True)]
            return replace(found, results=changed)
        return found

    async def close_month(self, given):  # type: ignore[no-untyped-def]
        found = await super().close_month(given)
        if self.lie == "cent":
            due = [((r.due[0] + 1) % GF.modulus, *r.due[1:]) for r in found.results]
            return replace(found, results=[replace(r, due=d) for r, d in zip(found.results, due, strict=True)])
        return found


class _TotalsOff(Settled):
    def totals(self):  # type: ignore[no-untyped-def]
        return [(group, (imported, exported + 1)) for group, (imported, exported) in super().totals()]


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ("cent", "the bill of house-01 does not agree with the rule"),
        ("entry", "the bill of house-01 does not agree with the rule"),
        ("total", "total of period 0 does not agree with its readings"),
    ],
)
def test_what_does_not_agree_is_not_shown(lie: str, message: str) -> None:
    street = make_households(8, SUMMER, quarter_hours(SUMMER))
    street = [replace(house, surplus=house.surplus[48:50], metered=house.metered[48:50]) for house in street]

    async def run() -> None:
        async with Lying() as parties:
            parties.lie = lie
            with pytest.raises(ProtocolError, match=message):
                await settled(parties, street, 2)

    asyncio.run(run())


@pytest.fixture(scope="module")
def street_of_a_morning() -> list[Day]:
    """Twenty households from midnight to half past ten, in jobs of a few quarter-hours."""
    street = make_households(20, SUMMER, quarter_hours(SUMMER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parties.demo.settlement.ROWS_MAX", 400)
        return settle_alone([replace(h, surplus=h.surplus[:42], metered=h.metered[:42]) for h in street], 42)


def test_money_goes_round_and_the_grid_gets_its_fee(street_of_a_morning: list[Day]) -> None:
    community = make_community(street_of_a_morning)
    ends = (community.households, community.all_suppliers, community.grid)
    assert sum(row.without for row in ends) == sum(row.with_market for row in ends) == 0
    assert community.sellers.number + community.buyers.number == community.households.number == 20
    assert community.sellers.change + community.buyers.change == community.households.change > 0
    assert community.grid.change == 0
    # Each supplier's amounts are rounded for themselves.
    assert abs(sum(row.with_market for row in community.suppliers) - community.all_suppliers.with_market) <= 2
    kwh = sum(day.imported + day.exported for day in street_of_a_morning) / 1000
    assert community.grid.without / 100 == pytest.approx(0.03 * kwh, abs=0.005)


def test_files_and_table_say_the_same(street_of_a_morning: list[Day]) -> None:
    community = make_community(street_of_a_morning)
    houses = list(csv.DictReader(io.StringIO(households_csv(street_of_a_morning).decode())))
    rows = list(csv.DictReader(io.StringIO(settlement_csv(community).decode())))
    assert len(houses) == 20
    assert sum(round(100 * float(row["gain_eur"])) for row in houses) == community.households.change
    assert {row["supplier"] for row in houses} == {supplier.name for supplier in SUPPLIERS}
    assert [row["who"] for row in rows] == [row.who for row in community.rows]
    console = Console(file=io.StringIO(), width=100)
    console.print(community_table(community))
    assert isinstance(console.file, io.StringIO)
    shown = [line.split() for line in console.file.getvalue().splitlines()]
    for row in rows:
        (line,) = [line for line in shown if " ".join(line).startswith(f"{row['who']} {row['number']}")]
        assert float(line[-2].replace(",", "").replace("−", "-")) == float(row["change_eur"])


# --- forecasts --------------------------------------------------------------------------------------------


def test_meters_read_about_what_was_forecast() -> None:
    periods = quarter_hours(SUMMER)
    street = make_households(60, SUMMER, periods)
    ordered, read = (np.array([getattr(house, name) for house in street]) for name in ("surplus", "metered"))
    assert 0.1 < np.abs(read - ordered).sum() / np.abs(ordered).sum() < 0.35
    assert abs(read.sum() - ordered.sum()) < 0.15 * np.abs(ordered).sum()
    night = [i for i, start in enumerate(periods) if start.hour < 2]  # UTC: before four in the morning here
    assert read[:, night].max() <= 0, "no sun, no export"


def test_the_sun_fails_all_roofs_alike_and_not_all_at_once() -> None:
    errors = np.array([sun_error(date.fromordinal(SUMMER.toordinal() + i), 96) for i in range(200)])
    assert errors.min() >= 0
    assert errors.mean() == pytest.approx(1, abs=0.03)
    assert errors.std() == pytest.approx(0.15, abs=0.03)
    assert np.corrcoef(errors[:, :-1].ravel(), errors[:, 1:].ravel())[0, 1] == pytest.approx(0.9, abs=0.05)
    calm = np.zeros(96)
    assert metered(1, SUMMER, calm + 1000, calm, calm) == (0,) * 96


# --- the picture ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, 60, 10_000])
def test_no_word_is_cut_off_at_the_edge_of_the_picture(two_users: list[Day], number: int) -> None:
    # The longest name that a date has in English.
    days = [replace(two_users[i % 2], due=two_users[i % 2].due + 7 * i % 40) for i in range(number)]
    picture = draw_settlement(days, make_community(days), date(2025, 9, 24), 3)
    assert struct.unpack(">II", picture[16:24]) == (1920, 1080)
    pixels, border = imread(io.BytesIO(picture)), 12
    assert pixels[border:-border, border:-border].min() < 0.5, "there is ink"
    for edge in (pixels[:border], pixels[-border:], pixels[:, :border], pixels[:, -border:]):
        assert edge.min() == 1.0


def test_a_day_on_which_nothing_is_gained_has_a_picture(two_users: list[Day]) -> None:
    days = [replace(day, due=day.without, sold=0, local=0) for day in two_users]
    assert draw_settlement(days, make_community(days), SUMMER, 3).startswith(b"\x89PNG")


def test_the_shares_of_a_result_are_not_in_its_repr() -> None:
    assert "results" not in repr(Closed([], 0.0, 0.0))
    assert "results" not in repr(Settled([], 0.0, 0.0))
