"""Where the demo leaves its files: all appear whole, or none does."""

import os
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mpc_market.errors import OutputError
from parties.files.output import check_output
from parties.files.problems import Problems

NAMES = ("day.csv", "day.png", "households.csv", "settlement.csv", "settlement.png")


def demo_files(directory: Path) -> list[Path]:
    """The files of the demo: the day as CSV and picture; who gains what by household, as a table, as a picture."""
    return [directory / name for name in NAMES]


def check_directory(directory: Path, problems: Problems) -> None:
    """Find out whether the files can be written later; a directory that is not there is made only then."""
    if directory.is_dir():
        for file in demo_files(directory):
            check_output(str(file), problems)
        return
    above = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not above.is_dir():
        problems.add(str(above), "is a file, not a directory")
    elif not os.access(above, os.W_OK | os.X_OK):
        problems.add(str(directory), "cannot be made: permission denied")


def write_files(directory: Path, contents: Sequence[bytes]) -> None:
    """Write all files, in the sequence of `demo_files`.

    Raises: OutputError if one cannot be written; then what was there before is still there.
    """
    with ExitStack() as cleanup:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _check_replaceable(directory)
            ready = []
            for target, content in zip(demo_files(directory), contents, strict=True):
                new = directory / f".mpc-market-{secrets.token_hex(8)}.tmp"
                cleanup.callback(new.unlink, missing_ok=True)
                new.write_bytes(content)
                ready.append((new, target))
            for new, target in ready:
                new.replace(target)
        except OSError as error:
            raise OutputError(f"{directory} could not be written: {error.strerror or error}") from error


def _check_replaceable(directory: Path) -> None:
    """A second look just before writing, so that not one file is replaced and then another one refuses."""
    problems = Problems()
    check_directory(directory, problems)
    if problems.count:
        raise OutputError(f"{problems.shown[0]}; no output was written")
