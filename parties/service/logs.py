"""Structured logs: one JSON object per line, of this service and of the libraries below it.

What is logged is public: states, numbers of rounds, parties and attempts, durations, reasons made of public values.
Nothing that is derived from an order, and no id of a meter. The text of an error that nobody foresaw might hold
something else: of such an error only its kind and the place are logged.
"""

import logging
import sys
import traceback
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

_QUIET = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "httpx",
    "httpcore",
    "aiosqlite",
    "alembic",
    "sqlalchemy",
    "asyncio",
)
"""Libraries of which only warnings are wanted."""


def set_up_logs(party: int, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Log to `stream` (standard error), from now on and in the whole process."""
    structlog.contextvars.bind_contextvars(party=party)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_text,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    renderer = structlog.processors.JSONRenderer()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # its warnings are about requests that are no HTTP
    logging.captureWarnings(True)


def _without_text(_: object, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its kind and where it was raised."""
    info = event.pop("exc_info", None)
    error = _error_of(info)
    if error is not None:
        event["error"] = type(error).__name__
        event["where"] = [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    event.pop("stack", None)
    return event


def _error_of(info: ExcInfo | BaseException | bool | None) -> BaseException | None:
    if info is True:
        return sys.exc_info()[1]
    if isinstance(info, tuple):
        return info[1]
    return info if isinstance(info, BaseException) else None
