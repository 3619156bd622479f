"""A round whose orders one owner deals to all parties: reading it, clearing it, handing back the result."""

import numpy as np

from parties.compute.channel import Channel
from parties.compute.engine import BookArrays, ComputeRound
from parties.compute.messages import RoundInput, RoundResult
from parties.compute.raw import raw, read_texts
from parties.compute.report import Report
from parties.net.network import PartyNetwork


async def clear_round(channel: Channel, network: PartyNetwork, compute_round: ComputeRound, given: RoundInput) -> None:
    """Run one round."""
    order_ids = await read_texts(channel, given.orders, given.ids_bytes)
    book = await _read_book(channel, given)
    report = Report(channel, network)
    outcome = await compute_round(network, order_ids, book, given.market, given.seed, report.begin_stage, given.method)
    result = RoundResult(outcome.price, outcome.seed, *await report.effort(outcome.communication_rounds))
    await channel.send(result.header(), raw(outcome.accepted))


async def _read_book(channel: Channel, given: RoundInput) -> BookArrays:
    """This party's shares, read block by block straight into their places."""
    side = np.empty(given.orders, np.uint64)
    price_bits = np.empty((given.market.price_bits, given.orders), np.uint64)
    quantity_bits = np.empty((given.market.quantity_bits, given.orders), np.uint64)
    for block in given.blocks():
        for row in (side, *price_bits, *quantity_bits):
            await channel.read_into(raw(row[block]))
    return side, price_bits, quantity_bits
