"""Whoever listens on every line between the hosts, while orders and readings of the same meters differ (T3).

Heard is TLS 1.3 and nothing else: no share, no order, no reading, no name or key of a meter or a party. What meters
send, what is answered to them, what parties tell each other and what workers do, has the same sizes whatever was
ordered and read, trading or not; but for the digits of the clearing price, which is public. (Not compared: how often
somebody asks again whether there is something new, and public documents, which grow as a round goes on.)
"""

import asyncio
import sqlite3
import ssl
from collections import Counter, defaultdict
from contextlib import closing
from itertools import product

import numpy as np
import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.layout import Reading
from mpc_market.wire.sheet import Content
from parties.client.api import Api, pinned
from parties.files.problems import Problems
from parties.meter.forecast import Wish
from parties.meter.readings import STORE, send_reading
from parties.meter.rounds import Rounds
from parties.meter.store import Store
from parties.net import Address
from parties.service.attempts import Progress
from parties.service.board import Kind
from parties.supplier.home import SupplierHome, read_supplier_home
from parties.supplier.sheets import fetch
from soak.eavesdropping import Heard, exchanges, listening, payload_sizes, records
from soak.hosts import Hosts, why_not
from soak.live import LiveMarket
from soak.part import Play
from soak.parts.lines import METERS_HOST, PARTIES, PERIOD_SECONDS, Region
from soak.steered import Meters, SteeredClock, until

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

API, CONTROL, MPC = 8443, 8444, range(8450, 8490)
Orders, Readings = list[tuple[Side, int, int]], list[tuple[int, int]]
ATTEMPT = [
    Progress(1, *offer) for offer in product([Address("10.77.0.1", 8450, 8451)], [None, bytes(32)], [None, bytes(32)])
] + [Progress(1)]
"""How far a party may be with an attempt before it is done."""

KINDS = [kind for kind in Kind if kind is not Kind.SHOWN_HEADERS]
"""What is said in every round in which no meter contradicts itself."""

_HEAD = range(114, 120)
"""Size of the head of an answer with content, without the digits of its length; a refusal's, or of none, is another."""

_TLS_1_3 = bytes.fromhex("002b00020304")
"""The extension of a server's hello that chooses it."""


PERIODS: list[tuple[Orders, Readings]] = [
    (
        [(Side.SELL, 800, 1200), (Side.BUY, 811, 1900), (Side.BUY, 809, 3), (Side.SELL, 803, 40)],
        [(0, 1100), (3456, 0), (9999, 1), (0, 0)],
    ),
    (2 * [(Side.BUY, 800, 500), (Side.SELL, 800, 500)], [(7, 0), (0, 0), (0, 9000), (1, 1)]),
    (4 * [(Side.BUY, 0, 0)], 4 * [(0, 0)]),
]
"""What the meters order for a period, and what they read of the period before it."""

SETTLEMENT = {"gate_lead": "PT5M", "reading_deadline": "PT3H", "correction_deadline": "P1D", "minimum_group": "4"}


@pytest.fixture(scope="module")
def overheard(tmp_path_factory):
    """A market, all that was heard of it, and what of that in each period in which one was cleared and one settled."""
    path = tmp_path_factory.mktemp("heard")
    with Hosts(METERS_HOST + 1) as hosts:
        region = Region(Play(path, "heard", 1e9), path / "market", hosts, settlement=SETTLEMENT)
        with LiveMarket(region.community, hosts) as market:
            with listening(hosts) as heard:
                market.start()
                market.until_ready()
                with hosts.inside(METERS_HOST):
                    parts = asyncio.run(periods(region, market, heard))
            market.stop()
        yield region, heard, parts


async def periods(region: Region, market: LiveMarket, heard: Heard) -> list[tuple[int, int]]:
    """All `PERIODS`, each with connections of its own: from which frame to which it was heard."""
    clock, parts = SteeredClock(market.clock_file), []
    async with Meters(region.community, clock) as meters:
        rhythm = meters.market.rhythm
        start = rhythm.next_gate(clock.now_ms()) + PERIOD_SECONDS
        clock.move_to(rhythm.opens(start))
        await meters.until(start, "collecting")
        clock.move_to(rhythm.gate(start))  # nobody orders anything
        await meters.until(start, "result")
        for orders, readings in PERIODS:
            start += PERIOD_SECONDS
            await meters.until(start, "collecting")
            begin = len(heard.frames)
            async with Meters(region.community, clock) as others:
                await cleared(others, start, [Wish(*order) for order in orders])
                await settled(others, region, start - PERIOD_SECONDS, [Reading(*each) for each in readings])
                await others.until(start + PERIOD_SECONDS, "collecting")
            parts.append((begin, len(heard.frames)))
    return parts


async def cleared(meters: Meters, start: int, wishes: list[Wish]) -> None:
    """The round of a period, from its orders to its results."""
    await meters.submit(start, wishes)
    meters.clock.move_to(meters.market.rhythm.gate(start))
    await meters.until(start, "result")
    await meters.collect(start)


