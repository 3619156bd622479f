"""What a clearing shows on standard output: a table of the first orders, and the summary."""

from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from parties.files.market import MarketFile
from parties.files.orders import ACCEPTED, Book
from parties.files.problems import printable
from parties.files.result import traded_lots

if TYPE_CHECKING:
    from parties.local import Outcome

ROWS_SHOWN = 20
WIDTH_PIPED = 120


def show_table(book: Book, market: MarketFile, accepted: tuple[int, ...]) -> None:
    """A table of the first orders and what was accepted of each, and how many more there are."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("order_id\n", overflow="fold")
    table.add_column("side\n", no_wrap=True)
    for name, unit in (("price", market.prices.unit), ("quantity", "kWh"), (ACCEPTED, "kWh")):
        table.add_column(f"{name}\n{unit}", justify="right", no_wrap=True)
    for order, lots in zip(book.orders[:ROWS_SHOWN], accepted, strict=False):
        # Text, not str: an id such as [red] is no markup.
        table.add_row(
            Text(printable(order.order_id)),
            order.side.value,
            market.price_text(order.price),
            market.quantity_text(order.quantity),
            market.quantity_text(lots),
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_PIPED)
    console.print(table)
    more = len(book.orders) - ROWS_SHOWN
    if more > 0:
        typer.echo(f"… and {more} more: --out RESULT.csv writes them all")
    typer.echo()


def show_summary(market: MarketFile, outcome: "Outcome") -> None:
    """The price, the traded quantity, and what computed them."""
    clearing, figures = outcome.clearing, outcome.figures
    orders = f"{figures.orders} order{'' if figures.orders == 1 else 's'}, {market.rationing.value}"
    if clearing.price is None:
        typer.echo(f"no trade, hence no clearing price ({orders})")
    else:
        price, traded = (
            market.price_text(clearing.price),
            market.quantity_text(traded_lots(clearing.accepted)),
        )
        typer.echo(f"clearing price {price} {market.prices.unit}, traded {traded} kWh ({orders})")
    typer.echo(
        f"computed by {figures.parties} compute parties on secret shares: "
        f"{figures.communication_rounds} communication rounds, {figures.seconds['compute']:.2f} s "
        f"({figures.seconds['total']:.2f} s with start-up)"
    )
    typer.echo(f"seed {outcome.seed.hex()}")
