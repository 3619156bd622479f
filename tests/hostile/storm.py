"""A seeded storm of hostile requests against a market that really runs: processes, TLS, all ports of all parties.

Who sends them: strangers; an enrolled meter that has turned; and, at the control and MPC ports, whoever has got hold of
a party's certificate. `check` says of every answer what is wrong with it. What may be answered is a refusal: a problem
document (RFC 9457) with a type of its own that repeats nothing of the request, or a closed connection.
"""

import asyncio
import contextlib
import math
import random
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from mpc_market.rules.model import Order, Side
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.layout import Reading, filled
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.roll import RollEntry
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission, make, make_reading
from parties.files.running import RunningMarket
from parties.launch.community import REGION, SUPPLIER
from parties.meter.home import Home
from parties.service.problems import MEDIA_TYPE, Problem
from parties.tls import Identity, client_context

TYPES = {each.urn: each for each in Problem}
CANARY = "c4nary"
"""Stands in many requests, and must stand in no answer."""

BYTES = {"content-type": "application/octet-stream"}
ANSWER_SECONDS = 40.0
QUOTA = 64
"""At most this many submissions of one meter may be looked at in one round."""

_ROUNDS_TRIED = 5


@dataclass(frozen=True)
class Ask:
    """A request. `served`: it may also be answered with 200, since it is not wrong enough."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    served: bool = False


def check(answer: httpx.Response, served: bool = False) -> str:
    """What is wrong with an answer to a hostile request; "" if nothing is."""
    if served and answer.status_code in (200, 204):
        return "" if CANARY not in answer.text else "it repeats the request"
    if answer.headers.get("content-type") != MEDIA_TYPE:
        return f"status {answer.status_code} without a problem document"
    document = answer.json()
    problem = TYPES.get(document.get("type"))
    if problem is None or problem.status != answer.status_code or document.get("status") != answer.status_code:
        return f"no problem of its own: {document}"
    if problem is Problem.INTERNAL or answer.status_code == 500:
        return "a fault of the party"
    return "it repeats the request" if CANARY in answer.text else ""


Act = Callable[["Storm", int], Awaitable[str]]


@dataclass
class Storm:
    """`rogue`: the home of an enrolled meter; `entry`: its line in the roll; `homes`: of the parties, for their keys.

    `acts`: what is done, each with its weight; each says what was wrong with the answer.

    `found`: everything that was wrong. `counts`: by what was sent and, for refusals, by what they said.
    """

    running: RunningMarket
    rogue: Home
    entry: RollEntry
    homes: list[Path]
    rng: random.Random
    acts: Mapping[str, tuple[int, Act]]
    found: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    replayed: dict[tuple[Stage, int], bytes] = field(default_factory=dict)
    _terms: dict[Stage, dict[int, Terms]] = field(default_factory=lambda: {stage: {} for stage in Stage})
    _contexts: dict[tuple[int, int | None], ssl.SSLContext] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        return self.counts.total()

    async def __aenter__(self) -> "Storm":
        self._clients = [
            httpx.AsyncClient(
                base_url=f"{party.api}/v1",
                verify=client_context([party.keys[-1].certificate or ""]),
                trust_env=False,
                timeout=ANSWER_SECONDS,
            )
            for party in self.running.parties
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()

    async def blow(
        self, number: int, going_on: Callable[[], bool] = lambda: False, pause: float = 0.0, until: float = math.inf
    ) -> None:
        """Send this many requests, or until that moment (monotonic), and on while `going_on`: eight at a time, and some
        slow ones beside them.
        """
        slow = [asyncio.create_task(self._slow(party)) for party in range(len(self._clients)) for _ in range(3)]

        async def send() -> None:
            while (self.sent < number and time.monotonic() < until) or going_on():
                await self.one()
                await asyncio.sleep(pause)

        await asyncio.gather(*(send() for _ in range(8)))
        await asyncio.gather(*slow)
        await self._too_often()
        await self._of_others()

    async def one(self) -> None:
        """One hostile act, at a party that is drawn, in a way that is drawn."""
        party = self.rng.randrange(len(self._clients))
        name = self.rng.choices(list(self.acts), [weight for weight, _ in self.acts.values()])[0]
        self.counts[name] += 1
        wrong = await self.acts[name][1](self, party)
        if wrong:
            self.found.append(f"party {party}, {name}: {wrong}")

    # --- what is known of the rounds

    async def learn(self) -> None:
        """The terms of the rounds that are open, in every stage, and of earlier ones."""
        for stage, known in self._terms.items():
            market = f"/markets/{stage.of(self.running.id)}"
            for start in (await self._clients[0].get(market)).json()["rounds"]:
                if start in known:
                    continue
                document = (await self._clients[0].get(f"{market}/periods/{start}")).json()
                period, committee = Period(stage.of(self.running.id), start), self.running.committee(start).at(stage)
                with contextlib.suppress(WireError, KeyError):
                    openings = [
                        read_signed(Opening, bytes.fromhex(each), committee, period).message
                        for each in document["openings"]
                    ]
                    known[start] = terms_of({each.party: each for each in openings}, len(self.running.parties))

    def terms(self, stage: Stage = Stage.CLEARING) -> Terms | None:
        known = self._terms[stage]
        return known[max(known)] if known else None

    def old_terms(self, stage: Stage = Stage.CLEARING) -> Terms | None:
        """Of the earliest period whose clearing is known, if there are later ones."""
        known = self._terms[Stage.CLEARING]
        return self._terms[stage].get(min(known)) if len(known) > 1 else None

    def submission(self, terms: Terms, key: SigningKey | None = None, meter: str | None = None) -> Submission:
        """A submission of the rogue's, of an order that trades nothing."""
        entry = self.entry if meter is None else replace(self.entry, meter=meter)
        book = filled(
            entry.meter, [Order(f"{entry.meter}/0", Side.BUY, 1, 0)], self.running.settings.orders_per_submission
        )
        number = self.rng.randrange(1, 2**40)
        return make(terms, entry, number, book, self.running.settings.rules, key or self.rogue.identity)

    def reading(self, terms: Terms, key: SigningKey | None = None, meter: str | None = None) -> Submission:
        """A reading of the rogue's, of nothing."""
        entry = self.entry if meter is None else replace(self.entry, meter=meter)
        number = self.rng.randrange(1, 2**40)
        return make_reading(
            terms, entry, number, Reading(0, 0), self.running.settings.rules, key or self.rogue.identity
        )

    async def ask(self, party: int, ask: Ask) -> str:
        """Send it; what is wrong with the answer."""
        try:
            answer = await self._clients[party].request(ask.method, ask.path, headers=ask.headers, content=ask.content)
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError):
            return ""  # not even this client sends it; `raw_http` does
        except httpx.TransportError as error:
            # a body that is cut off is answered, but the client may not get to read it
            return "" if ask.content is not None and len(ask.content) > 60_000 else f"no answer: {error!r}"
        wrong = check(answer, ask.served)
        self.refusals[answer.json()["type"].rpartition(":")[2] if not wrong and answer.status_code >= 400 else "-"] += 1
        return f"{wrong}: {ask.method} {ask.path[:80]} {(ask.content or b'')[:40]!r}" if wrong else ""

    # --- after the storm: what there was no time for in it

    @property
    def other(self) -> str:
        """An honest meter."""
        return f"meter-{'1'.zfill(len(self.rogue.meter) - len('meter-'))}"

    async def _of_others(self) -> None:
        """What is somebody else's, of every round at every party, claimed with a signature that is not its own."""
        await self.learn()
        for stage, known in self._terms.items():
            for start, terms in list(known.items()):
                for party in range(terms.parties):
                    for kind, name, what in not_ones_own(stage, self.other, self.rogue.meter):
                        claim = make_claim(terms, party, kind, name, self.rogue.identity).hex()
                        path = f"/markets/{terms.period.market}/periods/{start}/{what}"
                        if wrong := await self.ask(party, Ask("GET", path, {"authorization": f"Claim {claim}"})):
                            self.found.append(f"party {party}, of others: {wrong}")

    async def _too_often(self) -> None:
        """The same valid submission until the quota is used up; if the round closes meanwhile, in the next one."""
        for _ in range(_ROUNDS_TRIED):
            await self.learn()
            if (terms := self.terms()) is None:
                continue
            body, path = (
                self.submission(terms).encode(),
                f"/markets/{self.running.id}/periods/{terms.period.start}/orders",
            )
            before = self.refusals["rate-limited"]
            again = Ask("POST", path, BYTES, body, served=True)
            wrong = await asyncio.gather(*(self.ask(0, again) for _ in range(QUOTA + 1)))
            self.found += [f"party 0, too often: {each}" for each in wrong if each]
            if self.refusals["rate-limited"] > before:
                return
        self.found.append("party 0: no quota is ever used up")

    # --- slow ones

    async def _slow(self, party: int) -> None:
        """Sends a head, or a body, a byte a second: it must be over long before all of it has come."""
        head = f"POST /v1/markets/{self.running.id}/periods/0/orders HTTP/1.1\r\nhost: x\r\n".encode()
        body = head + b"content-type: application/octet-stream\r\ncontent-length: 900\r\n\r\n"
        self.counts["slow"] += 1
        begun = asyncio.get_running_loop().time()
        reader, writer = await connected(self.running.parties[party].api, self.tls(party))
        reading = asyncio.create_task(_all(reader))
        with contextlib.suppress(OSError):
            writer.write(self.rng.choice([head, body]))
            while not reading.done() and asyncio.get_running_loop().time() - begun < 60:
                writer.write(b"x")
                await writer.drain()
                await asyncio.wait({reading}, timeout=1)
        writer.transport.abort()
        if asyncio.get_running_loop().time() - begun >= 60:
            self.found.append(f"party {party}: a slow request is waited for")
        await reading

    def tls(self, party: int, thief: int | None = None) -> ssl.SSLContext:
        """For connections with a party; `thief`: the number of the party whose certificate is shown."""
        if (party, thief) not in self._contexts:
            shown = None if thief is None else Identity(self.homes[thief] / "tls.crt", self.homes[thief] / "tls.key")
            pinned = [self.running.parties[party].keys[-1].certificate or ""]
            self._contexts[party, thief] = client_context(pinned, shown)
        return self._contexts[party, thief]


