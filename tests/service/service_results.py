"""What meters and auditors make of a round that is over."""

from collections.abc import Sequence

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order, Side
from mpc_market.wire.audit import check_chain
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.layout import filled
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Outcome, result_of
from mpc_market.wire.reception import Received, receive
from mpc_market.wire.record import Record
from mpc_market.wire.submission import Submission
from tests.service.service_town import START, Meter, Town

Wish = tuple[Side, int, int]


async def record_of(town: Town, party: int, start: int = START) -> Record:
    answer = await town.get(party, f"periods/{start}/record")
    assert answer.status_code == 200, answer.text
    return Record.decode(answer.content)


async def collected(town: Town, meter: Meter, sent: Submission, wishes: Sequence[Wish], terms: Terms) -> Received:
    """What a meter makes of its deliveries, all checks made."""
    committee = town.market.committee(terms.period.start)
    document = (await town.get(0, f"periods/{terms.period.start}")).json()
    outcomes = [
        read_signed(Outcome, bytes.fromhex(each), committee, terms.period).message for each in document["outcomes"]
    ]
    result = result_of({outcome.party: outcome for outcome in outcomes}, town.parties)
    assert result.price == document["price"]
    deliveries = {}
    for party in range(town.parties):
        answer = await town.result(party, meter, terms)
        assert answer.status_code == 200, answer.text
        deliveries[party] = read_signed(Delivery, answer.content, committee, terms.period, party).message
    book = filled(
        meter.id,
        [Order(f"{meter.id}/{k}", *wish) for k, wish in enumerate(wishes)],
        town.settings.orders_per_submission,
    )
    return receive(sent.header, book, deliveries, result, terms, meter.sealing)


def expected(town: Town, wishes: dict[str, Sequence[Wish]], record: Record) -> tuple[int | None, dict[str, tuple]]:
    """The plaintext rule."""
    audited = check_chain([record], town.committee_of, record.previous, record.sequence)[0]
    each = town.settings.orders_per_submission
    book = [
        order
        for name in sorted(wishes, key=str.encode)
        for order in filled(name, [Order(f"{name}/{k}", *wish) for k, wish in enumerate(wishes[name])], each)
    ]
    clearing = clear(book, town.settings.rules, audited.randomness.ticket_seed)
    by_order = dict(zip((order.order_id for order in book), clearing.accepted, strict=True))
    return clearing.price, {name: tuple(by_order[f"{name}/{k}"] for k in range(each)) for name in wishes}
