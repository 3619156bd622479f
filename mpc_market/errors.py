"""The whole error tree of the library.

Every message names the offending *public* values and never a secret one. A peer is blamed
(`PeerError.party`) only for what this party has seen itself.
"""


class MarketError(Exception):
    """Base of every error that this project raises on purpose."""


class InvalidSettingsError(MarketError, ValueError):
    """A market setting is out of its range or contradicts another one."""


class AmountsTooLargeError(InvalidSettingsError):
    """With these settings the amounts of a month can be larger than what is computed exactly (market.md §6)."""


class InvalidOrderError(MarketError, ValueError):
    """An order does not fit the market: wrong side, price off the grid, quantity out of range, id in use."""


class InvalidReadingError(MarketError, ValueError):
    """A reading of a meter does not fit: no number of lots, or above the meter's enrolled maximum."""


class BookTooLargeError(MarketError, ValueError):
    """The book is larger than the arithmetic can hold exactly (market.md §4: n · 4^quantity_bits ≤ 2^60)."""


class InputError(MarketError, ValueError):
    """Files or options that whoever gave them must correct before anything can be computed.

    `problems` are the first ones, each a line that says where it is, what is wrong and what would be right;
    `more` is the number of those left out.
    """

    def __init__(self, problems: tuple[str, ...], more: int = 0) -> None:
        rest = (f"and {more} more problem{'s' if more > 1 else ''}",) if more else ()
        super().__init__("\n".join(problems + rest))
        self.problems = problems
        self.more = more

    def __reduce__(self) -> tuple[type["InputError"], tuple[tuple[str, ...], int]]:
        return (type(self), (self.problems, self.more))


class OutputError(MarketError):
    """Output files could not be written; none of them was."""


class ShareError(MarketError, ValueError):
    """Shares are not what they must be: not canonical, wrong number, or not on one polynomial."""


class ProtocolError(MarketError):
    """The computation among the compute parties cannot go on."""


class ReuseError(ProtocolError):
    """Randomness that is good for one use was asked for again, or more of it than was made: refused, always."""


class PeerError(ProtocolError):
    """A peer is lost, stalled, or sent something that no honest party sends.

    `party` is its number, 0 … m − 1; `reason` says what was seen.
    """

    def __init__(self, party: int, reason: str) -> None:
        super().__init__(f"party {party}: {reason}")
        self.party = party
        self.reason = reason

    def __reduce__(self) -> tuple[type["PeerError"], tuple[int, str]]:
        return (type(self), (self.party, self.reason))


class HearsayError(PeerError):
    """A peer that another one, the `witness`, gave up because of; this party has not seen it itself."""

    def __init__(self, party: int, reason: str, witness: int) -> None:
        super().__init__(party, f"{reason} (says party {witness})" if witness != party else reason)
        self.witness = witness
        self.heard = reason

    def __reduce__(self) -> tuple[type["PeerError"], tuple[int, str, int]]:  # type: ignore[override]
        return (type(self), (self.party, self.heard, self.witness))
