"""What settling reveals, each sheet handed to its reader alone: by claim, sealed and signed when it is asked for."""

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.codec import bytes_words
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import MEMBER_SLASH, Period, Stage, member
from mpc_market.wire.message import sign
from mpc_market.wire.roll import Roll
from mpc_market.wire.sheet import (
    AMOUNT_COLUMNS,
    BILL_COLUMNS,
    TOTALS_COLUMNS,
    Content,
    Row,
    Sheet,
    Title,
    make_sheet,
)
from parties.service.following import last_begun
from parties.service.life import FINAL, State
from parties.service.lookup import Agreement, Lookup
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.settling.groups import Keys, Reader, keys_of, shown_to
from parties.settling.kept import KeptAccount

READERS = {"meter": Claimant.METER, "supplier": Claimant.SUPPLIER, "dso": Claimant.DSO, "tso": Claimant.TSO}
CONTENTS = {content.name.lower(): content for content in Content}
"""As they stand in addresses."""

_SHOWN = (Stage.SETTLEMENT, Stage.CLOSING)

_Table = tuple[list[Row], tuple[str, ...], list[int]]
"""Rows, columns, this party's share words."""


class Sheets:
    """Answers claims in one stage of a market."""

    def __init__(self, node: Node, lookup: Lookup) -> None:
        self._node = node
        self._lookup = lookup

    async def sheet(self, start: int, asking: Reader, content: Content, claim: bytes, wait: float) -> bytes:
        """A signed Sheet for its reader: totals of a settled period; corrections, amounts or a bill of a closed month.

        Raises: RefusalError, LedgerError.
        """
        if (content is Content.TOTALS) != (self._node.stage is Stage.SETTLEMENT) or self._node.stage not in _SHOWN:
            raise RefusalError(Problem.NOTHING_HERE)
        agreement = await self._agreement(start)
        sealing_key = await self._checked(claim, agreement, asking)
        attempt = await self._attempt(start, wait)
        if content in (Content.TOTALS, Content.CORRECTIONS):
            made = await self._totals(start, asking, attempt, _roll(agreement))
        elif content is Content.AMOUNTS:
            made = await self._amounts(start, asking, attempt)
        else:
            made = await self._bill(start, asking, attempt)
        rows, columns, words = made
        if not rows:
            raise RefusalError(Problem.NOTHING_HERE if columns != TOTALS_COLUMNS else Problem.GROUP_TOO_SMALL)
        title = Title(asking.kind, asking.name, content, attempt, len(columns), tuple(rows))
        return self._signed(make_sheet(Period(self._market, start), self._node.party, title, words, sealing_key))

    async def _totals(self, start: int, asking: Reader, attempt: int, roll: Roll) -> _Table:
        found = {row.supplier: row for row in await self._node.ledger.totals(self._market, start, attempt)}
        shown = [(name, found[key]) for key, name in shown_to(asking, roll) if key in found]
        words = [word for _, row in shown for word in bytes_words(row.words)]
        return [Row(name, row.users) for name, row in shown], TOTALS_COLUMNS, words

    async def _amounts(self, start: int, asking: Reader, attempt: int) -> _Table:
        """To a supplier what each of its users owes; to a user what it owes to each of its suppliers."""
        rows: list[Row] = []
        words: list[int] = []
        for meter, supplier, kept, due in await self._accounts(start, attempt):
            if asking == Reader(Claimant.SUPPLIER, supplier):
                rows.append(Row(member("meter", meter), kept.entries, (kept.estimated,)))
            elif asking == Reader(Claimant.METER, meter):
                rows.append(Row(member("supplier", supplier), kept.entries, (kept.estimated,)))
            else:
                continue
            words += bytes_words(due)
        return rows, AMOUNT_COLUMNS, words

    async def _bill(self, start: int, asking: Reader, attempt: int) -> _Table:
        """To a user the lines of its bill: nobody else gets any."""
        rows: list[Row] = []
        words: list[int] = []
        for meter, supplier, kept, _ in await self._accounts(start, attempt):
            if asking == Reader(Claimant.METER, meter):
                for line in kept.lines:
                    rows.append(Row(member("supplier", supplier), line.entries, line.facts))
                    words += line.words
        return rows, BILL_COLUMNS, words

    async def _accounts(self, start: int, attempt: int) -> list[tuple[str, str, KeptAccount, bytes]]:
        found = await self._node.ledger.results(self._market, start, attempt)
        accounts = []
        for row in found:
            meter, _, supplier = row.meter.partition(MEMBER_SLASH)
            accounts.append((meter, supplier, KeptAccount.decode(row.path), row.words))
        return accounts

    def _signed(self, sheet: Sheet) -> bytes:
        try:
            return sign(sheet, self._node.key(sheet.period.start)).encode()
        except InvalidSettingsError:  # its signing key was erased
            raise RefusalError(Problem.NOTHING_HERE) from None

    @property
    def _market(self) -> str:
        return self._node.market.id

    async def _agreement(self, start: int) -> Agreement:
        agreement = await self._lookup.agreement(start)
        if agreement is None:
            state = await self._lookup.state(start)
            gone = Problem.NOTHING_HERE if state in FINAL else Problem.NOT_FINISHED  # erased, or lost
            raise RefusalError(Problem.VOID if state is State.VOID else gone)
        return agreement

    async def _checked(self, claim: bytes, agreement: Agreement, asking: Reader) -> bytes:
        """The reader's sealing key, if the claim is its own. Raises: RefusalError."""
        keys = await self._keys(agreement, asking)
        if keys is None:
            raise RefusalError(Problem.UNKNOWN_READER)
        identity_key, sealing_key = keys
        try:
            check_claim(claim, agreement.terms, self._node.party, asking.kind, asking.name, identity_key)
        except WireError:
            raise RefusalError(Problem.UNAUTHORIZED) from None
        return sealing_key

    async def _keys(self, agreement: Agreement, asking: Reader) -> Keys | None:
        """From the roll of the round. Of a month that was closed also from earlier ones: somebody may have left."""
        async for enrolled in self._node.rolls.back_from(agreement.terms.roll_version):
            keys = keys_of(asking, enrolled.roll)
            if keys is not None or self._node.stage is not Stage.CLOSING:
                return keys
        return None

    async def _attempt(self, start: int, wait: float) -> int:
        state = await self._lookup.until_final(start, wait)
        if state is State.VOID:
            raise RefusalError(Problem.VOID)
        if state is State.LOST:
            raise RefusalError(Problem.NOTHING_HERE)
        if state is not State.RESULT:
            raise RefusalError(Problem.NOT_FINISHED)
        _, number = await last_begun(self._node.ledger, self._market, start, self._node.party)
        return number


def _roll(agreement: Agreement) -> Roll:
    assert agreement.enrolled is not None, "the claim was checked with it"
    return agreement.enrolled.roll
