"""The live table of `mpc-market up`; where the output is no terminal, the table at the end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.table import Table

from parties.files.market import MarketFile
from parties.launch.watching import Seen


@contextmanager
def live(file: MarketFile) -> Iterator[Callable[[Mapping[int, Seen]], None]]:
    """Gives what shows the rounds; the table stays on the screen."""
    console = Console(highlight=False)
    if not console.is_terminal:
        shown: list[Mapping[int, Seen]] = [{}]
        yield shown.append
        console.print(table(shown[-1], file))
        return
    with Live(console=console, auto_refresh=False) as screen:
        yield lambda rounds: screen.update(table(rounds, file), refresh=True)


def table(rounds: Mapping[int, Seen], file: MarketFile) -> Table:
    """Rounds by the UTC start of their period."""
    shown = Table(box=None, padding=(0, 2, 0, 0))
    shown.add_column("round (UTC)")
    shown.add_column("state", min_width=10)
    shown.add_column("orders", justify="right")
    shown.add_column("verified", justify="right")
    shown.add_column(f"price {file.currency}/kWh", justify="right")
    shown.add_column("traded kWh", justify="right")
    settles = any(seen.settled for seen in rounds.values())
    if settles:
        shown.add_column("settlement")
    for start in sorted(rounds):
        seen = rounds[start]
        shown.add_row(
            datetime.fromtimestamp(start, UTC).strftime("%H:%M:%S"),
            seen.state,
            "" if seen.orders is None else str(seen.orders),
            "–" if seen.state == "void" else "" if seen.verified is None else str(seen.verified),
            "no price" if seen.state == "result" and seen.price is None else _or_blank(seen.price, file.price_text),
            _or_blank(seen.traded, file.quantity_text),
            *([seen.settled or ""] if settles else []),
        )
    return shown


def _or_blank(value: int | None, text: Callable[[int], str]) -> str:
    return "" if value is None else text(value)
