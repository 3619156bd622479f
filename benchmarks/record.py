"""The figures of one question, kept while they are being measured: an interrupted run goes on where it stopped."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine

RESULTS = Path(__file__).with_name("results")
PARTIAL = RESULTS / "partial"

Row = dict[str, Any]
_BEGAN = time.monotonic()


class Record:
    """Rows of figures by the name of their case; `finish` puts them into `results/`.

    `resume`: take over the rows of an interrupted run of the same code on the same machine.
    """

    def __init__(self, name: str, question: str, *, resume: bool = False, results: Path = RESULTS) -> None:
        self.name = name
        self._path = results / f"{name}.json"
        self._partial = results / PARTIAL.name / f"{name}.json"
        self.figures: dict[str, Any] = {
            "question": question,
            "commit": machine.commit(),
            "code": machine.fingerprint(),
            "date": machine.today(),
            "machine": machine.describe(),
            "load_before": round(os.getloadavg()[0], 2),
            "rows": [],
        }
        if resume:
            self._take_over()

    @property
    def rows(self) -> list[Row]:
        """What has been measured so far."""
        rows: list[Row] = self.figures["rows"]
        return rows

    def measure(self, case: str, work: Callable[[], Row]) -> Row:
        """The row of a case: measured now, unless the interrupted run had it."""
        for row in self.rows:
            if row["case"] == case:
                say(f"{self.name}: {case}: already measured")
                return row
        row = {"case": case, **work()}
        self.rows.append(row)
        say(f"{self.name}: {case}: {headline(row)}")
        _write(self._partial, self.figures)
        return row

    def finish(self) -> Path:
        """Put the figures in their place."""
        _write(self._path, self.figures)
        return self._path

    def _take_over(self) -> None:
        if not self._partial.exists():
            return
        before = json.loads(self._partial.read_text("utf-8"))
        if all(before[key] == self.figures[key] for key in ("code", "machine", "question")):
            self.figures = before


def load(name: str, results: Path = RESULTS) -> dict[str, Any]:
    """The figures of one question. Raises: FileNotFoundError if they were never measured."""
    figures: dict[str, Any] = json.loads((results / f"{name}.json").read_text("utf-8"))
    return figures


def forget_partial(name: str = "*") -> None:
    """Nothing is to be resumed, or not this question."""
    for path in PARTIAL.glob(f"{name}.json"):
        path.unlink()


def headline(row: Row) -> str:
    """The figure of a row that says most."""
    for key, unit in (("compute_seconds", "s"), ("ns_per_element", "ns per element"), ("seconds", "s")):
        if isinstance(row.get(key), int | float):
            return f"{row[key]:.4g} {unit}"
    return "done"


def say(words: str) -> None:
    """Progress, with the minutes since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _BEGAN), 60)
    print(f"{minutes:3d}:{seconds:02d}  {words}", flush=True)


def _write(path: Path, figures: dict[str, Any]) -> None:
    """All or nothing: a reader never sees half a file. One row to a line, so that differences can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ",\n  ".join(json.dumps(row) for row in figures["rows"])
    head = json.dumps({key: value for key, value in figures.items() if key != "rows"}, indent=1)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f'{head[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n', "utf-8")
    temporary.replace(path)
