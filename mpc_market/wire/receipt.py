"""A receipt: a party has stored its part of a submission durably (T5). An order is accepted when all m are there.

… ‖ meter text ‖ number u64 ‖ header digest 32 ‖ received at u64 (ms since 1970)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from mpc_market.wire.checks import MILLISECONDS_MAX, NUMBER_MAX, require_bytes, require_int
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES
from mpc_market.wire.errors import ContextError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period, check_id
from mpc_market.wire.message import PartyMessage, check_party


@dataclass(frozen=True, slots=True)
class Receipt(PartyMessage):
    """Signed by party `party`. Raises: WireError."""

    KIND: ClassVar[str] = "receipt"

    period: Period
    party: int
    meter: str
    number: int
    header_digest: bytes
    received: int

    def __post_init__(self) -> None:
        check_party(self.party)
        check_id("meter", self.meter)
        require_int("the number of a submission", self.number, 1, NUMBER_MAX)
        require_bytes("the digest of a header", self.header_digest, DIGEST_BYTES)
        require_int("the time of receipt", self.received, 0, MILLISECONDS_MAX)

    def _write(self, writer: Writer) -> None:
        writer.text(self.meter).u64(self.number).fixed(self.header_digest, DIGEST_BYTES).u64(self.received)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.text(), reader.u64(), reader.fixed(DIGEST_BYTES), reader.u64())


def receipt_for(header: Header, party: int, received: int) -> Receipt:
    """The receipt of a submission; to be signed only once it is durable. Run by a compute party."""
    return Receipt(header.period, party, header.meter, header.number, header.digest, received)


def check_receipt(receipt: Receipt, header: Header) -> None:
    """Is it for this submission? Run by the meter, on a receipt whose signature is checked. Raises: ContextError."""
    if receipt != receipt_for(header, receipt.party, receipt.received):
        raise ContextError("number", f"a receipt of party {receipt.party} for another submission")


def accepted(receipts: Mapping[int, Receipt], header: Header) -> bool:
    """Whether an order counts as accepted: the receipts of all m parties are there. Raises: ContextError."""
    for party, receipt in receipts.items():
        if receipt.party != party:
            raise ContextError("party", f"a receipt of party {receipt.party}, not {party}")
        check_receipt(receipt, header)
    return set(receipts) == set(range(len(header.share_digests)))
