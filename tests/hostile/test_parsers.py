"""Every parser: a message, or the error of its own kind, and nothing else. And no parser is forgotten.

What is a parser is read off the source: whatever is named like one (`decode`, `read…`, `parse…`, `take`, `feed`), and
whatever calls something that takes bytes apart. Each must be reached by one of those that are spoilt here or in
tests/wire/test_wire_fuzz.py, or stand in `NOT_FROM_OUTSIDE` with the reason.
"""

import ast
import asyncio
import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc_market.errors import MarketError, PeerError
from parties.net.link import HEADER, Link
from tests.hostile.parsers import HEADERS, OF_WIRE, PARSERS
from tests.hostile.spoiling import PICKLES, TROUBLE, Marker, spoilt, spoilt_fields

ROOT = Path(__file__).resolve().parents[2]

FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("name", PARSERS)
def test_a_message_or_an_error_of_its_own_kind(name: str, tmp_path: Path) -> None:
    valid, parse, errors = PARSERS[name](tmp_path)
    parse(valid)

    def must_do(data: bytes) -> None:
        with contextlib.suppress(*(errors if isinstance(errors, tuple) else (errors,))):
            parse(data)

    for data in TROUBLE:
        must_do(data)

    @FEW
    @given(spoilt(valid))
    def any_bytes(data: bytes) -> None:
        must_do(data)

    any_bytes()
    assert Marker.opened == 0


@pytest.mark.parametrize("name", HEADERS)
@FEW
@given(data=st.data())
def test_headers_between_service_and_worker(name: str, data: st.DataObject) -> None:
    valid, read = HEADERS[name]
    read(valid)
    with contextlib.suppress(MarketError):
        read(data.draw(spoilt_fields(valid)))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("failure", {"error": "InputError", "reason": "x"}),
        ("failure", {"error": "PeerError", "reason": "x", "party": True}),
        ("failure", {"error": "__builtins__", "reason": "x"}),
        ("RoundResult 15", {"stage_seconds": {"sort": 10**400}}),
    ],
)
def test_headers_that_were_no_protocol_error(name: str, fields: dict[str, object]) -> None:
    valid, read = HEADERS[name]
    with contextlib.suppress(MarketError):
        read({**valid, **fields})


# --- data frames between parties ---------------------------------------------------------------------------


class Ends:
    """Transport and mailbox of a link in one. Takes messages of at most 1,000 words, under labels from 0 to 9."""

    def __init__(self) -> None:
        self.refused: PeerError | None = None
        self.aborted = False
        self.words = 0

    def announce(self, label: int, words: int) -> bool:
        if not (0 <= label < 10 and 0 < words <= 1_000):
            raise PeerError(1, "malformed frame")
        return True

    def deliver(self, _: int, vector: np.ndarray) -> None:
        assert vector.dtype == np.uint64
        self.words += vector.size

    def refuse(self, error: PeerError) -> None:
        self.refused = error

    def abort(self) -> None:
        self.aborted = True

    def ended(self) -> None: ...

    def paused(self, full: bool) -> None: ...


def feed(data: bytes) -> Ends:
    async def fed() -> Ends:
        ends = Ends()
        link = Link(ends, ends)  # type: ignore[arg-type]
        while data_left := data[fed_so_far[0] :]:
            buffer = link.get_buffer(-1)
            assert len(buffer) > 0, "no room for what comes"
            piece = data_left[: len(buffer)]
            buffer[: len(piece)] = piece
            link.buffer_updated(len(piece))
            fed_so_far[0] += len(piece)
            if ends.aborted:
                break
        return ends

    fed_so_far = [0]
    return asyncio.run(fed())


FRAMES = b"".join(HEADER.pack(label, words) + bytes(8 * words) for label, words in ((0, 3), (1, 1), (9, 700)))


@FEW
@given(spoilt(FRAMES))
def test_frames_become_words_or_end_the_connection(data: bytes) -> None:
    """Nothing that is announced is believed: no more memory than what has come."""
    ends = feed(data)
    assert ends.aborted == (ends.refused is not None)
    assert 8 * ends.words <= len(data)


@pytest.mark.parametrize("data", [*PICKLES, HEADER.pack(0, 2**32 - 1), HEADER.pack(-1, 1), HEADER.pack(2**62, 5)])
def test_pickles_and_giants_are_no_frames(data: bytes) -> None:
    assert feed(data.ljust(HEADER.size, b".")).refused is not None
    assert Marker.opened == 0


# --- the enumeration --------------------------------------------------------------------------------------------

NAMED = re.compile(
    r"decode|feed|take|(read|parse|split_signed|registers_of|problem_of)(_\w+)?|open_(seal|delivery|home|part_share)"
)
TAKES_APART = {
    "json.loads", "json.load", "tomllib.loads", "tomllib.load", "fromhex", "int.from_bytes", "unpack", "unpack_from",
    "iter_unpack", "fromisoformat", "csv.reader", "csv.DictReader", "pickle.loads", "ast.literal_eval", "b64decode",
    "load_pem_x509_certificate", "PEM_cert_to_DER_cert", "np.frombuffer", "Reader",
}  # fmt: skip

