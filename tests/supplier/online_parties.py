"""Compute parties online: real HTTPS servers on loopback under pinned certificates, that answer from a round in memory.

What they say are real messages (`WireRound`); claims are checked as a party does. Tests change single answers.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.errors import WireError
from mpc_market.wire.message import Signed, sign
from mpc_market.wire.outcome import Outcome
from mpc_market.wire.totals import Totals
from parties.files.market import MarketFile
from parties.files.running import Party, PartyKeys, RunningMarket, Service, Supplier
from parties.files.running_toml import running_text
from parties.tls import server_context
from parties.tls.certificate import make_key_pair
from tests.wire.wire_round import SUPPLIER, WireRound, sealing_key, signing_key

Answer = tuple[int, str, bytes]
"""Status, media type, body."""

JSON, BYTES, PROBLEM = "application/json", "application/octet-stream", "application/problem+json"

MARKET_FILE = MarketFile(id="oak-street", price_bits=4, quantity_bits=13, minimum_group=2)
SERVICE = Service(gate_lead=timedelta(minutes=1))


def running_of(
    played: WireRound, urls: Sequence[str] | None = None, certificates: Sequence[str] | None = None
) -> RunningMarket:
    """The market of a round; parties that nobody has to reach have made-up addresses."""
    parties = []
    for j, key in enumerate(played.signing):
        url = f"https://127.0.0.1:{20000 + j}" if urls is None else urls[j]
        certificate = None if certificates is None else certificates[j]
        keys = (PartyKeys(0, key.public, certificate),)
        address = ("127.0.0.1", 21000 + j)
        parties.append(Party(f"party {j}", url, address, "127.0.0.1", range(22000 + 10 * j, 22010 + 10 * j), keys))
    supplier = Supplier(SUPPLIER, signing_key(SUPPLIER).public, sealing_key(SUPPLIER).public)
    return RunningMarket(MARKET_FILE, SERVICE, signing_key("registrar").public, tuple(parties), (supplier,))


class OnlineParties:
    """m parties of one market. `answers`: by party, a function that may answer a path instead of it."""

    def __init__(self, folder: Path, played: WireRound, bought: int = 4, sold: int = 6) -> None:
        self.folder, self.played = folder, played
        self.outcomes: list[Signed[Outcome]] = [sign(played.outcomes[j], key) for j, key in enumerate(played.signing)]
        self.totals: dict[int, Totals] = played.totals(bought, sold)
        self.chains: list[list[bytes]] = [[] for _ in played.signing]
        self.answers: dict[int, Callable[[str], Answer | None]] = {}
        self.asked: list[tuple[int, str]] = []
        self._servers: list[ThreadingHTTPServer] = []

    @contextmanager
    def online(self) -> Iterator[RunningMarket]:
        """Serve until the block ends; the market file is then in the folder."""
        pairs = [make_key_pair(f"party {j}", ["127.0.0.1"]) for j in range(self.played.parties)]
        threads = []
        for j, pair in enumerate(pairs):
            home = self.folder / f"tls-{j}"
            home.mkdir()
            server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(j))
            server.daemon_threads = False
            context = server_context(pair.write(home), None)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            threads.append(threading.Thread(target=server.serve_forever, args=(0.02,)))
            self._servers.append(server)
        urls = [f"https://127.0.0.1:{server.server_address[1]}" for server in self._servers]
        self.running = running_of(self.played, urls, [pair.certificate for pair in pairs])
        self.market.write_text(running_text(self.running))
        for thread in threads:
            thread.start()
        try:
            yield self.running
        finally:
            for j, thread in enumerate(threads):
                self.stop(j)
                thread.join()

    @property
    def market(self) -> Path:
        """The market file."""
        return self.folder / "market.toml"

    def stop(self, party: int) -> None:
        """From now on nobody answers there."""
        self._servers[party].shutdown()
        self._servers[party].server_close()

    # --- answers ------------------------------------------------------------------------------------------

    def answer(self, party: int, path: str, authorization: str) -> Answer:
        self.asked.append((party, path))
        changed = self.answers.get(party, lambda _: None)(path)
        if changed is not None:
            return changed
        url = urlsplit(path)
        head = f"/v1/markets/{self.played.period.market}"
        assert url.path.startswith(head)
        match [unquote(part) for part in url.path.removeprefix(head).split("/")][1:]:
            case ["records"]:
                return self._records(party, parse_qs(url.query, strict_parsing=True))
            case ["periods", start] if int(start) != self.played.period.start:
                return problem("unknown-period", 404)
            case ["periods", _]:
                return 200, JSON, self.document()
            case ["periods", _, "totals", supplier]:
                return self._totals(party, supplier, authorization)
        return problem("not-found", 404)

    def document(self) -> bytes:
        """What every party tells of the round."""
        openings = [sign(self.played.openings[j], key) for j, key in enumerate(self.played.signing)]
        table = {
            "state": "signed",
            "openings": [signed.encode().hex() for signed in openings],
            "outcomes": [signed.encode().hex() for signed in self.outcomes],
        }
        return json.dumps(table).encode()

    def _totals(self, party: int, supplier: str, authorization: str) -> Answer:
        row = self.played.roll.by_supplier().get(supplier)
        if row is None:
            return problem("unknown-supplier", 403)
        try:
            claim = bytes.fromhex(authorization.removeprefix("Claim "))
            check_claim(claim, self.played.terms, party, Claimant.SUPPLIER, supplier, row.identity_key)
        except WireError:
            return problem("unauthorized", 401)
        if party not in self.totals:
            return problem("group-too-small", 403)
        return 200, BYTES, sign(self.totals[party], self.played.signing[party]).encode()

    def _records(self, party: int, query: dict[str, list[str]]) -> Answer:
        after, limit = int(query["after"][0]), int(query["limit"][0])
        return page_of(self.chains[party][after + 1 : after + 1 + limit])

    def _handler(self, party: int) -> type[BaseHTTPRequestHandler]:
        online = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, media, body = online.answer(party, self.path, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def page_of(records: Sequence[bytes]) -> Answer:
    """A page of a chain as the service makes it."""
    return 200, JSON, json.dumps({"records": [record.decode() for record in records], "last": 99}).encode()


def problem(name: str, status: int) -> Answer:
    """A refusal as the service makes it."""
    table = {"type": f"urn:mpc-market:problem:{name}", "title": name, "status": status}
    return status, PROBLEM, json.dumps(table).encode()
