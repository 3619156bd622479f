"""Every parser of this project, each with something valid to begin with. `test_parsers` spoils it.

A parser gives what it was given, or an error of its own kind: `WireError` for messages, `ProtocolError` between a
service and its worker, `PeerError` between parties, a problem with its place (`InputError`) for files.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mpc_market.errors import InputError, PeerError, ProtocolError
from mpc_market.rules.money import Cents, Scale
from mpc_market.wire.disclosure import Disclosure, Place
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import sign
from mpc_market.wire.roll import Roll, RollArea, RollRegion
from parties.arbiter.case import Answer, Case, place_among, read_case, write_case
from parties.audit.chain import read_chain
from parties.audit.evidence import Evidence
from parties.audit.evidence_files import read_evidence, read_messages
from parties.audit.fetching import ServedError, _page
from parties.audit.told import Teller
from parties.client.documents import PeriodDocument, problem_of
from parties.compute import messages, raw, settlement_messages
from parties.compute.channel import Channel, ChannelClosedError
from parties.files.disputes import arbiter_text, read_arbiter, read_dispute
from parties.files.market import read_market
from parties.files.operators import operator_text, read_operators
from parties.files.orders import read_orders
from parties.files.private import read_key
from parties.files.problems import Problems
from parties.files.running_toml import read_running, read_suppliers, running_text
from parties.grid import home as grid_home
from parties.grid.home import make_grid_home, read_grid_home
from parties.meter.errors import TelegramError
from parties.meter.home import HomeError, create_home, open_home
from parties.meter.metered import read_readings
from parties.meter.p1 import read_telegrams
from parties.meter.telegrams import Splitter, registers_of
from parties.meter.wishes import read_wishes
from parties.net import Address
from parties.net.hello import HELLO_BYTES, Claim, Kind, read_claim
from parties.net.pulse import Ears, beat, notice
from parties.registrar.meters import from_csv, read_request
from parties.service.attempts import Progress
from parties.service.problems import RefusalError
from parties.service.public_api import _claim
from parties.setup.introduction import read_introduction
from parties.setup.rotation import read_announcement, rotate
from tests.compute import test_compute_messages
from tests.files import running_markets
from tests.hostile.dispute_file import dispute
from tests.meter import telegrams
from tests.setup.market_directory import NOW, make, opened
from tests.wire import test_wire_fuzz as wire


class Parser(NamedTuple):
    """`parse`: a parser; `errors`: what it may raise, and nothing else."""

    valid: bytes
    parse: Callable[[bytes], object]
    errors: type[Exception] | tuple[type[Exception], ...]


Build = Callable[[Path], Parser]
"""Makes a parser; what it needs of files is in a folder of its own."""


def _file(name: str, valid: bytes, read: Callable[[str, Problems], object]) -> Build:
    """A parser of files: something, or every problem with its place."""

    def build(folder: Path) -> Parser:
        path = folder / name

        def parse(data: bytes) -> object:
            path.write_bytes(data)
            path.chmod(0o600)
            problems = Problems()
            found = read(str(path), problems)
            assert (found is not None) or problems.count, "neither anything nor a problem"
            assert all(path.name in each for each in problems.shown), "a problem without its place"
            problems.check()
            return found

        return Parser(valid, parse, InputError)

    return build


def _bytes(valid: bytes, parse: Callable[[bytes], object], errors: Any = WireError) -> Build:
    return lambda _: Parser(valid, parse, errors)


# --- files --------------------------------------------------------------------------------------------------

ORDERS = b'order_id,side,price,quantity\nm1,sell,0.0835,1.250\n"m, 2",buy,0.15,2\n'
WISHES = (
    b"meter,period,side,price,quantity\nm1,2026-07-01T12:00:00Z,sell,0.0835,1.250\nm1,2026-07-01T12:15:00Z,buy,0.1,0\n"
)
READINGS = b"meter,period,import,export\nm1,2026-07-01T12:00:00Z,0.412,0\nm1,2026-07-01T12:15:00Z,0,1.5\n"
ENROL = b"meter,identity_key,sealing_key,supplier,region,maximum\nm1," + b"0a" * 32 + b"," + b"0b" * 32 + b",sun,n,10\n"
MARKET = running_markets.market()
SUPPLIER = b'[[supplier]]\nid = "green"\nidentity_key = "' + b"67" * 32 + b'"\nsealing_key = "' + b"73" * 32 + b'"\n'
OPERATORS = b"".join(
    operator_text(row).encode()
    for row in (RollRegion("north", bytes(32), b"1" * 32, "grid"), RollArea("grid", b"2" * 32, b"3" * 32))
)
MAXIMA = {"m1": 20_000}


def _meter_home(folder: Path) -> Parser:
    home = create_home(folder / "meter", "m1", "market.toml", "10.000")
    path = home.path / "meter.toml"

    def parse(data: bytes) -> object:
        path.write_bytes(data)
        return open_home(home.path)

    return Parser(path.read_bytes(), parse, HomeError)


def _grid_home(folder: Path) -> Parser:
    home = make_grid_home(folder / "north", "dso", "north")
    path = home.path / grid_home.SETTINGS
    return _file(path.name, path.read_bytes(), lambda _, problems: read_grid_home(home.path, problems))(home.path)


def _party_home(name: str) -> Build:
    def build(folder: Path) -> Parser:
        make(folder / "oak")
        path = folder / "oak" / "party-1" / name
        return _file(name, path.read_bytes(), lambda _, problems: _home(path.parent, problems))(path.parent)

    return build


def _home(path: Path, problems: Problems) -> object:
    from parties.files.party_home import read_party_homes  # noqa: PLC0415

    found = Problems()
    home = read_party_homes(path, NOW, found) or None
    if found.count:
        problems.add(str(path / "party.toml tls.crt signing.key"), "; ".join(found.shown))
    return home


def _introduction(folder: Path) -> Parser:
    make(folder / "oak")
    from parties.setup.addresses import addresses_from  # noqa: PLC0415
    from parties.setup.keygen import INTRODUCTION, make_party_home  # noqa: PLC0415

    make_party_home(folder / "new", "d.example", addresses_from(("d.example", 8443)))
    return _file("i.toml", (folder / "new" / INTRODUCTION).read_bytes(), read_introduction)(folder)


def _announcement(folder: Path) -> Parser:
    make(folder / "oak")
    path = rotate(opened(folder / "oak" / "party-1"), NOW + 86_400, NOW)
    return _file("a.toml", path.read_bytes(), read_announcement)(folder)


def _chain(folder: Path) -> Parser:
    """A chain has no problems but its own list of what is wrong."""
    path = folder / "party-0.jsonl"

    def parse(data: bytes) -> object:
        path.write_bytes(data)
        return read_chain(path, 0, Teller(MARKET))

    return Parser(wire.RECORD + b"\n", parse, InputError)


# --- messages between a service and its worker ----------------------------------------------------------------

HEADERS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], object]]] = {
    f"{type(each).__name__} {number}": (each.header(), type(each).read)
    for number, each in enumerate(test_compute_messages.MESSAGES)
} | {
    "failure": (messages.failure_header(PeerError(1, "gone")), messages.read_failure),
    "failure, told": (
        {"kind": "failure", "error": "HearsayError", "reason": "gone", "party": 1, "witness": 2},
        messages.read_failure,
    ),
    "settlement job": (
        settlement_messages.SettlementJob(
            7, 5, 2, 3, 2, 5, test_compute_messages.Market(), bytes(32), 40, True, 2.5
        ).header(),
        settlement_messages.SettlementJob.read,
    ),
    "settlement done": (
        settlement_messages.SettlementDone(5, 4, 3, test_compute_messages.EFFORT).header(),
        settlement_messages.SettlementDone.read,
    ),
    "closing job": (
        settlement_messages.ClosingJob(
            3, 4, 0, 3, 40, Scale(test_compute_messages.Market(), 0, 1, 4, Cents(1, 100)), 2.5
        ).header(),
        settlement_messages.ClosingJob.read,
    ),
    "closing done": (
        settlement_messages.ClosingDone(3, 4, 0, test_compute_messages.EFFORT).header(),
        settlement_messages.ClosingDone.read,
    ),
    "listen": (messages.Listen("127.0.0.1", 9000, 9100).header(), messages.Listen.read),
    "verdicts": (messages.FoundVerdicts(7).header(), messages.FoundVerdicts.read),
}
"""Fields that were valid JSON; the errors are `MarketError`, of which those of settings are some."""


async def _receive(data: bytes) -> object:
    """What a channel makes of bytes, and of the raw bytes behind the header."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(ours)
        theirs.setblocking(False)
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(theirs, data))
        try:
            async with asyncio.timeout(5):
                if len(data) < 100_000:
                    await sending
                    theirs.shutdown(socket.SHUT_WR)
                header = await channel.receive()
                return header, await raw.read_texts(channel, 2, 5)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def _framed(header: dict[str, Any], behind: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + behind


# --- the rest ------------------------------------------------------------------------------------------------


@cache
def _signed(kind: Any) -> bytes:
    return sign(kind.decode(wire.party_messages()[kind]), wire.PLAYED.signing[1]).encode()


def _grid_roll() -> bytes:
    keys = wire.PLAYED.roll.entries[0].identity_key, wire.PLAYED.roll.entries[0].sealing_key
    regions, areas = (RollRegion("north", *keys, "grid"),), (RollArea("grid", *keys),)
    return replace(wire.PLAYED.roll, regions=regions, areas=areas).encode()


def _period_document() -> bytes:
    opening = sign(wire.PLAYED.openings[1], wire.PLAYED.signing[1]).encode().hex()
    return json.dumps({"market": "m", "openings": [opening], "outcomes": [], "price": None}).encode()


def _evidence() -> bytes:
    header = wire.PLAYED.submissions[0].header.encode().hex()
    return json.dumps({"deliveries": [], "header": header, "receipts": []}).encode()


class _Served:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def records(self, *_: int) -> bytes:
        return self._body


def _split(data: bytes) -> object:
    splitter, found = Splitter(), []
    for at in range(0, len(data), 7_000):
        found += splitter.feed(data[at : at + 7_000])
    return found, splitter.rest()


def _ears(data: bytes) -> object:
    heard: list[tuple[int, str]] = []
    taken = Ears(3, lambda culprit, reason: heard.append((culprit, reason))).take(data)
    assert all(culprit < 3 and reason.isprintable() for culprit, reason in heard)
    return taken


def _case(name: str) -> Build:
    """One file of an arbiter's directory, spoilt."""

    def build(folder: Path) -> Parser:
        period = wire.PLAYED.period
        answers = {period: {1: Answer(period, 1, _signed(Disclosure)), 2: Answer(period, 2, b"", "gone")}}
        recorded = Period(f"{period.market}:closing", 0), Place(2, 1, ((bytes(32),),))
        write_case(folder, Case(dispute(), {period: wire.PLAYED.record()}, answers, recorded))
        return _file(name, (folder / name).read_bytes(), lambda _, problems: read_case(folder, problems))(folder)

    return build


def _message_files(path: str, problems: Problems) -> object:
    return read_messages(path, [], [], problems)


TELEGRAM = telegrams.dutch(1_790_000_000, (1_000, 2_000), (0, 5_000))
PROGRESS = [
    Progress(3, Address("127.0.0.1", 4000, 4001), bytes(32), bytes(range(32))),
    Progress(4, done=wire.PLAYED.result),
]

PARSERS: dict[str, Build] = {
    "orders": _file("orders.csv", ORDERS, lambda path, problems: read_orders(path, MARKET.settings, problems)),
    "readings": _file("r.csv", READINGS, lambda path, problems: read_readings(path, MARKET.settings, MAXIMA, problems)),
    "wishes": _file("w.csv", WISHES, lambda path, problems: read_wishes(path, MARKET.settings, MAXIMA, problems)),
    "meters to enrol": _file("m.csv", ENROL, lambda path, problems: from_csv(path, MARKET.settings, problems)),
    "settings": _file("s.toml", b"[market]\nprice_bits = 8\nlot = 0.001\nperiod = 'PT15M'\n", read_market),
    "market file": _file("m.toml", running_text(MARKET).encode(), read_running),
    "suppliers": _file("sup.toml", SUPPLIER, read_suppliers),
    "introduction": _introduction,
    "announcement": _announcement,
    "key": _file("k.key", b"0f" * 32 + b"\n", lambda path, problems: read_key(Path(path), problems)),
    "home of a party": _party_home("party.toml"),
    "certificate of a party": _party_home("tls.crt"),
    "home of a meter": _meter_home,
    "home of keys": _grid_home,
    "grid operators": _file("grid.toml", OPERATORS, read_operators),
    "telegrams": _file(
        "p1.txt",
        TELEGRAM * 2,
        lambda path, problems: list(read_telegrams(path, problems)) or not problems.count or None,
    ),
    "telegram": _bytes(TELEGRAM, registers_of, TelegramError),
    "stream of telegrams": _bytes(TELEGRAM * 3, _split, TelegramError),
    "evidence": _bytes(_evidence(), Evidence.decode),
    "file of evidence": _file("e.json", _evidence(), read_evidence),
    "file of a message": _file("h.bin", wire.PLAYED.submissions[0].header.encode().hex().encode(), _message_files),
    "chain of records": _chain,
    "arbiter": _file("a.toml", arbiter_text(wire.ARBITER).encode(), read_arbiter),
    "dispute": _file("d.json", dispute().encode().encode(), lambda path, problems: read_dispute(Path(path), problems)),
    "case: dispute": _case("dispute.json"),
    "case: records": _case("records.jsonl"),
    "case: disclosures": _case("disclosures.jsonl"),
    "case: place in the record": _case("recorded.json"),
    "disputes of a closing": _bytes(
        json.dumps(
            {
                "count": 2,
                "disputes": [{"digest": wire.dispute_digest(wire.DISPUTE).hex(), "index": 1, "path": ["00" * 32]}],
            }
        ).encode(),
        lambda data: place_among(data, wire.dispute_digest(wire.DISPUTE)),
    ),
    "page of records": _bytes(
        json.dumps({"records": [wire.RECORD.decode()]}).encode(),
        lambda data: asyncio.run(_page(_Served(data), 1, -1, 10)),  # type: ignore[arg-type]
        ServedError,
    ),
    "enrol request": _bytes(wire.enrol_request(), read_request),
    "enrol request in hex": _bytes(wire.enrol_request().hex().encode(), read_request),
    "roll with grid operators": _bytes(_grid_roll(), Roll.decode),
    "period document": _bytes(_period_document(), PeriodDocument.read),
    "problem document": _bytes(
        b'{"type": "urn:mpc-market:problem:late", "status": 409}',
        lambda data: problem_of("application/problem+json", data),
        (),
    ),
    "claim in a header": _bytes(b"Claim 01ff", lambda data: _claim(data.decode("latin-1")), RefusalError),
    "progress, offered": _bytes(PROGRESS[0].encode(), Progress.decode),
    "progress, done": _bytes(PROGRESS[1].encode(), Progress.decode),
    "hello": _bytes(
        Claim(Kind.DATA, 0, 1).hello(bytes(32)), lambda data: read_claim(data.ljust(HELLO_BYTES)[:HELLO_BYTES]), ()
    ),
    "heartbeats": _bytes(beat({0, 2}) + notice(1, "gone") + beat(set()), _ears, ()),
    "channel": _bytes(
        _framed({"kind": "round"}, b"\2\0\0\0\3\0\0\0abcde"),
        lambda data: asyncio.run(_receive(data)),
        (ProtocolError, ChannelClosedError),
    ),
}

OF_WIRE: dict[str, Callable[[], object]] = {
    **{f"wire: {name}": (lambda each=each: each[0](each[1])) for name, each in wire.PARSERS.items()},  # type: ignore[misc]
    **{f"signed: {name}": (lambda each=each: each[0](each[1])) for name, each in wire.SIGNED.items()},  # type: ignore[misc]
    **{
        f"sealed {number}": (lambda text=text: [_quiet(read) for read in wire.readers(text)])  # type: ignore[misc]
        for number, text in enumerate(wire.SEALED_TEXTS)
    },
}
"""Fuzzed in tests/wire/test_wire_fuzz.py; here only so that it is known what they reach."""


def _quiet(read: Callable[[], object]) -> None:
    with contextlib.suppress(WireError):
        read()
