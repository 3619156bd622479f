"""What can be seen of a market that runs on this machine: in the public API, and in its meters' homes."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mpc_market.errors import MarketError
from mpc_market.rules.model import Side
from parties.client.api import Api, RefusedError, UnreachableError
from parties.launch.community import Community
from parties.meter.results import State
from parties.meter.store import Entry, Store

READY_SECONDS = 60.0
"""This long all compute parties may take to start and to find each other."""

_PAUSE_SECONDS = 0.25
FINAL = ("result", "void", "lost")
"""States in which a round stays, as parties tell them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One round. `state`: as party 0 tells it; `settled`: that of its settlement, if there is one. `price`: ticks.

    Of its meters' results: how many are `verified`, of how many orders, and what all bought in total (lots); None until
    the meters have fetched them.
    """

    start: int
    state: str
    price: int | None = None
    settled: str | None = None
    orders: int | None = None
    verified: int | None = None
    traded: int | None = field(default=None, repr=False)


async def until_ready(api: Api) -> None:
    """Wait until every party takes part in a round. Raises: MarketError."""
    for party in range(api.parties):
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await _is_ready(api, party):
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            raise MarketError(f"party {party} was not ready after {READY_SECONDS:g} s") from None


async def _is_ready(api: Api, party: int) -> bool:
    try:
        return bool(json.loads(await api.get(party, "prices")))
    except (UnreachableError, RefusedError):
        return False


async def see(
    api: Api, settlement: Api | None, community: Community, starts: Sequence[int], known: dict[int, Seen]
) -> None:
    """Bring up to date what is known of the rounds. `settlement`: asks about that stage, if the market has it.

    Raises: UnreachableError.
    """
    for start in starts:
        before = known.get(start)
        if before is not None and before.state in FINAL and before.verified == before.orders != 0:
            if settlement is not None and before.orders and before.settled not in FINAL:
                known[start] = replace(before, settled=await _settled(settlement, start))
            continue
        try:
            told = json.loads(await api.get(0, f"periods/{start}"))
        except RefusedError:
            continue  # not open yet
        seen = Seen(start, told["state"], told["price"])
        known[start] = await asyncio.to_thread(_with_results, seen, community) if seen.state in FINAL else seen


async def _settled(settlement: Api, start: int) -> str:
    """How far the settlement of a period is. Raises: UnreachableError."""
    try:
        return str(json.loads(await settlement.get(0, f"periods/{start}"))["state"])
    except RefusedError:
        return "waits"  # for the end of the period


def _with_results(seen: Seen, community: Community) -> Seen:
    entries = [
        entry
        for home in community.meters
        for entry in Store(home.store, home.meter).history(_LAST)
        if entry.start == seen.start and entry.number is not None
    ]
    if not entries:
        return seen
    verified = sum(entry.state in (State.VERIFIED, State.VOID) for entry in entries)
    traded = sum(map(_bought, entries)) if verified == len(entries) else None
    return replace(seen, orders=len(entries), verified=verified, traded=traded)


_LAST = 10


def _bought(entry: Entry) -> int:
    if entry.accepted is None:
        return 0
    return sum(lots for order, lots in zip(entry.orders, entry.accepted, strict=False) if order.side is Side.BUY)
