"""Collecting orders until the gate closes. State `collecting`; the orders themselves come in by `intake`."""

from parties.service.intake import OpenRound
from parties.service.life import Event
from parties.service.opening import sealing_key
from parties.service.round import Round


async def collect(current: Round) -> Event:
    """Take orders until the gate, then no more: every submission with a receipt is stored by then."""
    node, terms = current.node, await current.terms()
    enrolled = await current.enrolled(terms)
    assert enrolled is not None, "a round is opened with its roll"
    opened = OpenRound(
        terms=terms,
        enrolled=enrolled,
        key=await sealing_key(current),
        rules=current.settings.rules,
        signing_key=current.key,
        orders=current.settings.orders_per_submission,
    )
    node.intake.open(opened)
    try:
        await node.business.until_closed(current, opened)
    finally:
        node.intake.close(current.start)
    await node.ledger.close_intake(current.market, current.start)
    return Event.GATE_CLOSED
