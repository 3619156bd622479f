"""Decimal text to whole numbers and back, exactly: prices to ticks, quantities to lots (market.md §1).

Everything is integer arithmetic on the digits; there is no binary float and no rounding on the way.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from mpc_market.errors import InvalidOrderError, InvalidSettingsError
from parties.files.problems import printable

NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
"""What a number looks like in a file: ASCII, no exponent, underscore, blank or comma."""

_DECIMAL_COMMA = re.compile(r"-?[0-9][0-9.]*,[0-9]+")


def decimal_text(units: int, decimals: int) -> str:
    """The number units / 10^decimals, with that many decimals."""
    digits = str(abs(units)).rjust(decimals + 1, "0")
    sign = "-" if units < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits


@dataclass(frozen=True, slots=True)
class Grid:
    """The numbers `(first + i · step) / 10^decimals` for i = 0 … size − 1.

    `name` and `step_name` are for messages: a *price* is a multiple of the *tick*.
    """

    name: str
    step_name: str
    unit: str
    decimals: int
    first: int
    step: int
    size: int
    digits: int = field(init=False)

    def __post_init__(self) -> None:
        last = self.first + (self.size - 1) * self.step
        # The most digits that a number of the grid has, its point left out.
        object.__setattr__(self, "digits", len(str(max(abs(self.first), abs(last)))))

    @classmethod
    def of(cls, name: str, step_name: str, unit: str, *, first: Decimal, step: Decimal, bits: int) -> "Grid":
        """The grid of 2^bits numbers from `first` in steps of `step`, printed with the decimals of `step`.

        Raises: InvalidSettingsError if `step` is not positive or `first` is not a multiple of it.
        """
        if step <= 0:
            raise InvalidSettingsError(f"the {step_name} {step:f} is not greater than 0")
        exponent = step.as_tuple().exponent
        assert isinstance(exponent, int), "finite, since it is greater than 0 and was read as a number"
        decimals = max(-exponent, 0)
        scaled_first, scaled_step = Fraction(first) * 10**decimals, Fraction(step) * 10**decimals
        if scaled_first % scaled_step != 0:
            raise InvalidSettingsError(f"the smallest {name} {first:f} is not a multiple of the {step_name} {step:f}")
        return cls(name, step_name, unit, decimals, int(scaled_first), int(scaled_step), 2**bits)

    def index(self, text: str) -> int:
        """The i of the number that `text` stands for.

        Raises: InvalidOrderError saying what is wrong with `text` and what would be right.
        """
        if NUMBER.fullmatch(text) is None:
            raise InvalidOrderError(self._malformed(text))
        whole, _, fraction = text.partition(".")
        if fraction[self.decimals :].strip("0"):
            raise InvalidOrderError(self._off_grid(text))
        digits = (whole.lstrip("-") + fraction[: self.decimals].ljust(self.decimals, "0")).lstrip("0")
        # Longer numbers are out of range whatever their digits are, and int() of a megabyte takes minutes.
        if len(digits) > self.digits:
            raise InvalidOrderError(self._out_of_range(text))
        magnitude = int(digits or "0")
        index, rest = divmod((-magnitude if whole[0] == "-" else magnitude) - self.first, self.step)
        if rest:
            raise InvalidOrderError(self._off_grid(text))
        if not 0 <= index < self.size:
            raise InvalidOrderError(self._out_of_range(text))
        return index

    def text(self, index: int) -> str:
        """The number of `index` with the decimals of the step; sums of quantities may lie beyond the grid."""
        return self._text(self.first + index * self.step)

    def _text(self, units: int) -> str:
        return decimal_text(units, self.decimals)

    def _malformed(self, text: str) -> str:
        if not text:
            return f"{self.name} is empty: a number such as {self.text(self.size // 2)} is expected"
        if _DECIMAL_COMMA.fullmatch(text):
            return f"{self.name} '{printable(text)}' has a decimal comma: export numbers with decimal points"
        return (
            f"{self.name} '{printable(text)}' is not a number of the form -?digits[.digits], "
            f"such as {self.text(self.size // 2)}"
        )

    def _off_grid(self, text: str) -> str:
        return f"{self.name} {printable(text)} is not a multiple of the {self.step_name} {self._text(self.step)}"

    def _out_of_range(self, text: str) -> str:
        return (
            f"{self.name} {printable(text)} is out of range: it must be from {self.text(0)} "
            f"to {self.text(self.size - 1)} {self.unit}"
        )
