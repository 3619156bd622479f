"""Evidence of meters from files: one JSON file of a submission, or its messages one by one, as bytes or in hex."""

import re
from collections.abc import Sequence
from pathlib import Path

from mpc_market.wire.errors import WireError
from parties.audit.evidence import Evidence
from parties.files.problems import Problems

FILE_MAX = 2**20
"""Bytes of a file; what a meter shows of one submission takes some 10,000."""


def read_evidence(path: str, problems: Problems) -> Evidence | None:
    """The evidence in a JSON file; None if it cannot be had."""
    data = _read(path, problems)
    if data is None:
        return None
    try:
        return Evidence.decode(data)
    except WireError as error:
        problems.add(path, f"not what a meter shows of a submission: {error}")
        return None


def read_messages(
    header: str | None, receipts: Sequence[str], deliveries: Sequence[str], problems: Problems
) -> Evidence | None:
    """The evidence in files of one message each; None if no file is named, or if it cannot be had."""
    before = problems.count
    head = [_message(path, problems) for path in ([] if header is None else [header])]
    received = [_message(path, problems) for path in receipts]
    delivered = [_message(path, problems) for path in deliveries]
    if problems.count > before or not (head or received or delivered):
        return None
    try:
        return Evidence.of_bytes(head[0] if head else None, received, delivered)
    except WireError as error:
        named = [*([] if header is None else [header]), *receipts, *deliveries]
        problems.add(", ".join(named), f"not what a meter shows of one submission: {error}")
        return None


def _message(path: str, problems: Problems) -> bytes:
    """The bytes of a message; empty if they cannot be had. A message begins with its version, which no hex digit is."""
    data = _read(path, problems)
    if data is None:
        return b""
    if re.fullmatch(rb"[0-9a-fA-F]+\s*", data):
        try:
            return bytes.fromhex(data.decode("ascii"))
        except ValueError:
            problems.add(path, "an odd number of hexadecimal digits")
    return data


def _read(path: str, problems: Problems) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            data = file.read(FILE_MAX + 1)
    except OSError as error:
        problems.add(path, f"cannot be read: {error.strerror}")
        return None
    except ValueError:
        problems.add(path, "a path cannot hold a NUL byte")
        return None
    if len(data) > FILE_MAX:
        problems.add(path, f"more than {FILE_MAX} bytes: no evidence of one submission")
        return None
    return data
