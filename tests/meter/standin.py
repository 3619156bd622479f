"""Stand-ins for the compute parties: real messages of `wire`, the plaintext rule for the clearing, no network of
their own.

`Parties.handle` answers what the service of a party would answer. Tests change what a party does by `faults`:
functions that get the answer of a party to a request and return another one, or raise.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order, Side
from mpc_market.wire.agreement import AgreedSet, Held, Item, SetSignature, agree
from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.committee import Committee
from mpc_market.wire.delivery import deliveries
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import Period, order_id
from mpc_market.wire.message import Signed, sign
from mpc_market.wire.opening import Opening, Terms, commitment, terms_of
from mpc_market.wire.outcome import Outcome, Result, Void, VoidReason
from mpc_market.wire.randomness import randomness
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.record import GENESIS, Record, SetFacts
from mpc_market.wire.roll import RollEntry
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sharing import deal, recombine
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission, check, open_seal
from mpc_market.wire.verdicts import Verdict, verdict_counts, verdicts_digest
from parties.files.market import MarketFile
from parties.files.running import Party, PartyKeys, RunningMarket, Service
from parties.meter.market import Market

Answer = tuple[int, str, bytes]
"""Status, media type, body."""

JSON, BYTES, PROBLEM = "application/json", "application/octet-stream", "application/problem+json"


@dataclass
class Request:
    method: str
    path: str
    authorization: str
    body: bytes


@dataclass
class RoundOfParties:
    """What all parties together know of a round."""

    terms: Terms
    openings: list[Signed[Opening]]
    parts: list[bytes]
    submissions: dict[str, dict[int, tuple[Submission, dict[int, int]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    outcomes: list[Signed[Outcome]] = field(default_factory=list)
    deliveries: list[dict[str, bytes]] = field(default_factory=list)
    record: bytes = b""


class Parties:
    """m compute parties and the registrar of one market, in one object."""

    def __init__(
        self,
        file: MarketFile,
        now_ms: Callable[[], int],
        *,
        parties: int = 3,
        service: Service,
        publish_ms: int = 0,
        certificates: Sequence[str] = (),
        urls: Sequence[str] = (),
    ) -> None:
        self.keys = [SigningKey.generate() for _ in range(parties)]
        self.urls = list(urls) or [f"https://party-{j}.example" for j in range(parties)]
        self.sealing = [SealingKey.generate() for _ in range(parties)]
        self.committee = Committee(file.id, tuple(key.public for key in self.keys))
        self.market = Market(RunningMarket(file, service, SigningKey.generate().public, self.listed(certificates)))
        self.now_ms, self.publish_ms = now_ms, publish_ms
        self.roll: dict[str, RollEntry] = {}
        self.rounds: dict[int, RoundOfParties] = {}
        self.void: set[int] = set()
        self.faults: dict[int, Callable[[Request, Callable[[], Answer]], Answer]] = {}
        self.requests: list[tuple[int, Request]] = []
        self.verdicts: dict[str, Verdict] = {}

    @property
    def m(self) -> int:
        return len(self.keys)

    def listed(self, certificates: Sequence[str]) -> tuple[Party, ...]:
        """As the market file lists them."""
        found = []
        for j, key in enumerate(self.keys):
            keys = PartyKeys(0, key.public, certificates[j] if certificates else None)
            ports = range(2000 + 10 * j, 2004 + 10 * j)
            found.append(Party(f"p{j}", self.urls[j], ("127.0.0.1", 1000 + j), "127.0.0.1", ports, (keys,)))
        return tuple(found)

    def enrol(self, meter: str, identity: bytes, sealing: bytes, maximum: int) -> None:
        self.roll[meter] = RollEntry(meter, identity, sealing, "s1", "r1", maximum)

    def transports(self) -> dict[str, httpx.AsyncBaseTransport]:
        """By URL, for `Api`."""

        def transport(party: int) -> httpx.AsyncBaseTransport:
            def answer(request: httpx.Request) -> httpx.Response:
                path = request.url.raw_path.decode()
                asked = Request(request.method, path, request.headers.get("Authorization", ""), request.content)
                status, media, body = self.handle(party, asked)
                return httpx.Response(status, headers={"Content-Type": media}, content=body)

            return httpx.MockTransport(answer)

        return {url: transport(party) for party, url in enumerate(self.urls)}

    # --- answers ------------------------------------------------------------------------------------------

    def handle(self, party: int, request: Request) -> Answer:
        self.requests.append((party, request))
        fault = self.faults.get(party)
        return fault(request, lambda: self.answer(party, request)) if fault else self.answer(party, request)

    def answer(self, party: int, request: Request) -> Answer:
        parts = [unquote(part) for part in urlsplit(request.path).path.split("/")][1:]
        query = parse_qs(urlsplit(request.path).query, strict_parsing="?" in request.path)
        assert parts[:3] == ["v1", "markets", self.committee.market], parts
        assert parts[3] == "periods"
        start, rest = int(parts[4]), parts[5:]
        if start % self.market.rhythm.length:
            return problem("unknown-period", 404)
        if self.now_ms() < self.market.rhythm.opens(start):
            return problem("not-open-yet", 425)
        of_round = self.round_of(start)
        if self.now_ms() >= self.market.rhythm.gate(start) + self.publish_ms and not of_round.outcomes:
            self.close(start)
        match rest:
            case []:
                return self.document(of_round)
            case ["orders"]:
                assert request.method == "POST"
                return self.take(party, start, request.body)
            case ["record"]:
                return (200, JSON, of_round.record) if of_round.record else problem("nothing-here", 404)
            case ["receipts", meter]:
                number = int(query["number"][0])
                return self.claimed(party, request, of_round, meter, lambda *at: self.receipt(*at, number))
            case ["results", meter]:
                return self.claimed(party, request, of_round, meter, self.result)
        return problem("not-found", 404)

    def document(self, of_round: RoundOfParties) -> Answer:
        table = {
            "state": "result" if of_round.outcomes else "collecting",
            "openings": [signed.encode().hex() for signed in of_round.openings],
            "outcomes": [signed.encode().hex() for signed in of_round.outcomes],
        }
        return 200, JSON, json.dumps(table).encode()

    def take(self, party: int, start: int, body: bytes) -> Answer:
        of_round, submission = self.round_of(start), Submission.decode(body)
        header = submission.header
        if self.now_ms() >= of_round.terms.gate:
            return problem("late", 409)
        if header.meter not in self.roll:
            return problem("unknown-meter", 403)
        try:
            check(submission, of_round.terms, self.roll[header.meter], self.market.orders)
        except ContextError as error:
            return problem("stale-challenge" if error.what == "challenge" else "wrong-context", 409)
        stored = of_round.submissions[header.meter]
        if stored and header.number < max(stored):
            return problem("number-too-low", 409)
        kept, received = stored.setdefault(header.number, (submission, {}))
        if kept.header != header:
            return problem("contradiction", 409)
        for seal in submission.seals:  # its own, and those that it forwards
            open_seal(seal.box, self.sealing[seal.party], header, seal.party, self.market.file.rules)
            received.setdefault(seal.party, self.now_ms())
        seals = {seal.party: seal for seal in (*kept.seals, *submission.seals)}
        whole = Submission(header, submission.signature, tuple(seals[j] for j in sorted(seals)))
        stored[header.number] = whole, received
        return self.receipt(party, of_round, header.meter, header.number)

    def receipt(self, party: int, of_round: RoundOfParties, meter: str, number: int) -> Answer:
        submission, received = of_round.submissions.get(meter, {}).get(number, (None, {}))
        if party not in received:
            return problem("nothing-here", 404)
        receipt = receipt_for(submission.header, party, received[party])
        return 200, BYTES, sign(receipt, self.keys[party]).encode()

    def result(self, party: int, of_round: RoundOfParties, meter: str) -> Answer:
        if not of_round.outcomes:
            return problem("not-finished", 409)
        if isinstance(of_round.outcomes[0].message.content, Void):
            return problem("void", 410)
        data = of_round.deliveries[party].get(meter)
        return (200, BYTES, data) if data else problem("nothing-here", 404)

    def claimed(
        self,
        party: int,
        request: Request,
        of_round: RoundOfParties,
        meter: str,
        answer: Callable[[int, RoundOfParties, str], Answer],
    ) -> Answer:
        if meter not in self.roll:
            return problem("unknown-meter", 403)
        kind, _, claim = request.authorization.partition(" ")
        assert kind == "Claim"
        try:
            check_claim(
                bytes.fromhex(claim), of_round.terms, party, Claimant.METER, meter, self.roll[meter].identity_key
            )
        except WireError:
            return problem("bad-signature", 403)
        return answer(party, of_round, meter)

    def ticket_seed(self, start: int) -> bytes:
        """The seed of a round that is over."""
        record = Record.decode(self.rounds[start].record)
        return randomness(record.agreed.digest, record.parts, self.rounds[start].terms).ticket_seed

    # --- the life of a round ------------------------------------------------------------------------------

    def round_of(self, start: int) -> RoundOfParties:
        if start not in self.rounds:
            self.rounds[start] = self.open(start)
        return self.rounds[start]

    def open(self, start: int) -> RoundOfParties:
        period, gate = Period(self.committee.market, start), self.market.rhythm.gate(start)
        openings, parts = [], [secrets.token_bytes(32) for _ in self.keys]
        for j, key in enumerate(self.keys):
            nonce, sealing = secrets.token_bytes(32), self.sealing[j].public
            opening = Opening(
                period, j, gate, gate + 1000, 1, bytes(32), sealing, nonce, commitment(period, j, parts[j])
            )
            openings.append(sign(opening, key))
        terms = terms_of({j: signed.message for j, signed in enumerate(openings)}, self.m)
        return RoundOfParties(terms, openings, parts)

    def opened_submission(self, start: int, meter: str, number: int) -> list[Order]:
        """What the parties together could read: for comparison in tests."""
        submission, _ = self.rounds[start].submissions[meter][number]
        market = self.market.file.rules
        shares = {
            seal.party: open_seal(seal.box, self.sealing[seal.party], submission.header, seal.party, market).words
            for seal in submission.seals
        }
        return orders_of_bits(recombine(shares, self.m), meter, market.price_bits, market.quantity_bits)

    def close(self, start: int) -> None:
        """Agree on the set, clear it in plaintext, and deal the accepted quantities."""
        of_round, period = self.rounds[start], Period(self.committee.market, start)
        if start in self.void:
            of_round.outcomes = [sign(Outcome(period, 1, Void(VoidReason.NOT_COMPUTED)), self.keys[1])]
            return
        held = {}
        for j in range(self.m):
            items = [
                Item(meter, number, submission.header.digest)
                for meter, stored in of_round.submissions.items()
                for number, (submission, received) in stored.items()
                if j in received
            ]
            held[j] = Held(period, j, of_round.terms.challenge, tuple(sorted(items, key=lambda item: item.sort_key)))
        agreed = agree(held, of_round.terms, self.market.orders)
        self._publish(start, agreed, of_round)

    def _publish(self, start: int, agreed: AgreedSet, of_round: RoundOfParties) -> None:
        period, tree, set_digest = agreed.period, agreed.tree(), agreed.digest()
        drawn = randomness(set_digest, of_round.parts, of_round.terms)
        codes = [self.verdicts.get(item.name, Verdict.VALID) for item in agreed.members]
        books = [self.opened_submission(start, item.name, item.number) for item in agreed.members]
        valid = [order for book, code in zip(books, codes, strict=True) if code is Verdict.VALID for order in book]
        clearing = clear(valid, self.market.file.rules, drawn.ticket_seed)
        accepted = dict(zip((order.order_id for order in valid), clearing.accepted, strict=True))
        dealt = [deal([accepted.get(order.order_id, 0) for order in book], self.m) for book in books]
        keys = [self.roll[item.name].sealing_key for item in agreed.members]
        for j in range(self.m):
            shares = [shares_of_meter[j] for shares_of_meter in dealt]
            made = deliveries(agreed, tree, j, 0, codes, shares, keys)
            of_round.deliveries.append({one.meter: sign(one, self.keys[j]).encode() for one in made})
        word = 0 if clearing.price is None else clearing.price + 1
        result = Result(set_digest, verdicts_digest(set_digest, codes), verdict_counts(codes), word)
        of_round.outcomes = [sign(Outcome(period, j, result), key) for j, key in enumerate(self.keys)]
        signatures = tuple(sign(SetSignature(period, j, set_digest), key) for j, key in enumerate(self.keys))
        facts = SetFacts(set_digest, agreed.count, tree.root, signatures)
        record = Record(
            period, 0, GENESIS, tuple(of_round.openings), facts, tuple(of_round.parts), tuple(of_round.outcomes)
        )
        of_round.record = record.encode()


def problem(name: str, status: int) -> Answer:
    table = {"type": f"urn:mpc-market:problem:{name}", "title": name, "status": status}
    return status, PROBLEM, json.dumps(table).encode()


def orders_of_bits(bits: tuple[int, ...], meter: str, price_bits: int, quantity_bits: int) -> list[Order]:
    """The orders behind the bits of a submission (layout.py), read by another route."""
    size = 1 + price_bits + 2 * quantity_bits
    orders = []
    for k in range(len(bits) // size):
        side, *rest = bits[k * size : (k + 1) * size]
        price = sum(bit << i for i, bit in enumerate(rest[:price_bits]))
        quantity = sum(bit << i for i, bit in enumerate(rest[price_bits : price_bits + quantity_bits]))
        orders.append(Order(order_id(meter, k), Side.BUY if side else Side.SELL, price, quantity))
    return orders
