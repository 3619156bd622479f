"""How a command ends when its tasks fail together (exits)."""

import pytest
import typer

from mpc_market.errors import InputError, MarketError
from parties.cli.exits import BAD_INPUT, FAILED, exit_codes


def ended(error: Exception) -> int:
    """The exit code of a command that raises it."""

    @exit_codes()
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    return ended.value.exit_code


def test_what_tasks_fail_with_is_told_as_an_error_of_the_command(capsys):
    foreseen = ExceptionGroup("tasks", [ExceptionGroup("more", [MarketError("m7.db: disk full")]), OSError("later")])
    assert ended(foreseen) == FAILED
    assert capsys.readouterr().err == "mpc-market: error: m7.db: disk full\n"
    assert ended(ExceptionGroup("tasks", [InputError(("orders.csv: bad",))])) == BAD_INPUT
    assert capsys.readouterr().err == "orders.csv: bad\n"


def test_a_fault_in_the_program_still_shows_itself():
    @exit_codes()
    def command() -> None:
        raise ExceptionGroup("tasks", [MarketError("foreseen"), KeyError("not foreseen")])

    with pytest.raises(ExceptionGroup):
        command()
