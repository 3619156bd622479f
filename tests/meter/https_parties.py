"""The stand-ins behind real HTTPS on loopback, on the clock of the machine, in threads of this process."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from parties.clock import SystemClock
from parties.files.market import MarketFile
from parties.files.running import RunningMarket, Service
from parties.files.running_toml import running_text
from parties.meter.home import Home, create_home
from parties.tls import server_context
from parties.tls.certificate import make_key_pair
from tests.meter.standin import Parties, Request


class HttpsParties:
    """`parties`: what they know; `market_path`: their market file. To be used by `https_parties`."""

    def __init__(self, folder: Path, parties: Parties) -> None:
        self.parties = parties
        self.folder = folder
        self.market_path = folder / "market.toml"
        self.market_path.write_text(running_text(parties.market.running), encoding="utf-8")

    def wait_for_a_round(self) -> None:
        """Wait until a gate has just closed, and the next round takes orders: there is the whole of it to come."""
        clock, rhythm = SystemClock(), self.parties.market.rhythm
        now = clock.now_ms()
        while clock.now_ms() < rhythm.gate(rhythm.next_gate(now)):
            time.sleep(0.01)

    def home(self, name: str = "m1", maximum: str = "17.250") -> Home:
        """A new meter at home, enrolled."""
        home = create_home(self.folder / "homes" / name, name, str(self.market_path), maximum)
        lots = self.parties.market.file.lots(maximum)
        self.parties.enrol(name, home.identity.public, home.sealing.public, lots)
        return home


def with_keys(running: RunningMarket, j: int, **change: object) -> RunningMarket:
    """The same market with something changed in the keys of one party."""
    parties = list(running.parties)
    parties[j] = replace(parties[j], keys=(replace(parties[j].keys[0], **change),))
    return replace(running, parties=tuple(parties))


@contextmanager
def https_parties(folder: Path, period: timedelta, publish_ms: int = 100) -> Iterator[HttpsParties]:
    """Three parties with certificates of their own; rounds open one period before their periods."""
    lock, box = threading.Lock(), []
    with ExitStack() as stack:
        servers, certificates = [], []
        for j in range(3):
            (folder / f"tls-{j}").mkdir(parents=True)
            pair = make_key_pair(f"p{j}", ["127.0.0.1"])
            certificates.append(pair.certificate)
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(j, box, lock))
            server.daemon_threads = True
            context = server_context(pair.write(folder / f"tls-{j}"), None)
            # not at the accepting of a connection: nobody may hold up the others
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            servers.append(server)
        file = MarketFile(id="m1", period=period)
        service = Service(gate_lead=timedelta(seconds=1), deadline=timedelta(seconds=2))
        urls = [f"https://127.0.0.1:{server.server_address[1]}" for server in servers]
        parties = Parties(
            file, SystemClock().now_ms, service=service, publish_ms=publish_ms, certificates=certificates, urls=urls
        )
        box.append(parties)
        for server in servers:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        yield HttpsParties(folder, parties)


def _handler(party: int, box: list[Parties], lock: threading.Lock) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, self.headers.get("Authorization") or "", body)
            with lock:
                status, media, answer = box[0].handle(party, request)
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def handle(self) -> None:
            try:
                super().handle()
            except (ssl.SSLError, OSError):  # the client does not like our certificate, or is gone
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    return Handler
