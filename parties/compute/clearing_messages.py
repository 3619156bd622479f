"""The messages of a round of a running market, between a compute party's service and its worker.

    service → worker   ClearingJob     the agreed set, with this party's words of it
    worker  → service  FoundVerdicts    which submissions are valid; not if the service knew it already
    service → worker   PROCEED          all parties have signed and stored these verdicts
    worker  → service  ClearingDone    price and shares of the result

As in `messages`, public numbers travel in the header, ids, verdicts and shares as raw bytes behind it: all integers
little-endian.
"""

from dataclasses import dataclass

from mpc_market.rules.model import Market
from parties.compute.channel import Header
from parties.compute.fields import (
    WORD_BYTES,
    malformed,
    market_header,
    numbers_header,
    read,
    read_market,
    read_numbers,
    read_seconds,
    read_seed,
)
from parties.compute.messages import Effort, read_price

CLEAR, CLEARED = "clear", "cleared"

_ROUND = ("submissions", "orders_each", "supplier_count", "ids_bytes")
_RESULT = ("submissions", "valid", "suppliers", "orders_each")


@dataclass(frozen=True, slots=True)
class ClearingJob:
    """Service to worker: a round of s submissions of K orders each, to be done within `seconds`.

    Behind it: the lengths in bytes of the s·K order ids (uint32), the ids one after another (UTF-8, `ids_bytes`); for
    every submission the enrolled maximum (uint64), then the supplier's number (uint32), then, if `verdicts_known`, its
    verdict (uint8), then its K·`words_each` share words (uint64).
    """

    submissions: int
    orders_each: int
    supplier_count: int
    market: Market
    check_seed: bytes
    ticket_seed: bytes
    method: str
    ids_bytes: int
    verdicts_known: bool
    seconds: float

    @property
    def orders(self) -> int:
        """The number of orders, s·K."""
        return self.submissions * self.orders_each

    @property
    def words_each(self) -> int:
        """Share words of one order."""
        return self.market.order_words

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": CLEAR,
            **numbers_header(self, _ROUND),
            **market_header(self.market),
            "check_seed": self.check_seed.hex(),
            "ticket_seed": self.ticket_seed.hex(),
            "method": self.method,
            "verdicts_known": self.verdicts_known,
            "seconds": float(self.seconds),
        }

    @classmethod
    def read(cls, header: Header) -> "ClearingJob":
        """From a message."""
        submissions, orders_each, supplier_count, ids_bytes = read_numbers(header, _ROUND)
        given = cls(
            submissions,
            orders_each,
            supplier_count,
            read_market(header),
            read_seed(header, "check_seed"),
            read_seed(header, "ticket_seed"),
            read(header, "method", str),
            ids_bytes,
            read(header, "verdicts_known", bool),
            read_seconds(header, "seconds"),
        )
        if not given.orders_each:
            raise malformed("orders_each")
        given.market.check_size(given.orders)
        return given


@dataclass(frozen=True, slots=True)
class ClearingDone:
    """Worker to service: the outcome, and what it took.

    Behind it: the verdict on every submission (uint8); for every supplier the number of its users with valid
    submissions, then this party's shares of what they bought, then of what they sold (uint64 each); this party's shares
    of the accepted quantities of the K orders of each of the `valid` valid submissions, then of what each of these has
    bought and sold in all (uint64).
    """

    price: int | None
    submissions: int
    valid: int
    suppliers: int
    orders_each: int
    effort: Effort

    @property
    def raw_bytes(self) -> int:
        """How many bytes are behind it."""
        return self.submissions + WORD_BYTES * (3 * self.suppliers + self.valid * (self.orders_each + 2))

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": CLEARED,
            "price": self.price,
            **numbers_header(self, _RESULT),
            **self.effort.fields(),
        }

    @classmethod
    def read(cls, header: Header) -> "ClearingDone":
        """From a message."""
        submissions, valid, suppliers, orders_each = read_numbers(header, _RESULT)
        return cls(read_price(header), submissions, valid, suppliers, orders_each, Effort.read(header))
