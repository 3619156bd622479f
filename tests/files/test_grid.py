"""Decimal text to ticks and lots and back: exact, whatever the digits."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import InvalidOrderError, InvalidSettingsError
from parties.files.grid import Grid

PRICES = Grid.of("price", "tick", "EUR/kWh", first=Decimal("0"), step=Decimal("0.0001"), bits=12)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    decimals = draw(st.integers(0, 15))
    step = draw(st.integers(1, 5000))
    first = step * draw(st.integers(-10_000, 10_000))
    scale = Decimal(1).scaleb(-decimals)
    return Grid.of("price", "tick", "EUR/kWh", first=first * scale, step=step * scale, bits=draw(st.integers(1, 24)))


@given(grids(), st.data())
def test_text_and_index_are_inverse_and_exact(grid: Grid, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, grid.size - 1))
    text = grid.text(index)
    assert grid.index(text) == index
    assert Fraction(text) == Fraction(grid.first + index * grid.step, 10**grid.decimals)
    assert len(text.partition(".")[2]) == grid.decimals
    assert grid.index(("-" if text[0] == "-" else "") + "000" + text.lstrip("-")) == index


@given(grids(), st.from_regex(r"-?[0-9]{1,6}(\.[0-9]{1,8})?", fullmatch=True))
def test_index_agrees_with_fractions(grid: Grid, text: str) -> None:
    units = Fraction(text) * 10**grid.decimals - grid.first
    if units % grid.step == 0 and 0 <= units // grid.step < grid.size:
        assert grid.index(text) == units // grid.step
    else:
        with pytest.raises(InvalidOrderError):
            grid.index(text)


@given(st.text(max_size=12))
def test_whatever_is_no_number_is_refused(text: str) -> None:
    try:
        expected = Fraction(text) if set(text) <= set("-.0123456789") else None
    except ValueError:
        expected = None
    if expected is None:
        with pytest.raises(InvalidOrderError):
            PRICES.index(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.12345", "price 0.12345 is not a multiple of the tick 0.0001"),
        ("0.4096", "price 0.4096 is out of range: it must be from 0.0000 to 0.4095 EUR/kWh"),
        ("-0.0001", "price -0.0001 is out of range: it must be from 0.0000 to 0.4095 EUR/kWh"),
        ("", "price is empty: a number such as 0.2048 is expected"),
        ("0,0835", "price '0,0835' has a decimal comma: export numbers with decimal points"),
        ("1.234,5", "price '1.234,5' has a decimal comma: export numbers with decimal points"),
    ],
)
def test_messages(text: str, message: str) -> None:
    with pytest.raises(InvalidOrderError) as error:
        PRICES.index(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "text",
    [
        *("nan", "inf", "-inf", "1e400", "1E-4", "0x10", "1_0", "+0.1", ".1", "1.", "-", ".", "--1", "0.1.1"),
        *("0.1 ", " 0.1", "0.1\n", "\t0.1", "0 .1", "1 000", "0.1\x00", "0.1€"),
        *("１", "0.１", "٣", "²", "½", "−0.1"),
    ],
)
def test_malformed_numbers(text: str) -> None:
    with pytest.raises(InvalidOrderError, match=r"is not a number of the form -\?digits\[\.digits\], such as 0\.2048"):
        PRICES.index(text)


@pytest.mark.parametrize("text", ["9" * 10**6, "-" + "9" * 10**6, "0." + "1" * 10**6, "1" + "0" * 10**6 + ".5"])
def test_a_megabyte_of_digits_is_refused_at_once_and_told_shortly(text: str) -> None:
    with pytest.raises(InvalidOrderError) as error:
        PRICES.index(text)
    assert len(str(error.value)) < 200


def test_a_megabyte_of_zeros_changes_nothing() -> None:
    assert PRICES.index("0" * 10**6 + "0.1234" + "0" * 10**6) == 1234


def test_minus_zero_is_zero() -> None:
    assert PRICES.index("-0.0") == 0


def test_negative_prices() -> None:
    grid = Grid.of("price", "tick", "EUR/kWh", first=Decimal("-0.5"), step=Decimal("0.05"), bits=5)
    assert [grid.text(index) for index in (0, 9, 10, 11, 31)] == ["-0.50", "-0.05", "0.00", "0.05", "1.05"]
    assert [grid.index(text) for text in ("-0.5", "-0.05", "0", "0.05", "1.05")] == [0, 9, 10, 11, 31]
    with pytest.raises(InvalidOrderError, match=r"not a multiple of the tick 0\.05"):
        grid.index("0.01")
    with pytest.raises(InvalidOrderError, match=r"from -0\.50 to 1\.05"):
        grid.index("-0.55")


def test_steps_of_whole_units() -> None:
    grid = Grid.of("quantity", "lot", "kWh", first=Decimal(0), step=Decimal("1E+2"), bits=4)
    assert (grid.text(3), grid.index("300"), grid.index("300.00")) == ("300", 3, 3)


def test_a_grid_must_have_a_step_and_begin_on_it() -> None:
    with pytest.raises(InvalidSettingsError, match="not greater than 0"):
        Grid.of("price", "tick", "EUR/kWh", first=Decimal(0), step=Decimal(0), bits=4)
    with pytest.raises(InvalidSettingsError, match=r"0\.00005 is not a multiple of the tick 0\.0001"):
        Grid.of("price", "tick", "EUR/kWh", first=Decimal("0.00005"), step=Decimal("0.0001"), bits=4)
