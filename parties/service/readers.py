"""Who may read what a round has revealed, and with which keys: everybody who is on the roll of the round.

Of a closed month also who was on an earlier roll: somebody may have left before it was closed, and a meter may have had
another owner. All those rolls are read once for a closing, not for each that asks: whoever asks, with whatever claim,
makes a party look one name up.
"""

import asyncio

from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.roll import Roll
from parties.service.cache import Recent
from parties.service.lookup import Opened
from parties.service.node import Node
from parties.settling.groups import Keys, Reader, keys_by_name

_CLOSINGS = 4
"""At most this many closings whose readers are kept in memory."""

_Known = dict[Reader, tuple[Keys, ...]]


class Readers:
    """The readers of the rounds of one stage of a market."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._known: Recent[int, _Known] = Recent(_CLOSINGS)
        self._reading = asyncio.Lock()

    async def keys(self, start: int, opened: Opened, reader: Reader) -> tuple[Keys, ...]:
        """Those with which a claim is the reader's own, the newest first; none if it is not to read anything.

        Only a meter has more than one: each owner reads what is of its own key (`sheets`). Raises: LedgerError.
        """
        if self._node.stage is not Stage.CLOSING:
            keys = None if opened.enrolled is None else keys_by_name(reader.kind, opened.enrolled.roll).get(reader.name)
            return () if keys is None else (keys,)
        async with self._reading:
            known = self._known.get(start)
            if known is None:
                known = self._known.set(start, await self._read(opened))
        found = known.get(reader, ())
        return found if reader.kind is Claimant.METER else found[:1]

    async def _read(self, opened: Opened) -> _Known:
        """All that the roll of the round and those before it name, as far back as this party has them."""
        known: dict[Reader, list[Keys]] = {}
        async for enrolled in self._node.rolls.back_from(opened.terms.roll_version):
            await asyncio.to_thread(_add, known, enrolled.roll)
        return {reader: tuple(keys) for reader, keys in known.items()}


def _add(known: dict[Reader, list[Keys]], roll: Roll) -> None:
    """All that an earlier roll names."""
    for kind in Claimant:
        for name, keys in keys_by_name(kind, roll).items():
            earlier = known.setdefault(Reader(kind, name), [])
            if keys not in earlier:
                earlier.append(keys)
