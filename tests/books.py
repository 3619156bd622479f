"""Order books for property and differential tests: a seeded generator, and a hypothesis strategy.

`random_book` makes books of an exact size and of a kind that reaches one corner of the market rule on
purpose; `books` searches, and shrinks what it finds.
"""

import math
import random
from collections.abc import Callable

from hypothesis import strategies as st

from mpc_market.rules.model import Market, Order, Rationing, Side

Line = tuple[Side, int, int]
"""Side, price, quantity: an order without its id."""

ID_STEMS = ("m", "m", "m", "m", "métér-", "e\u0301-", "家-", "🔋-", " ", "\x7f", "a,b;\"'", "-")
MANY_DIVISORS = (1, 2, 6, 12, 60, 120, 840, 5040)


def random_book(rng: random.Random, market: Market, size: int, kind: str) -> list[Order]:
    """A book of exactly `size` orders of one of the KINDS, on the market's grid; reproducible from `rng`."""
    lines = _LINES[kind](rng, market, size)
    rng.shuffle(lines)
    return [Order(f"{rng.choice(ID_STEMS)}{i}", *line) for i, line in enumerate(lines)]


@st.composite
def books(draw: st.DrawFn, market: Market, max_size: int) -> list[Order]:
    """Books of up to `max_size` orders: prices and quantities out of a few values, or from the whole grid."""
    prices, quantities = draw(_values(_price_max(market))), draw(_values(_quantity_max(market)))
    lines = draw(st.lists(st.tuples(st.sampled_from(Side), prices, quantities), max_size=max_size))
    return [Order(f"{ID_STEMS[i % len(ID_STEMS)]}{i}", *line) for i, line in enumerate(lines)]


def markets() -> st.SearchStrategy[Market]:
    """Markets from the smallest grid to the largest, under both rationing rules."""
    price_bits, quantity_bits = st.sampled_from([1, 2, 4, 12, 20]), st.sampled_from([1, 2, 4, 16, 20, 24])
    return st.builds(Market, price_bits, quantity_bits, st.sampled_from(Rationing))


def seeds() -> st.SearchStrategy[bytes]:
    """Seeds of a round."""
    return st.binary(min_size=32, max_size=32)


def _values(largest: int) -> st.SearchStrategy[st.SearchStrategy[int]]:
    """A pool to draw from: all of 0 … largest, or at most three values of it, so that ties are heavy."""
    whole = st.integers(0, largest)
    return st.just(whole) | st.lists(whole, min_size=1, max_size=3).map(st.sampled_from)


def _price_max(market: Market) -> int:
    return 2**market.price_bits - 1


def _quantity_max(market: Market) -> int:
    return 2**market.quantity_bits - 1


def _side(rng: random.Random) -> Side:
    return rng.choice((Side.SELL, Side.BUY))


def _neighbours(rng: random.Random, market: Market, count: int) -> list[int]:
    """Up to `count` prices next to each other, anywhere in the grid."""
    lowest = rng.randint(0, max(0, _price_max(market) + 1 - count))
    return [lowest + k for k in range(count) if lowest + k <= _price_max(market)]


def _tiny(rng: random.Random, market: Market, size: int) -> list[Line]:
    highest, most = min(5, _price_max(market)), min(4, _quantity_max(market))
    return [(_side(rng), rng.randint(0, highest), rng.randint(0, most)) for _ in range(size)]


def _ties(rng: random.Random, market: Market, size: int) -> list[Line]:
    prices, most = _neighbours(rng, market, 3), min(7, _quantity_max(market))
    return [(_side(rng), rng.choice(prices), rng.randint(0, most)) for _ in range(size)]


def _one_price(rng: random.Random, market: Market, size: int) -> list[Line]:
    price = rng.randint(0, _price_max(market))
    return [(_side(rng), price, rng.randint(0, _quantity_max(market))) for _ in range(size)]


