"""What suppliers charge, the network fee included, and for which periods (market.md §6).

All are money prices in ticks (`money`). Times are in seconds since 1970, UTC. A supplier publishes tariffs; each holds
for the periods that start in [begins, ends). Of those that hold for a period the one with the highest number counts.

    tariffs, start of a period ──rates_for──▶ Rates ──rates_of_correction──▶ Rates of what comes later
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.money import Scale


@dataclass(frozen=True, slots=True)
class Rates:
    """What counts for one user in one period: retail price r, feed-in price f, network fee n.

    `published`: by a supplier; else they are `NO_TARIFF`, which is not the same as a tariff of zeros.
    """

    retail: int
    feed_in: int
    fee: int
    published: bool = True

    @property
    def facts(self) -> tuple[int, ...]:
        """The published numbers: none without a tariff."""
        return (self.retail, self.feed_in, self.fee) if self.published else ()

    @classmethod
    def of(cls, facts: Sequence[int]) -> Self:
        """The inverse. Raises: InvalidSettingsError."""
        if len(facts) not in (0, 3):
            raise InvalidSettingsError(f"a tariff of {len(facts)} numbers: 3 are expected, or none")
        retail, feed_in, fee = facts or (0, 0, 0)
        return cls(retail, feed_in, fee, published=bool(facts))

    def check_charges(self) -> None:
        """So that a reading of more net import never costs less, whatever was traded at whichever price: 0 ≤ f ≤ r, and
        0 ≤ n ≤ r, since r includes n. Otherwise it could pay to withhold a reading.

        Raises: InvalidSettingsError.
        """
        if min(self.retail, self.feed_in, self.fee) < 0:
            raise InvalidSettingsError("retail price, feed-in price and network fee of a tariff must not be negative")
        if self.retail < self.fee:
            raise InvalidSettingsError("the retail price of a tariff includes the network fee: it must not be below it")
        if self.retail < self.feed_in:
            raise InvalidSettingsError("the feed-in price of a tariff must not be above its retail price")

    def check(self, scale: Scale) -> None:
        """Raises: InvalidSettingsError unless prices lie on the grid, and the fee from 0 to its end."""
        first, last = scale.base, scale.base + 2**scale.market.price_bits - 1
        for name, value, least, most in (
            ("retail price", self.retail, first, last),
            ("feed-in price", self.feed_in, first, last),
            ("network fee", self.fee, 0, scale.widest_price),
        ):
            if type(value) is not int or not least <= value <= most:
                raise InvalidSettingsError(f"a {name} of {value!r} ticks: integers from {least} to {most} are possible")


NO_TARIFF = Rates.of(())
"""Of a supplier that has published nothing: local trade is paid for at p*, and nothing else is."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """A supplier's rates for the periods that start in [begins, ends). `number`: each of a supplier's has its own."""

    supplier: str
    number: int
    begins: int
    ends: int
    rates: Rates

    def holds(self, start: int) -> bool:
        """Whether it holds for the period that starts then."""
        return self.begins <= start < self.ends


def rates_for(tariffs: Iterable[Tariff], supplier: str, start: int) -> Rates:
    """What counts for a supplier's users in the period that starts then: of its tariffs that hold, the one with the
    highest number; where there is none, `NO_TARIFF`.
    """
    holding = [tariff for tariff in tariffs if tariff.supplier == supplier and tariff.holds(start)]
    return max(holding, key=lambda tariff: tariff.number).rates if holding else NO_TARIFF


def rates_of_correction(settled: Rates, now: Rates, *, replaces: bool) -> Rates:
    """What counts for an entry that comes after its period was settled. `settled`: what counted then; `now`: what does
    by the tariffs that there are by the correction; `replaces`: whether it takes the place of an entry.

    The tariff of the settlement, so that what is taken back is billed as it was, at none too. Only who has not been
    billed for the period gets a tariff that has turned up since.
    """
    return settled if settled.published or replaces else now
