"""One party's view of one attempt: the place where vectors are reshared (multiplied), opened, and dealt.

Every `await` on a session is one communication round. Parts of a protocol that do not depend on each other run side by
side on branches of the session (`together`), each with labels and keystreams of its own.

Leaks: `open` shows its argument to all parties; the protocol that calls it answers for what that tells. Nothing else
does: what is sent by `reshare` and `deal` are values of polynomials that any t parties see as uniform.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from mpc_market.errors import PeerError, ReuseError
from mpc_market.field.keystream import Keystream
from mpc_market.field.mersenne import Field, Vector, blocks, flat
from mpc_market.field.shamir import lagrange, residue, threshold
from mpc_market.network import Network
from mpc_market.secure.dealing import Dealing, own_dealings, product_dealings
from mpc_market.secure.keys import Keys
from mpc_market.secure.local import LocalVector, evaluate, merged
from mpc_market.secure.shares import InnerProduct, Product, Shares, public
from mpc_market.secure.threads import Threads

_LABELS_PER_BRANCH = 1 << 16
BRANCHES = 64  # children of one branch at most; five levels fit in a label of 48 bits


class Session:
    """What one compute party needs to take part in a protocol."""

    def __init__(self, network: Network, keys: Keys, threads: Threads | None = None, *, branch: int = 1) -> None:
        self.network = network
        self.keys = keys
        self.threads = threads or Threads()
        self.party = network.party
        self.parties = network.parties
        self.threshold = threshold(network.parties)
        self.field: Field = keys.field
        self.rounds = 0
        self._branch = branch
        self._children = 0
        self._label = branch * _LABELS_PER_BRANCH
        self._streams: dict[tuple[str, int, int], Keystream] = {}

    def __repr__(self) -> str:
        return f"Session(party={self.party} of {self.parties}, rounds={self.rounds})"

    # --- branches and streams -------------------------------------------------------------------------

    def branch(self) -> Session:
        """A session for a part of the protocol that runs beside the rest; all parties branch alike."""
        self._children += 1
        if self._children >= BRANCHES:
            raise ReuseError(f"a session has at most {BRANCHES - 1} branches: labels would repeat")
        return Session(self.network, self.keys, self.threads, branch=self._branch * BRANCHES + self._children)

    async def together(self, *parts: Callable[[Session], Awaitable[Any]]) -> list[Any]:
        """Run parts side by side; their communication rounds coincide."""
        branches = [self.branch() for _ in parts]
        tasks = [asyncio.ensure_future(part(branch)) for part, branch in zip(parts, branches, strict=True)]
        try:
            results = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.rounds += max(branch.rounds for branch in branches)
        return results

    def stream(self, purpose: str, holders: tuple[int, ...]) -> Keystream:
        """A keystream for a purpose of this branch that no other call has asked for."""
        return self.keys.stream(holders, f"{purpose} {self._branch}")

    def _pair_stream(self, purpose: str, dealer: int, drawer: int) -> Keystream:
        name = (purpose, dealer, drawer)
        if name not in self._streams:
            holders = (min(dealer, drawer), max(dealer, drawer))
            self._streams[name] = self.stream(f"{purpose} {dealer} to {drawer}", holders)
        return self._streams[name]

    # --- one communication round ----------------------------------------------------------------------

    async def exchange(self, outgoing: Mapping[int, Vector], incoming: Mapping[int, int]) -> dict[int, Vector]:
        """Send field elements to some peers and wait for as many as they owe; one communication round.

        Raises: PeerError if a word that arrives is not a field element.
        """
        self._label += 1
        label = self._label
        if label >= (self._branch + 1) * _LABELS_PER_BRANCH:
            raise ReuseError(f"a branch has at most {_LABELS_PER_BRANCH - 1} communication rounds: labels would repeat")
        self.rounds += 1
        for peer, words in outgoing.items():
            if words.size:
                self.network.send(peer, label, words)
        await self.network.flush()
        received = {}
        for peer, size in incoming.items():
            words = await self.network.receive(peer, label, size) if size else np.empty(0, np.uint64)
            if not self.field.is_canonical(words):
                raise PeerError(peer, f"sent a word that is not below 2^{self.field.exponent} − 1")
            received[peer] = words
        return received

    # --- the one place that opens ---------------------------------------------------------------------

    async def open(self, secret: Shares) -> Vector:
        """The secret, to all parties; the caller's docstring says what it tells.

        Cost: 1 round, t words per element.
        """
        m, t, me = self.parties, self.threshold, self.party
        words = flat(secret.words)
        outgoing = {(me - k) % m: words for k in range(1, t + 1)}
        incoming = {(me + k) % m: words.size for k in range(1, t + 1)}
        received = {**await self.exchange(outgoing, incoming), me: words}
        holders = sorted(received)
        weights = lagrange(tuple(i + 1 for i in holders), 0)
        out = self.field.combined(
            [(self.field.centred(residue(w, self.field)), received[i]) for w, i in zip(weights, holders, strict=True)]
        )
        return out.reshape(secret.shape)

    async def show_all(self, own: Vector) -> Vector:
        """What every party has, at every party: shape (m, *own.shape); the caller's docstring says what it tells.

        Unlike `open` it does not take for granted that any t + 1 shares give the same secret.
        Cost: 1 round, m − 1 words per element.
        """
        words = flat(own)
        peers = [peer for peer in range(self.parties) if peer != self.party]
        received = await self.exchange(dict.fromkeys(peers, words), dict.fromkeys(peers, words.size))
        everyone = {**received, self.party: words}
        return np.stack([everyone[party] for party in range(self.parties)]).reshape(-1, *own.shape)

    # --- the one place that multiplies ----------------------------------------------------------------

    async def reshare(self, *products: Product | InnerProduct) -> list[Shares]:
        """Products (degree 2t) as fresh shares of degree t, all of them in one round [GRR98].

        Cost: 1 round, m − 1 − t words per element.
        """
        local = [evaluate(product, self.field) for product in products]
        words = await self.deal("reshare", dict(enumerate(product_dealings(self.parties, self.field))), local)
        return self._split(words, [product.shape for product in products])

    async def refresh(self, *secrets: Shares) -> list[Shares]:
        """The same secrets under fresh polynomials, uniform among those through the secrets.

        What is revealed to a reader is refreshed first. It sees all m shares, and so the secret and a polynomial made
        for this reveal alone: it cannot be held against another reveal, or against what t parties hold of anything
        else.
        Cost: 1 round, m − 1 − t words per element.
        """
        one = public([1], self.field)
        return await self.reshare(*(secret * one for secret in secrets))

    async def deal_own(self, dealers: Sequence[int], size: int, own: Vector | None) -> list[Shares]:
        """Shares of a vector that each dealer alone knows (`own`; None for a party that is no dealer).

        Cost: 1 round, m − 1 − t words per element and dealer.
        """
        plans = own_dealings(self.parties, self.field)
        outs: dict[int, Vector] = {}
        outgoing: dict[int, Vector] = {}
        for i in dealers:
            local = LocalVector(own if i == self.party else None, size)
            outs[i], messages = self._deal_locally("own", {i: plans[i]}, [local])
            outgoing |= messages
        received = await self.exchange(outgoing, {i: size for i in dealers if self.party in plans[i].sent})
        for i, words in received.items():
            self.field.combine([(1, outs[i]), (1, words)], outs[i])
        return [Shares(outs[i], self.field) for i in dealers]

    async def deal(self, purpose: str, dealings: Mapping[int, Dealing], local: Sequence[LocalVector]) -> Vector:
        """The sum of what all dealers deal: dealer i the value factor · z_i, z_i its local vector (see `dealing`).

        Parties that are no dealers pass local vectors of the same sizes without words.
        """
        out, outgoing = self._deal_locally(purpose, dealings, local)
        received = await self.exchange(outgoing, {i: out.size for i, d in dealings.items() if self.party in d.sent})
        if received:
            self.field.combine([(1, out), *((1, words) for words in received.values())], out)
        return out

    def _deal_locally(
        self, purpose: str, dealings: Mapping[int, Dealing], local: Sequence[LocalVector]
    ) -> tuple[Vector, dict[int, Vector]]:
        """What this party keeps and draws, and its outgoing messages."""
        mine = dealings.get(self.party)
        size = sum(vector.size for vector in local)
        out = np.empty(size, np.uint64)
        outgoing = {peer: np.empty(size, np.uint64) for peer in (mine.sent if mine else ())}
        own = {j: self._pair_stream(purpose, self.party, j) for j in (mine.drawn if mine else ())}
        drawn = [
            (dealing.drawn[self.party], self._pair_stream(purpose, i, self.party))
            for i, dealing in dealings.items()
            if self.party in dealing.drawn
        ]
        start = 0
        for vector in merged(local):
            stretches = self.threads.stretches(vector.size, vector.block)
            counts = [stretch.stop - stretch.start for stretch in stretches]
            own_parts = {j: stream.split(counts) for j, stream in own.items()} if counts else {}
            drawn_parts = [(c, stream.split(counts)) for c, stream in drawn] if counts else []
            tasks = [
                _Stretch(
                    self.field,
                    mine,
                    vector,
                    stretch,
                    {j: parts[k] for j, parts in own_parts.items()},
                    [(c, parts[k]) for c, parts in drawn_parts],
                    {peer: words[start : start + vector.size] for peer, words in outgoing.items()},
                    out[start : start + vector.size],
                )
                for k, stretch in enumerate(stretches)
            ]
            self.threads.run([task.deal for task in tasks])
            start += vector.size
        return out, outgoing

    def _split(self, words: Vector, shapes: Sequence[tuple[int, ...]]) -> list[Shares]:
        results, start = [], 0
        for shape in shapes:
            size = prod(shape)
            results.append(Shares(words[start : start + size].reshape(shape), self.field))
            start += size
        return results


@dataclass(repr=False)
class _Stretch:
    """A stretch of one local vector to be dealt: independent of all others, so that threads can share the work."""

    field: Field
    mine: Dealing | None
    vector: LocalVector
    stretch: slice
    own: Mapping[int, Keystream]
    drawn: Sequence[tuple[int, Keystream]]
    outgoing: Mapping[int, Vector]
    out: Vector

    def deal(self) -> None:
        """Block by block: what is kept and drawn, and what is sent."""
        for part in blocks(self.stretch.stop, self.vector.block, self.stretch.start):
            count = part.stop - part.start
            terms = [(c, stream.words(count)) for c, stream in self.drawn]
            if self.mine:
                z = self.vector.compute(part)
                if self.mine.factor != 1:
                    z = self.field.scale(z, self.mine.factor)
                words = {j: stream.words(count) for j, stream in self.own.items()}
                for peer, line in self.mine.sent.items():
                    self.field.combine(_line(line, z, words), self.outgoing[peer][part])
                terms += _line(self.mine.kept, z, words)
            self.field.combine(terms, self.out[part])


def _line(line: tuple[int, dict[int, int]], z: Vector, words: Mapping[int, Vector]) -> list[tuple[int, Vector]]:
    """α · z + Σ β_j · ρ_j."""
    alpha, betas = line
    return [(alpha, z), *((beta, words[j]) for j, beta in betas.items())]
