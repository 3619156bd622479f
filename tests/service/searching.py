"""Searching all that parties put out for values that were planted in what meters sent."""

import io
import logging
import re
import struct
from collections.abc import Collection, Iterator

import pytest
import structlog

from parties.service.logs import set_up_logs

TALKATIVE = ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "aiosqlite", "sqlalchemy", "asyncio")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    set_up_logs(0, stream, logging.DEBUG)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.handlers[:], _ = before
    root.setLevel(before[1])
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.NOTSET)


def numbers_in(text: str) -> set[int]:
    return {int(each) for each in re.findall(r"(?<![0-9a-fA-F.])\d{1,20}(?![0-9a-fA-F])", text)}


def leaks(text: str, names: Collection[str], planted: Collection[int], words: Collection[int]) -> list[str]:
    """What of the planted values is in a text: as a decimal number, in hex, or by name."""
    found = [name for name in names if name in text or name.encode().hex() in text]
    numbers = numbers_in(text)
    found += [str(value) for value in planted if value in numbers]
    found += ["a share word" for word in words if word in numbers or struct.pack("<Q", word).hex() in text]
    return found


def unlike(words: set[int]) -> set[int]:
    """Without those that are not random, of spoilt shares: too small to tell from other numbers."""
    return {word for word in words if word >= 2**32}
