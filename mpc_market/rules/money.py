"""Money: exact amounts in ticks × lots, and the cents that are printed and paid (market.md §6).

The unit of money is what one lot costs at one tick. Amounts are exact integers of that unit and signed: positive is to
be paid. Prices in money are ticks counted from 0, that is `price_min / price_tick + tick`, and may be negative.
Cents are made of exact amounts once, at the very end, half up: 0.5 becomes 1, −0.5 becomes 0.
"""

from dataclasses import dataclass

from mpc_market.errors import AmountsTooLargeError, InvalidSettingsError
from mpc_market.rules.model import Market

AMOUNT_BITS = 60
"""Amounts stay below 2^60, so that twice a signed one fits in the field of the secure engine."""

ENTRIES_PER_PERIOD = 3
"""A closing adds up an entry for each period of its month; and for each of the month before a corrected one, which also
takes one back. Why that is counted: docs/decisions/2026-11-26-bound-of-exact-bills.md.
"""


@dataclass(frozen=True, slots=True)
class Cents:
    """One unit of money is `numerator / denominator` cents, in lowest terms.

    Usually the numerator is 1: at a tick of 0.0001 and a lot of 0.001 a cent has 100,000 units.
    """

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        for name in ("numerator", "denominator"):
            value = getattr(self, name)
            if type(value) is not int or not 0 < value < 2**AMOUNT_BITS:
                raise InvalidSettingsError(
                    f"units per cent: the {name} is not an integer from 1 to 2^{AMOUNT_BITS} − 1"
                )

    def of(self, amount: int) -> int:
        """⌊amount · numerator / denominator + 1/2⌋."""
        return (2 * amount * self.numerator + self.denominator) // (2 * self.denominator)

    def check_exact(self, largest: int) -> None:
        """Make sure that amounts of at most that size can be rounded within the field.

        What is divided is made positive before, by adding whole cents, so there must be room for twice the amount.
        Raises: AmountsTooLargeError.
        """
        if 2 * (largest * self.numerator + 2 * self.denominator) >= 2**AMOUNT_BITS:
            raise AmountsTooLargeError(
                f"amounts of up to {largest} · {self.numerator} parts of a cent, {self.denominator} to the cent: twice "
                f"that must be below 2^{AMOUNT_BITS}, so a coarser price tick or lot is needed"
            )


@dataclass(frozen=True, slots=True)
class Scale:
    """What settlement must know of a market besides `Market`: the numbers that amounts are made of.

    `base`: the money price of tick 0, `price_min / price_tick`. `orders`: orders per submission. `periods`: periods in
    the longest billing month. Retail and feed-in prices lie on the grid of prices, network fees from 0 to its end.

    Raises: AmountsTooLargeError if amounts of a month might be too large:
    `9 · orders · 2^(price_bits + quantity_bits) · periods < 2^60`, with the largest |price| in place of 2^price_bits if
    the grid begins so far below 0 or so far above that it is larger; see `Cents.check_exact`.
    """

    market: Market
    base: int
    orders: int
    periods: int
    cents: Cents

    def __post_init__(self) -> None:
        month = self.largest_amount(ENTRIES_PER_PERIOD * self.periods)
        if month >= 2**AMOUNT_BITS:
            bits = self.market.price_bits + self.market.quantity_bits
            raise AmountsTooLargeError(
                f"9 · {self.orders} orders · 2^{bits} · {self.periods} periods a month must be below "
                f"2^{AMOUNT_BITS}, so that bills are exact: fewer price_bits or quantity_bits, or a longer period"
            )
        self.cents.check_exact(month)

    @property
    def widest_price(self) -> int:
        """No price, retail price, feed-in price or network fee is larger than that in size."""
        last = self.base + (1 << self.market.price_bits) - 1
        return max((1 << self.market.price_bits), abs(self.base), abs(last))

    def largest_amount(self, entries: int) -> int:
        """No amount made of this many periods is larger than that in size.

        A user buys B and sells S, B + S ≤ K·Q for K orders below Q = 2^quantity_bits, and metered |imp − exp| ≤ Q. With
        s = r or f, whichever the deviation is paid at, the amount is (p* − s)·(B − S) + n·S + s·(imp − exp). Prices
        differ by less than 2^price_bits ≤ W, so this is at most (2·K + 1)·W·Q ≤ 3·K·W·Q in size, and each line is too.
        """
        return 3 * self.orders * self.widest_price * (1 << self.market.quantity_bits) * entries

    @property
    def readings_max(self) -> int:
        """Over so many users totals are exact: n · periods · 2^quantity_bits ≤ 2^60. Those of a settlement are of one
        period; those of corrections of a month, where a user's differ by less than 2^quantity_bits in each.
        """
        return (1 << AMOUNT_BITS) // (self.periods << self.market.quantity_bits)

    def money_price(self, tick: int) -> int:
        """A clearing price in ticks as money."""
        return self.base + tick
