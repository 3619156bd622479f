"""What the vectors of the wire formats are made of: keys, shares and sealed boxes that follow from names."""

from hashlib import blake2b

from nacl.public import Box, PrivateKey, PublicKey

from mpc_market.rules.model import Market, Order, Side
from mpc_market.wire.codec import P
from mpc_market.wire.digest import digest
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period, order_id
from mpc_market.wire.layout import order_bits
from mpc_market.wire.message import PartyMessage, sign
from mpc_market.wire.opening import Opening, Terms, commitment
from mpc_market.wire.roll import Roll, RollEntry, RollSupplier
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import InputShare, Seal, Submission, sealed_text

PARTIES = 3
PERIOD = Period("oak-street", 1_790_000_100)
MARKET = Market(price_bits=12, quantity_bits=16)
GATE = PERIOD.start * 1000 - 60_000
SUPPLIER = "green"
BOOK = {
    "541448820000000013": (Side.BUY, 1500, 2000),
    "541448820000000020": (Side.SELL, 835, 1250),
    "Zählpunkt 7": (Side.SELL, 900, 3000),
}
METER = min(BOOK)
MAXIMUM = 17_250


def drawn(name: str) -> bytes:
    """32 bytes that stand for randomness in the vectors."""
    return digest("test vector", name.encode())


def signing(name: str) -> SigningKey:
    return SigningKey(drawn(f"signing key of {name}"))


def sealing(name: str) -> SealingKey:
    return SealingKey(drawn(f"sealing key of {name}"))


def deal(values: list[int], name: str) -> list[tuple[int, ...]]:
    """Shares by lines with a slope that follows from the name: f(x) = value + slope · x mod p."""
    slopes = [int.from_bytes(drawn(f"slope {i} of {name}"), "little") % P for i in range(len(values))]
    return [tuple((v + s * (j + 1)) % P for v, s in zip(values, slopes, strict=True)) for j in range(PARTIES)]


def seal(public: bytes, plaintext: bytes, name: str) -> bytes:
    """libsodium's sealed box (`crypto_box_seal`) with a one-time key that follows from the name."""
    once = PrivateKey(drawn(f"one-time key of {name}"))
    # nonce = BLAKE2b(one-time public key ‖ receiver's public key), 24 bytes
    joined = bytes(once.public_key) + public
    nonce = blake2b(joined, digest_size=24).digest()
    return bytes(once.public_key) + bytes(Box(once, PublicKey(public)).encrypt(plaintext, nonce).ciphertext)


def signed(message: PartyMessage) -> dict[str, str]:
    """A party's message: what is signed after the tag, and the bytes as they are sent."""
    made = sign(message, signing(f"party {message.party}"))
    return {"message": message.encode().hex(), "signed": made.encode().hex()}


def keys_of(name: str) -> dict[str, str]:
    return {
        "signing_seed": signing(name).seed().hex(),
        "signing_public": signing(name).public.hex(),
        "sealing_secret": sealing(name).secret().hex(),
        "sealing_public": sealing(name).public.hex(),
    }


# --- before the round, and submissions -----------------------------------------------------------------------


def make_roll() -> Roll:
    entries = tuple(
        RollEntry(meter, signing(meter).public, sealing(meter).public, SUPPLIER, "north", MAXIMUM)
        for meter in sorted(BOOK, key=str.encode)
    )
    return Roll(
        PERIOD.market, 7, entries, (RollSupplier(SUPPLIER, signing(SUPPLIER).public, sealing(SUPPLIER).public),)
    )


def make_openings(roll: Roll) -> dict[int, Opening]:
    return {
        j: Opening(
            period=PERIOD,
            party=j,
            gate=GATE,
            deadline=GATE + 45_000,
            roll_version=roll.version,
            roll_digest=roll.digest,
            sealing_key=sealing(f"party {j}").public,
            nonce=drawn(f"nonce of opening {j}"),
            commitment=commitment(PERIOD, j, drawn(f"part {j}")),
        )
        for j in range(PARTIES)
    }


def orders_of(meter: str) -> list[Order]:
    return [Order(order_id(meter, 0), *BOOK[meter])]


def shares_of(meter: str) -> list[InputShare]:
    bits = order_bits(orders_of(meter), meter, MARKET, MAXIMUM)
    dealt = deal(bits, f"order of {meter}")
    return [InputShare(drawn(f"nonce {j} of {meter}"), words) for j, words in enumerate(dealt)]


def submit(terms: Terms, meter: str, number: int = 1, shares: list[InputShare] | None = None) -> Submission:
    shares = shares or shares_of(meter)
    digests = tuple(share.digest for share in shares)
    header = Header(PERIOD, meter, number, terms.challenge, 1, digests)
    seals = tuple(
        Seal(j, seal(terms.sealing_keys[j], sealed_text(header, j, share), f"seal {j} of {meter}"))
        for j, share in enumerate(shares)
    )
    return Submission(header, signing(meter).sign(header.kind, header.encode()), seals)
