"""What can go wrong with storage. No message holds a value that was to be stored, nor the id of a meter."""

from mpc_market.errors import MarketError


class LedgerError(MarketError):
    """Storage refuses or fails. What was asked for is not stored (or, if the connection to a server broke during
    the very commit, perhaps stored): nothing may be acknowledged, and asking again is always safe."""


class InUseError(LedgerError):
    """Another process is the owner of this ledger, which has one at a time; or others share it at the wrong moment."""


class NotReadyError(LedgerError):
    """There is nothing to share yet: the owner of the ledger has still to make or upgrade it."""


class LedgerFullError(LedgerError):
    """There is no space left. Nothing that was acknowledged is lost; storing goes on as soon as there is space."""


class UnstorableError(LedgerError):
    """What was to be stored breaks a rule of the tables: its round is not there, or a value fits no column."""


class CollisionError(UnstorableError):
    """Another process has stored something under the same key at this very moment: who looks again finds it."""


class SchemaError(LedgerError):
    """The tables are not those of this version of the program: a newer version has written them."""


class StateError(LedgerError):
    """A round is not in the state it was expected in, or is not there (`found` is None)."""

    def __init__(self, market: str, start: int, expected: str, found: str | None) -> None:
        state = "not there" if found is None else f"in state {found}"
        super().__init__(f"round {start} of market {market} is {state}, not in state {expected}")
        self.expected = expected
        self.found = found


class FencedError(LedgerError):
    """This party may already have signed something in this round that its ledger, restored from a backup, has
    forgotten: it takes no further part in the round."""


class ContradictionError(LedgerError):
    """Something that is written once was to be written again and is not the same.

    `kind` says what (a kind of message, "outcome", "roll"…); `party` whose it is, None where it is nobody's.
    """

    def __init__(self, kind: str, party: int | None = None) -> None:
        whose = "" if party is None else f" of party {party}"
        super().__init__(f"another {kind}{whose} is stored already, and there is only ever one")
        self.kind = kind
        self.party = party
