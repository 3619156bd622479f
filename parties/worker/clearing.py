"""What a service hands to its worker for a clearing, and what it gets back: plain Python, no arrays."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.rules.model import Market
from mpc_market.wire.codec import WORD_BYTES
from parties.compute.clearing_messages import ClearingDone, ClearingJob
from parties.compute.messages import Effort
from parties.worker.errors import WorkerError

_VALID = 0


@dataclass(frozen=True, slots=True)
class ClearingInput:
    """The agreed set of a round, as one compute party holds it: s submissions of K orders each, in its sequence.

    Public, the same at all parties: `order_ids`, s·K, submission by submission; `maxima`, the largest quantity in lots
    that each meter is enrolled with; `suppliers`, the number 0 … `supplier_count` − 1 of the supplier of each;
    `check_seed` and `ticket_seed`, 32 bytes; `verdicts`, one byte for each submission, if an earlier attempt has found
    them. Secret: `words`, this party's share words of each submission, K orders one after the other, little-endian
    (8 bytes a word; `mpc_market.secure.submissions`).

    Raises: InvalidSettingsError or ShareError if it does not fit together; what the numbers are is for the worker to
    check.
    """

    market: Market
    orders_each: int
    order_ids: Sequence[str]
    maxima: Sequence[int]
    suppliers: Sequence[int]
    supplier_count: int
    words: Sequence[bytes] = field(repr=False)
    check_seed: bytes
    ticket_seed: bytes
    verdicts: bytes | None = None
    method: str = "sort"

    def __post_init__(self) -> None:
        count = len(self.words)
        lengths = (len(self.order_ids), len(self.maxima), len(self.suppliers))
        if lengths != (count * self.orders_each, count, count):
            raise InvalidSettingsError(
                f"{lengths[0]} order ids, {lengths[1]} maxima and {lengths[2]} suppliers for {count} submissions of "
                f"{self.orders_each} orders"
            )
        if self.verdicts is not None and len(self.verdicts) != count:
            raise InvalidSettingsError(f"{len(self.verdicts)} verdicts on {count} submissions")
        due = WORD_BYTES * self.orders_each * self.market.order_words
        for place, words in enumerate(self.words):
            if len(words) != due:
                raise ShareError(f"the words of submission {place} are {len(words)} bytes, not {due}")

    @property
    def checked(self) -> int:
        """How many verdicts are due: one for each submission."""
        return len(self.words)

    def message(self, seconds: float) -> tuple[ClearingJob, list[bytes]]:
        """The message to the worker, and the raw bytes behind it."""
        ids = [order_id.encode() for order_id in self.order_ids]
        count = len(self.words)
        try:
            numbers = [
                struct.pack(f"<{len(ids)}I", *map(len, ids)),
                b"".join(ids),
                struct.pack(f"<{count}Q", *self.maxima),
                struct.pack(f"<{count}I", *self.suppliers),
            ]
        except struct.error:
            raise InvalidSettingsError("maxima and numbers of suppliers must be integers from 0 on") from None
        header = ClearingJob(
            count,
            self.orders_each,
            self.supplier_count,
            self.market,
            self.check_seed,
            self.ticket_seed,
            self.method,
            len(numbers[1]),
            self.verdicts is not None,
            seconds,
        )
        return header, [*numbers, self.verdicts or b"", b"".join(self.words)]


@dataclass(frozen=True, slots=True)
class ClearingResult:
    """What one compute party holds after a round.

    Public: `price` in ticks, None for no trade; `verdicts`, one byte for each submission; `users`, how many valid
    submissions there are of each supplier. Shares: `accepted`, for each submission those of the accepted quantities of
    its K orders in lots, and `traded`, of what it has bought and sold in all, to be kept for settlement; nothing for
    one that is not valid. `bought` and `sold`: shares of the totals of each supplier.
    """

    price: int | None
    verdicts: bytes
    users: tuple[int, ...]
    accepted: tuple[tuple[int, ...], ...] = field(repr=False)
    traded: tuple[tuple[int, ...], ...] = field(repr=False)
    bought: tuple[int, ...] = field(repr=False)
    sold: tuple[int, ...] = field(repr=False)
    effort: Effort

    @property
    def price_word(self) -> int:
        """0 for no trade, else the price + 1."""
        return 0 if self.price is None else self.price + 1

    @classmethod
    def of(cls, result: ClearingDone, raw: bytes) -> "ClearingResult":
        """From the worker's message and the raw bytes behind it.

        Raises: WorkerError if they contradict each other.
        """
        verdicts = raw[: result.submissions]
        if verdicts.count(_VALID) != result.valid:
            raise WorkerError("sent a malformed message: valid submissions")
        words = struct.unpack(f"<{(len(raw) - len(verdicts)) // WORD_BYTES}Q", raw[len(verdicts) :])
        users, bought, sold = (words[k * result.suppliers : (k + 1) * result.suppliers] for k in range(3))
        begin = 3 * result.suppliers
        middle = begin + result.valid * result.orders_each
        accepted = _of_valid(verdicts, words[begin:middle], result.orders_each)
        traded = _of_valid(verdicts, words[middle:], 2)
        return cls(result.price, verdicts, users, accepted, traded, bought, sold, result.effort)


def _of_valid(verdicts: bytes, words: tuple[int, ...], size: int) -> tuple[tuple[int, ...], ...]:
    """This many words for each valid submission, none for any other."""
    chunks = (words[at : at + size] for at in range(0, len(words), size))
    return tuple(next(chunks) if verdict == _VALID else () for verdict in verdicts)
