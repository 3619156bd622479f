"""What a compute process says on standard error: one JSON object per line, as the service's own log is, and no texts.

The text of an error or a warning that nobody foresaw might hold a share or an order. Of an error only its kind and the
places that it came through are said, of a warning its kind and place, of a library's log line who wrote it and where.
"""

import asyncio
import json
import logging
import os
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

_EVENT = "compute process complains"


def without_texts() -> None:
    """Have whatever writes to this process's standard error by itself do it so. To be called before anything else."""
    sys.excepthook = _say_error
    sys.unraisablehook = lambda found: _say_error(found.exc_type, found.exc_value, found.exc_traceback)
    threading.excepthook = lambda found: _say_error(found.exc_type, found.exc_value, found.exc_traceback)
    warnings.showwarning = _say_warning
    logging.getLogger().handlers[:] = [_Handler(logging.WARNING)]


def say_context(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The same for what an event loop reports: its handler of exceptions."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        _say_error(type(error), error, error.__traceback__)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        place = f"{record.filename}:{record.lineno} {record.funcName}"
        _say(record.levelname.lower(), logger=record.name, where=[place])


def _say_error(kind: type[BaseException], _: BaseException | None, trace: TracebackType | None) -> None:
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
    _say("error", error=kind.__name__, where=places)


def _say_warning(
    message: Warning | str,  # noqa: ARG001  (the names are those of the function that it replaces)
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    _say("warning", error=category.__name__, where=[f"{Path(filename).name}:{lineno}"])


def _say(level: str, **fields: object) -> None:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    event = {"event": _EVENT, "level": level, "timestamp": now, "process": os.getpid(), **fields}
    sys.stderr.write(json.dumps(event) + "\n")
