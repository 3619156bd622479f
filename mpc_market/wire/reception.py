"""What a meter makes of the deliveries of all parties: the checks of protocol.md "Delivery".

    the order was in the set that all m parties signed (Merkle path), the shares lie on one polynomial of degree ≤ t,
    0 ≤ x ≤ v, and x agrees with the price: a limit strictly better is served in full, one strictly worse not at all

A lie of one party is noticed at m = 3 and named from m = 5 on. With fewer than m shares the result is "unverified".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mpc_market.rules.model import Order, Side
from mpc_market.wire.agreement import set_digest
from mpc_market.wire.delivery import Delivery, open_delivery
from mpc_market.wire.errors import DeliveryError, PolynomialError, SealError, WireError
from mpc_market.wire.header import Header
from mpc_market.wire.merkle import leaf, root_of_path
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Result
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sharing import recombine
from mpc_market.wire.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Received:
    """A meter's own result. `price`: ticks, None for no trade. `accepted`: lots, per order, all 0 if not valid.

    `verified`: all m parties have delivered, and all checks hold; else only those that fewer shares allow.
    """

    price: int | None
    verdict: Verdict
    verified: bool
    accepted: tuple[int, ...] = field(repr=False)


def receive(
    header: Header,
    orders: Sequence[Order],
    deliveries: Mapping[int, Delivery],
    result: Result,
    terms: Terms,
    key: SealingKey,
) -> Received:
    """Put the deliveries of one attempt together. Run by the meter, on messages whose signatures are checked.

    `header`, `orders`: what was submitted. `deliveries`: by party, at least t + 1. `result`: what all m parties
    signed (`outcome.result_of`). `key`: the meter's sealing key.
    Raises: DeliveryError, which says which check failed and, where that is proved, whose message is wrong;
    WireError for fewer than t + 1 deliveries.
    """
    if not deliveries:
        raise WireError(f"{terms.period}: no party has delivered")
    if tuple(order.order_id for order in orders) != header.order_ids:
        raise WireError(f"{terms.period}: the orders are not those of the submission")
    for party, delivery in deliveries.items():
        _check_context(party, delivery, header, terms)
        _check_path(delivery, header, result, terms)
    verdicts = {delivery.verdict for delivery in deliveries.values()}
    if len(verdicts) > 1:
        raise DeliveryError("verdict", f"{terms.period}: the parties deliver different verdicts")
    verified, verdict = len(deliveries) == terms.parties, verdicts.pop()
    if verdict is not Verdict.VALID:
        return Received(result.price, verdict, verified, (0,) * header.orders)
    if len({delivery.attempt for delivery in deliveries.values()}) > 1:
        raise DeliveryError("context", f"{terms.period}: the parties deliver shares of different attempts")
    accepted = _recombine({party: _open(delivery, key) for party, delivery in deliveries.items()}, terms)
    for order, quantity in zip(orders, accepted, strict=True):
        check_quantity(order, quantity, result.price)
    return Received(result.price, verdict, verified, accepted)


def _check_context(party: int, delivery: Delivery, header: Header, terms: Terms) -> None:
    found = (delivery.period, delivery.party, delivery.meter, delivery.number, len(delivery.paths))
    if found != (terms.period, party, header.meter, header.number, header.orders):
        raise DeliveryError("context", f"{terms.period}: a delivery for another submission, round or party", party)


def _check_path(delivery: Delivery, header: Header, result: Result, terms: Terms) -> None:
    """Root from path, set digest from root: it must be the one that all m parties signed."""
    header_digest = header.digest
    for k, (order_id, path) in enumerate(zip(header.order_ids, delivery.paths, strict=True)):
        try:
            root = root_of_path(leaf(order_id, header_digest), delivery.index + k, delivery.count, path)
        except WireError:
            root = b""
        if set_digest(terms.period, terms.challenge, terms.roll_digest, delivery.count, root) != result.set_digest:
            raise DeliveryError(
                "path",
                f"{terms.period}: the path does not show {order_id!r} in the set that was signed",
                delivery.party,
            )


def _open(delivery: Delivery, key: SealingKey) -> tuple[int, ...]:
    try:
        return open_delivery(delivery, key)
    except SealError as error:
        raise DeliveryError("seal", str(error), delivery.party) from None
    except WireError:
        raise DeliveryError("seal", "what is sealed is malformed", delivery.party) from None


def _recombine(shares: Mapping[int, tuple[int, ...]], terms: Terms) -> tuple[int, ...]:
    try:
        return recombine(shares, terms.parties)
    except PolynomialError as error:
        reason = f"{terms.period}: the shares of the accepted quantity do not lie on one polynomial"
        raise DeliveryError("polynomial", reason, error.suspect) from None


def check_quantity(order: Order, accepted: int, price: int | None) -> None:
    """0 ≤ x ≤ v, and agreement with the price. No value is named in the message. Run by the meter, and by an arbiter.

    Raises: DeliveryError.
    """
    if not 0 <= accepted <= order.quantity:
        raise DeliveryError("quantity", f"order {order.order_id!r}: more is accepted than was ordered")
    if price is None:
        expected: int | None = 0
    elif order.price == price:
        expected = None  # at the price itself: any part
    else:
        better = order.price > price if order.side is Side.BUY else order.price < price
        expected = order.quantity if better else 0
    if expected is not None and accepted != expected:
        raise DeliveryError("price", f"order {order.order_id!r}: the accepted quantity contradicts the clearing price")
