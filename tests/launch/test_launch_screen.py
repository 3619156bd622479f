"""The table of `up`: what a void round has, and what it does not have."""

from parties.files.market import MarketFile
from parties.launch.screen import table
from parties.launch.watching import Seen


def test_of_a_void_round_nothing_was_verified() -> None:
    rounds = {0: Seen(0, "result", 1200, None, 2, 2, 1250), 10: Seen(10, "void", None, None, 2, 2, 0)}
    shown = table(rounds, MarketFile())
    verified = next(column for column in shown.columns if column.header == "verified")
    assert list(verified.cells) == ["2", "–"]
