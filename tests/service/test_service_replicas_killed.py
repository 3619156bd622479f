"""A party in four processes: one drives, one stands by, two replicas take orders. Two of the four are killed.

Real processes, a real server, the real clock. Meters reach the replicas through one address that passes each connection
on to the next one, as a balancer does; what is judged is what the party tells the others that it holds.
"""

import asyncio
import contextlib
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import httpx

from benchmarks.street import Street, make_streets
from mpc_market.wire.agreement import Held
from mpc_market.wire.layout import filled
from mpc_market.wire.submission import make
from parties.files.party_home import read_party_home
from parties.files.problems import Problems
from parties.launch.processes import Processes, Running
from parties.ledger import Ledger
from parties.service.board import Kind
from parties.service.round import unsigned
from tests.ports import free_ports
from tests.service.service_running import within
from tests.service.test_service_stand_by import on_server, open_round, said

COLLECT, METERS = 15, 6
INTAKE = ["party", "run", "--intake", "--home"]
_REFUSED_FOR_GOOD = (409, 410, 429)


class Balancer:
    """Passes each connection on to the next of some ports that answers."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._turns = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self.used: Counter[int] = Counter()

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", port):
            try:
                yield
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            found = await self._connected()
            if found is None:
                return
            far_reader, far_writer = found
            ends.append(far_writer)
            ways = [asyncio.ensure_future(self._pass(reader, far_writer))]
            ways.append(asyncio.ensure_future(self._pass(far_reader, writer)))
            await asyncio.wait(ways)
        finally:
            for end in ends:
                end.close()
            self._tasks.discard(task)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._ports:
            port = self._ports[next(self._turns) % len(self._ports)]
            with contextlib.suppress(OSError):
                ends = await asyncio.open_connection("127.0.0.1", port)
                self.used[port] += 1
                return ends
        return None

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()
        writer.close()


def moved_home(home: Path, name: str) -> tuple[Path, int]:
    """The home of another process of the same party on this machine, and where its public API is."""
    other = home.with_name(name)
    shutil.copytree(home, other)
    file = other / "party.toml"
    ports = dict(zip(("api", "private"), free_ports(2), strict=True))
    text = file.read_text()
    for key, port in ports.items():
        text, found = re.subn(rf'^{key} = "[^"]*"', f'{key} = "127.0.0.1:{port}"', text, flags=re.MULTILINE)
        assert found == 1, text
    file.write_text(text)
    return other, ports["api"]


class Sender:
    """Sends submissions of a street's meters to one party until they are answered, each on a new connection."""

    def __init__(self, street: Street, party: int) -> None:
        self._client = street._clients[party]
        self._street = street
        self._party = party
        self.receipts: set[tuple[str, int]] = set()

    async def send(self, number: int, which: int) -> bool:
        """Whether it was taken: number `number` of a meter, with the meter's order."""
        street, meter = self._street, self._street.meters[which]
        made = make(
            street._terms,
            meter.entry,
            number,
            filled(meter.id, [meter.order], 1),
            street.running.settings.rules,
            meter.key,
        )
        if number == 1:
            meter.submission = made = meter.submission or made
        headers = {"content-type": "application/octet-stream", "connection": "close"}
        path = f"periods/{street._terms.period.start}/orders"
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await self._client.post(path, content=made.only_for(self._party).encode(), headers=headers)
                if answer.status_code == 200:
                    self.receipts.add((meter.id, number))
                    return True
                if answer.status_code in _REFUSED_FOR_GOOD:
                    return False
            await asyncio.sleep(0.1)

    async def stream(self, which: int) -> None:
        """Ever higher numbers of a meter, to this party alone, until none is taken any more."""
        number = 2
        while await self.send(number, which):
            number += 1
            await asyncio.sleep(0.25)


async def held_by_party_0(url: str, market: str, start: int) -> set[tuple[str, int]]:
    """What it has told the others: meters and numbers."""
    ledger = await Ledger.share(url, 0)
    try:
        data = (await ledger.messages(market, start, Kind.HELD))[0]
    finally:
        await ledger.close()
    return {(item.name, item.number) for item in unsigned(Held, data).items}


async def started(processes: Processes, market: Path, homes: list[Path]) -> tuple[list[Running], Running, Running]:
    """All processes of the market: the replicas, who drives, who stands by."""
    run = ["party", "run", "--stand-by", "--home"]
    replicas = [await processes.start(home.name, [*INTAKE, str(home)]) for home in homes[2:]]
    for each in replicas:
        await said(each, "waits for the ledger")
    driver = await processes.start("driver", [*run, str(homes[0])])
    await said(driver, "service runs")
    standing = await processes.start("standing", [*run, str(homes[1])])
    for party in (1, 2):
        await processes.start(f"party-{party}", [*run[:2], "--home", str(market / f"party-{party}")])
    await said(standing, "stands by")
    return replicas, driver, standing


@within(300)
async def test_no_acknowledged_order_is_lost_when_a_replica_and_the_driver_are_killed(tmp_path, postgres):
    url = await asyncio.to_thread(postgres.new_database)
    (street,) = make_streets(tmp_path, 3, 1, METERS, COLLECT)
    home = tmp_path / "market" / "party-0"
    on_server(home, url)
    moved = [moved_home(home, f"party-0-{name}") for name in ("driver", "standing", "intake-1", "intake-2")]
    announced = read_party_home(home, 0, Problems())
    assert announced is not None
    balancer = Balancer([port for _, port in moved[2:]])
    async with balancer.listening(announced.listen.api[1]), Processes(tmp_path / "logs") as processes:
        try:
            replicas, driver, standing = await started(processes, tmp_path / "market", [path for path, _ in moved])
            start = await open_round(street)
            await street.learn(start)
            senders = [Sender(street, party) for party in range(3)]
            for sender in senders:
                for which in range(METERS // 2):
                    assert await sender.send(1, which)
            streams = [asyncio.ensure_future(senders[0].stream(which)) for which in range(METERS // 2)]
            driver.process.kill()
            replicas[0].process.kill()
            for sender in senders:
                for which in range(METERS // 2, METERS):
                    assert await sender.send(1, which), "replicas take orders whether anybody drives or not"
            await processes.start("intake-1-again", [*INTAKE, str(moved[2][0])])
            await said(standing, "service runs")
            await asyncio.gather(*streams)
            await street.until_over(start)
            assert await street.check(start) == METERS
            held = await held_by_party_0(url, street.running.id, start)
            assert senders[0].receipts <= held, "a receipt was given, and the party does not hold the order"
            assert len(senders[0].receipts) > METERS
            assert len(balancer.used) == 2, "both replicas were asked"
        finally:
            await street.close()