def _equal(rng: random.Random, market: Market, size: int) -> list[Line]:
    """One price and quantities with many divisors: v·A/G is often whole, so rounding q down costs a lot."""
    price = rng.randint(0, _price_max(market))
    quantity = max(v for v in MANY_DIVISORS if v <= _quantity_max(market))
    quantities = (quantity,) * 6 + (quantity // 2, 0)
    supply = rng.random()
    return [(Side.SELL if rng.random() < supply else Side.BUY, price, rng.choice(quantities)) for _ in range(size)]


def _barely(rng: random.Random, market: Market, size: int) -> list[Line]:
    """One price, and totals for which v·A/G of one order is barely whole: there the precision of q shows.

    It does so from 20 quantity bits on; below, books of this size are too small for it.
    """
    price, most = rng.randint(0, _price_max(market)), _quantity_max(market)
    asked = [rng.randint(most // 2 + 1, most) for _ in range(size // 2)]
    g, v = sum(asked), max(asked, default=0)
    given = rng.randint(0, g)
    if math.gcd(v, g) == 1:
        # v·A ≡ remainder (mod G), no more than what rounding q down at 60 − quantity_bits bits can cost
        remainder = rng.randint(0, v * g >> (60 - market.quantity_bits))
        given = remainder * pow(v, -1, g) % g
    side, other = rng.sample((Side.SELL, Side.BUY), 2)
    lines = [(side, price, quantity) for quantity in asked]
    for _ in range(size - size // 2):
        quantity = min(given, most)
        lines.append((other, price, quantity))
        given -= quantity
    return lines


def _units(rng: random.Random, market: Market, size: int) -> list[Line]:
    """Every order one lot: the cut falls between two orders, and the price interval may have a length."""
    return [(_side(rng), rng.randint(0, _price_max(market)), 1) for _ in range(size)]


def _balanced(rng: random.Random, market: Market, size: int) -> list[Line]:
    """As much cheap supply as dear demand: everything trades, at the middle of the gap between them."""
    middle = rng.randint(0, _price_max(market))
    lines: list[Line] = []
    for _ in range(size // 2):
        quantity = rng.randint(0, _quantity_max(market))
        lines.append((Side.SELL, rng.randint(0, middle), quantity))
        lines.append((Side.BUY, rng.randint(middle, _price_max(market)), quantity))
    return lines + [(_side(rng), middle, 0)] * (size % 2)


def _wide(rng: random.Random, market: Market, size: int) -> list[Line]:
    """All of the grid, with a few orders that only take part."""

    def quantity() -> int:
        return 0 if rng.random() < 0.1 else rng.randint(0, _quantity_max(market))

    return [(_side(rng), rng.randint(0, _price_max(market)), quantity()) for _ in range(size)]


def _edges(rng: random.Random, market: Market, size: int) -> list[Line]:
    prices = (0, 1, _price_max(market) - 1, _price_max(market))
    return [(_side(rng), rng.choice(prices), rng.randint(0, _quantity_max(market))) for _ in range(size)]


def _extremes(rng: random.Random, market: Market, size: int) -> list[Line]:
    """Quantities at both ends of their range; prices from a few neighbours or from the whole grid."""
    quantities = (0, 1, _quantity_max(market) - 1, _quantity_max(market))
    prices = _neighbours(rng, market, 2) if rng.random() < 0.5 else range(2**market.price_bits)
    return [(_side(rng), rng.choice(prices), rng.choice(quantities)) for _ in range(size)]


def _full(rng: random.Random, market: Market, size: int) -> list[Line]:
    """Every order as large as an order can be, all at one price: the largest totals there are."""
    price = rng.choice((0, rng.randint(0, _price_max(market)), _price_max(market)))
    return [(_side(rng), price, _quantity_max(market)) for _ in range(size)]


def _lone(rng: random.Random, market: Market, size: int) -> list[Line]:
    """One order against all the others."""
    side, other = rng.sample((Side.SELL, Side.BUY), 2)
    lines = [(other, price, quantity) for _, price, quantity in _wide(rng, market, size)]
    return lines[1:] + [(side, price, quantity) for _, price, quantity in lines[:1]]


def _apart(rng: random.Random, market: Market, size: int) -> list[Line]:
    """Every buy below every sell: no trade, with both sides present."""
    middle = rng.randint(0, _price_max(market) - 1)
    quantities = [rng.randint(0, _quantity_max(market)) for _ in range(size)]
    return [
        (Side.BUY, rng.randint(0, middle), quantity)
        if _side(rng) is Side.BUY
        else (Side.SELL, rng.randint(middle + 1, _price_max(market)), quantity)
        for quantity in quantities
    ]


def _buys(rng: random.Random, market: Market, size: int) -> list[Line]:
    return [(Side.BUY, price, quantity) for _, price, quantity in _wide(rng, market, size)]


def _sells(rng: random.Random, market: Market, size: int) -> list[Line]:
    return [(Side.SELL, price, quantity) for _, price, quantity in _wide(rng, market, size)]


def _idle(rng: random.Random, market: Market, size: int) -> list[Line]:
    return [(side, price, 0) for side, price, _ in _wide(rng, market, size)]


_LINES: dict[str, Callable[[random.Random, Market, int], list[Line]]] = {
    "tiny": _tiny,
    "ties": _ties,
    "one-price": _one_price,
    "equal": _equal,
    "barely": _barely,
    "units": _units,
    "balanced": _balanced,
    "wide": _wide,
    "edges": _edges,
    "extremes": _extremes,
    "full": _full,
    "lone": _lone,
    "apart": _apart,
    "buys": _buys,
    "sells": _sells,
    "idle": _idle,
}

KINDS = tuple(_LINES)
"""The kinds of book that `random_book` makes."""
