"""Whoever listens on every line between the hosts, during rounds of different orders by the same meters (T3).

Heard is TLS 1.3 and nothing else: no share, no order, no name or key of a meter or a party. What meters send, and what
workers send to each other, has the same sizes whatever was ordered, trading or not. (Not compared: how often somebody
asks again whether there is something new, and public documents, which grow as a round goes on.)
"""

import asyncio
import random
import sqlite3
import ssl
from collections import Counter, defaultdict
from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest

from mpc_market.rules.model import Side
from parties.meter.forecast import Wish
from parties.meter.store import Store
from soak.eavesdropping import Flow, Heard, listening, payload_sizes, records
from soak.hosts import Hosts, why_not
from soak.live import LiveMarket
from soak.part import Play
from soak.parts.lines import METERS_HOST, PARTIES, PERIOD_SECONDS, Region
from soak.steered import Meters, SteeredClock, draw

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

API, CONTROL, MPC = 8443, 8444, range(8450, 8490)
_TLS_1_3 = bytes.fromhex("002b00020304")
"""The extension of a server's hello that chooses it."""


@pytest.fixture(scope="module")
def overheard(tmp_path_factory):
    """A market, and what was heard from the start of its parties to the end of each of three rounds."""
    path = tmp_path_factory.mktemp("heard")
    with Hosts(METERS_HOST + 1) as hosts:
        region = Region(Play(path, "heard", 1e9), path / "market", hosts)
        heard = []
        with LiveMarket(region.community, hosts) as market:
            with listening(hosts) as beginning:
                market.start()
                market.until_ready()
            with hosts.inside(METERS_HOST):
                asyncio.run(rounds(region, market, hosts, heard))
            market.stop()
        yield region, [beginning, *heard]


async def rounds(region: Region, market: LiveMarket, hosts: Hosts, heard: list[Heard]) -> None:
    """Two rounds in which they trade, one in which nobody does. Each time with connections of its own."""
    clock = SteeredClock(market.clock_file)
    homes, source = region.community.meters, random.Random(1)
    idle = [Wish(Side.BUY, 0, 0) for _ in homes]
    start = None
    for wishes in (draw(source, homes), [Wish(each, 800, 500) for each in 2 * list(Side)], idle):
        async with Meters(region.community, clock) as meters:
            start = (start or meters.market.rhythm.next_gate(clock.now_ms())) + PERIOD_SECONDS
            clock.move_to(meters.market.rhythm.opens(start))
            await meters.until(start, "collecting")
            with listening(hosts) as heard_now:
                await meters.submit(start, wishes)
                clock.move_to(meters.market.rhythm.gate(start))
                await meters.until(start, "result")
                await meters.collect(start)
            heard.append(heard_now)


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
        for entry in Store(home.store, home.meter).history(10):
            sent = Store(home.store, home.meter).latest(entry.start)
            assert sent is not None
            found[f"the header of {home.meter}"] = sent.submission.header.encode()[:64]
    return {what: needle for what, needle in found.items() if len(needle) >= 6}


def noticed(heard: Heard, wanted: dict[str, bytes]) -> set[str]:
    """Which of them was heard: in streams put together, or in any single frame of whatever kind."""
    everything = b"".join([*heard.frames, *heard.streams().values()])
    # Thousands of needles are looked for by their first eight bytes all at once, at each of the eight alignments.
    heads = {what: needle[:8] for what, needle in wanted.items() if len(needle) >= 8}
    sought = np.array([int.from_bytes(head, "little") for head in heads.values()], dtype="<u8")
    found = set()
    for shift in range(8):
        words = np.frombuffer(everything[shift : len(everything) - (len(everything) - shift) % 8], dtype="<u8")
        found |= {int(word).to_bytes(8, "little") for word in np.unique(words[np.isin(words, sought)])}
    likely = {what for what in wanted if what not in heads or heads[what] in found}
    return {what for what in likely if wanted[what] in everything}


def test_no_share_and_no_identity_is_heard(overheard):
    region, heard = overheard
    wanted = needles(region)
    assert len(wanted) > 1000
    for each in heard:
        assert len(each.frames) > 100
        assert noticed(each, wanted) == set()


def test_what_is_said_in_the_clear_is_noticed(overheard):
    """The listener is no deaf one: the same needles in a frame, and in a stream cut into segments."""
    region, heard = overheard
    wanted = needles(region)
    what, needle = next(iter(wanted.items()))
    frame = next(each for each in heard[1].frames if needle not in each and len(each) > 100)
    assert noticed(Heard([*heard[1].frames, frame[:60] + needle]), wanted) == {what}


def test_everything_between_hosts_is_tls_1_3(overheard):
    _, heard = overheard
    ports = set()
    for each in heard:
        for flow, stream in each.streams().items():
            found = records(stream)
            ports |= {flow.source_port, flow.target_port}
            if flow.source_port in (API, CONTROL, *MPC):
                assert _TLS_1_3 in found[0][1], flow
        for frame in each.frames:  # and nothing but TCP, and the question who has which address
            assert frame[12:14] == b"\x08\x06" or (frame[12:14] == b"\x08\x00" and frame[23] == 6)
    assert {API, CONTROL} < ports
    assert ports & set(MPC)


def said_by_workers(heard: Heard) -> dict[tuple[str, str], Counter[int]]:
    """By direction: the bytes that one worker has sent to another over each data connection. Heartbeats go beside."""
    found: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for flow, stream in heard.streams().items():
        sizes = payload_sizes(stream)
        if (flow.source_port in MPC or flow.target_port in MPC) and sum(sizes) > 1000:
            found[flow.source, flow.target][sum(sizes)] += 1
    return found


def sent_by_meters(heard: Heard) -> set[int]:
    """The sizes of the larger records that meters send to parties: orders with their seals, and claims of results; and
    of the heads that come before an order.

    What some had to send another way, since a party did not answer in time, is left out: it depends on the machine.
    """
    flows: dict[Flow, bytes] = {flow: data for flow, data in heard.streams().items() if flow.target_port == API}
    said = [payload_sizes(stream) for stream in flows.values()]
    sizes = Counter(size for each in said for size in each if size > 300)
    heads = Counter(head for each in said for head, body in pairwise(each) if body == max(sizes))
    return {size for size, number in (sizes + heads).items() if number > PARTIES}


def test_sizes_do_not_depend_on_orders(overheard):
    _, (_, *heard) = overheard
    workers = [said_by_workers(each) for each in heard]
    assert len(workers[0]) == PARTIES * (PARTIES - 1)
    assert workers[0] == workers[1] == workers[2]
    meters = [sent_by_meters(each) for each in heard]
    assert meters[0] == meters[1] == meters[2] != set()
