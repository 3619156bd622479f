"""A progress line for whatever takes longer than a second, on a terminal only."""

import shutil
import sys
import threading
import time

DELAY = 1.0
REFRESH = 0.2


class Progress:
    """Shows the stages so far and how long each took, on standard error, until the `with` block ends.

    A thread of its own draws the line, so that the work need not think of it.
    """

    def __init__(self) -> None:
        self._stages: list[tuple[str, float]] = []
        self._end = threading.Event()
        self._drawn = 0
        self._thread = threading.Thread(target=self._draw_until_end, name="progress", daemon=True)

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    def stage(self, name: str) -> None:
        """Say that a stage begins, and the one before is over."""
        self._stages.append((name, time.monotonic()))

    def _draw_until_end(self) -> None:
        ended = self._end.wait(DELAY)
        while not ended:
            self._draw(self._line())
            ended = self._end.wait(REFRESH)
        if self._drawn:
            self._draw("")
            self._draw("")  # once more, with nothing to cover: the cursor goes back to the first column

    def _line(self) -> str:
        """The latest stages that fit into the terminal's width, in ASCII."""
        stages = [*self._stages]
        ends = [begin for _, begin in stages[1:]] + [time.monotonic()]
        parts = [f"{name} {end - begin:.1f} s" for (name, begin), end in zip(stages, ends, strict=True)]
        width = shutil.get_terminal_size().columns - 1
        while len(parts) > 1 and len(" | ".join(parts)) > width:
            del parts[0]
        return " | ".join(parts)[:width]

    def _draw(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._drawn))
        sys.stderr.flush()
        self._drawn = len(line)
