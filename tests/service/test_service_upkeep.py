"""What goes on beside the rounds: rolls and keys that change without a restart, health, what is forgotten in time."""

import asyncio
import contextlib
import json
import socket
import sqlite3

import pytest
from sqlalchemy import text

from mpc_market.rules.model import Side
from mpc_market.wire.audit import check_record
from mpc_market.wire.outcome import VoidReason
from mpc_market.wire.record import Record
from parties.files.problems import Problems
from parties.ledger.place import Place
from parties.service import serving
from parties.service.board import Kind
from parties.service.life import FINAL, State
from parties.service.peers import PeerLink
from parties.setup.rotation import adopt_into, rotate
from tests.service.service_results import collected, record_of
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter, Town, problem


async def look(town: Town) -> None:
    """What the services do every few seconds."""
    for service in town.services.values():
        await service.upkeep.look()


async def one_round(town: Town, start: int, *, check: bool = True) -> None:
    """A round of two orders, and what becomes of it."""
    await town.until(State.COLLECTING, start=start)
    terms = await town.terms(start)
    anna, ben = town.meters[:2]
    sent = anna.submission(terms, 1, (Side.SELL, 5, 10))
    await town.submit(sent, start)
    await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)), start)
    town.clock.move_to(1000 * start - 300_000)
    await town.until(*FINAL, start=start)
    if check:
        assert (await collected(town, anna, sent, [(Side.SELL, 5, 10)], terms)).accepted == (6,)


@asynchronous
async def test_keys_of_a_party_rotate_without_a_restart(tmp_path):
    """Signing key and certificate of party 1: announced, adopted into the market file, in use when their time comes."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        since, problems = START + PERIOD, Problems()
        announcement = rotate(town.home(1), since, town.clock.now_ms() // 1000)
        town.market = adopt_into(str(tmp_path / "market" / "market.toml"), [str(announcement)], problems)
        problems.check()
        await look(town)
        await one_round(town, START)
        old, new = (keys.fingerprint for keys in town.market.parties[1].keys)
        assert await shown(town, 1) == old
        # the gate of the next round is before `since`, its period is not: it is signed with the new key already
        await one_round(town, START + PERIOD)
        town.clock.move_to(1000 * since)
        await look(town)
        assert await shown(town, 1) == new
        await one_round(town, START + 2 * PERIOD)
        for k in range(3):
            answer = await town.get(1, f"periods/{START + k * PERIOD}/record")
            check_record(Record.decode(answer.content), town.market.committee(START + k * PERIOD))
        signers = {town.market.committee(START + k * PERIOD).keys[1] for k in range(3)}
        assert len(signers) == 2


@asynchronous
async def test_who_waits_while_keys_change_is_answered(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        node = town.services[0].node
        asked = asyncio.create_task(node.peers[1].pull(START, Kind.OUTCOME, 3.0))
        await asyncio.sleep(0.5)
        before, problems = node.links.peers[1], Problems()
        announcement = rotate(town.home(1), START + PERIOD, town.clock.now_ms() // 1000)
        town.market = adopt_into(str(tmp_path / "market" / "market.toml"), [str(announcement)], problems)
        problems.check()
        for _ in range(3):
            await look(town)
        assert node.links.peers[1] is not before
        assert await asyncio.wait_for(asked, 20) is None


async def shown(town: Town, party: int) -> str:
    """The fingerprint of the certificate that a party's public API shows."""
    from parties.tls import fingerprint  # noqa: PLC0415

    async with town.client(party) as client, client.stream("GET", "roll") as answer:
        return fingerprint(answer.extensions["network_stream"].get_extra_info("ssl_object").getpeercert(True))


