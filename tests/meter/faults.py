"""What parties do wrong, for `Parties.faults`: functions of the request and of what would be the right answer."""

import json

import httpx

from mpc_market.wire.codec import Writer
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.message import read_signed, sign
from mpc_market.wire.sealing import seal
from tests.meter.small_market import START, SmallMarket
from tests.meter.standin import problem


def down(request, answer):
    raise httpx.ConnectTimeout("no answer")


def unreachable_for(times: int):
    """A party that fails this many times, each time in another way."""
    left = [times]
    ways = [lambda: (500, "text/html", b"<h1>oops"), lambda: problem("overloaded", 503), lambda: (200, "x", b"garbage")]

    def fault(request, answer):
        left[0] -= 1
        if left[0] < 0:
            return answer()
        if left[0] % 4 == 3:
            raise httpx.ConnectError("connection refused")
        return ways[left[0] % 4]()

    return fault


def changed(key: str, change):
    """A party that changes one list of the period document."""

    def fault(request, answer):
        status, media, body = answer()
        if status == 200 and media == "application/json" and b'"openings"' in body and request.path.count("/") == 5:
            table = json.loads(body)
            table[key] = change(table[key])
            body = json.dumps(table).encode()
        return status, media, body

    return fault


def with_result(party: int, small: SmallMarket, change):
    """Party `party` delivers something else to meter b."""

    def fault(request, answer):
        if "/results/" not in request.path:
            return answer()
        return change()

    small.parties.faults[party] = fault


def lying(small: SmallMarket, party: int, words: tuple[int, ...]):
    """Party `party` seals other words than its share, signed all the same."""

    parties = small.parties
    honest = read_signed(Delivery, parties.rounds[START].deliveries[party]["b"], parties.committee).message
    writer = honest.period.write(Writer().version()).text("b").u64(honest.number).u32(honest.attempt).u8(party)
    box = seal(parties.roll["b"].sealing_key, writer.u16(len(words)).words(words).data())
    made = Delivery(
        honest.period, party, "b", honest.number, honest.attempt, honest.verdict, honest.count, honest.index,
        honest.paths, box,
    )  # fmt: skip
    return 200, "application/octet-stream", sign(made, parties.keys[party]).encode()