NOT_FROM_OUTSIDE = {
    # what this very program has written, and reads back
    "parties.ledger": "its own ledger",
    "parties.meter.store": "its own store",
    "parties.meter.evidence:evidence_of": "its own store",
    "parties.service.opening:_unpack": "its own ledger",
    "parties.service.delivering:unpacked_path": "its own ledger",
    "parties.service.following:last_begun": "its own ledger",
    "parties.service.ending:ended_ms": "its own ledger",
    "parties.service.settling:PeriodSettling._traded": "its own ledger",
    "parties.service.sheets:Sheets._amounts": "its own ledger",
    "parties.service.round:Round.take": "a message of a peer: hands on to `read_signed`",
    "mpc_market.wire.sheet:key_fact": "a key that has been read, as a number",
    "parties.service.readers:_add": "its `Reader` is who reads: nothing is taken apart",
    "parties.settling.kept:KeptAccount.decode": "its own ledger",
    "parties.service.replica:Mirror.take": "a row of its own ledger",
    # behind a parser that is spoilt here, on what that one gives, or by way of the network (test_hostile_clients)
    "parties.service.http:read_body": "bytes as they come; test_hostile_clients",
    "parties.service.public_api:PublicApi.read": "hands on to the intake's `Submission.decode`",
    "parties.service.public_api:PublicApi.sheet": "hands on to `Claim`; a path with other words is refused by them",
    "parties.settling.calendar:Months.read": "a month in an option of a command; tests/settling/test_calendar.py",
    "parties.audit.saved:read_line": "a line that `read_lines` has read before",
    "parties.local.market:LocalParties.clear": "bytes of the length that a spoilt `RoundResult` announces",
    "parties.worker.clearing:ClearingResult.of": "bytes of the length that a spoilt `ClearingDone` announces",
    "parties.worker.settlement:_numbers": "bytes of the length that a spoilt `SettlementDone` announces",
    "parties.meter.metering:read_file": "hands on to `read_telegrams`",
    "parties.meter.sources:read_market": "hands on to `read_running`",
    "parties.supplier.home:read_supplier_home": "hands on to `read_key_home`",
    "parties.grid.home:read_grid_home": "hands on to `read_key_home`",
    "parties.arbiter.home:read_arbiter_home": "hands on to `read_arbiter` and `read_key`",
    "mpc_market.wire.sharing:deal_part": "the dealer's own part",
    "parties.files.values:octets": "makes a reader when the module is loaded; the reader is reached",
    "parties.files.values:moment_of": "a moment in an option of a command; in files behind `values.moment`",
    "parties.launch": "the answers of one's own processes, in a demonstration",
    "parties.cli": "options of a command, by its own user: tests/cli/test_wrong_inputs.py and its neighbours",
    "mpc_market.field": "keystreams of this party",
    "mpc_market.secure": "arrays of the engine",
}


def named(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def takes_apart(function: ast.AST) -> bool:
    calls = (named(node.func) for node in ast.walk(function) if isinstance(node, ast.Call))
    return any(call in TAKES_APART or call.rpartition(".")[2] in TAKES_APART for call in calls)


def is_parser(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    takes_something = any(argument.arg not in ("self", "cls") for argument in function.args.args)
    return takes_apart(function) or (takes_something and NAMED.fullmatch(function.name) is not None)


def found_in(module: str, source: str) -> Iterator[str]:
    """The parsers of a module as `module:qualified.name`, as `co_qualname` has it."""

    def walk(node: ast.AST, path: tuple[str, ...]) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield from walk(child, (*path, child.name))
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and is_parser(child):
                yield f"{module}:{'.'.join((*path, child.name))}"

    yield from walk(ast.parse(source), ())


def parsers_of_the_source() -> set[str]:
    return {
        name
        for package in ("mpc_market", "parties")
        for path in (ROOT / package).rglob("*.py")
        for name in found_in(
            path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."), path.read_text("utf-8")
        )
    }


def reached_by(work: Callable[[], object]) -> set[str]:
    """Our functions that run while it is done, by module and qualified name."""
    seen = set()

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(ROOT)):
            seen.add(frame.f_code)

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return {
        f"{Path(code.co_filename).relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')}:{code.co_qualname}"
        for code in seen
    }


def parse_all(folder: Path) -> None:
    for number, build in enumerate(PARSERS.values()):
        (folder / str(number)).mkdir()
        valid, parse, _ = build(folder / str(number))
        parse(valid)
    for header, read in HEADERS.values():
        read(header)
    for work in OF_WIRE.values():
        work()
    feed(FRAMES)


def excused(name: str) -> bool:
    return any(name == each or name.startswith((f"{each}.", f"{each}:")) for each in NOT_FROM_OUTSIDE)


def test_no_parser_is_forgotten(tmp_path: Path) -> None:
    enumerated, reached = parsers_of_the_source(), reached_by(lambda: parse_all(tmp_path))
    assert len(enumerated) > 80
    assert sorted(name for name in enumerated - reached if not excused(name)) == []


def test_every_exception_is_one() -> None:
    names = parsers_of_the_source()
    for each in NOT_FROM_OUTSIDE:
        assert any(name == each or name.startswith((f"{each}.", f"{each}:")) for name in names), each


@pytest.mark.parametrize(
    "source",
    [
        "def decode(data): ...",
        "class A:\n  @classmethod\n  def read(cls, header): ...",
        "def quietly(x):\n  return json.loads(x)",
        "async def f(body):\n  a, b = _HEAD.unpack_from(body)",
        "def f(x):\n  return bytes.fromhex(x)",
    ],
)
def test_a_new_parser_is_noticed(source: str) -> None:
    assert len(list(found_in("parties.new", source))) == 1
