"""What a clearing writes: the orders with what was accepted of each (CSV), and a summary (JSON)."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mpc_market import __version__
from parties.files.market import MarketFile
from parties.files.orders import ACCEPTED, Book

if TYPE_CHECKING:
    from parties.local import Outcome


def result_csv(book: Book, market: MarketFile, accepted: Sequence[int]) -> Iterator[str]:
    """The lines of the result: every record as it came, and `accepted_quantity` in kWh behind it."""
    yield f"{book.header},{ACCEPTED}{book.newline}"
    for row, lots in zip(book.rows, accepted, strict=True):
        yield f"{row},{market.quantity_text(lots)}{book.newline}"


def traded_lots(accepted: Sequence[int]) -> int:
    """What one side of the book was given in total; the other side was given the same."""
    return sum(accepted) // 2


def summary_json(market: MarketFile, outcome: "Outcome") -> str:
    """The summary of a clearing; prices in currency per kWh and quantities in kWh, as strings."""
    clearing, figures = outcome.clearing, outcome.figures
    seconds: dict[str, object] = {
        name: round(figures.seconds[name], 6) for name in ("start", "input", "prepare", "compute", "total")
    }
    seconds["cpu_seconds"] = [round(value, 6) for value in figures.cpu_seconds]
    summary = {
        "clearing_price": None if clearing.price is None else market.price_text(clearing.price),
        "traded_quantity": market.quantity_text(traded_lots(clearing.accepted)),
        "currency": market.currency,
        "rationing": market.rationing.value,
        "seed": outcome.seed.hex(),
        "orders": figures.orders,
        "parties": figures.parties,
        "threshold": figures.threshold,
        "communication_rounds": figures.communication_rounds,
        "bytes_sent": list(figures.bytes_sent),
        "seconds": seconds,
        "version": __version__,
    }
    return json.dumps(summary, indent=2) + "\n"
