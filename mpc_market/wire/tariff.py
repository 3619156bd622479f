"""A tariff: what a supplier's users pay it, published to every compute party and signed by the supplier.

    version u8 = 1 ‖ market text ‖ supplier text ‖ number u64 ‖ from u64 ‖ until u64 ‖ retail u32 ‖ feed-in u32
    ‖ fee u32 ‖ signature 64

    tariff digest = digest("tariff", everything before the signature)

It holds for the periods that start in [from, until), seconds since 1970; of several that hold for a period the one
with the highest number counts (`rules.tariff.rates_for`). Prices as in market.md §6: `retail` and `feed_in` on the
market's price grid like the price of an order, `fee` a difference of two prices; retail includes the fee. As money none
is negative, and retail is neither below the fee nor below feed-in (`Rates.check_charges`).
"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mpc_market.rules.model import PRICE_BITS_MAX
from mpc_market.rules.tariff import Rates
from mpc_market.rules.tariff import Tariff as PlainTariff
from mpc_market.wire.checks import NUMBER_MAX, require_int
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import START_MAX, check_id, check_market_id
from mpc_market.wire.signing import SIGNATURE_BYTES, SigningKey, verify

TICKS_MAX = 2**PRICE_BITS_MAX - 1


@dataclass(frozen=True, slots=True)
class Tariff:
    """`retail`, `feed_in`, `fee`: ticks. `number` ≥ 1: a higher one replaces what holds for the same periods.

    Raises: WireError.
    """

    KIND: ClassVar[str] = "tariff"

    market: str
    supplier: str
    number: int
    begins: int
    ends: int
    retail: int
    feed_in: int
    fee: int

    def __post_init__(self) -> None:
        check_market_id(self.market)
        check_id("supplier", self.supplier)
        require_int("the number of a tariff", self.number, 1, NUMBER_MAX)
        require_int("the beginning of a tariff", self.begins, 0, START_MAX)
        require_int("the end of a tariff", self.ends, self.begins + 1, START_MAX)
        for name in ("retail", "feed_in", "fee"):
            require_int(f"the {name} of a tariff", getattr(self, name), 0, TICKS_MAX)

    def encode(self) -> bytes:
        """The bytes that are signed (after the tag)."""
        writer = Writer().version().text(self.market).text(self.supplier).u64(self.number)
        writer.u64(self.begins).u64(self.ends)
        return writer.u32(self.retail).u32(self.feed_in).u32(self.fee).data()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        reader = Reader(data)
        reader.version()
        names = reader.text(), reader.text()
        numbers = reader.u64(), reader.u64(), reader.u64()
        tariff = cls(*names, *numbers, reader.u32(), reader.u32(), reader.u32())
        reader.end()
        return tariff

    @property
    def digest(self) -> bytes:
        """What the set of a settlement names it by, 32 bytes."""
        return digest("tariff", self.encode())


def sign_tariff(tariff: Tariff, key: SigningKey) -> bytes:
    """The tariff as it is published: message ‖ signature. Run by the supplier."""
    return tariff.encode() + key.sign(Tariff.KIND, tariff.encode())


def split_tariff(data: bytes) -> tuple[Tariff, bytes]:
    """A tariff and its signature, not yet checked. Raises: WireError."""
    if len(data) < SIGNATURE_BYTES:
        raise WireError(f"{len(data)} bytes are too few for a tariff")
    return Tariff.decode(data[:-SIGNATURE_BYTES]), bytes(data[-SIGNATURE_BYTES:])


def plain_tariff(tariff: Tariff, base: int) -> PlainTariff:
    """As the rule has it, its prices as money. `base`: the money price of tick 0; a difference of prices has no such
    offset.
    """
    rates = Rates(base + tariff.retail, base + tariff.feed_in, tariff.fee)
    return PlainTariff(tariff.supplier, tariff.number, tariff.begins, tariff.ends, rates)


def check_tariff(tariff: Tariff, signature: bytes, market: str, identity_key: bytes, price_bits: int) -> None:
    """Is it the supplier's, of this market and on its price grid? Run by the parties and by users.

    Raises: ContextError ("market"); WireError for a price off the grid; SignatureError.
    """
    if tariff.market != market:
        raise ContextError("market", f"a tariff of market {tariff.market}, not {market}")
    if max(tariff.retail, tariff.feed_in, tariff.fee) >= 1 << price_bits:
        raise WireError(f"a price of the tariff is off the grid of {price_bits} bits")
    verify(identity_key, Tariff.KIND, tariff.encode(), signature)
