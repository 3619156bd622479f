"""Collecting orders until the gate closes. State `collecting`; the orders themselves come in by `intake`."""

from mpc_market.wire.outcome import VoidReason
from mpc_market.wire.sealing import SealingKey
from parties.service.intake import OpenRound
from parties.service.life import Event
from parties.service.opening import sealing_key
from parties.service.round import Round


async def intake_of(current: Round, key: SealingKey) -> OpenRound:
    """What submissions to a round are checked against. `key`: this party's sealing key of it."""
    terms = await current.terms()
    enrolled = await current.enrolled(terms)
    assert enrolled is not None, "a round is opened with its roll"
    return OpenRound(
        terms=terms,
        enrolled=enrolled,
        key=key,
        rules=current.settings.rules,
        signing_key=current.key,
        orders=current.orders,
    )


async def collect(current: Round) -> Event:
    """Take orders until the gate, then no more: every submission with a receipt is stored by then."""
    node, opened = current.node, await intake_of(current, await sealing_key(current, VoidReason.NOT_OPENED))
    node.intake.open(opened)
    current.taking = True
    node.board.ring(current.start)
    try:
        await node.business.until_closed(current, opened)
    finally:
        node.intake.close(current.start)
    await node.ledger.close_intake(current.market, current.start)
    return Event.GATE_CLOSED
