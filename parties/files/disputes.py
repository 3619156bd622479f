"""The files of a dispute: who the arbiter is, and what the user hands to it.

ARBITER.toml, which an arbiter hands out:   arbiter, identity_key, sealing_key
The user's evidence, JSON, bytes in hex as they were signed:

    {"identity_key", "receipts": [signed dispute receipt …], "request": signed dispute, "submissions": [
      {"header", "orders": [[side, price, quantity] …] or null, "reading": [import, export] or null,
       "receipts": [signed receipt …], "shares": [nonce ‖ words of party 0 …], "signature"} …]}

`orders` (ticks, lots) and `reading` (lots) are what the user says that it has submitted; `shares` opens the digests
that it has signed, as the parties' own shares do. It is written for the arbiter alone: it tells what was ordered.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from mpc_market.rules.model import Order, Side
from mpc_market.wire.dispute import Arbiter, DisputeReceipt, DisputeRequest, dispute_digest, split_dispute
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import order_id
from mpc_market.wire.layout import Reading
from mpc_market.wire.message import Signed, split_signed
from mpc_market.wire.receipt import Receipt
from mpc_market.wire.submission import InputShare
from parties.files.problems import Problems
from parties.files.toml import quoted, read_document
from parties.files.values import name, octets, sealing_key

FILE_BYTES_MAX = 2**28


# --- the arbiter ------------------------------------------------------------------------------------------


def arbiter_text(arbiter: Arbiter) -> str:
    """ARBITER.toml. Nothing in it is secret."""
    return (
        f"arbiter = {quoted(arbiter.name)}\nidentity_key = {quoted(arbiter.identity_key.hex())}\n"
        f"sealing_key = {quoted(arbiter.sealing_key.hex())}\n"
    )


def read_arbiter(path: str, problems: Problems) -> Arbiter | None:
    """ARBITER.toml; None if there is any problem."""
    document = read_document(path, problems)
    rows = None if document is None else document.read((), document.content, _ARBITER, problems, need=True)
    if rows is None:
        return None
    try:
        return Arbiter(rows["arbiter"], rows["identity_key"], rows["sealing_key"])
    except WireError as error:
        problems.add(path, str(error))
        return None


_ARBITER: dict[str, Any] = {"arbiter": name, "identity_key": octets(32), "sealing_key": sealing_key}


# --- the user's evidence ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnSubmission:
    """What a user shows of one submission, and what it says that it holds. `shares`: by party, or none."""

    header: Header
    signature: bytes = field(repr=False)
    shares: tuple[InputShare, ...] = field(repr=False)
    receipts: tuple[Signed[Receipt], ...] = field(repr=False)
    orders: tuple[Order, ...] | None = field(default=None, repr=False)
    reading: Reading | None = field(default=None, repr=False)

    def table(self) -> dict[str, object]:
        """As it stands in the file."""
        orders, reading = self.orders, self.reading
        return {
            "header": self.header.encode().hex(),
            "orders": None if orders is None else [[o.side.value, o.price, o.quantity] for o in orders],
            "reading": None if reading is None else [reading.imported, reading.exported],
            "receipts": [signed.encode().hex() for signed in self.receipts],
            "shares": [share.encode().hex() for share in self.shares],
            "signature": self.signature.hex(),
        }

    @classmethod
    def of(cls, table: dict[str, Any]) -> Self:
        """The inverse. Raises: WireError, or one of `_MALFORMED`."""
        header = Header.decode(bytes.fromhex(table["header"]))
        shares = map(bytes.fromhex, table["shares"])
        reading = table["reading"]
        return cls(
            header,
            bytes.fromhex(table["signature"]),
            tuple(map(InputShare.decode, shares)),
            tuple(split_signed(Receipt, bytes.fromhex(data)) for data in table["receipts"]),
            None if table["orders"] is None else _orders(header.meter, table["orders"]),
            None if reading is None else Reading(_whole(reading[0]), _whole(reading[1])),
        )


@dataclass(frozen=True, slots=True)
class DisputeFile:
    """The request as it was signed, and the user's evidence: well-formed, not yet checked."""

    request: bytes = field(repr=False)
    identity_key: bytes
    receipts: tuple[Signed[DisputeReceipt], ...] = field(repr=False)
    submissions: tuple[OwnSubmission, ...]

    @property
    def asked(self) -> DisputeRequest:
        """The request without its signature."""
        return split_dispute(self.request)[0]

    @property
    def digest(self) -> bytes:
        """What the request is named by."""
        return dispute_digest(self.request)

    def encode(self) -> str:
        """The file."""
        table = {
            "identity_key": self.identity_key.hex(),
            "receipts": [signed.encode().hex() for signed in self.receipts],
            "request": self.request.hex(),
            "submissions": [submission.table() for submission in self.submissions],
        }
        return json.dumps(table, indent=1) + "\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        try:
            table = json.loads(data)
            made = cls(
                bytes.fromhex(table["request"]),
                bytes.fromhex(table["identity_key"]),
                tuple(split_signed(DisputeReceipt, bytes.fromhex(each)) for each in table["receipts"]),
                tuple(map(OwnSubmission.of, table["submissions"])),
            )
        except WireError:
            raise
        except _MALFORMED:
            raise WireError("it is no evidence as `mpc-market meter dispute` writes it") from None
        split_dispute(made.request)
        return made


_MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What JSON of another shape raises, wherever it is taken apart."""


def read_dispute(path: Path, problems: Problems) -> DisputeFile | None:
    """The user's evidence; None if there is any problem."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            problems.add(str(path), f"it is larger than {FILE_BYTES_MAX} bytes")
            return None
        return DisputeFile.decode(path.read_bytes())
    except OSError as error:
        problems.add(str(path), f"cannot be read: {error.strerror}")
    except WireError as error:
        problems.add(str(path), str(error))
    return None


def _orders(meter: str, rows: Sequence[Any]) -> tuple[Order, ...]:
    return tuple(
        Order(order_id(meter, k), Side(side), _whole(price), _whole(quantity))
        for k, (side, price, quantity) in enumerate(rows)
    )


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value
