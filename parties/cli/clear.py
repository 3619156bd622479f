"""`mpc-market clear` and `mpc-market check`: a file of orders to a price and accepted quantities."""

import re
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from mpc_market.rules.model import Rationing, Side
from parties.cli.exits import exit_codes
from parties.cli.progress import Progress
from parties.files.market import MarketFile, read_market
from parties.files.orders import Book, read_orders
from parties.files.output import check_outputs, write_files
from parties.files.problems import Problems, printable
from parties.files.result import result_csv, summary_json

if TYPE_CHECKING:
    from parties.local import Outcome

_STAGES = {
    "reading": "reading the files",
    "start": "starting the parties",
    "input": "dealing shares",
    "prepare": "preparing",
    "keys": "agreeing keys",
    "seed": "agreeing the seed",
    "sort": "sorting",
    "select": "selecting",
    "rationing": "rationing",
    "cut": "finding the price",
    "deliver": "delivering",
    "writing": "writing the files",
}


class How(Enum):
    """How the price is found; the outcome is the same."""

    SORT = "sort"
    SELECT = "select"


class Parties(Enum):
    """How many compute parties can be started."""

    THREE = "3"
    FIVE = "5"
    SEVEN = "7"


Orders = Annotated[
    str,
    typer.Argument(
        metavar="ORDERS.csv",
        show_default=False,
        help="The orders: CSV with commas and a header naming order_id, side (buy or sell), price (currency "
        "per kWh) and quantity (kWh); other columns are kept. - reads standard input.",
    ),
]
MarketPath = Annotated[
    str | None,
    typer.Option(
        metavar="MARKET.toml",
        help="The market's settings, table [market]. Without it: prices from 0.0000 to 0.4095 EUR/kWh in "
        "ticks of 0.0001, quantities up to 65.535 kWh in lots of 0.001 kWh (1 Wh), pro rata.",
    ),
]
PartiesOption = Annotated[
    Parties,
    typer.Option(help="Compute parties to start on this machine; 1, 2 or 3 of them may be curious together."),
]
RationingOption = Annotated[
    Rationing | None,
    typer.Option(help="How equal claims at the clearing price are served; goes before what the market file says."),
]
MethodOption = Annotated[
    How,
    typer.Option(help="Sort the book, or select the price without sorting: faster for large books, same outcome."),
]
Seed = Annotated[
    str | None,
    typer.Option(
        metavar="HEX64",
        help="Public seed of the lots drawn among equal claims, 64 hexadecimal digits. Without it the "
        "parties draw one together.",
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        metavar="RESULT.csv",
        help="Write every order with its accepted_quantity (kWh). Without it: a table on the screen.",
    ),
]
Json = Annotated[
    str | None,
    typer.Option(
        metavar="SUMMARY.json",
        help="Write price (currency per kWh), traded quantity (kWh), seed, seconds, bytes and rounds.",
    ),
]


@exit_codes()
def clear(
    orders: Orders,
    *,
    market: MarketPath = None,
    parties: PartiesOption = Parties.THREE,
    rationing: RationingOption = None,
    method: MethodOption = How.SORT,
    seed: Seed = None,
    out: Out = None,
    json: Json = None,
) -> None:
    """Clear a market: one price, and what is accepted of every order.

    Starts the compute parties as processes of their own, deals them secret shares of the orders, and puts the
    results together; no party sees an order. Either all output files are written or none is.

    \b
    Examples:
      mpc-market clear orders.csv
      mpc-market clear orders.csv --out result.csv --json summary.json
      mpc-market clear - --market market.toml --rationing lottery < orders.csv

    \b
    orders.csv:
      order_id,side,price,quantity
      m17,sell,0.0835,1.250
      m18,buy,0.1200,0.900

    Exit code: 0 cleared, also without a trade; 1 the computation failed; 2 bad input; 130 Ctrl-C.
    """
    problems = Problems()
    seed_bytes = _seed(seed, problems)
    _check_outputs(orders, market, out, json, problems)
    with Progress() as progress:
        settings, book = _read(orders, market, rationing, problems, progress)
        outcome = _compute(book, settings, int(parties.value), method, seed_bytes, _stages(progress))
        progress.stage(_STAGES["writing"])
        files = {}
        if out is not None:
            files[out] = result_csv(book, settings, outcome.clearing.accepted)
        if json is not None:
            files[json] = iter([summary_json(settings, outcome)])
        write_files(files)
    from parties.cli.screen import show_summary, show_table  # noqa: PLC0415  (rich, which --help does without)

    if out is None:
        show_table(book, settings, outcome.clearing.accepted)
    show_summary(settings, outcome)


@exit_codes()
def check(orders: Orders, *, market: MarketPath = None) -> None:
    """Say what `clear` would refuse; compute nothing.

    Every problem is a line on standard error: file, line in it, what is wrong and what would be right.

    \b
    Example:
      mpc-market check orders.csv --market market.toml

    Exit code: 0 nothing to refuse; 2 bad input.
    """
    with Progress() as progress:
        _, book = _read(orders, market, None, Problems(), progress)
    buys = sum(order.side is Side.BUY for order in book.orders)
    sells = len(book.orders) - buys
    typer.echo(f"{printable(book.name, 200)}: {buys} buy and {sells} sell orders, nothing to refuse")


def _read(
    orders: str, market: str | None, rationing: Rationing | None, problems: Problems, progress: Progress
) -> tuple[MarketFile, Book]:
    """Raises: InputError with the problems found so far and in both files."""
    progress.stage(_STAGES["reading"])
    settings = read_market(market, problems)
    # Without its market a book cannot be judged.
    book = None if settings is None else read_orders(orders, settings, problems)
    problems.check()
    assert settings is not None
    assert book is not None
    return (settings if rationing is None else replace(settings, rationing=rationing)), book


def _seed(text: str | None, problems: Problems) -> bytes | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        problems.add("--seed", f"'{printable(text, 70)}' is not 64 hexadecimal digits")
        return None
    return bytes.fromhex(text)


def _check_outputs(orders: str, market: str | None, out: str | None, json: str | None, problems: Problems) -> None:
    files = {"--out": out, "--json": json}
    for option, path in files.items():
        if path == "-":
            problems.add(option, "- is standard output, where the table and the summary go: name a file")
    named = {option: path for option, path in files.items() if path != "-"}
    check_outputs(named, (None if orders == "-" else orders, market), problems)


def _stages(progress: Progress) -> Callable[[str], None]:
    return lambda name: progress.stage(_STAGES.get(name, name))


def _compute(
    book: Book, market: MarketFile, parties: int, method: How, seed: bytes | None, on_stage: Callable[[str], None]
) -> "Outcome":
    # Only here: --help and check do without the engine, and NumPy with it.
    import asyncio  # noqa: PLC0415

    from mpc_market.secure.clearing import Method  # noqa: PLC0415
    from parties.local import LocalParties  # noqa: PLC0415

    async def run() -> "Outcome":
        async with LocalParties(parties, on_stage) as local:
            return await local.clear(book.orders, market.rules, seed, Method(method.value))

    return asyncio.run(run())
