"""The compute parties of a market, as everyone else knows them: how many, and their public signing keys."""

from dataclasses import dataclass

from mpc_market.wire.checks import require_digests, require_int
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Stage, split_market

PARTIES = (3, 5, 7)
"""How many compute parties a market may have."""


def check_parties(parties: int) -> None:
    """Raises: WireError if m is not 3, 5 or 7."""
    if parties not in PARTIES:
        raise WireError(f"{parties} compute parties: a market has {', '.join(map(str, PARTIES))}")


@dataclass(frozen=True, slots=True)
class Committee:
    """The compute parties of `market`. `keys`: party j's public Ed25519 key at index j.

    Raises: WireError if there are not 3, 5 or 7, or two have one key.
    """

    market: str
    keys: tuple[bytes, ...]

    def __post_init__(self) -> None:
        split_market(self.market)
        require_digests("the signing keys", self.keys)
        check_parties(len(self.keys))
        if len(set(self.keys)) < len(self.keys):
            raise WireError("two compute parties have the same signing key")

    @property
    def parties(self) -> int:
        """m."""
        return len(self.keys)

    @property
    def threshold(self) -> int:
        """t = (m − 1) / 2: this many parties together learn nothing."""
        return (len(self.keys) - 1) // 2

    def at(self, stage: Stage) -> "Committee":
        """The same parties in another stage."""
        return Committee(stage.of(split_market(self.market)[0]), self.keys)

    def key(self, party: int) -> bytes:
        """The public signing key of a party. Raises: WireError if there is no such party."""
        require_int("the number of a party", party, 0, self.parties - 1)
        return self.keys[party]
