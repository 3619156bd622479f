"""What is wrong with the input: every problem is found, the first ones are told."""

from collections.abc import Iterator, Sequence

from mpc_market.errors import InputError

PROBLEMS_SHOWN = 20
FINDINGS_SHOWN = 50
WHERE_SHOWN = 5000  # a whole path: what comes behind it is the line


class Problems:
    """Collects problems over all files and options of one command, in the order in which they are found."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.count = 0

    def add(self, where: str, message: str) -> None:
        """Note a problem; `where` is `file`, `file:line` or the name of an option."""
        self.count += 1
        if self.count <= PROBLEMS_SHOWN:
            self.shown.append(f"{printable(where, WHERE_SHOWN)}: {message}")

    def check(self) -> None:
        """Raises: InputError if there was any problem."""
        if self.count:
            raise InputError(tuple(self.shown), self.count - len(self.shown))


def counted(count: int, noun: str) -> str:
    """A number of something: "1 supplier", "2 suppliers"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(title: str, texts: Sequence[str], limit: int = 1000) -> Iterator[str]:
    """The first findings of a kind under their title, each at most `limit` characters; no line if there are none."""
    if texts:
        yield f"{title}:"
    for text in texts[:FINDINGS_SHOWN]:
        yield f"  - {printable(text, limit)}"
    if len(texts) > FINDINGS_SHOWN:
        yield f"  - and {len(texts) - FINDINGS_SHOWN} more"


def printable(text: str, limit: int = 40) -> str:
    """`text` for a terminal: at most `limit` characters of it, and nothing that would move the cursor.

    Control, format and other unprintable characters are written as escapes (`\\x1b`).
    """
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:limit])
    return escaped + "…" if len(text) > limit else escaped
