"""Disputes at a compute party: a user's signed request is checked, stored durably, acknowledged, and put on record.

A request is taken while everything that it names can still be disclosed: its periods are cleared and within the
retention time. Its digest enters the set of every closing as long as it is kept: that all parties have it is so agreed
on and signed like anything else that a closing rests on.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.dispute import DisputeReceipt, DisputeRequest, check_dispute, dispute_digest, split_dispute
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import MEMBER_SLASH, Period, Stage, member
from parties.files.running import RunningMarket
from parties.ledger import ContradictionError, DisputeRow
from parties.service.cache import Recent
from parties.service.delivering import signed
from parties.service.life import FINAL, State
from parties.service.lookup import Lookup
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.schemas import DisputePlace, DisputesDocument

DISPUTE = "dispute"
"""Kind of member of a closing's set: the request of a user, by its digest."""

DISPUTES_MAX = 100
"""At most this many requests are kept under one identity key: an earlier owner of the meter uses up nobody else's."""

DISPUTES_OF_ALL_MAX = 10_000
"""Once so many are kept of all meters of a market, only who has none yet is still heard: each is in every set and list
of a closing, but nobody is to be kept from the first one by what others have sent.
"""

_CLOSINGS_KEPT = 16

_MILLISECOND = timedelta(milliseconds=1)


class Disputes:
    """Of one market."""

    def __init__(self, node: Node, lookup: Lookup) -> None:
        self._node = node
        self._lookup = lookup

    async def accept(self, body: bytes) -> bytes:
        """Store a request; returns the signed receipt. The same one again gets the same receipt.

        Raises: RefusalError, LedgerError.
        """
        node = self._node
        try:
            request, signature = split_dispute(body)
        except WireError:
            raise RefusalError(Problem.MALFORMED) from None
        if request.market != node.market.id:
            raise RefusalError(Problem.WRONG_CONTEXT)
        if 1000 * request.starts[0] < node.clock.now_ms() - kept_ms(node.market):
            raise RefusalError(Problem.TOO_OLD)
        identity_key = await self._check_signature(request, signature)
        known = await node.ledger.dispute(node.market.id, request.meter, request.number)
        if known is None:
            await self._check_periods(request)
        row = DisputeRow(node.market.id, request.meter, request.number, dispute_digest(body), body, node.clock.now_ms())
        try:
            kept = await node.ledger.put_dispute(row, partial(_check_quota, identity_key))
        except ContradictionError:
            raise RefusalError(Problem.DISPUTE_NUMBER) from None
        period = Period(node.market.id, request.starts[-1])
        return signed(node, DisputeReceipt(period, node.party, kept.digest, kept.received_ms))

    async def _check_periods(self, request: DisputeRequest) -> None:
        """All of them over; the month closed. What this party never ran has nothing to disclose.

        Raises: RefusalError.
        """
        node = self._node
        first, last = request.starts[0], request.starts[-1]
        states = {row.start: row.state for row in await node.ledger.rounds_between(node.market.id, first, last + 1)}
        for start in request.starts:
            if start not in states:
                why = self._lookup.why_none(start)
                if why is Problem.NOT_OPEN_YET or not node.schedule.is_start(start):
                    raise RefusalError(why)
            elif State(states[start]) not in FINAL:
                raise RefusalError(Problem.NOT_FINISHED)
        if request.month is not None:
            if Stage.CLOSING not in node.siblings:
                raise RefusalError(Problem.NOT_SETTLED)
            closing = node.sibling(Stage.CLOSING).market.id
            row = await node.ledger.round(closing, request.month)
            if row is None or State(row.state) not in FINAL:
                raise RefusalError(Problem.UNKNOWN_PERIOD if row is None else Problem.NOT_FINISHED)

    async def _check_signature(self, request: DisputeRequest, signature: bytes) -> bytes:
        """By the key that the meter had in the last period named, which it returns; `Disclosing` compares it round by
        round.
        """
        opened = await self._lookup.opened(request.starts[-1])
        enrolled = await self._node.rolls.latest() if opened is None else opened.enrolled
        entry = None if enrolled is None else enrolled.meters.get(request.meter)
        if entry is None:
            raise RefusalError(Problem.UNKNOWN_METER)
        try:
            check_dispute(request, signature, self._node.market.id, entry.identity_key)
        except ContextError:
            raise RefusalError(Problem.WRONG_CONTEXT) from None
        except WireError:
            raise RefusalError(Problem.BAD_SIGNATURE) from None
        return entry.identity_key


def _check_quota(identity_key: bytes, of_meter: Sequence[DisputeRow], of_all: int) -> None:
    """Whether one more is kept of whoever has this key. Signatures are only verified where one of the bounds is near.

    Raises: RefusalError.
    """
    full = of_all >= DISPUTES_OF_ALL_MAX
    if len(of_meter) < DISPUTES_MAX and not full:
        return
    own = sum(_is_signed(row, identity_key) for row in of_meter)
    if own >= DISPUTES_MAX:
        raise RefusalError(Problem.TOO_MANY_DISPUTES)
    if own and full:
        raise RefusalError(Problem.DISPUTES_FULL)


def _is_signed(row: DisputeRow, identity_key: bytes) -> bool:
    try:
        check_dispute(*split_dispute(row.data), row.market, identity_key)
    except WireError:
        return False
    return True


class RecordedDisputes:
    """Which disputes are in the set of a closing that all parties have signed, with their places: open to all, since a
    digest tells nobody whose dispute it is.
    """

    def __init__(self, node: Node, lookup: Lookup) -> None:
        self._node = node
        self._lookup = lookup
        self._known: Recent[int, DisputesDocument] = Recent(_CLOSINGS_KEPT)

    async def of(self, start: int) -> DisputesDocument:
        """Of the closing of a month. Raises: RefusalError, LedgerError."""
        known = self._known.get(start)
        if known is not None:
            return known
        state = await self._lookup.state(start)
        if state not in FINAL:
            raise RefusalError(Problem.NOT_FINISHED)
        if state is State.VOID:
            raise RefusalError(Problem.VOID)
        agreed = await self._lookup.agreed(start)
        if agreed is None:  # erased, or lost
            raise RefusalError(Problem.NOTHING_HERE)
        return self._known.set(start, await asyncio.to_thread(_document, agreed))


def _document(agreed: AgreedSet) -> DisputesDocument:
    tree, disputes = agreed.tree(), []
    for place, item in enumerate(agreed.members):
        if item.name.partition(MEMBER_SLASH)[0] == DISPUTE:
            index = place * agreed.orders
            path = [step.hex() for step in tree.path(index)]
            disputes.append(DisputePlace(digest=item.digest.hex(), index=index, path=path))
    return DisputesDocument(count=agreed.count, disputes=disputes)


async def dispute_items(clearing: Node) -> list[Item]:
    """The requests of a market as members of a set. A digest is its own name: nobody replaces another's request."""
    rows = await clearing.ledger.disputes(clearing.market.id)
    return [Item(member(DISPUTE, row.digest.hex()), 1, row.digest) for row in rows]


def kept_ms(market: RunningMarket) -> int:
    """How long shares are kept, and so can be disclosed."""
    return market.service.retention // _MILLISECOND
