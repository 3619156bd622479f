"""Which users a settlement or correction computes on, and with what: the same at all parties, from what is agreed.

    settlement    every reading of the agreed set
    correction    every reading of its agreed set, late or corrected; and an estimate for every enrolled meter that is
                  left without a valid one: import at the enrolled maximum, no export

Whether a late reading is valid is found in the computation itself, so a meter whose only reading is a late one has two
rows, and the estimate is dropped if the reading is valid.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mpc_market.wire.agreement import Item
from mpc_market.wire.identifiers import MEMBER_SLASH
from mpc_market.wire.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One user. `reading`: the member of the set, or None for an estimate."""

    meter: str
    reading: Item | None

    @property
    def metered(self) -> bool:
        """Whether there are reading words."""
        return self.reading is not None

    def id(self, start: int, basis: bytes) -> str:
        """What the parties compare before they compute. `basis`: what they must have alike besides, as a digest."""
        row = f"{self.meter}/{start}/{basis.hex()}"
        if self.reading is None:
            return f"{row}/estimate"
        return f"{row}/{self.reading.number}/{self.reading.digest.hex()}"


def readings(members: Iterable[Item]) -> list[Item]:
    """The members of a set that are readings: the others have a slash in their ids."""
    return [item for item in members if MEMBER_SLASH not in item.name]


def settlement_rows(members: Iterable[Item]) -> list[Row]:
    """The readings, in the sequence of the set."""
    return [Row(item.name, item) for item in readings(members)]


def correction_rows(members: Iterable[Item], enrolled: Iterable[str], settled: Collection[str]) -> list[Row]:
    """The readings; then the estimates, by the bytes of the meters' ids. `settled`: who has a valid reading already."""
    missing = sorted((meter for meter in enrolled if meter not in settled), key=str.encode)
    return settlement_rows(members) + [Row(meter, None) for meter in missing]


def member_verdicts(members: Sequence[Item], found: bytes) -> bytes:
    """One verdict for each member of the set. `found`: those of the readings; a tariff needs no check."""
    codes = iter(found)
    return bytes(Verdict.VALID if MEMBER_SLASH in item.name else next(codes) for item in members)


def reading_verdicts(members: Sequence[Item], codes: Sequence[int]) -> bytes:
    """The inverse."""
    return bytes(code for item, code in zip(members, codes, strict=True) if MEMBER_SLASH not in item.name)
