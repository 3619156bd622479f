"""A directory with the chains of records that the parties of a market serve, as they were fetched.

    DIR/party-0.jsonl … party-{m−1}.jsonl      one record per line, its canonical JSON as it came, ended by one line end
    DIR/settlement/…, DIR/correction/…, DIR/closing/…      the same, of the further stages of a market that is settled

A record is not signed as a whole, the messages in it are: the name of a file says which party it was fetched from.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.errors import InputError
from mpc_market.wire.identifiers import Stage
from parties.files.running import RunningMarket

LINE_MAX = 2**16
"""Bytes of a line; a record of 7 parties takes 9,000."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chain, without its end. `number` counts from 1; `offset`: of its first byte in the file."""

    number: int
    offset: int
    data: bytes = field(repr=False)


def stages_of(running: RunningMarket) -> tuple[Stage, ...]:
    """The stages that have chains of their own."""
    return tuple(Stage) if running.calendar is not None else (Stage.CLEARING,)


def stage_folder(folder: Path, stage: Stage) -> Path:
    """The directory with the chains of a stage."""
    return folder / stage.value if stage.value else folder


def chain_path(folder: Path, party: int) -> Path:
    """The file with the chain that was fetched from a party."""
    return folder / f"party-{party}.jsonl"


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a chain, one after the other: a year of quarter-hours is some 100 MB.

    Raises: InputError if it cannot be read, or is no such file.
    """
    try:
        with path.open("rb") as file:
            number, offset = 0, 0
            while data := file.readline(LINE_MAX + 1):
                number += 1
                if len(data) > LINE_MAX:
                    raise InputError((f"{path}:{number}: a line of more than {LINE_MAX} bytes: no chain of records",))
                yield Line(number, offset, data.removesuffix(b"\n"))
                offset += len(data)
    except OSError as error:
        raise InputError((f"{path}: cannot be read: {error.strerror}",)) from None


def read_line(path: Path, offset: int) -> bytes:
    """The line that begins at an offset. Raises: InputError."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.readline(LINE_MAX + 1).removesuffix(b"\n")
    except OSError as error:
        raise InputError((f"{path}: cannot be read: {error.strerror}",)) from None