async def settled(meters: Meters, region: Region, start: int, readings: list[Reading]) -> None:
    """A period settled: readings, and the totals that its supplier fetches."""
    stage = meters.market.at(Stage.SETTLEMENT)
    async with Api(stage.id, pinned(stage.running, meters.clock.now_ms() // 1000)) as api:
        meters.clock.move_to(stage.running.calendar.end_ms(start))
        await until(api, start, "collecting")
        rounds = Rounds(api, stage, meters.clock)
        sent = await asyncio.gather(
            *(send_reading(meter, rounds, start, each) for meter, each in zip(meters.meters, readings, strict=True))
        )
        assert all(each.accepted for each in sent)
        await until(api, start, "result")
        await fetch(api, stage.running, supplier_of(region), Content.TOTALS, start)


def supplier_of(region: Region) -> SupplierHome:
    problems = Problems()
    home = read_supplier_home(region.community.directory / "supplier", problems)
    problems.check()
    assert home is not None
    return home


def needles(region: Region) -> dict[str, bytes]:
    """What must not be heard, by what it is."""
    community = region.community
    found = {f"the name of {home.meter}": home.meter.encode() for home in community.meters}
    found |= {f"the identity key of {home.meter}": home.identity.public for home in community.meters}
    for number, party in enumerate(community.running.parties):
        found[f"the name of party {number}"] = party.name.encode()
        for keys in party.keys:
            assert keys.certificate is not None
            found[f"the signing key of party {number}"] = keys.signing_key
            found[f"the certificate of party {number}"] = ssl.PEM_cert_to_DER_cert(keys.certificate)[-40:]
        with closing(sqlite3.connect(community.party_home(number) / "ledger.db")) as ledger:
            for table in ("submissions", "results"):
                for place, (words,) in enumerate(ledger.execute(f"SELECT words FROM {table}")):
                    found |= {
                        f"share {place}.{at} of {table} at party {number}": words[at : at + 8]
                        for at in range(0, len(words), 8)
                    }
    for home in community.meters:
        for what, store in (("order", home.store), ("reading", home.path / STORE)):
            for start in starts_of(region):
                sent = Store(store, home.meter).latest(start - (PERIOD_SECONDS if what == "reading" else 0))
                assert sent is not None
                found[f"the header of an {what} of {home.meter}, {start}"] = sent.submission.header.encode()[:64]
    return {what: needle for what, needle in found.items() if len(needle) >= 6}


def noticed(heard: Heard, wanted: dict[str, bytes]) -> set[str]:
    """Which of them was heard: in streams put together, or in any single frame of whatever kind."""
    everything = b"".join([*heard.frames, *heard.streams().values()])
    # Thousands of needles are looked for by their first eight bytes all at once, at each of the eight alignments.
    heads = {what: needle[:8] for what, needle in wanted.items() if len(needle) >= 8}
    sought = np.array([int.from_bytes(head, "little") for head in heads.values()], dtype="<u8")
    likely_ends = np.zeros(2**16, dtype=bool)
    likely_ends[sought & 0xFFFF] = True
    found = set()
    for shift in range(8):
        words = np.frombuffer(everything[shift : len(everything) - (len(everything) - shift) % 8], dtype="<u8")
        words = words[likely_ends[words.view("<u2")[::4]]]
        found |= {int(word).to_bytes(8, "little") for word in np.unique(words[np.isin(words, sought)])}
    likely = {what for what in wanted if what not in heads or heads[what] in found}
    return {what for what in likely if wanted[what] in everything}


def test_no_share_and_no_identity_is_heard(overheard):
    region, heard, _ = overheard
    wanted = needles(region)
    assert len(wanted) > 1000
    assert len(heard.frames) > 1000
    assert noticed(heard, wanted) == set()


def test_what_is_said_in_the_clear_is_noticed(overheard):
    """The listener is no deaf one: the same needles in a frame, and in a stream cut into segments."""
    region, heard, parts = overheard
    wanted, part = needles(region), heard.part(*parts[0])
    what, needle = next(iter(wanted.items()))
    frame = next(each for each in part.frames if needle not in each and len(each) > 100)
    assert noticed(Heard([*part.frames, frame[:60] + needle]), wanted) == {what}


def test_everything_between_hosts_is_tls_1_3(overheard):
    _, heard, _ = overheard
    ports = set()
    for flow, stream in heard.streams().items():
        found = records(stream)
        ports |= {flow.source_port, flow.target_port}
        if flow.source_port in (API, CONTROL, *MPC):
            assert _TLS_1_3 in found[0][1], flow
    for frame in heard.frames:  # and nothing but TCP, and the question who has which address
        assert frame[12:14] == b"\x08\x06" or (frame[12:14] == b"\x08\x00" and frame[23] == 6)
    assert {API, CONTROL} < ports
    assert ports & set(MPC)


# --- how much is said -------------------------------------------------------------------------------------


def said_by_workers(heard: Heard) -> dict[tuple[str, str], Counter[int]]:
    """By direction: the bytes that one worker has sent to another over each data connection. Heartbeats go beside."""
    found: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for flow, stream in heard.streams().items():
        sizes = payload_sizes(stream)
        if (flow.source_port in MPC or flow.target_port in MPC) and sum(sizes) > 1000:
            found[flow.source, flow.target][sum(sizes)] += 1
    return found


def test_what_workers_say_does_not_depend_on_orders_and_readings(overheard):
    _, heard, parts = overheard
    workers = [said_by_workers(heard.part(*part)) for part in parts]
    assert len(workers[0]) == PARTIES * (PARTIES - 1)
    assert max(sum(sizes.values()) for sizes in workers[0].values()) == 2  # a clearing and a settlement
    assert workers[0] == workers[1] == workers[2]


def test_what_meters_and_parties_say_does_not_depend_on_orders_and_readings(overheard):
    """Orders, readings and claims, and what is answered to them: receipts, results, totals; heads and bodies.

    What some had to send another way, since a party did not answer in time, is left out: it depends on the machine.
    """
    _, heard, parts = overheard
    said = exchanges(heard, API)
    found = []
    for begin, end in parts:
        sizes = Counter((each.asked, each.answered) for each in said if begin <= each.frame < end)
        found.append({size for size, number in sizes.items() if sum(size[0]) > 300 and number >= PARTIES})
    assert len(found[0]) == 4  # orders, readings; claims of results, and of the supplier's totals
    assert found[0] == found[1] == found[2]


def messages(region: Region, start: int, stage: Stage) -> dict[str, set[int]]:
    """The lengths of the messages of one round that all parties have stored, by kind. Of how far a party is done with
    an attempt: without the price in it, which is public.
    """
    found: defaultdict[str, set[int]] = defaultdict(set)
    for party in range(PARTIES):
        with closing(sqlite3.connect(region.community.party_home(party) / "ledger.db")) as ledger:
            key = (stage.of(region.community.running.id), start)
            for kind, data in ledger.execute("SELECT kind, data FROM messages WHERE market = ? AND start = ?", key):
                done = Progress.decode(data).done if kind.startswith("attempt-done") else None
                found[kind.partition("/")[0]].add(len(data) - (0 if done is None else len(str(done.price_word))))
    return found


def test_what_parties_store_to_tell_each_other_does_not_depend_on_orders_and_readings(overheard):
    region, _, _ = overheard
    for stage, before in ((Stage.CLEARING, 0), (Stage.SETTLEMENT, 1)):
        rounds = [messages(region, start - before * PERIOD_SECONDS, stage) for start in starts_of(region)]
        told = [{kind: each[kind] for kind in (*KINDS, "attempt-done")} for each in rounds]
        assert all(len(told[0][kind]) == 1 for kind in KINDS)
        assert told[0] == told[1] == told[2]


def starts_of(region: Region) -> list[int]:
    """The periods that were cleared."""
    store = Store(region.community.meters[0].store, region.community.meters[0].meter)
    starts = sorted(entry.start for entry in store.history(10))
    assert len(starts) == len(PERIODS)
    return starts


def test_what_is_heard_between_parties_is_what_they_store(overheard):
    """On the control port: requests that name a round and a kind of message, nothing more; messages of the lengths that
    they store; how far they are with attempts. (How often, and what is not there yet, depends on the machine.)
    """
    region, heard, parts = overheard
    answered = [each for each in exchanges(heard, CONTROL) if len(each.asked) == 1 and each.answered[0] in _HEAD]
    said = [each for each in answered if len(each.answered) > 1]  # without a body it says: never
    greeting = min(each.asked[0] for each in said)
    for (begin, end), start in zip(parts, starts_of(region), strict=True):
        found = {
            (*each.asked, each.answered) for each in said if begin <= each.frame < end and each.asked[0] > greeting
        }
        told, steps = set(), set()
        for stage, period in ((Stage.CLEARING, start), (Stage.SETTLEMENT, start - PERIOD_SECONDS)):
            where = f"markets/{stage.of(region.community.running.id)}/rounds/{period}/?wait=20.000"
            asked, stored = greeting - len("greeting") + len(where), messages(region, period, stage)
            told |= {(asked + len(kind), answer(*stored[kind])) for kind in KINDS if kind is not Kind.REVEALED_SHARES}
            done = {size + digits for size in stored["attempt-done"] for digits in range(1, 6)}
            sizes = {len(each.encode()) for each in ATTEMPT} | done
            steps |= {(asked + len("attempt&known=") + tag, answer(size)) for tag in (0, 16) for size in sizes}
            # asked for only where a part is not revealed at once
            steps.add((asked + len(Kind.REVEALED_SHARES), answer(*stored[Kind.REVEALED_SHARES])))
        assert told <= found
        assert found <= told | steps


def answer(size: int) -> tuple[int, int]:
    """The sizes of an answer that brings so many bytes: of its head, and of them."""
    return _HEAD[0] + len(str(size)), size
