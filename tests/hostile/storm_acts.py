"""What is done in a storm (`storm`): each act is done to one party, and says what is wrong with the answer, or ""."""

import json
from dataclasses import replace
from random import Random

from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Seal
from parties.net.hello import Claim, Kind
from parties.net.link import HEADER
from parties.service.problems import MEDIA_TYPE
from tests.hostile.spoiling import PICKLES, TROUBLE
from tests.hostile.storm import BYTES, CANARY, Act, Ask, Storm, said

SEGMENTS = (
    "..", "%2e%2e", "%00", "%ff", "x" * 4_000, "-1", "1e9", "18446744073709551616", "nan", "None", "null", "é", "٣",
    "%F0%9F%8E%88", "'; DROP TABLE rounds; --", "{start}", "0", "1", " ", "%0d%0aset-cookie:%20a=b", CANARY,
    "<script>", "__proto__",
)  # fmt: skip
VALUES = ("-1", "1e400", "nan", "inf", "-0", "", "9" * 400, "true", "[]", "٣", CANARY, "%00", "0x10", "1_0", "31")


async def odd_address(storm: Storm, party: int) -> str:
    rng = storm.rng
    parts = ["markets", storm.running.id, "periods", "0", rng.choice(["orders", "results", "receipts", "record"])]
    for _ in range(rng.randrange(1, 3)):
        parts[rng.randrange(len(parts))] = rng.choice(SEGMENTS)
    method = rng.choice(["GET", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
    # The client itself takes ".." out of an address: what is left may be one that is served.
    return await storm.ask(party, Ask(method, "/" + "/".join(parts), served=".." in parts))


async def odd_parameter(storm: Storm, party: int) -> str:
    rng, market = storm.rng, f"/markets/{storm.running.id}"
    path, name, least = rng.choice(
        [("/records", "limit", ""), ("/prices", "after", ""), ("/records", "after", ""), ("/periods/0", "wait", "")]
    )
    return await storm.ask(party, Ask("GET", f"{market}{path}?{name}={rng.choice(VALUES)}{least}", served=True))


def no_submission(storm: Storm) -> bytes:
    rng = storm.rng
    match rng.randrange(4):
        case 0:
            return rng.choice(TROUBLE)
        case 1:
            return rng.choice(PICKLES)
        case 2:
            return rng.randbytes(rng.randrange(2_000))
        case _:
            return json.dumps({"order": CANARY, "price": [1] * rng.randrange(50)}).encode()


def _orders(storm: Storm) -> str:
    terms = storm.terms()
    return f"/markets/{storm.running.id}/periods/{terms.period.start if terms else 0}/orders"


async def odd_body(storm: Storm, party: int) -> str:
    kinds = ["application/octet-stream"] * 4 + ["application/json", "", "multipart/form-data", "x" * 99]
    headers = {"content-type": storm.rng.choice(kinds)}
    return await storm.ask(party, Ask("POST", _orders(storm), headers, no_submission(storm)))


async def spoilt_submission(storm: Storm, party: int) -> str:
    terms = storm.terms()
    if terms is None:
        return ""
    body = flipped(storm.rng, storm.submission(terms).only_for(party).encode())
    return await storm.ask(party, Ask("POST", _orders(storm), BYTES, body))


def flipped(rng: Random, valid: bytes) -> bytes:
    """Some bits of it, or its end cut off too."""
    data = bytearray(valid)
    for bit in rng.sample(range(8 * len(data)), rng.randrange(1, 4)):
        data[bit // 8] ^= 1 << bit % 8
    return bytes(data if rng.randrange(2) else data[: rng.randrange(len(data))])


async def oversized(storm: Storm, party: int) -> str:
    size = storm.rng.choice([20_000, 100_000, 1_000_000])
    return await storm.ask(party, Ask("POST", _orders(storm), BYTES, bytes(size)))


async def forged(storm: Storm, party: int) -> str:
    """Bad signatures, unknown meters, stale challenges, other rounds, other parties' seals."""
    terms = storm.terms()
    if terms is None:
        return ""
    rng, sub = storm.rng, storm.submission(terms)
    other = SigningKey.generate()
    spoilt = rng.choice(
        [
            lambda: storm.submission(terms, other),
            lambda: storm.submission(terms, meter="meter-1", key=other),
            lambda: storm.submission(terms, meter=CANARY),
            lambda: storm.submission(replace(terms, challenge=rng.randbytes(32))),
            lambda: storm.submission(storm.old_terms() or replace(terms, challenge=bytes(32))),
            lambda: storm.submission(replace(terms, sealing_keys=(SealingKey.generate().public,) * terms.parties)),
            lambda: replace(sub, signature=rng.randbytes(64)),
            lambda: sub.only_for((party + 1) % terms.parties),
            lambda: replace(sub, seals=(Seal(party, rng.randbytes(200)),)),
        ]
    )()
    return await storm.ask(party, Ask("POST", _orders(storm), BYTES, spoilt.encode()))


async def replayed(storm: Storm, party: int) -> str:
    """The very same valid submission over and over: one receipt, or a quota that is used up; later it is stale."""
    terms = storm.terms()
    if terms is None:
        return ""
    key = Stage.CLEARING, terms.period.start
    body = storm.replayed.get(key) or storm.replayed.setdefault(key, storm.submission(terms).encode())
    return await storm.ask(party, Ask("POST", _orders(storm), BYTES, body, served=True))


async def odd_claim(storm: Storm, party: int) -> str:
    """Results and receipts of others, with claims that are none, or for something else."""
    terms, rng = storm.terms(), storm.rng
    if terms is None:
        return ""
    start, others = terms.period.start, rng.choice(["meter-1", "meter-2", CANARY])
    claim = rng.choice(
        [
            make_claim(terms, party, Claimant.METER, others, SigningKey.generate()),
            make_claim(terms, party, Claimant.METER, storm.entry.meter, storm.rogue.identity),
            make_claim(terms, (party + 1) % terms.parties, Claimant.METER, others, storm.rogue.identity),
            make_claim(terms, party, Claimant.SUPPLIER, others, storm.rogue.identity),
            rng.randbytes(100),
            rng.choice(PICKLES),
        ]
    ).hex()
    header = rng.choice(
        [f"Claim {claim}", f"Claim {claim}", f"Bearer {CANARY}", f"Claim {CANARY}", "Claim", claim[:99]]
    )
    path = rng.choice([f"results/{others}", f"receipts/{others}?number=1", f"totals/{others}", "totals/supplier"])
    return await storm.ask(
        party, Ask("GET", f"/markets/{storm.running.id}/periods/{start}/{path}", {"authorization": header})
    )


_CHUNKED = b"POST /v1/markets HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
RAW = (
    b"\x16\x03\x01" + bytes(300), b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 500,
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET /v1/markets HTTP/1.1\r\n" + b"a: b\r\n" * 60_000 + b"\r\n",
    b"GET /" + b"x" * 400_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nx: " + b"y" * 400_000,
    b"POST /v1/markets HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
    b"POST /v1/markets HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    _CHUNKED + b"fffffffffffffffff\r\n", _CHUNKED + b"zz\r\n", _CHUNKED + b"0\r\n" + b"t: u\r\n" * 60_000,
    b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"GET http://[::1 HTTP/1.1\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    b"GET /v1/x HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n", *PICKLES[:3],
)  # fmt: skip


async def raw_http(storm: Storm, party: int) -> str:
    """What no HTTP client sends: refused below the application, or closed."""
    data = storm.rng.choice(RAW)
    host, _, port = storm.running.parties[party].api.removeprefix("https://").rpartition(":")
    heard = await said(host, int(port), data, storm.tls(party))
    if not heard:
        return ""
    head, _, body = heard.partition(b"\r\n\r\n")
    fine = head.startswith(b"HTTP/1.1 4") and MEDIA_TYPE.encode() in head and body.startswith(b'{"type":')
    return "" if fine else f"{data[:40]!r} is answered with {heard[:100]!r}"


async def control_port(storm: Storm, party: int) -> str:
    """At the control port, without a certificate, or with the party's own: nobody gets an answer."""
    rng = storm.rng
    tls = rng.choice([storm.tls(party), storm.tls(party, party), None])
    data = rng.choice([b"GET /control/v1/greeting HTTP/1.1\r\nhost: x\r\n\r\n", *TROUBLE[:4], *PICKLES])
    heard = await said(*storm.running.parties[party].control, data, tls)
    return f"answered with {heard[:60]!r}" if heard and not heard.startswith(b"\x15\x03") else ""


async def turned_peer(storm: Storm, party: int) -> str:
    """At the control port with another party's certificate: it gets in, and no further than a party."""
    rng = storm.rng
    thief = (party + 1) % len(storm.homes)
    terms = storm.terms()
    start = terms.period.start if terms else 0
    market = f"markets/{rng.choice([storm.running.id, storm.running.id, CANARY])}"
    kinds = ["held", "gossip", "parts", "secret", "..", "part", CANARY, "held/of/1", "opening/of/300", "outcome/of/x"]
    get = f"{market}/rounds/{rng.choice([start, start + 1, -1, '1e9'])}/{rng.choice(kinds)}?wait={rng.choice(VALUES)}"
    post = f"{market}/rounds/{start}/orders"
    head = rng.choice(
        [
            f"GET /control/v1/{get} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            f"GET /control/v1/{market}/rolls/{rng.choice(VALUES[:9])} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        ]
    ).encode("utf-8", "replace")
    if rng.randrange(2):
        body = rng.choice([*TROUBLE[:5], *PICKLES])
        head = f"POST /control/v1/{post} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n".encode()
        head += b"connection: close\r\ncontent-type: application/octet-stream\r\n\r\n" + body
    heard = await said(*storm.running.parties[party].control, head, storm.tls(party, thief))
    if not heard:
        return ""
    fine = heard.startswith((b"HTTP/1.1 4", b"HTTP/1.1 204", b"HTTP/1.1 200")) and CANARY.encode() not in heard
    return "" if fine else f"{head[:60]!r} is answered with {heard[:100]!r}"


async def mpc_port(storm: Storm, party: int) -> str:
    """At every MPC port of a party: garbage, truncated and forged hellos, frames, pickles; with and without TLS."""
    rng, member = storm.rng, storm.running.parties[party]
    thief = rng.choice([None, party, (party + 1) % len(storm.homes)])
    tls = None if rng.randrange(3) == 0 else storm.tls(party, thief)
    hello = Claim(rng.choice(list(Kind)), rng.randrange(256), party).hello(rng.randbytes(32))
    frame = HEADER.pack(rng.randrange(-(2**63), 2**63), rng.randrange(2**32))
    data = rng.choice([hello, hello[: rng.randrange(len(hello))], hello + frame, frame, rng.randbytes(5_000), *PICKLES])
    for port in rng.sample(range(member.mpc_ports[0], member.mpc_ports[0] + 4), 2):
        heard = await said(member.mpc_host, port, data, tls)
        if heard and not heard.startswith(b"\x15\x03"):
            return f"port {port} answers {heard[:60]!r}"
    return ""


ACTS: dict[str, tuple[int, Act]] = {
    "odd address": (12, odd_address),
    "odd parameter": (10, odd_parameter),
    "odd body": (12, odd_body),
    "spoilt submission": (12, spoilt_submission),
    "oversized body": (3, oversized),
    "forged submission": (15, forged),
    "replayed submission": (8, replayed),
    "odd claim": (10, odd_claim),
    "raw": (4, raw_http),
    "control port": (3, control_port),
    "control port, a party's certificate": (5, turned_peer),
    "MPC port": (6, mpc_port),
}
"""By name: how often, relative to the others, and what."""
