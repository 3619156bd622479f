"""Run a protocol at every compute party in memory: deal secrets, run, recombine.

    results = run_parties(protocol, [1, 2, 3], parties=5)     # protocol(session, shares) at each of them
    recombined(results)                                       # array of integers mod p

The keys are dealt and not agreed (`test_keys` tests the agreement), so that the field may be a small one.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mpc_market.field.mersenne import GF, Field, Vector
from mpc_market.field.shamir import recombine, share, threshold
from mpc_market.network import Network, memory_networks
from mpc_market.secure.keys import Keys, holder_sets
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares
from mpc_market.secure.threads import Threads

Protocol = Callable[..., Awaitable[Any]]
Secret = Sequence[int] | np.ndarray


def run_parties(
    protocol: Protocol,
    *secrets: Secret,
    parties: int = 3,
    field: Field = GF,
    keys: Sequence[Keys] | None = None,
    networks: Sequence[Network] | None = None,
    threads: Sequence[Threads] | None = None,
) -> list[Any]:
    """What `protocol(session, *shares)` returns at each party; secrets are dealt, signed ones as residues."""
    dealt = [share(residues(secret, field), parties, field) for secret in secrets]
    options = {"keys": keys, "networks": networks, "threads": threads}
    return run_on_shares(protocol, *dealt, parties=parties, field=field, **options)


def run_on_shares(
    protocol: Protocol,
    *dealt: Sequence[Vector],
    parties: int = 3,
    field: Field = GF,
    keys: Sequence[Keys] | None = None,
    networks: Sequence[Network] | None = None,
    threads: Sequence[Threads] | None = None,
) -> list[Any]:
    """The same for secrets that were dealt before: one list of m share vectors each."""
    ends = networks or memory_networks(parties)
    pools = threads or [Threads()] * parties
    sessions = [Session(*own) for own in zip(ends, keys or dealt_keys(parties, field), pools, strict=True)]

    async def main() -> list[Any]:
        return await asyncio.gather(
            *(protocol(s, *(Shares(shares[s.party], field) for shares in dealt)) for s in sessions)
        )

    return asyncio.run(main())


def dealt_keys(parties: int, field: Field = GF) -> list[Keys]:
    """Fresh keys of one attempt, as if the parties had agreed on them."""
    every = {*holder_sets(parties), *combinations(range(parties), 2)}
    shared = {holders: secrets.token_bytes(32) for holders in every}
    return [
        Keys(party, parties, {holders: key for holders, key in shared.items() if party in holders}, field)
        for party in range(parties)
    ]


def recombined(results: Sequence[Any]) -> Any:
    """The secrets behind what the parties hold: `Shares` as an array of residues, sequences of them likewise.

    Fails if shares do not lie on polynomials of degree t, or if the parties differ in what is public.
    """
    first = results[0]
    if isinstance(first, Shares):
        return recombine([result.words for result in results], threshold(len(results)), first.field)
    if isinstance(first, list | tuple):
        return [recombined(parts) for parts in zip(*results, strict=True)]
    if isinstance(first, np.ndarray):
        assert all(np.array_equal(first, result) for result in results)
    else:
        assert all(first == result for result in results)
    return first


def residues(numbers: Secret, field: Field = GF) -> Vector:
    """Signed integers, in any shape, as residues."""
    array = np.asarray(numbers, object)
    return np.array([int(x) % field.modulus for x in array.reshape(-1)], np.uint64).reshape(array.shape)
