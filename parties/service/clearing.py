"""The clearing of a period: the business of the rounds in which orders become accepted quantities and a price."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.verdicts import Verdict
from parties.files.running import RunningMarket
from parties.service.agreeing import randomness_of
from parties.service.business import Compute, Finished, Given
from parties.service.delivering import result_rows, total_rows
from parties.service.earlier import lowest_roll
from parties.service.intake import OpenRound
from parties.service.rolls import Enrolled
from parties.service.round import Round
from parties.service.schedule import Schedule, day_of
from parties.service.workers import OnVerdicts, Way, Worker
from parties.worker import ClearingInput

if TYPE_CHECKING:
    from parties.service.node import Node

WARM_UP_MS = 10_000
"""This long before the gate the worker of the first attempt is started: it takes a few seconds to come up."""

SELECT_ORDERS = 10_000
"""From this many orders on, and always for more than three parties, the method without a sort is the faster one."""


class Clearing:
    """See `Business`."""

    def timetable(self, market: RunningMarket) -> Schedule:
        """The rhythm that a market file describes."""
        return schedule_of(market)

    async def first(self, node: "Node") -> int:  # noqa: ARG002
        """Any: one that this party has missed altogether is left out by its deadline."""
        return 0

    def key_name(self, start: int) -> str:
        """The day alone: it is deleted first."""
        return day_of(start)

    async def roll(self, current: Round) -> Enrolled | None:
        """The newest."""
        return await current.node.rolls.latest()

    async def lowest_roll(self, current: Round) -> int:
        """That of the clearings before."""
        return await lowest_roll(current.node, current.start)

    async def until_closed(self, current: Round, opened: OpenRound) -> None:  # noqa: ARG002
        """Until the gate, however many have come: nobody is to learn from the moment who takes part."""
        await current.node.clock.until(current.gate - WARM_UP_MS)
        current.following.expect_worker()
        await current.node.clock.until(current.gate)

    async def further_items(self, current: Round) -> list[Item]:  # noqa: ARG002
        """None."""
        return []

    def is_too_large(self, current: Round, agreed: AgreedSet) -> bool:
        """Sums over a set must be exact in the field."""
        return agreed.count > current.settings.rules.orders_max

    async def nothing_to_compute(
        self,
        current: Round,  # noqa: ARG002
        given: Given,
    ) -> tuple[tuple[Verdict, ...], int] | None:
        """An empty set: no trade."""
        return None if given.agreed.set.members else ((), 0)

    async def prepare(self, current: Round, given: Given) -> Compute:
        """This party's share words of the agreed set, and what is public."""
        agreed, members = given.agreed.set, given.agreed.set.members
        keys = [(item.name, item.number) for item in members]
        words = await current.node.ledger.submission_words(current.market, current.start, keys)
        seeds = await randomness_of(current, given.terms, given.agreed.digest)
        suppliers = {supplier: place for place, supplier in enumerate(given.enrolled.suppliers)}
        entries = [given.enrolled.meters[item.name] for item in members]
        held = ClearingInput(
            market=current.settings.rules,
            orders_each=agreed.orders,
            order_ids=agreed.order_ids,
            maxima=[entry.maximum for entry in entries],
            suppliers=[suppliers[entry.supplier] for entry in entries],
            supplier_count=len(suppliers),
            words=words,
            check_seed=seeds.check_seed,
            ticket_seed=seeds.ticket_seed,
            verdicts=None,
            method="select" if given.terms.parties > 3 or agreed.count >= SELECT_ORDERS else "sort",
        )
        return partial(_clear, given, held, current.settings.minimum_group)


async def _clear(
    given: Given,
    held: ClearingInput,
    minimum_group: int,
    worker: Worker,
    way: Way,
    verdicts: tuple[Verdict, ...] | None,
    on_verdicts: OnVerdicts,
) -> Finished:
    """Shares of orders become shares of the result."""
    known = held if verdicts is None else replace(held, verdicts=bytes(verdicts))
    cleared = await worker.clear(way, known, on_verdicts)
    rows = await asyncio.to_thread(result_rows, given.agreed.set, given.agreed.tree, cleared)
    totals = total_rows(list(given.enrolled.suppliers), cleared, minimum_group)
    return Finished(cleared.verdicts, cleared.price_word, rows, totals, cleared.effort)


def schedule_of(market: RunningMarket) -> Schedule:
    """The rhythm that a market file describes. Raises: InvalidSettingsError."""
    lead, deadline = market.service.gate_lead, market.service.deadline
    return Schedule(market.period_seconds, int(lead.total_seconds() * 1000), int(deadline.total_seconds() * 1000))
