"""Where the demo leaves its files: all appear whole, or none does."""

import os
from collections.abc import Sequence
from pathlib import Path

from mpc_market.errors import OutputError
from parties.files.output import check_output, write_files
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


def write_demo(directory: Path, contents: Sequence[bytes]) -> None:
    """Write all files, in the sequence of `demo_files`, for everybody to read: the households are invented.

    Raises: OutputError if one cannot be written; then none is, and what was there before is there again.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory} could not be made: {error.strerror or error}") from error
    files = zip(demo_files(directory), contents, strict=True)
    write_files({str(file): [content] for file, content in files}, public=True)
