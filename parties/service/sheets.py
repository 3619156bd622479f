"""What settling reveals, each sheet handed to its reader alone: by claim, sealed and signed when it is asked for.

An account is of the identity key that the meter had on the roll of the period. A user gets, of a closed month, what is
of the key that has signed the claim, whoever has the meter by then: the next owner gets nothing of the one before, who
gets its own as long as it has its keys.
"""

from collections.abc import Set
from contextlib import suppress

from mpc_market.rules.tariff import rates_for
from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.codec import bytes_words
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import MEMBER_SLASH, Period, Stage, member
from mpc_market.wire.roll import Roll
from mpc_market.wire.sheet import (
    AMOUNT_COLUMNS,
    BILL_COLUMNS,
    TOTALS_COLUMNS,
    Content,
    Row,
    Title,
    key_fact,
    make_sheet,
)
from parties.ledger import ResultRow
from parties.service.delivering import signed
from parties.service.lookup import Lookup, Opened
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.readers import Readers
from parties.service.tariffs import TARIFF, agreed_tariffs
from parties.settling.accounts import Account
from parties.settling.groups import Keys, Reader, shown_to
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
        self._readers = Readers(node)

    async def sheet(self, start: int, asking: Reader, content: Content, claim: bytes, wait: float) -> bytes:
        """A signed Sheet for its reader: totals of a settled period; corrections, amounts or a bill of a closed month.

        Raises: RefusalError, LedgerError.
        """
        if (content is Content.TOTALS) != (self._node.stage is Stage.SETTLEMENT) or self._node.stage not in _SHOWN:
            raise RefusalError(Problem.NOTHING_HERE)
        opened = await self._lookup.require_opened(start)
        identity_key, sealing_key = await self._checked(start, claim, opened, asking)
        attempt = await self._lookup.result_attempt(start, wait)
        if content in (Content.TOTALS, Content.CORRECTIONS):
            made = await self._totals(start, asking, attempt, _roll(opened))
        elif content is Content.AMOUNTS:
            made = await self._amounts(start, asking, attempt, identity_key, _roll(opened))
        else:
            made = await self._bill(start, asking, attempt, identity_key)
        await self._lookup.kept(start)
        rows, columns, words = made
        if not rows:
            raise RefusalError(Problem.NOTHING_HERE if columns != TOTALS_COLUMNS else Problem.GROUP_TOO_SMALL)
        title = Title(asking.kind, asking.name, content, attempt, len(columns), tuple(rows))
        return signed(self._node, make_sheet(Period(self._market, start), self._node.party, title, words, sealing_key))

    async def _totals(self, start: int, asking: Reader, attempt: int, roll: Roll) -> _Table:
        found = {row.supplier: row for row in await self._node.ledger.totals(self._market, start, attempt)}
        shown = [(name, found[key]) for key, name in shown_to(asking, roll) if key in found]
        words = [word for _, row in shown for word in bytes_words(row.words)]
        rows = [Row(name, row.users, await self._rates(start, name, attempt)) for name, row in shown]
        return rows, TOTALS_COLUMNS, words

    async def _rates(self, start: int, name: str, attempt: int) -> tuple[int, ...]:
        """What a supplier's users were settled at; of a region, and of a month, there is no one tariff."""
        kind, _, supplier = name.partition(MEMBER_SLASH)
        if kind != "supplier" or self._node.stage is not Stage.SETTLEMENT:
            return ()
        row = await self._node.ledger.result(self._market, start, attempt, member(TARIFF, supplier))
        tariffs = await agreed_tariffs(self._node, () if row is None else (row,))
        return rates_for(tariffs, supplier, start).facts

    async def _amounts(self, start: int, asking: Reader, attempt: int, identity_key: bytes, roll: Roll) -> _Table:
        """To a supplier what each of its users owes, with those of whom nothing was settled; to a user what it owes."""
        rows: list[Row] = []
        words: list[int] = []
        to_supplier = asking.kind is Claimant.SUPPLIER
        if to_supplier:
            stored = await self._node.ledger.results(self._market, start, attempt)
        else:
            stored = await self._of_meter(start, attempt, asking.name)
        accounts = {Account.of(row.meter): row for row in stored}
        for account, row in accounts.items():
            if (account.supplier != asking.name) if to_supplier else (account.owner != identity_key.hex()):
                continue
            kept, key = KeptAccount.decode(row.path), bytes.fromhex(account.owner)
            name = member("meter", account.meter) if to_supplier else member("supplier", account.supplier)
            rows.append(Row(name, kept.entries, (kept.periods, kept.corrections, kept.estimated, key_fact(key))))
            words += bytes_words(row.words)
        if to_supplier:
            rows += _without(asking.name, roll, accounts.keys())
            words += [0] * (len(rows) - len(words))  # 0 is public, and so a share of itself
        return rows, AMOUNT_COLUMNS, words

    async def _bill(self, start: int, asking: Reader, attempt: int, identity_key: bytes) -> _Table:
        """To a user the lines of its bill: nobody else gets any."""
        rows: list[Row] = []
        words: list[int] = []
        if asking.kind is Claimant.METER:
            for row in await self._of_meter(start, attempt, asking.name):
                account = Account.of(row.meter)
                if account.owner == identity_key.hex():
                    for line in KeptAccount.decode(row.path).lines:
                        rows.append(Row(member("supplier", account.supplier), line.entries, line.facts))
                        words += line.words
        return rows, BILL_COLUMNS, words

    async def _of_meter(self, start: int, attempt: int, meter: str) -> list[ResultRow]:
        """The accounts of a meter, whoever has owned it."""
        return await self._node.ledger.results_of(self._market, start, attempt, meter + MEMBER_SLASH)

    @property
    def _market(self) -> str:
        return self._node.market.id

    async def _checked(self, start: int, claim: bytes, opened: Opened, asking: Reader) -> Keys:
        """The keys with which the claim is the reader's own. Raises: RefusalError."""
        held = await self._readers.keys(start, opened, asking)
        for keys in held:
            with suppress(WireError):
                check_claim(claim, opened.terms, self._node.party, asking.kind, asking.name, keys[0])
                return keys
        raise RefusalError(Problem.UNAUTHORIZED if held else Problem.UNKNOWN_READER)


def _roll(opened: Opened) -> Roll:
    assert opened.enrolled is not None, "the claim was checked with it"
    return opened.enrolled.roll


def _without(supplier: str, roll: Roll, accounts: Set[Account]) -> list[Row]:
    """The supplier's meters on the roll of which nothing was settled or corrected: they are not to be overlooked."""
    rows = []
    for entry in roll.entries:
        if entry.supplier == supplier and Account(entry.meter, supplier, entry.identity_key.hex()) not in accounts:
            rows.append(Row(member("meter", entry.meter), 0, (0, 0, 0, key_fact(entry.identity_key))))
    return rows