@asynchronous
async def test_a_market_file_that_is_wrong_changes_nothing(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        (tmp_path / "market" / "market.toml").write_text("[market]\n")
        await look(town)
        document = (await town.about(0)).json()
        assert (document["id"], len(document["parties"])) == (town.market.id, 3)


@asynchronous
async def test_health(tmp_path, monkeypatch):
    town = Town(tmp_path / "market")
    async with town.up():
        assert (await town.private(0, "healthz")).text == "ok\n"
        await asyncio.sleep(0.1)
        async with asyncio.timeout(20):
            while (ready := await town.private(0, "readyz")).status_code != 200:
                await asyncio.sleep(0.05)
        assert json.loads(ready.text) == {
            "ready": True,
            "checks": dict.fromkeys(["ledger", "roll", "disk", "party 1", "party 2"], "ok"),
        }
        checks = town.services[0].upkeep.peers
        expected = {"party 1": "not reachable", "party 2": "its clock is -2.345 s off this one"}
        async with asyncio.timeout(20):
            while True:  # the service looks at its peers meanwhile, and may find them well again
                checks[1].reachable, checks[2].ahead_ms = False, -2345.0
                answer = await town.private(0, "readyz")
                if expected.items() <= answer.json()["checks"].items():
                    break
        assert answer.status_code == 503


@asynchronous
async def test_clocks_are_compared(tmp_path, monkeypatch):
    async def greet(self: PeerLink) -> bytes:
        return str(town.clock.now_ms() + 5000).encode()

    monkeypatch.setattr(PeerLink, "greet", greet)
    town = Town(tmp_path / "market")
    async with town.up(0):
        async with asyncio.timeout(20):
            while (checks := (await town.private(0, "readyz")).json()["checks"])["party 1"] == "not reachable":
                await asyncio.sleep(0.05)
        assert checks["party 1"] == "its clock is +5.000 s off this one"
        assert 'mpc_market_peer_clock_ahead_seconds{party="1"} 5.0' in (await town.private(0, "metrics")).text


@asynchronous
async def test_what_is_counted_is_there_at_0_before_anything_has_happened(tmp_path):
    """A series that is born at 1 has never increased, for who watches."""
    town = Town(tmp_path / "market")
    async with town.up(0):
        text = (await town.private(0, "metrics")).text
    for line in (
        'rounds_total{market="oak-street",state="void"}',
        'rounds_total{market="oak-street",state="result"}',
        'rounds_total{market="oak-street",state="lost"}',
        'refusals_total{reason="storage"}',
        'voids_total{reason="not_computed"}',
        'attempts_total{ended="failed"}',
        'bad_messages_total{kind="outcome",party="2"}',
        'forwarded_total{answer="refused"}',
    ):
        assert f"mpc_market_{line} 0.0\n" in text
    assert 'party="0"' not in text, "it sends itself nothing"


@asynchronous
async def test_metrics_of_a_round(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await one_round(town, START)
        text = (await town.private(1, "metrics")).text
        for line in (
            'mpc_market_submissions_total{stage="clearing"} 2.0',
            'mpc_market_submissions_total{stage="settlement"} 0.0',
            "mpc_market_disk_free_bytes",
            'mpc_market_rounds_total{market="oak-street",state="result"} 1.0',
            'mpc_market_attempts_total{ended="done"} 1.0',
            'mpc_market_clearing_seconds_count{stage="validity"} 1.0',
            "mpc_market_round_lateness_seconds_count 1.0",
            'mpc_market_roll_version{market="oak-street"} 1.0',
            'mpc_market_receipt_seconds_count{stage="clearing"} 2.0',
            'mpc_market_peer_up{party="0"} 1.0',
        ):
            assert line in text


@asynchronous
async def test_sealing_keys_are_forgotten_when_their_day_is_over(tmp_path, monkeypatch):
    """Then not even the party itself can open what was sealed to it (T12)."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        node, upkeep = town.services[0].node, town.services[0].upkeep
        await town.until(State.COLLECTING)
        key = town.services[0].node.intake.round(START).key.secret()

        def never() -> bytes:
            raise AssertionError("there is no key any more")

        day = "2027-01-15"
        assert await node.ledger.sealing_key(day, never) == key
        await upkeep.clean()
        assert await node.ledger.sealing_key(day, never) == key
        await one_round(town, START)
        town.clock.move_to(1000 * (START + 86_400))
        await town.until(*FINAL, start=START + PERIOD)
        await check_that_a_key_stays_with_its_round(node, upkeep, monkeypatch, day)
        with pytest.raises(AssertionError):
            await node.ledger.sealing_key(day, never)


async def check_that_a_key_stays_with_its_round(node, upkeep, monkeypatch, day: str) -> None:
    """Also of one that begins while it is being cleaned."""
    ledger, market, start = node.ledger, node.market.id, START + 3 * PERIOD
    forget = ledger.forget_sealing_keys

    async def meanwhile(*asked: object) -> int:
        await ledger.create_round(market, start, opens_ms=0, gate_ms=1, deadline_ms=2, state=State.OPENING)
        await ledger.sealing_key(day, lambda: b"made for this round")
        return await forget(*asked)

    key = await ledger.known_sealing_key(day)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "forget_sealing_keys", meanwhile)
        await upkeep.clean()
    assert await ledger.known_sealing_key(day) == key is not None
    await ledger.set_state(market, start, State.OPENING, State.VOID, finished=True)
    await upkeep.clean()


@asynchronous
async def test_a_round_whose_sealing_key_is_gone_is_void_at_once(tmp_path):
    """Another key would open nothing."""
    town = Town(tmp_path / "market")
    async with town.up():
        await town.until(State.COLLECTING)
        await town.stop(0)
        path = Place.of(town.home(0).database).path
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as ledger:
            assert ledger.execute("DELETE FROM sealing_keys").rowcount == 1
        await town.start(0)
        await town.until(State.VOID, parties=[0])
        outcome = (await record_of(town, 0)).outcomes[0]
        assert outcome.message.content.reason is VoidReason.NOT_OPENED


@asynchronous
async def test_what_is_older_than_the_retention_time_is_erased(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await one_round(town, START)
        terms = await town.terms()
        ledger, upkeep = town.services[0].node.ledger, town.services[0].upkeep
        assert await ledger.secret(town.market.id, START, "part") is not None
        document = (await town.get(0, f"periods/{START}")).json()
        record = (await town.get(0, f"periods/{START}/record")).content
        await upkeep.clean()
        assert len(await ledger.submissions(town.market.id, START)) == 2
        # of no use any more once the round is over
        assert await ledger.secret(town.market.id, START, "part") is None
        assert await ledger.secret(town.market.id, START, "dealt") is None
        town.clock.move_to(1000 * (START + 31 * 86_400))
        await upkeep.clean()
        assert await ledger.submissions(town.market.id, START) == []
        assert await ledger.outcome(town.market.id, START) is not None
        for table in ("messages", "secrets", "submissions", "forwards", "results", "totals"):
            assert await rows_of(town, table, START) == 0, table
        # what is public stays, as it was
        await town.stop(0)
        await town.start(0)
        assert problem(await town.result(0, town.meters[0], terms)) == "nothing-here"
        assert (await town.get(0, f"periods/{START}/record")).content == record
        kept = (await town.get(0, f"periods/{START}")).json()
        assert kept == document | {"openings": [], "challenge": None, "roll": None}


async def rows_of(town: Town, table: str, start: int) -> int:
    """How many rows of a table in party 0's ledger belong to a round."""
    statement = text(f"SELECT count(*) FROM {table} WHERE start = {start}")
    return (await town.services[0].node.ledger._database.read(statement))[0][0]


@asynchronous
async def test_rolls_that_no_round_needs_are_erased(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await one_round(town, START)
        town.write_roll(2)
        await look(town)
        ledger, upkeep = town.services[0].node.ledger, town.services[0].upkeep
        await upkeep.clean()
        assert await ledger.roll(town.market.id, 1) is not None
        town.clock.move_to(1000 * (START + 91 * 86_400))
        await town.until(State.COLLECTING, start=START + 91 * 86_400 + PERIOD)
        await upkeep.clean()
        assert await ledger.roll(town.market.id, 1) is None
        assert await ledger.roll(town.market.id, 2) is not None


@pytest.mark.parametrize("said", [b"", b"GET /v1/markets HTTP/1.1\r\nhost: a\r\nx-slow: "], ids=["nothing", "half"])
@asynchronous
async def test_who_does_not_finish_a_request_is_hung_up_on(tmp_path, monkeypatch, said):
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.3)
    town = Town(tmp_path / "market")
    async with town.up(0):
        host, port = town.home(0).listen.private
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(said)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()
        # whoever does finish is answered, and may ask again on the same connection
        reader, writer = await asyncio.open_connection(host, port)
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"ok\n")
        writer.close()


@asynchronous
async def test_an_address_that_is_taken_is_an_error_and_leaves_nothing_behind(tmp_path):
    town = Town(tmp_path / "market")
    with socket.create_server(town.home(0).listen.private), pytest.raises(OSError, match="in use"):
        await town.start(0)
    await town.stop()
    async with town.up(0):
        assert (await town.private(0, "healthz")).status_code == 200
