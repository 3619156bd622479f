"""Reading a text file, or standard input, with a message for everything that can be wrong with it."""

import codecs
import sys

from parties.files.problems import Problems

STDIN = "<stdin>"
BOM = "\ufeff"

_UTF8 = "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"


def display_name(path: str) -> str:
    """What a message calls the file; `-` is standard input."""
    return STDIN if path == "-" else path


def read_text(path: str, problems: Problems, *, stdin: bool = False) -> str | None:
    """The text of a UTF-8 file, a byte order mark still in front; None if it cannot be had.

    With `stdin`, the path `-` is standard input.
    """
    name = display_name(path) if stdin else path
    try:
        data = _read_stdin() if stdin and path == "-" else _read(path)
    except FileNotFoundError:
        problems.add(name, "no such file")
        return None
    except IsADirectoryError:
        problems.add(name, "is a directory, not a file")
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        problems.add(name, f"cannot be read: {getattr(error, 'strerror', None) or error}")
        return None
    return _decode(data, name, problems)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _read_stdin() -> bytes:
    if sys.stdin is None:  # started with `<&-`
        raise OSError(0, "standard input is closed")
    return sys.stdin.buffer.read()


def _decode(data: bytes, name: str, problems: Problems) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.add(f"{name}:1", f"the file is UTF-16: {_UTF8}")
        return None
    nul = data.find(b"\0")
    if nul >= 0:
        problems.add(f"{name}:{_line(data, nul)}", f"a NUL byte: this is not a text file, or not UTF-8; {_UTF8}")
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.add(f"{name}:{_line(data, error.start)}", f"byte 0x{data[error.start]:02x} is not UTF-8: {_UTF8}")
        return None


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