def not_ones_own(stage: Stage, meter: str, rogue: str) -> list[tuple[Claimant, str, str]]:
    """What a stage has for others than a rogue meter: who claims it, and where it is, below the period. What is
    disclosed for the rogue's own dispute is for its arbiter alone.
    """
    sheets = {
        Stage.SETTLEMENT: [(Claimant.SUPPLIER, SUPPLIER, "totals"), (Claimant.DSO, REGION, "totals")],
        Stage.CLOSING: [
            (Claimant.METER, meter, "bill"),
            (Claimant.METER, meter, "amounts"),
            (Claimant.SUPPLIER, SUPPLIER, "amounts"),
            (Claimant.SUPPLIER, SUPPLIER, "corrections"),
            (Claimant.DSO, REGION, "corrections"),
        ],
    }.get(stage, [])
    found = [(kind, name, f"{content}/{kind.name.lower()}/{name}") for kind, name, content in sheets]
    if stage is Stage.CLEARING:
        found.append((Claimant.METER, meter, f"results/{meter}"))
        found.append((Claimant.SUPPLIER, SUPPLIER, f"totals/{SUPPLIER}"))
    if stage is not Stage.CLOSING:
        found.append((Claimant.METER, meter, f"receipts/{meter}?number=1"))
    return [*found, (Claimant.ARBITER, CANARY, f"disclosures/{rogue}/1")]


# --- connections below HTTP -------------------------------------------------------------------------------------


async def connected(api: str, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = api.removeprefix("https://").rpartition(":")
    return await asyncio.open_connection(host, int(port), ssl=tls)


async def _all(reader: asyncio.StreamReader) -> bytes:
    """Everything until the other end closes."""
    with contextlib.suppress(OSError):
        return await reader.read()
    return b""


async def said(host: str, port: int, data: bytes, tls: ssl.SSLContext | None) -> bytes | None:
    """What comes back when this is said at a port; None if there is nobody, or no TLS with us.

    Whoever says too little to be no TLS is kept waiting by the other end, and waits no longer here than for a moment.
    """
    writer = None
    try:
        async with asyncio.timeout(ANSWER_SECONDS if tls else 1):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
            with contextlib.suppress(OSError):
                writer.write(data)
                await writer.drain()
            return await _all(reader)
    except TimeoutError:
        return b"TIMEOUT" if tls else None
    except OSError:
        return None
    finally:
        if writer is not None:
            writer.transport.abort()
