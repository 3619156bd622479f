"""The keys of one attempt at one round, agreed among the compute parties and never used again.

Every pair of parties agrees on a secret with fresh X25519 keys [RFC 7748] inside the authenticated channel; every
t + 1 parties hold a secret together too (for t = 1 that of the pair, otherwise dealt by the lowest of them, sealed to
each other). Streams for separate purposes come from these by HKDF-SHA256 [RFC 5869].
"""

import secrets
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from nacl.bindings import crypto_scalarmult
from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from mpc_market.errors import PeerError, ReuseError
from mpc_market.field.keystream import KEY_BYTES, Keystream
from mpc_market.field.mersenne import GF, Field, Vector
from mpc_market.field.shamir import threshold
from mpc_market.network import Network

_SECRET_BYTES = 32

Holders = tuple[int, ...]
"""The parties that hold a secret together, in ascending sequence: a pair, or t + 1 of them."""


def to_words(data: bytes) -> Vector:
    """Bytes, a multiple of eight, as message words."""
    return np.frombuffer(data, "<u8").astype(np.uint64)


def to_bytes(words: Vector) -> bytes:
    """Message words as bytes."""
    return words.astype("<u8").tobytes()


def holder_sets(parties: int) -> tuple[Holders, ...]:
    """All C(m, t) sets of t + 1 holders: whichever t parties are curious, one set avoids them."""
    return tuple(combinations(range(parties), threshold(parties) + 1))


class Keys:
    """The secrets that one party holds in one attempt: by their holders."""

    __slots__ = ("_given", "_secrets", "field", "parties", "party")

    def __init__(self, party: int, parties: int, shared: Mapping[Holders, bytes], field: Field = GF) -> None:
        self.party = party
        self.parties = parties
        self.field = field
        self._given: set[tuple[Holders, str]] = set()
        self._secrets = dict(shared)

    def __repr__(self) -> str:
        return f"Keys(party={self.party}, parties={self.parties})"

    def stream(self, holders: Holders, purpose: str) -> Keystream:
        """The stream that exactly `holders` can draw for `purpose`; it is given once, so no material is used twice.

        Raises: ReuseError.
        """
        if (holders, purpose) in self._given:
            raise ReuseError(f"the keystream {purpose!r} of parties {holders} would be drawn from its start again")
        self._given.add((holders, purpose))
        key = HKDFExpand(SHA256(), KEY_BYTES, purpose.encode()).derive(self._secrets[holders])
        return Keystream(key, self.field)


def key_rounds(parties: int) -> int:
    """Communication rounds of `agree_keys`."""
    return 1 if threshold(parties) == 1 else 2


async def agree_keys(network: Network, first_label: int = 0) -> Keys:
    """Run by every party at the start of an attempt.

    Cost: 1 communication round for t = 1, 2 for larger t.
    Raises: PeerError if a peer sends a public key of small order, or a bundle that does not open.
    """
    own = PrivateKey.generate()
    peers = [i for i in range(network.parties) if i != network.party]
    for peer in peers:
        network.send(peer, first_label, to_words(bytes(own.public_key)))
    public = {peer: PublicKey(to_bytes(await network.receive(peer, first_label, 4))) for peer in peers}
    shared = {_pair(network.party, peer): _pair_secret(own, public[peer], peer) for peer in peers}
    if threshold(network.parties) > 1:
        shared |= await _deal_secrets(network, own, public, first_label + 1)
    return Keys(network.party, network.parties, shared)


def _pair(a: int, b: int) -> Holders:
    return (min(a, b), max(a, b))


def _pair_secret(own: PrivateKey, peer_key: PublicKey, peer: int) -> bytes:
    try:
        agreed = crypto_scalarmult(bytes(own), bytes(peer_key))
    except (RuntimeError, CryptoError) as error:
        raise PeerError(peer, "sent an X25519 public key of small order") from error
    ends = sorted((bytes(own.public_key), bytes(peer_key)))
    info = b"mpc-market pair secret v1" + b"".join(ends)
    return HKDF(SHA256(), _SECRET_BYTES, None, info).derive(agreed)


async def _deal_secrets(
    network: Network, own: PrivateKey, public: Mapping[int, PublicKey], label: int
) -> dict[Holders, bytes]:
    """The lowest of every t + 1 holders draws their secret and seals it to the others, one bundle per pair."""
    me = network.party
    mine = [holders for holders in holder_sets(network.parties) if me in holders]
    shared = {holders: secrets.token_bytes(_SECRET_BYTES) for holders in mine if holders[0] == me}
    for peer in public:
        bundle = b"".join(shared[holders] for holders in mine if holders[0] == me and peer in holders)
        if bundle:
            network.send(peer, label, to_words(Box(own, public[peer]).encrypt(bundle)))
    for peer in public:
        dealt = [holders for holders in mine if holders[0] == peer]
        if dealt:
            size = Box.NONCE_SIZE + 16 + _SECRET_BYTES * len(dealt)  # 16: the authenticator
            sealed = to_bytes(await network.receive(peer, label, size // 8))
            try:
                bundle = Box(own, public[peer]).decrypt(sealed)
            except CryptoError as error:
                raise PeerError(peer, "sent secrets that do not open") from error
            shared |= {each: bundle[_SECRET_BYTES * k : _SECRET_BYTES * (k + 1)] for k, each in enumerate(dealt)}
    return shared
