"""The totals of a period: what the supplier's own users bought and sold together, revealed to the supplier alone.

Every party hands out its share, sealed to the supplier. What is checked: all m signatures on the outcome; each party's
signature on its totals; that the shares of all m parties, of one attempt and over the same number of users, lie on one
polynomial; that the totals are no more than the users can order, and 0 where nothing was traded (`wire.totals`).
"""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import quote

from mpc_market.errors import MarketError
from mpc_market.rules.money import Scale
from mpc_market.rules.settlement import supplier_owes
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.errors import WireError
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.totals import Totals, receive_totals
from parties.client.api import Api, RefusedError, UnreachableError
from parties.files.running import RunningMarket
from parties.files.values import moment_text
from parties.supplier.ended import common_problem, ended, explained
from parties.supplier.errors import TotalsError
from parties.supplier.home import SupplierHome


@dataclass(frozen=True, slots=True)
class PeriodTotals:
    """What a supplier learns of a period. `price`: ticks, None for no trade; `bought`, `sold`: lots, by its `users`."""

    start: int
    supplier: str
    users: int
    price: int | None
    bought: int = field(repr=False)
    sold: int = field(repr=False)

    def owed(self, scale: Scale) -> int:
        """What is due to other suppliers for trades that cross them, exactly, in units of money; negative: due from
        them.
        """
        return supplier_owes(None if self.price is None else scale.money_price(self.price), self.bought, self.sold)


async def fetch_totals(api: Api, running: RunningMarket, home: SupplierHome, start: int) -> PeriodTotals:
    """Fetch the totals of a period from all m parties, and put them together. Run by the supplier.

    Raises: TotalsError that says why there are none, or which check failed.
    """
    terms, result = await ended(api, running, start)
    answers = await asyncio.gather(*(_ask(api, party, running, home, terms) for party in range(api.parties)))
    totals = {party: answer for party, answer in enumerate(answers) if isinstance(answer, Totals)}
    troubles = {party: answer for party, answer in enumerate(answers) if isinstance(answer, MarketError)}
    if troubles:
        reason = explained(troubles, api.parties, _why(running, home))
        raise TotalsError(f"{moment_text(start)}: {reason}", common_problem(troubles, api.parties))
    settings = running.settings
    orders = settings.orders_per_submission
    try:
        received = receive_totals(home.supplier, totals, result, terms, home.sealing, settings.rules, orders)
    except WireError as error:
        raise TotalsError(f"the totals are not to be relied on: {error}") from None
    assert received.verified, "the answers of all parties are here"
    return PeriodTotals(start, home.supplier, received.users, result.price, received.bought, received.sold)


async def _ask(api: Api, party: int, running: RunningMarket, home: SupplierHome, terms: Terms) -> Totals | MarketError:
    """A party's totals, its signature checked; its refusal; or what else went wrong."""
    period = terms.period
    claim = make_claim(terms, party, Claimant.SUPPLIER, home.supplier, home.identity)
    path = f"periods/{period.start}/totals/{quote(home.supplier, safe='')}"
    try:
        data = await api.get(party, path, claim=claim)
        return read_signed(Totals, data, running.committee(period.start), period, party).message
    except (RefusedError, UnreachableError) as error:
        return error
    except WireError as error:
        return WireError(f"party {party}: its answer is no totals: {error}")


def _why(running: RunningMarket, home: SupplierHome) -> dict[str, str]:
    """What a refusal means, where all parties refuse for the same reason."""
    least = running.settings.minimum_group
    too_small = (
        f"fewer than {least} of this supplier's users took part with valid orders, and totals over fewer are shown to "
        "nobody (minimum_group of the market); or the period is longer ago than totals are kept"
    )
    return {
        "group-too-small": too_small,
        "nothing-here": too_small,
        "unknown-supplier": f"no supplier '{home.supplier}' was on the roll of this round",
        "unauthorized": (
            f"the roll has other keys for supplier '{home.supplier}' than {home.path}: hand the registrar the new ones"
        ),
    }
