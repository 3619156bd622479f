"""A time limit on what the parties compute together: one that lives but computes nothing must not hold up the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mpc_market.errors import MarketError, PeerError, ProtocolError
from parties.net.network import PartyNetwork


@asynccontextmanager
async def time_limit(network: PartyNetwork, seconds: float) -> AsyncIterator[None]:
    """Let what is done inside take at most this many seconds.

    Raises: PeerError naming the party that all others waited for when the time was up; ProtocolError if that is this
    party itself, or cannot be said.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise _who_is_behind(network, seconds) from None
        raise


def _who_is_behind(network: PartyNetwork, seconds: float) -> MarketError:
    behind = network.behind()
    what = f"the round was not done within {seconds:g} s"
    if behind is None:
        return ProtocolError(f"{what}: the parties wait for each other")
    if behind == network.party:
        return ProtocolError(f"{what}: it is this party that is behind")
    return PeerError(behind, f"is alive but behind: {what}")
