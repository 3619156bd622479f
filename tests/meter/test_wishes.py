"""What is ordered: files of orders, the tariff (parties.meter.wishes)."""

from dataclasses import replace

import pytest

from mpc_market.errors import InputError
from mpc_market.rules.model import Side
from parties.files.market import MarketFile
from parties.files.problems import Problems
from parties.meter.errors import HomeError
from parties.meter.forecast import Limits, Wish
from parties.meter.home import create_home
from parties.meter.registers import Boundary, Registers
from parties.meter.store import Store
from parties.meter.wishes import Forecast, WishFile, limits_of, read_wishes

NOON = 1_795_262_400
HEADER = "meter,period,side,price,quantity\n"
MAXIMA = {"m17": 2000, "m18": 65_535}
MARKET = MarketFile(orders_per_submission=2)


def read(path, text, maxima=MAXIMA, market=MARKET):
    path.write_text(text, encoding="utf-8")
    problems = Problems()
    return read_wishes(str(path), market, maxima, problems), problems.shown


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.csv"


def test_orders_by_meter_and_period(path):
    listed, problems = read(
        path,
        HEADER
        + "m17,2026-11-21T12:00:00Z,sell,0.0835,1.250\r\n"
        + "m17,2026-11-21T12:00Z,sell,0.1000,0.5\n"
        + '"m18",2026-11-21T12:15:00Z,buy,0.2,0\n',
    )
    assert problems == []
    assert listed == {
        ("m17", NOON): [Wish(Side.SELL, 835, 1250), Wish(Side.SELL, 1000, 500)],
        ("m18", NOON + 900): [Wish(Side.BUY, 2000, 0)],
    }


def test_of_one_meter_the_column_may_be_left_out(path):
    listed, problems = read(
        path, "remark,quantity,price,side,period\nhello,1,0.1,buy,2026-11-21T12:00:00Z\n", {"m17": 2000}
    )
    assert (problems, listed) == ([], {("m17", NOON): [Wish(Side.BUY, 1000, 1000)]})


GOOD = "m17,2026-11-21T12:00:00Z,sell,0.0835,1.250\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1: the first line must name each of the columns meter, period, side, price, quantity once"),
        ("meter;period;side;price;quantity\n", ":1: the first line must name each of the columns"),
        (HEADER + GOOD.replace("12:00", "12:07"), ":2: period '2026-11-21T12:07:00Z': no period starts there, but one "
         "does at 2026-11-21T12:00:00Z and one at 2026-11-21T12:15:00Z"),
        (HEADER + GOOD.replace("Z", "+01:00"), ":2: period '2026-11-21T12:00:00+01:00' is not the UTC start"),
        (HEADER + GOOD.replace("11-21", "02-30"), ":2: period '2026-02-30T12:00:00Z' is not the UTC start"),
        (HEADER + GOOD.replace("sell", "Sell"), ":2: side 'Sell' is neither buy nor sell"),
        (HEADER + GOOD.replace("0.0835", "0.08351"), ":2: price 0.08351 is not a multiple of the tick 0.0001"),
        (HEADER + GOOD.replace("1.250", "1,250"), ":2: 6 fields where the header has 5"),
        (HEADER + GOOD.replace("1.250", "2.001"), ":2: quantity 2.001 is above the enrolled maximum of 2.000 kWh"),
        (HEADER + GOOD.replace("1.250", "1.2505"), ":2: quantity 1.2505 is not a multiple of the lot 0.001"),
        (HEADER + GOOD.replace("m17", "m19"), ":2: meter 'm19' is none of the homes given"),
        (HEADER + GOOD * 3, ":4: more than 2 orders of one meter for one period"),
        (HEADER + GOOD[:-1] + ',"x\n', ":2: a quoted field begins here or below and is never closed"),
    ],
)  # fmt: skip
def test_wrong_rows_are_named_with_their_line(path, text, expected):
    _, problems = read(path, text)
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}{expected}")


def test_a_file_is_read_again_when_it_changes(path):
    path.write_text(HEADER + GOOD)
    file = WishFile(str(path), MARKET, MAXIMA)
    assert (file.count, len(file.of_meter("m17")[NOON]), file.of_meter("m18")) == (1, 1, {})
    path.write_text(HEADER + GOOD * 2)
    assert file.count == 1
    file.refresh()
    assert file.count == 2
    path.write_text(HEADER + "oh no\n")
    with pytest.raises(InputError, match=":2: 1 fields"):
        file.refresh()
    assert file.count == 2, "what was read before stays"
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        file.refresh()
    path.write_text(HEADER)
    file.refresh()
    assert file.count == 0


# --- the forecast -----------------------------------------------------------------------------------------

TARIFF = {"retail": "0.30", "feed_in": "0.04", "fee": "0.03"}


@pytest.fixture
def home(tmp_path):
    return create_home(tmp_path / "home", "m17", "market.toml", "2")


def test_an_order_from_the_registers_in_the_store(home):
    """Yesterday 500 Wh were taken in this quarter, and 200 Wh given in the one before."""
    store = Store(home.store, home.meter)
    rows = [(-900, 1000, 0), (0, 1000, 200), (900, 1500, 200)]
    store.put_boundaries([Boundary(Registers(NOON - 86_400 + at, "d", i, e), unbroken=True) for at, i, e in rows])
    orders = Forecast(store, MARKET, Limits(buy=3000, sell=700), maximum=2000)
    assert orders.of(NOON) == (Wish(Side.BUY, 3000, 500),)
    assert orders.of(NOON - 900) == (Wish(Side.SELL, 700, 200),)
    assert orders.of(NOON + 900)[0].quantity == 0


def test_the_tariff_gives_the_limits(home):
    assert limits_of(replace(home, **TARIFF), MARKET) == Limits(buy=3000, sell=700)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"retail": None}, "retail is missing"),
        ({"fee": "0,03"}, "fee is missing or no number"),
        ({"fee": "1e3"}, "fee is missing or no number"),
        ({"retail": "0.5"}, "out of range"),
        ({"feed_in": "0.00005"}, "not a multiple of the tick"),
        ({"retail": "0.06"}, "above retail"),
    ],
)
def test_a_tariff_that_cannot_be_used_is_refused(home, change, reason):
    with pytest.raises(HomeError, match=reason):
        limits_of(replace(home, **(TARIFF | change)), MARKET)
