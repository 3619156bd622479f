"""What can be wrong with a message from outside: one family, `WireError`, and nothing else leaves a parser.

Messages carry public values only: ids, numbers, lengths, party numbers; never a price, a quantity, a share or a key.
"""

from mpc_market.errors import MarketError, ShareError


class WireError(MarketError, ValueError):
    """A message is malformed, does not verify, or is not what it must be here."""


class SignatureError(WireError):
    """A signature does not verify under the key that it must be from."""


class SealError(WireError):
    """A seal does not open with this key, or what it holds is not what the signed message beside it says."""


class ContextError(WireError):
    """A genuine message, but of another place or time. `what` names the field that differs.

    One of "market", "period", "party", "parties", "meter", "supplier", "number", "challenge", "orders", "set".
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what

    def __str__(self) -> str:
        return str(self.args[1])


class PolynomialError(WireError, ShareError):
    """Shares do not lie on one polynomial of degree ≤ t.

    `suspect`: if only one party is wrong, it is this one (known from m = 5 on); None if that cannot be said.
    """

    def __init__(self, reason: str, suspect: int | None = None) -> None:
        super().__init__(reason, suspect)
        self.suspect = suspect

    def __str__(self) -> str:
        return str(self.args[0])


class DeliveryError(WireError):
    """A check of protocol.md "Delivery" failed: what the parties delivered is not the outcome of the round.

    `check`: "context", "verdict", "path", "seal", "polynomial", "quantity" or "price". `suspect`: the party whose
    message it shows to be wrong (for "polynomial": if only one is), or None.
    """

    def __init__(self, check: str, reason: str, suspect: int | None = None) -> None:
        super().__init__(check, reason, suspect)
        self.check = check
        self.suspect = suspect

    def __str__(self) -> str:
        who = "" if self.suspect is None else f" (party {self.suspect})"
        return f"{self.args[1]}{who}"
