"""The tariffs of suppliers at a compute party: checked, stored for good, shown to everybody.

A tariff is taken only before the first period that it holds for, so no supplier changes a price when it knows what was
consumed. It begins and ends with a day, and within a billing month all versions of a supplier with the same day: what
two prices single out of the one amount of a month is no shorter than a day. Every version that was taken counts, also
where a higher number holds, so this is true of whichever of them all parties have in common. Which tariffs a settlement
uses is agreed on by all parties together with its readings.

The ledger takes one at a time, in whatever process of the party: two tariffs that arrive at once, each of which might
follow those before, do not both follow them.
"""

from collections.abc import Iterable, Sequence

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.tariff import Tariff as PlainTariff
from mpc_market.wire.errors import ContextError, SignatureError, WireError
from mpc_market.wire.identifiers import MEMBER_SLASH, START_MAX, split_market
from mpc_market.wire.tariff import Tariff, check_tariff, plain_tariff, split_tariff
from parties.ledger import ContradictionError, ResultRow, TariffRow
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError

TARIFF = "tariff"
"""Kind of member of a set: the tariff of a supplier."""

TARIFF_BYTES_MAX = 1024


class Tariffs:
    """Of one market."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def publish(self, body: bytes) -> Tariff:
        """Take a tariff. The same one again is fine. Raises: RefusalError, LedgerError."""
        node = self._node
        if node.market.service.settlement is None:
            raise RefusalError(Problem.NOT_SETTLED)
        try:
            tariff, signature = split_tariff(body)
        except WireError:
            raise RefusalError(Problem.MALFORMED) from None
        await self._check(tariff, signature)
        row = TariffRow(node.market.id, tariff.supplier, tariff.number, tariff.begins, tariff.ends, body)
        try:
            await node.ledger.put_tariff(row, lambda before: self._check_change(tariff, before))
        except ContradictionError:
            raise RefusalError(Problem.TARIFF_NUMBER) from None
        return tariff

    async def holding(self, start: int) -> list[bytes]:
        """All that hold for a period, as their suppliers signed them. Raises: LedgerError."""
        return [row.data for row in await self._node.ledger.tariffs(self._node.market.id, start)]

    def _check_change(self, tariff: Tariff, before: Sequence[TariffRow]) -> None:
        """Whether it may follow those that the supplier has published `before`. Raises: RefusalError."""
        node = self._node
        if 1000 * tariff.begins <= node.clock.now_ms():
            raise RefusalError(Problem.TARIFF_LATE)
        if any(row.number > tariff.number for row in before):
            raise RefusalError(Problem.TARIFF_NUMBER)
        calendar = node.market.calendar
        assert calendar is not None, "a market that only clears takes no tariffs"
        own = {moment for moment in (tariff.begins, tariff.ends) if moment != START_MAX}
        if not all(map(calendar.begins_day, own)):
            raise RefusalError(Problem.TARIFF_DAYS)
        moments = {moment for row in before for moment in (row.begins, row.ends) if moment != START_MAX}
        changes = calendar.within_month(own | moments)
        if any(len(changes[month]) > 1 for month in calendar.within_month(own)):
            raise RefusalError(Problem.TARIFF_CHANGES)

    async def _check(self, tariff: Tariff, signature: bytes) -> None:
        market, enrolled = self._node.market, await self._node.rolls.latest()
        supplier = None if enrolled is None else enrolled.suppliers.get(tariff.supplier)
        if supplier is None:
            raise RefusalError(Problem.UNKNOWN_SUPPLIER)
        try:
            check_tariff(tariff, signature, market.id, supplier.identity_key, market.settings.rules.price_bits)
        except ContextError:
            raise RefusalError(Problem.WRONG_CONTEXT) from None
        except SignatureError:
            raise RefusalError(Problem.BAD_SIGNATURE) from None
        except WireError:
            raise RefusalError(Problem.OFF_GRID) from None
        try:
            plain_tariff(tariff, market.settings.base).rates.check_charges()
        except InvalidSettingsError:
            raise RefusalError(Problem.TARIFF_PRICES) from None


async def agreed_tariffs(node: Node, rows: Iterable[ResultRow]) -> list[PlainTariff]:
    """The tariffs that all parties have agreed on with the readings of a period. `rows`: of its settlement or
    correction, in whose set they are; those that are of no tariff do not matter. Raises: LedgerError.
    """
    market, _ = split_market(node.market.id)
    found = []
    for row in rows:
        kind, slash, supplier = row.meter.partition(MEMBER_SLASH)
        if slash and kind == TARIFF:
            stored = await node.ledger.tariff(market, supplier, row.number)
            assert stored is not None, "this party has said that it holds it"
            found.append(plain_tariff(split_tariff(stored.data)[0], node.market.settings.base))
    return found
