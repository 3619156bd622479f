"""How a command ends: what goes to standard error, and the exit code."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from mpc_market.errors import InputError, MarketError
from parties.files.problems import printable

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130


@contextmanager
def exit_codes() -> Iterator[None]:
    """Run a command: 0 if it succeeds, 1 if the computation fails, 2 on bad input, 130 on Ctrl-C.

    No traceback for anything that was foreseen; a fault in the program itself still shows one.
    """
    try:
        with _ungrouped():
            yield
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except InputError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT) from None
    except BrokenPipeError:  # whoever read our output has gone: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(FAILED) from None
    except (MarketError, OSError) as error:
        _say(f"error: {printable(' '.join(str(error).split()), 1000)}")
        raise typer.Exit(FAILED) from None


@contextmanager
def _ungrouped() -> Iterator[None]:
    """Of tasks that have failed together, each as was foreseen: the first failure, as if it were the only one."""
    try:
        yield
    except ExceptionGroup as group:
        if group.split((MarketError, OSError))[1] is not None:
            raise
        first: Exception = group
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        raise first from None


def _say(message: str) -> None:
    typer.echo(f"mpc-market: {message}", err=True)
