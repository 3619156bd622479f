"""What the public API hands to its owner alone: receipts and results to meters, totals to suppliers.

Whoever asks shows a claim, signed for this party and this round (`wire.claim`).
"""

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, sign
from parties.service.cache import Recent
from parties.service.delivering import delivery, totals
from parties.service.following import last_begun
from parties.service.life import FINAL, State
from parties.service.lookup import Agreement, Lookup
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.rolls import Enrolled


class Desk:
    """Answers claims."""

    def __init__(self, node: Node, lookup: Lookup) -> None:
        self._node = node
        self._lookup = lookup
        self._attempts: Recent[int, int] = Recent()

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
        attempt = await self._attempt(start, wait)
        row = await self._node.ledger.result(self._node.market.id, start, attempt, meter)
        if row is None:
            raise RefusalError(Problem.NOTHING_HERE)
        key = enrolled.meters[meter].sealing_key
        return self._signed(delivery(self._period(start), self._node.party, attempt, row, key))

    async def totals(self, start: int, supplier: str, claim: bytes, wait: float) -> bytes:
        """What this party delivers to a supplier: signed Totals. Raises: RefusalError, LedgerError."""
        agreement = await self._agreement(start)
        row = None if agreement.enrolled is None else agreement.enrolled.suppliers.get(supplier)
        if row is None:
            raise RefusalError(Problem.UNKNOWN_SUPPLIER)
        self._check(claim, agreement, Claimant.SUPPLIER, supplier, row.identity_key)
        attempt = await self._attempt(start, wait)
        found = await self._node.ledger.totals(self._node.market.id, start, attempt)
        mine = next((each for each in found if each.supplier == supplier), None)
        if mine is None:
            raise RefusalError(Problem.GROUP_TOO_SMALL)
        return self._signed(totals(self._period(start), self._node.party, attempt, mine, row.sealing_key))

    async def _attempt(self, start: int, wait: float) -> int:
        """The attempt that all parties have done; waits for the round to end. Raises: RefusalError if there is none."""
        state = await self._lookup.until_final(start, wait)
        if state is State.VOID:
            raise RefusalError(Problem.VOID)
        if state is State.LOST:
            raise RefusalError(Problem.NOTHING_HERE)
        if state is not State.RESULT:
            raise RefusalError(Problem.NOT_FINISHED)
        number = self._attempts.get(start)
        if number is None:
            _, number = await last_begun(self._node.ledger, self._node.market.id, start, self._node.party)
            self._attempts.set(start, number)
        return number

    async def _check_meter(self, start: int, meter: str, claim: bytes) -> Enrolled:
        agreement = await self._agreement(start)
        entry = None if agreement.enrolled is None else agreement.enrolled.meters.get(meter)
        if agreement.enrolled is None or entry is None:
            raise RefusalError(Problem.UNKNOWN_METER)
        self._check(claim, agreement, Claimant.METER, meter, entry.identity_key)
        return agreement.enrolled

    async def _agreement(self, start: int) -> Agreement:
        agreement = await self._lookup.agreement(start)
        if agreement is None:
            state = await self._lookup.state(start)
            gone = Problem.NOTHING_HERE if state in FINAL else Problem.NOT_FINISHED  # erased, or lost
            raise RefusalError(Problem.VOID if state is State.VOID else gone)
        return agreement

    def _check(self, claim: bytes, agreement: Agreement, claimant: Claimant, name: str, key: bytes) -> None:
        try:
            check_claim(claim, agreement.terms, self._node.party, claimant, name, key)
        except WireError:
            raise RefusalError(Problem.UNAUTHORIZED) from None

    def _period(self, start: int) -> Period:
        return Period(self._node.market.id, start)

    def _signed(self, message: PartyMessage) -> bytes:
        try:
            return sign(message, self._node.key(message.period.start)).encode()
        except InvalidSettingsError:  # its signing key was erased
            raise RefusalError(Problem.NOTHING_HERE) from None
