"""Compute the expectations in the clearing vectors anew from the plaintext rule.

    python tests/vectors/regenerate.py [FILE]

Each book (name, settings, seed, orders) stays as it is; `price` and `accepted` are replaced by what
`mpc_market.rules.clearing` says. To add a case, append its book with an empty `accepted` and run this.
"""

import json
import sys
from pathlib import Path
from typing import Any

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order, Rationing, Side

CLEARING = Path(__file__).with_name("clearing.json")


def read_book(case: dict[str, Any]) -> tuple[list[Order], Market, bytes]:
    """The orders, the market and the seed of one case."""
    orders = [Order(order_id, Side(side), *limits) for order_id, side, *limits in case["orders"]]
    market = Market(case["price_bits"], case["quantity_bits"], Rationing(case["rationing"]))
    return orders, market, bytes.fromhex(case["seed"])


def regenerate(case: dict[str, Any]) -> dict[str, Any]:
    """The same case with the rule's own price and accepted quantities."""
    orders, market, seed = read_book(case)
    clearing = clear(orders, market, seed)
    order_ids = [order.order_id for order in orders]
    by_id = dict(zip(order_ids, clearing.accepted, strict=True))
    # The file lists the ids of `accepted` in a sequence of its own (book order where something trades).
    accepted = {order_id: by_id[order_id] for order_id in case.get("accepted") or order_ids}
    return {**case, "price": clearing.price, "accepted": accepted}


def main(path: Path) -> None:
    cases = [regenerate(case) for case in json.loads(path.read_text(encoding="utf-8"))]
    path.write_text(json.dumps(cases, indent=0, ensure_ascii=False), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CLEARING)
