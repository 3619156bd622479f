"""The round's public seed: every party commits to a random part, then all parts are revealed (market.md §2).

Nobody can choose the seed: a part is fixed before any other is seen.
"""

import secrets
from hashlib import blake2b

from mpc_market.errors import InvalidSettingsError, PeerError
from mpc_market.network import Network
from mpc_market.secure.keys import to_bytes, to_words

SEED_BYTES = 32
SEED_ROUNDS = 2
"""Communication rounds of `agree_seed`."""


def check_seed_length(name: str, seed: bytes) -> None:
    """Raises: InvalidSettingsError if the seed has another length."""
    if len(seed) != SEED_BYTES:
        raise InvalidSettingsError(f"the {name} has {len(seed)} bytes, not {SEED_BYTES}")


def commitment(party: int, part: bytes) -> bytes:
    """A hiding commitment: a hash of a uniform 256-bit part, bound to the party so that it cannot be copied."""
    return blake2b(part, digest_size=32, person=b"mpc-market part", salt=party.to_bytes(2, "little")).digest()


async def agree_seed(network: Network, first_label: int) -> bytes:
    """32 uniform bytes that all parties know. Run by every party.

    Cost: 2 communication rounds.
    Raises: PeerError if a revealed part is not the one committed to.
    """
    me = network.party
    peers = [i for i in range(network.parties) if i != me]
    parts = {me: secrets.token_bytes(SEED_BYTES)}
    for peer in peers:
        network.send(peer, first_label, to_words(commitment(me, parts[me])))
    committed = {peer: to_bytes(await network.receive(peer, first_label, 4)) for peer in peers}
    for peer in peers:
        network.send(peer, first_label + 1, to_words(parts[me]))
    for peer in peers:
        parts[peer] = to_bytes(await network.receive(peer, first_label + 1, 4))
        if commitment(peer, parts[peer]) != committed[peer]:
            raise PeerError(peer, "revealed a part of the seed that it had not committed to")
    joined = b"".join(parts[i] for i in range(network.parties))
    return blake2b(joined, digest_size=SEED_BYTES, person=b"mpc-market seed").digest()
