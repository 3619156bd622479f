"""What the owner of the orders makes of the parties' results, and checks (protocol.md, "Delivery").

The shares of all m parties must lie on polynomials of degree ≤ t, all parties must report the same price
and seed, and what they add up to must be a possible outcome: no order is served beyond its quantity or
against its limit, every order with a limit strictly better than the price is served in full, and both sides
trade the same. Who is at fault cannot be told from that at m = 3.
"""

from collections.abc import Sequence

import numpy as np

from mpc_market.errors import ProtocolError, ShareError
from mpc_market.field.shamir import recombine, threshold
from mpc_market.network import Vector
from mpc_market.rules.model import Clearing, Order
from parties.compute.messages import RoundResult
from parties.local.dealing import Columns


def put_together(
    results: Sequence[tuple[RoundResult, Vector]],
    orders: Sequence[Order],
    columns: Columns,
    seed: bytes | None,
) -> Clearing:
    """The clearing from every party's result, in order of party number.

    Raises: ProtocolError if the results do not fit together or are not a possible outcome.
    """
    first = results[0][0]
    for party, (result, _) in enumerate(results):
        if result.price != first.price or result.seed != first.seed:
            raise ProtocolError(f"parties 0 and {party} report different prices or seeds")
    if seed is not None and first.seed != seed:
        raise ProtocolError("the parties report another seed than they were given")
    try:
        accepted = recombine([shares for _, shares in results], threshold(len(results)))
    except ShareError as error:
        raise ProtocolError(f"the parties' results do not fit together: {error}") from None
    _check(accepted, first.price, columns, orders)
    return Clearing(first.price, tuple(accepted.tolist()))


def _check(accepted: Vector, price: int | None, columns: Columns, orders: Sequence[Order]) -> None:
    """Raise ProtocolError unless this is a possible outcome; names an order, never what it was given."""
    if price is None:
        wrong = accepted != 0
    else:
        better = np.where(columns.buy, columns.price > price, columns.price < price)
        worse = np.where(columns.buy, columns.price < price, columns.price > price)
        wrong = (accepted > columns.quantity) | (better & (accepted != columns.quantity)) | (worse & (accepted != 0))
    if wrong.any():
        order_id = orders[int(wrong.argmax())].order_id
        raise ProtocolError(f"the result of order {order_id!r} does not agree with its limit and the price")
    bought, sold = int(accepted[columns.buy].sum()), int(accepted[~columns.buy].sum())
    if bought != sold or (price is not None and bought == 0):
        raise ProtocolError("the results do not add up: both sides must trade the same, and something at a price")
