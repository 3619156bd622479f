"""What a meter can show of one submission, to whoever asks: nothing in it tells what was ordered or accepted.

    {"deliveries": [hex …], "header": hex or null, "receipts": [hex …]}

Hex of the bytes as they were sent: signed deliveries and receipts of compute parties, and the header that the meter
signed. Shares are sealed inside the deliveries, and stay so.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from mpc_market.wire.committee import PARTIES
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import Signed, split_signed
from mpc_market.wire.receipt import Receipt

_KEYS = {"deliveries", "header", "receipts"}


@dataclass(frozen=True)
class Evidence:
    """Of one meter and period; well-formed, not yet checked. Raises: WireError.

    The submission in question is that of `receipts` and `header`: the parties have acknowledged it. The one that the
    parties computed on, which `deliveries` are for, may be a later one.
    """

    header: Header | None
    receipts: tuple[Signed[Receipt], ...] = field(repr=False)
    deliveries: tuple[Signed[Delivery], ...] = field(repr=False)

    def __post_init__(self) -> None:
        messages = self._messages
        acknowledged = {(receipt.message.number, receipt.message.header_digest) for receipt in self.receipts}
        if self.header is not None:
            acknowledged.add((self.header.number, self.header.digest))
        if not messages:
            raise WireError("neither a header nor a receipt nor a delivery")
        if len({(message.period, message.meter) for message in messages}) > 1:
            raise WireError("messages of different meters or periods: name those of one at a time")
        if len(acknowledged) > 1:
            raise WireError("a header and receipts of different submissions: name those of one at a time")
        for kind in (Receipt, Delivery):
            parties = [message.party for message in messages if isinstance(message, kind)]
            if len(set(parties)) < len(parties):
                raise WireError(f"two messages of the kind '{kind.KIND}' by one party")

    @property
    def period(self) -> Period:
        """The round."""
        return self._messages[0].period

    @property
    def meter(self) -> str:
        """Whose it is."""
        return self._messages[0].meter

    @property
    def acknowledged(self) -> tuple[int, bytes] | None:
        """Number and header digest of the submission in question; None if there are deliveries alone."""
        if self.header is not None:
            return self.header.number, self.header.digest
        return next(((r.message.number, r.message.header_digest) for r in self.receipts), None)

    @property
    def _messages(self) -> list[Header | Receipt | Delivery]:
        header = [] if self.header is None else [self.header]
        return [*header, *(each.message for each in self.receipts), *(each.message for each in self.deliveries)]

    def encode(self) -> str:
        """The file."""
        table = {
            "deliveries": [signed.encode().hex() for signed in self.deliveries],
            "header": None if self.header is None else self.header.encode().hex(),
            "receipts": [signed.encode().hex() for signed in self.receipts],
        }
        return json.dumps(table, sort_keys=True, indent=1) + "\n"

    @classmethod
    def of_bytes(cls, header: bytes | None, receipts: Sequence[bytes], deliveries: Sequence[bytes]) -> Self:
        """From messages as they were sent. Raises: WireError."""
        return cls(
            None if header is None else Header.decode(header),
            tuple(split_signed(Receipt, data) for data in receipts),
            tuple(split_signed(Delivery, data) for data in deliveries),
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """From a file. Raises: WireError."""
        try:
            table = json.loads(data)
        except (ValueError, RecursionError):  # not UTF-8, not JSON, nested too deeply, an integer too long
            raise WireError("no JSON") from None
        if not isinstance(table, dict) or set(table) != _KEYS:
            raise WireError(f"a JSON object with the keys {', '.join(sorted(_KEYS))} is expected")
        header = None if table["header"] is None else _bytes(table["header"])
        return cls.of_bytes(header, _list(table["receipts"]), _list(table["deliveries"]))


def _list(value: object) -> list[bytes]:
    if not isinstance(value, list) or len(value) > max(PARTIES):
        raise WireError(f"a list of at most {max(PARTIES)} messages is expected")
    return [_bytes(each) for each in value]


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise WireError("a message in hexadecimal is expected")
