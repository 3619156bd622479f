"""Who is to be enrolled: the request files of meters, or a CSV file of many."""

import re
from pathlib import Path

from mpc_market.errors import InvalidOrderError
from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.errors import WireError
from mpc_market.wire.roll import RollEntry
from parties.files.market import MarketFile
from parties.files.problems import Problems, printable
from parties.files.records import records
from parties.files.source import BOM, display_name, read_text
from parties.registrar.changes import Candidate

COLUMNS = ("meter", "identity_key", "sealing_key", "supplier", "region", "maximum")

REQUEST_MAX = 4096
"""Bytes that a request file may have."""


def lots(text: str, market: MarketFile, where: str, problems: Problems) -> int | None:
    """The lots of a largest quantity written in kWh, exactly; None if it is none."""
    try:
        found = market.lots(text)
        # a file may be a listing of a roll with such a meter on it, and is read back
        if found == 0 and where.startswith("--"):
            problems.add(where, "a meter with 0 kWh could neither trade nor send a reading")
            return None
        return found
    except InvalidOrderError as error:
        problems.add(where, str(error))
        return None


def from_requests(
    paths: list[str], market_id: str, supplier: str, region: str, maximum: int, problems: Problems
) -> list[Candidate]:
    """The meters that made these request files; each shows by its signature that it holds its identity key."""
    found: list[Candidate] = []
    for path in paths:
        request = _request(path, problems)
        if request is None:
            continue
        if request.market != market_id:
            problems.add(path, f"a request to market {request.market}, not {market_id}")
            continue
        keys = (request.meter, request.identity_key, request.sealing_key)
        _add(found, path, problems, *keys, supplier, region, maximum)
    return found


def from_keys(
    meter: str, identity_key: str, sealing_key: str, supplier: str, region: str, maximum: int, problems: Problems
) -> list[Candidate]:
    """One meter by its keys in hexadecimal."""
    identity = _key("--identity-key", identity_key, problems)
    sealing = _key("--sealing-key", sealing_key, problems)
    found: list[Candidate] = []
    if identity is not None and sealing is not None:
        _add(found, "--meter", problems, meter, identity, sealing, supplier, region, maximum)
    return found


def from_csv(path: str, market: MarketFile, problems: Problems) -> list[Candidate]:
    """The meters of a CSV file with the columns meter, identity_key, sealing_key, supplier, region, maximum (kWh)."""
    name = display_name(path)
    text = read_text(path, problems, stdin=True)
    if text is None:
        return []
    rows = records(text.removeprefix(BOM), name, problems)
    line, _, header = next(rows, (1, "", []))
    if sorted(header) != sorted(COLUMNS):
        problems.add(f"{name}:{line}", f"the first line must name the columns {', '.join(COLUMNS)}, and no other")
        return []
    found: list[Candidate] = []
    for line, _, fields in rows:
        where = f"{name}:{line}"
        if len(fields) != len(header):
            problems.add(where, f"{len(fields)} fields where the header has {len(header)}")
            continue
        row = dict(zip(header, fields, strict=True))
        identity = _key(f"{where}: identity_key", row["identity_key"], problems)
        sealing = _key(f"{where}: sealing_key", row["sealing_key"], problems)
        maximum = lots(row["maximum"], market, where, problems)
        if identity is not None and sealing is not None and maximum is not None:
            _add(found, where, problems, row["meter"], identity, sealing, row["supplier"], row["region"], maximum)
    return found


def read_request(data: bytes) -> EnrolRequest:
    """A request as its bytes or in hexadecimal. Raises: WireError."""
    if re.fullmatch(rb"[0-9a-fA-F]+\s*", data):
        try:
            data = bytes.fromhex(data.decode("ascii"))
        except ValueError:
            raise WireError("an odd number of hexadecimal digits") from None
    return EnrolRequest.read(data)


def _request(path: str, problems: Problems) -> EnrolRequest | None:
    try:
        data = Path(path).read_bytes()
        if len(data) > REQUEST_MAX:
            raise WireError(f"{len(data)} bytes are too many")
        return read_request(data)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path, or WireError
        reason = error.strerror or str(error) if isinstance(error, OSError) else f"not a meter's request: {error}"
        problems.add(path, reason)
        return None


def _key(where: str, text: str, problems: Problems) -> bytes | None:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        problems.add(where, f"'{printable(text, 70)}' is not 64 hexadecimal digits")
        return None
    return bytes.fromhex(text)


def _add(
    found: list[Candidate],
    where: str,
    problems: Problems,
    meter: str,
    identity_key: bytes,
    sealing_key: bytes,
    supplier: str,
    region: str,
    maximum: int,
) -> None:
    try:
        entry = RollEntry(meter, identity_key, sealing_key, supplier, region, maximum)
    except WireError as error:
        problems.add(where, str(error))
        return
    found.append(Candidate(where, entry))
