"""The market's settings as a TOML file (market.md §1)."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from mpc_market.errors import AmountsTooLargeError, InvalidSettingsError
from mpc_market.rules.model import PRICE_BITS_MAX, QUANTITY_BITS_MAX, Market, Rationing
from parties.files.market import MarketFile, read_market
from parties.files.problems import Problems

SPECIFICATION = """
[market]
currency = "EUR"
timezone = "Europe/Brussels"     # for billing months and what people read; periods are keyed in UTC
price_tick = "0.0001"
price_min = "0"                  # a multiple of the tick; may be negative
price_bits = 12
lot = "0.001"
quantity_bits = 16
period = "PT15M"
rationing = "pro-rata"
"""


def read(path: Path, content: str | bytes) -> tuple[MarketFile | None, list[str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    problems = Problems()
    market = read_market(str(path), problems)
    assert (market is None) == bool(problems.shown)
    return market, [problem.removeprefix(str(path)) for problem in problems.shown]


def test_the_example_of_the_specification_is_the_default(tmp_path: Path) -> None:
    assert read(tmp_path / "m.toml", SPECIFICATION) == (MarketFile(), [])
    assert read(tmp_path / "m.toml", "[market]\n") == (MarketFile(), [])
    assert read_market(None, Problems()) == MarketFile()
    assert MarketFile().rules == Market(12, 16, Rationing.PRO_RATA)


def test_every_key(tmp_path: Path) -> None:
    market, problems = read(
        tmp_path / "m.toml",
        '\ufeff[market]\r\ncurrency = "GBP"\r\ntimezone = "Europe/London"\r\nprice_tick = 0.01\r\n'
        'price_min = -0.50\r\nprice_bits = "20"\r\nlot = 0.5\r\nquantity_bits = 9\r\nperiod = "PT1H30M"\r\n'
        'rationing = "lottery"\r\norders_per_submission = 4\r\nminimum_group = 10\r\n'
        "[service]\r\nurl = 1\r\n[[party]]\r\nname = 'a'\r\n",
    )
    assert problems == []
    assert market == MarketFile(
        *("GBP", "Europe/London", Decimal("0.01"), Decimal("-0.50"), 20, Decimal("0.5"), 9),
        *(timedelta(minutes=90), Rationing.LOTTERY, 4, 10),
    )
    assert market is not None
    assert market.rules == Market(20, 9, Rationing.LOTTERY)
    assert (market.ticks("-0.5"), market.ticks("0.13"), market.lots("2.5")) == (0, 63, 5)
    assert (market.price_text(0), market.price_text(63), market.quantity_text(5)) == ("-0.50", "0.13", "2.5")


@pytest.mark.parametrize("number", ["0.0001", '"0.0001"', "1e-4", '"0.00010"', "0.000_1"])
def test_numbers_are_read_as_decimals(tmp_path: Path, number: str) -> None:
    market, problems = read(tmp_path / "m.toml", f"[market]\nprice_tick = {number}\n")
    assert problems == []
    assert market is not None
    assert market.ticks("0.1") == 1000
    assert market.price_text(1000) == ("0.10000" if "00010" in number else "0.1000")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "[market]\nprice_tik = 1\n",
            ":2: unknown key 'price_tik': [market] has currency, timezone, price_tick,",
        ),
        ('[market]\n\n"\x7f" = 1\n', ":3: not TOML: Illegal character '\\x7f'"),
        ('[market]\n"a\\u001b" = 1\n', ":1: unknown key 'a\\x1b'"),
        ("[market.fees]\nx = 1\n", ":1: unknown key 'fees'"),
        ("price_bits = 12\n[market]\n", ":1: key 'price_bits' stands outside any table"),
        ("[markets]\nprice_bits = 12\n", ":1: there is no table [market]"),
        ("[[market]]\nprice_bits = 12\n", ":1: there is no table [market]"),
        ("market = 3\n", ":1: there is no table [market]"),
        ("", ":1: there is no table [market]"),
        ("[market]\nlot = \n", ":2: not TOML: Invalid value"),
        ("[market]\nlot = 1\nlot = 1\n", ":3: not TOML: Cannot overwrite a value"),
        ("[market]\nlot = " + "9" * 5000 + "\n", ":3: not TOML: Exceeds the limit"),
        (
            "[market]\nlot = 1e99999999999999999999\n",
            ": not TOML: the number 1e99999999999999999999 is beyond",
        ),
        ("[market]\nx = " + "[" * 10000 + "\n", ":1: the TOML is nested too deeply"),
        ("[market]\nlot = 1e9999\n", ":2: lot = 1E+9999: at most 15 digits"),
        ("[market]\nlot = 1e-9999\n", ":2: lot = 1E-9999: at most 15 digits"),
        ("[market]\nlot = 0x" + "f" * 5000 + "\n", ":2: lot = (an integer of 20000 bits): at most 15 digits"),
        (
            f'[market]\nlot = "{"1" * 10**6}"\n',
            ':2: lot = "1111111111111111111111111111111111111111…": a decimal',
        ),
        ("[market]\nlot = nan\n", ":2: lot = NaN: a decimal number"),
        ("[market]\nlot = -inf\n", ":2: lot = -Infinity: a decimal number"),
        ("[market]\nlot = true\n", ":2: lot = true: a decimal number"),
        ('[market]\nlot = "1e-3"\n', ':2: lot = "1e-3": a decimal number'),
        ('[market]\nlot = "0,001"\n', ':2: lot = "0,001": a decimal number'),
        ('[market]\nlot = ""\n', ':2: lot = "": a decimal number'),
        ("[market]\nlot = []\n", ":2: lot = (list): a decimal number"),
        ('[market]\nlot = "0"\n', ':2: lot = "0": it must be greater than 0'),
        ("[market]\nlot = -0.001\n", ":2: lot = -0.001: it must be greater than 0"),
        ("[market]\nprice_tick = 0.0\n", ":2: price_tick = 0.0: it must be greater than 0"),
        (
            "[market]\nprice_min = 0.00005\n",
            ":2: the smallest price 0.00005 is not a multiple of the tick 0.0001",
        ),
        ("[market]\nprice_bits = 0\n", ":2: price_bits = 0: a whole number from 1 to 20 is expected"),
        ("[market]\nprice_bits = 21\n", ":2: price_bits = 21: a whole number from 1 to 20 is expected"),
        ("[market]\nprice_bits = 12.0\n", ":2: price_bits = 12.0: a whole number from 1 to 20 is expected"),
        ("[market]\nprice_bits = true\n", ":2: price_bits = true: a whole number from 1 to 20 is expected"),
        ('[market]\nprice_bits = "１２"\n', ':2: price_bits = "１２": a whole number'),
        ("[market]\nquantity_bits = 25\n", ":2: quantity_bits = 25: a whole number from 1 to 24 is expected"),
        ("[market]\norders_per_submission = 0\n", ":2: orders_per_submission = 0: a whole number"),
        ("[market]\nminimum_group = 0\n", ":2: minimum_group = 0: a whole number"),
        ('[market]\ncurrency = "eur"\n', ':2: currency = "eur": three capital letters'),
        ("[market]\ncurrency = 978\n", ":2: currency = 978: three capital letters"),
        (
            '[market]\ntimezone = "Europe/Bruxelles"\n',
            ':2: timezone = "Europe/Bruxelles": the name of a time zone',
        ),
        ('[market]\ntimezone = "Europe"\n', ':2: timezone = "Europe": the name of a time zone'),
        (
            '[market]\ntimezone = "../../etc/passwd"\n',
            ':2: timezone = "../../etc/passwd": the name of a time zone',
        ),
        ('[market]\ntimezone = ""\n', ':2: timezone = "": the name of a time zone'),
        ('[market]\nperiod = "15 min"\n', ':2: period = "15 min": an ISO 8601 duration'),
        ('[market]\nperiod = "P"\n', ':2: period = "P": an ISO 8601 duration'),
        ('[market]\nperiod = "P1DT"\n', ':2: period = "P1DT": an ISO 8601 duration'),
        ('[market]\nperiod = "PT0S"\n', ':2: period = "PT0S": an ISO 8601 duration greater than 0'),
        ("[market]\nperiod = 15\n", ":2: period = 15: an ISO 8601 duration"),
        ("[market]\nperiod = 07:15:00\n", ":2: period = (time): an ISO 8601 duration"),
        (
            '[market]\nrationing = "prorata"\n',
            ':2: rationing = "prorata": "pro-rata" or "lottery" is expected',
        ),
        ("[market]\nrationing = []\n", ':2: rationing = (list): "pro-rata" or "lottery" is expected'),
        (b'[market]\ncurrency = "\xe9"\n', ":2: byte 0xe9 is not UTF-8"),
        ("[market]\ncurrency = '\0'\n", ":2: a NUL byte"),
        ("[market]\n".encode("utf-16"), ":1: the file is UTF-16"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: str | bytes, problem: str) -> None:
    market, problems = read(tmp_path / "m.toml", content)
    assert market is None
    assert len(problems) == 1
    assert problem in problems[0]
    assert len(problems[0]) < 400


def test_every_problem_is_told(tmp_path: Path) -> None:
    _, problems = read(tmp_path / "m.toml", "x = 1\n[market]\nlot = 0\n\nprice_bits = 0\nfoo = 1\n[[party]]\nfoo = 2\n")
    assert [problem[:3] for problem in problems] == [":1:", ":3:", ":5:", ":6:"]


@pytest.mark.parametrize("text", ["P1D", "PT1H", "PT60M", "PT900S", "P1DT1H1M1S"])
def test_periods(tmp_path: Path, text: str) -> None:
    market, _ = read(tmp_path / "m.toml", f'[market]\nperiod = "{text}"\n')
    assert market is not None
    assert market.period > timedelta(0)


def test_settings_that_contradict_one_another_are_refused_in_code_too() -> None:
    with pytest.raises(InvalidSettingsError, match="not a multiple of the tick"):
        MarketFile(price_min=Decimal("0.00005"))
    with pytest.raises(InvalidSettingsError, match="lot"):
        MarketFile(lot=Decimal(0))
    with pytest.raises(InvalidSettingsError, match="price_bits"):
        MarketFile(price_bits=21)


def test_what_settlement_must_know(tmp_path: Path) -> None:
    scale = MarketFile(price_min=Decimal("-0.0100")).scale
    assert (scale.base, scale.orders, scale.periods) == (-100, 1, 32 * 96)
    assert (scale.cents.numerator, scale.cents.denominator) == (1, 100_000)
    assert scale.money_price(1200) == 1100
    coarse = MarketFile(price_tick=Decimal("0.5"), lot=Decimal("0.1")).scale.cents
    assert (coarse.numerator, coarse.denominator) == (5, 1)


def test_bills_that_would_not_be_exact_are_refused(tmp_path: Path) -> None:
    """Of a market that is settled: one that only clears makes no bills."""
    text = '[market]\nquantity_bits = 24\nprice_bits = 20\nperiod = "PT1M"\n'
    market, problems = read(tmp_path / "m.toml", text + "[settlement]\n")
    assert market is None
    assert len(problems) == 1
    assert problems[0].startswith(":3: 9 · 1 orders · 2^44 · 46080 periods a month must be below 2^60")
    market, problems = read(tmp_path / "m.toml", text)
    assert (market is not None, problems) == (True, [])


@pytest.mark.parametrize(
    ("settings", "settled"),
    [
        ((20, 24, 1, "PT15M"), True),
        ((20, 24, 2, "PT15M"), False),
        ((20, 23, 2, "PT15M"), True),
        ((20, 24, 1, "PT12M40S"), True),  # 3638 periods in 32 days, and 3643
        ((20, 24, 1, "PT12M39S"), False),
        ((12, 16, 255, "PT15M"), True),
        ((20, 24, 255, "PT1S"), False),
    ],
)
def test_the_bound_of_exact_bills(tmp_path: Path, settings: tuple[object, ...], settled: bool) -> None:
    """It is asked of a file with a table [settlement], and of no other."""
    keys = ("price_bits", "quantity_bits", "orders_per_submission")
    rows = "".join(f"{key} = {value}\n" for key, value in zip(keys, settings, strict=False))
    text = f'[market]\nperiod = "{settings[3]}"\n{rows}'
    assert read(tmp_path / "m.toml", text)[1] == []
    market, problems = read(tmp_path / "m.toml", text + "[settlement]\n")
    assert (market is not None, len(problems)) == (settled, 0 if settled else 1)


@pytest.mark.parametrize("orders", [1, 2, 255])
def test_a_market_that_only_clears_may_have_every_grid(orders: int) -> None:
    for price_bits in range(1, PRICE_BITS_MAX + 1):
        for quantity_bits in range(1, QUANTITY_BITS_MAX + 1):
            MarketFile(price_bits=price_bits, quantity_bits=quantity_bits, orders_per_submission=orders)


@pytest.mark.parametrize("minutes", [1, 5, 15, 30, 60])
@pytest.mark.parametrize("orders", [1, 4, 255])
def test_every_month_of_settings_that_are_accepted_can_be_closed(minutes: int, orders: int) -> None:
    """With every entry of the month before corrected, which takes one back and adds one."""
    accepted = 0
    for price_bits in range(1, PRICE_BITS_MAX + 1):
        for quantity_bits in range(1, QUANTITY_BITS_MAX + 1):
            period = timedelta(minutes=minutes)
            try:
                market = MarketFile(
                    price_bits=price_bits, quantity_bits=quantity_bits, period=period, orders_per_submission=orders
                )
                _ = market.scale
            except AmountsTooLargeError:
                continue
            accepted += 1
            longest = 745 * 60 // minutes  # 31 days, and the hour by which the clock is put back
            market.scale.cents.check_exact(market.scale.largest_amount(longest + 2 * longest))
    assert accepted
