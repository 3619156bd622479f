"""What the public API hands to its owner alone: receipts and results to meters, totals to suppliers.

Whoever asks shows a claim, signed for this party and this round (`wire.claim`).
"""

from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from parties.service.delivering import delivery, signed, totals
from parties.service.lookup import Lookup, Opened
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.rolls import Enrolled


class Desk:
    """Answers claims."""

    def __init__(self, node: Node, lookup: Lookup) -> None:
        self._node = node
        self._lookup = lookup

    async def receipt(self, start: int, meter: str, number: int, claim: bytes) -> bytes:
        """The receipt that a meter was given for a submission. Raises: RefusalError, LedgerError."""
        await self._check_meter(start, meter, claim)
        held = await self._node.ledger.submission(self._node.market.id, start, meter, number)
        if held is None or held.receipt is None:
            raise RefusalError(Problem.NOTHING_HERE)
        return held.receipt

    async def result(self, start: int, meter: str, claim: bytes, wait: float) -> bytes:
        """What this party delivers to a meter: a signed Delivery. Raises: RefusalError, LedgerError."""
        enrolled = await self._check_meter(start, meter, claim)
        attempt = await self._lookup.result_attempt(start, wait)
        row = await self._node.ledger.result(self._node.market.id, start, attempt, meter)
        if row is None:
            raise RefusalError(Problem.NOTHING_HERE)
        key = enrolled.meters[meter].sealing_key
        return signed(self._node, delivery(self._period(start), self._node.party, attempt, row, key))

    async def totals(self, start: int, supplier: str, claim: bytes, wait: float) -> bytes:
        """What this party delivers to a supplier: signed Totals. Raises: RefusalError, LedgerError."""
        opened = await self._lookup.require_opened(start)
        row = None if opened.enrolled is None else opened.enrolled.suppliers.get(supplier)
        if row is None:
            raise RefusalError(Problem.UNKNOWN_SUPPLIER)
        self._check(claim, opened, Claimant.SUPPLIER, supplier, row.identity_key)
        attempt = await self._lookup.result_attempt(start, wait)
        found = await self._node.ledger.totals(self._node.market.id, start, attempt)
        mine = next((each for each in found if each.supplier == supplier), None)
        if mine is None:
            raise RefusalError(Problem.GROUP_TOO_SMALL)
        return signed(self._node, totals(self._period(start), self._node.party, attempt, mine, row.sealing_key))

    async def _check_meter(self, start: int, meter: str, claim: bytes) -> Enrolled:
        opened = await self._lookup.require_opened(start)
        entry = None if opened.enrolled is None else opened.enrolled.meters.get(meter)
        if opened.enrolled is None or entry is None:
            raise RefusalError(Problem.UNKNOWN_METER)
        self._check(claim, opened, Claimant.METER, meter, entry.identity_key)
        return opened.enrolled

    def _check(self, claim: bytes, opened: Opened, claimant: Claimant, name: str, key: bytes) -> None:
        try:
            check_claim(claim, opened.terms, self._node.party, claimant, name, key)
        except WireError:
            raise RefusalError(Problem.UNAUTHORIZED) from None

    def _period(self, start: int) -> Period:
        return Period(self._node.market.id, start)
