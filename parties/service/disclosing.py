"""Disclosing: what a party holds of one user in one round goes to the arbiter whom that user has named, to nobody else.

The user's signature is checked again with the key that the user had in that very round: whoever has a meter's id later
learns nothing of who had it before. The arbiter shows a claim, signed with the key that the user's request names.
"""

import asyncio

from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.codec import bytes_words
from mpc_market.wire.disclosure import (
    AccountShare,
    Disclosed,
    HeldByParty,
    LineShare,
    MonthShares,
    Place,
    ResultShare,
    RoundShares,
    make_disclosure,
)
from mpc_market.wire.dispute import DisputeRequest, check_dispute, split_dispute
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import MEMBER_SLASH, Period, Stage, check_id, member, split_market
from mpc_market.wire.roll import RollEntry, RollLine
from mpc_market.wire.submission import InputShare
from mpc_market.wire.verdicts import Verdict
from parties.ledger import OpenedSubmission, ResultRow
from parties.service.delivering import signed, unpacked_path
from parties.service.life import FINAL, State
from parties.service.lookup import Lookup, Opened
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.rolls import Enrolled
from parties.service.tariffs import TARIFF
from parties.settling.accounts import Account
from parties.settling.kept import KeptAccount


class Disclosing:
    """Answers arbiters in one stage of a market."""

    def __init__(self, node: Node, lookup: Lookup) -> None:
        self._node = node
        self._lookup = lookup

    async def disclosure(self, start: int, meter: str, number: int, claim: bytes) -> bytes:
        """A signed Disclosure. Raises: RefusalError, LedgerError."""
        node, market = self._node, split_market(self._node.market.id)[0]
        try:
            check_id("meter", meter)  # it comes from an address: not every database takes every character
        except WireError:
            raise RefusalError(Problem.UNKNOWN_DISPUTE) from None
        row = await node.ledger.dispute(market, meter, number)
        if row is None:
            raise RefusalError(Problem.UNKNOWN_DISPUTE)
        request, signature = split_dispute(row.data)
        period = Period(node.market.id, start)
        if not request.names(period):
            raise RefusalError(Problem.NOT_NAMED)
        state = await self._lookup.state(start)
        if state not in FINAL:
            raise RefusalError(Problem.NOT_FINISHED)
        if state is State.LOST:  # that this party has nothing of the user does not mean that there was nothing
            raise RefusalError(Problem.NOTHING_HERE)
        opened = await self._lookup.require_opened(start)
        arbiter = request.arbiter
        try:
            check_claim(claim, opened.terms, node.party, Claimant.ARBITER, arbiter.name, arbiter.identity_key)
        except WireError:
            raise RefusalError(Problem.UNAUTHORIZED) from None
        enrolled = await self._enrolled(opened, request, signature)
        line = await asyncio.to_thread(enrolled.roll.line, meter)
        disclosed = await self._disclosed(start, line, state)
        await self._lookup.kept(start)
        return signed(node, make_disclosure(period, node.party, meter, row.digest, disclosed, arbiter.sealing_key))

    async def _enrolled(self, opened: Opened, request: DisputeRequest, signature: bytes) -> Enrolled:
        """The roll of the round, with the user on it; of a closing an earlier one, if the user has left since, or has
        got other keys, or the meter another owner.

        Raises: RefusalError if the request is not signed with its key.
        """
        why = Problem.UNKNOWN_METER
        async for enrolled in self._node.rolls.back_from(opened.terms.roll_version):
            entry = enrolled.meters.get(request.meter)
            if entry is not None:
                try:
                    check_dispute(request, signature, request.market, entry.identity_key)
                except WireError:
                    why = Problem.BAD_SIGNATURE
                else:
                    return enrolled
            if self._node.stage is not Stage.CLOSING:
                break
        raise RefusalError(why)

    async def _disclosed(self, start: int, line: RollLine, state: State) -> Disclosed:
        entry = line.entry
        ledger, market = self._node.ledger, self._node.market.id
        attempt = await self._lookup.result_attempt(start, 0.0) if state is State.RESULT else 0
        content: RoundShares | MonthShares
        if self._node.stage is Stage.CLOSING:
            content = await self._month(start, attempt, entry)
        else:
            held = await ledger.submissions_of(market, start, entry.meter)
            row = await ledger.result(market, start, attempt, entry.meter)
            tariff = await self._tariff(start, attempt, entry.supplier)
            content = RoundShares(tuple(map(_held, held)), None if row is None else _result(row), tariff)
        return Disclosed(attempt, line, content)

    async def _tariff(self, start: int, attempt: int, supplier: str) -> tuple[bytes, Place] | None:
        """The tariff that the parties have agreed on with the readings."""
        ledger = self._node.ledger
        row = await ledger.result(self._node.market.id, start, attempt, member(TARIFF, supplier))
        if row is None:
            return None
        stored = await ledger.tariff(split_market(self._node.market.id)[0], supplier, row.number)
        assert stored is not None, "this party has said that it holds it"
        return stored.data, Place(*unpacked_path(row.path))

    async def _month(self, start: int, attempt: int, entry: RollEntry) -> MonthShares:
        agreed = await self._lookup.agreed(start)
        accounts = []
        of_meter = entry.meter + MEMBER_SLASH
        for row in await self._node.ledger.results_of(self._node.market.id, start, attempt, of_meter):
            account = Account.of(row.meter)
            if account.owner == entry.identity_key.hex():
                kept, (due,) = KeptAccount.decode(row.path), bytes_words(row.words)
                lines = tuple(LineShare(line.facts, line.entries, line.words) for line in kept.lines)
                accounts.append(AccountShare(account.supplier, kept.entries, kept.estimated, due, lines))
        return MonthShares(() if agreed is None else agreed.members, tuple(accounts))


def _held(row: OpenedSubmission) -> HeldByParty:
    share = None if row.nonce is None or row.words is None else InputShare(row.nonce, bytes_words(row.words))
    return HeldByParty(Header.decode(row.header), row.signature, share, row.receipt or b"")


def _result(row: ResultRow) -> ResultShare:
    # an estimate has no place in the set
    place = Place(*unpacked_path(row.path)) if row.path else Place(0, 0, ())
    return ResultShare(row.number, Verdict(row.verdict), place, bytes_words(row.words + row.traded))
