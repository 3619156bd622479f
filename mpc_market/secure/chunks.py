"""Long vectors through a protocol that needs much memory for each element: some chunks at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from mpc_market.secure.session import BRANCHES, Session
from mpc_market.secure.shares import Shares, concatenate

CHUNK = 1 << 15
"""Elements at a time, where each needs one mask: the bits of a mask take 61 words."""
_SIDE_BY_SIDE = 4
"""Chunks at a time."""

Step = Callable[[Session, Shares], Awaitable[Shares]]


async def in_chunks(session: Session, step: Step, number: Shares, masks_each: int = 1) -> Shares:
    """`step` on a vector, each chunk on a branch of its own. Shape (n,) → (n,).

    `masks_each`: how many masks one element needs.
    Cost: the rounds of the step for every 4 · 32,768 masks.
    """
    # Each chunk is a branch; a few are left for the caller.
    size = max(1, CHUNK // masks_each, -(-number.size // (BRANCHES - 4)))
    chunks = [number[start : start + size] for start in range(0, number.size, size)]
    parts: list[Shares] = []
    for first in range(0, len(chunks), _SIDE_BY_SIDE):
        together = chunks[first : first + _SIDE_BY_SIDE]
        parts += await session.together(*(partial(_on_branch, step, part) for part in together))
    return concatenate(parts) if parts else number


async def _on_branch(step: Step, part: Shares, branch: Session) -> Shares:
    return await step(branch, part)
