"""Intake replicas beside the process that drives: real services, HTTPS and PostgreSQL, a clock that the test moves."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.identifiers import START_MAX, Stage
from mpc_market.wire.message import read_signed
from mpc_market.wire.sheet import Sheet
from mpc_market.wire.submission import Submission
from mpc_market.wire.tariff import Tariff, sign_tariff
from parties.ledger import RoundRow
from parties.service import forwarding
from parties.service.life import FINAL, State
from parties.service.replica import Mirror
from parties.service.service import Service, running
from parties.setup.creating import party_folder
from parties.tls import client_context
from tests.ports import free_ports
from tests.service.service_results import collected
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Meter, Town, problem
from tests.service.settled_town import END, SettledTown, people
from tests.service.test_service_stand_by import on_server

SELL, BUY = (Side.SELL, 5, 10), (Side.BUY, 9, 6)


class Replica:
    """One of party 0, with addresses of its own."""

    def __init__(self, town: Town, service: Service) -> None:
        self.town, self.service = town, service
        listen = service.node.home.listen
        party = town.market.parties[0]
        self._private = "http://{}:{}".format(*listen.private)
        self._client = httpx.AsyncClient(
            base_url="https://{}:{}/v1/markets/{}".format(*listen.api, town.market.id),
            verify=client_context(party.certificates(town.clock.now_ms() // 1000)),
            trust_env=False,
            timeout=60,
        )

    async def get(self, path: str, **options) -> httpx.Response:
        return await self._client.get(path, **options)

    async def post(self, submission: Submission, what: str = "orders") -> httpx.Response:
        return await self.post_bytes(f"periods/{START}/{what}", submission.only_for(0).encode())

    async def post_bytes(self, path: str, body: bytes) -> httpx.Response:
        return await self._client.post(path, content=body, headers={"content-type": "application/octet-stream"})

    async def private(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"{self._private}/{path}")

    async def until_open(self, stage: Stage = Stage.CLEARING) -> None:
        async with asyncio.timeout(20):
            while self.service.sites.of(stage.of(self.town.market.id)).node.intake.round(START) is None:
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self._client.aclose()


@contextlib.asynccontextmanager
async def replica_of(town: Town, **changed) -> AsyncIterator[Replica]:
    """`changed`: what its market file says otherwise."""
    home = town.home(0)
    api, private = free_ports(2)
    listen = replace(home.listen, api=("127.0.0.1", api), private=("127.0.0.1", private))
    market = replace(home.market, settings=replace(home.market.settings, **changed))
    async with running(
        replace(home, listen=listen, market=market), town.workers[0], town.clock, intake=True
    ) as service:
        replica = Replica(town, service)
        try:
            yield replica
        finally:
            await replica.close()


@pytest.fixture
def town(tmp_path, postgres) -> Town:
    """Party 0 keeps its ledger on a server."""
    made = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    on_server(made.path / party_folder(0), postgres.new_database())
    return made


@asynchronous
async def test_orders_taken_by_two_replicas_are_cleared_and_their_results_handed_out_by_them(town):
    anna, ben = town.meters
    async with town.up(), replica_of(town) as one, replica_of(town) as other:
        await town.until(State.COLLECTING)
        await one.until_open()
        await other.until_open()
        terms = await town.terms()
        sell, buy = anna.submission(terms, 1, SELL), ben.submission(terms, 1, BUY)
        for replica, submission in ((one, sell), (other, buy)):
            answers = [await replica.post(submission)]
            answers += [await town.post(party, submission.only_for(party)) for party in (1, 2)]
            assert [each.status_code for each in answers] == [200] * 3, [each.text for each in answers]
        again = [await replica.post(sell) for replica in (one, other)]
        again.append(await town.post(0, sell.only_for(0)))
        assert len({each.content for each in again}) == 1, "one header has one receipt, whoever is asked"
        assert (await one.get(f"periods/{START}")).content == (await town.get(0, f"periods/{START}")).content
        waiting = asyncio.ensure_future(other.get(f"periods/{START}", params={"wait": 30}))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        town.clock.move_to(town.gate)
        async with asyncio.timeout(10):
            assert (await waiting).json()["state"] != "collecting", "who waits at a replica sees what the driver does"
        await town.until(*FINAL)
        assert (await collected(town, anna, sell, [SELL], terms)).accepted == (6,)
        document = (await one.get(f"periods/{START}", params={"wait": 20})).json()
        while document["state"] not in FINAL:
            document = (await one.get(f"periods/{START}", params={"wait": 20})).json()
        assert document["outcomes"]
        assert problem(await one.post(anna.submission(terms, 2, SELL))) in ("late", "closed-period")


@asynchronous
async def test_the_database_decides_whether_an_order_is_late_whatever_the_replica_believes(town):
    """The driver has closed the intake; the replica has not heard of it, and its clock says that there is time."""
    anna, _ = town.meters
    async with town.up(), replica_of(town) as replica:
        await town.until(State.COLLECTING)
        await replica.until_open()
        terms = await town.terms()
        for task in replica.service.tasks:
            task.cancel()  # it hears nothing from now on
        await town.node(0).ledger.close_intake(town.market.id, START)
        assert problem(await replica.post(anna.submission(terms, 1, SELL))) == "late"
        assert await town.node(0).ledger.submissions(town.market.id, START) == []


@asynchronous
async def test_seals_that_a_replica_was_given_for_others_reach_them_at_once(town, monkeypatch):
    monkeypatch.setattr(forwarding, "_LOOK_SECONDS", 600)
    anna, _ = town.meters
    async with town.up(), replica_of(town) as replica:
        await town.until(State.COLLECTING)
        await replica.until_open()
        submission = anna.submission(await town.terms(), 1, SELL)
        answer = await replica.post_bytes(f"periods/{START}/orders", submission.encode())
        assert answer.status_code == 200, answer.text
        async with asyncio.timeout(30):
            for party in (1, 2):
                while not await town.node(party).ledger.submissions(town.market.id, START):
                    await asyncio.sleep(0.05)


@asynchronous
async def test_a_replica_with_another_market_file_takes_no_orders_and_does_not_say_so(town, monkeypatch):
    (anna, _), decided, open_intake = town.meters, [], Mirror._open_intake

    async def noted(self: Mirror, row: RoundRow) -> bool:
        decided.append(await open_intake(self, row))
        return decided[-1]

    monkeypatch.setattr(Mirror, "_open_intake", noted)
    async with town.up(), replica_of(town, price_bits=8) as replica:
        await town.until(State.COLLECTING)
        async with asyncio.timeout(20):
            while not decided:
                await asyncio.sleep(0.02)
        assert problem(await replica.post(anna.submission(await town.terms(), 1, SELL))) == "not-open-yet"
        assert (await replica.get(f"periods/{START}")).json()["state"] == "opening"
        assert not any(decided)


@asynchronous
async def test_a_replica_is_ready_without_peers_and_says_when_nobody_drives(town):
    async with town.up(), replica_of(town) as replica:
        await town.until(State.COLLECTING)
        checks = json.loads((await replica.private("readyz")).text)
        assert checks == {"ready": True, "checks": {"ledger": "ok", "roll": "ok", "driver": "ok"}}
        assert "mpc_market_rounds_in_state" in (await replica.private("metrics")).text
        assert "disk" not in (await town.private(0, "readyz")).json()["checks"], "the server's disk is not seen here"
        for metrics in (await replica.private("metrics"), await town.private(0, "metrics")):
            assert "mpc_market_disk_free_bytes" not in metrics.text, "0 would be an alarm for ever"
        await town.stop(0)
        answer = await replica.private("readyz")
        assert (answer.status_code, answer.json()["checks"]["driver"]) == (503, "no process drives the rounds")
        assert (await replica.private("healthz")).status_code == 200, "it still takes what comes"
        assert (await replica.get(f"periods/{START}")).json()["state"] == "collecting"


@asynchronous
async def test_readings_taken_by_replicas_complete_a_settlement_and_its_totals_are_handed_out_by_them(
    tmp_path, postgres
):
    town = SettledTown(tmp_path / "market", people(2))
    on_server(town.path / party_folder(0), await asyncio.to_thread(postgres.new_database))
    anna, ben = town.meters
    async with town.up(), replica_of(town) as one, replica_of(town) as other:
        await check_that_one_of_two_tariffs_is_taken(town, one, other)
        await town.run_round()
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        await asyncio.gather(*(replica.until_open(Stage.SETTLEMENT) for replica in (one, other)))
        terms = await town.stage_terms(Stage.SETTLEMENT)
        for replica, meter, read in ((one, anna, (7, 1)), (other, ben, (30, 2))):
            made = town.reading(meter, terms, *read)
            answers = [await replica.post(made, "readings")]
            answers += [await town.post_reading(party, made.only_for(party)) for party in (1, 2)]
            assert [each.status_code for each in answers] == [200] * 3, [each.text for each in answers]
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)  # before the deadline: the clock stands still
        assert await town.totals(Claimant.DSO, "north", town.operators["north"]) == {
            "region/north": (2, 37, 3), "supplier/sun": (2, 37, 3)
        }  # fmt: skip
        again = town.reading(anna, terms, 9, 9, number=2)
        assert problem(await other.post(again, "readings")) == "late"
        claim = make_claim(terms, 0, Claimant.DSO, "north", town.operators["north"][0])
        for replica in (one, other):
            path = f"../{town.name(Stage.SETTLEMENT)}/periods/{START}/totals/dso/north"
            answer = await replica.get(path, params={"wait": 20}, headers={"authorization": f"Claim {claim.hex()}"})
            assert answer.status_code == 200, answer.text
            committee = town.market.committee(START).at(Stage.SETTLEMENT)
            assert read_signed(Sheet, answer.content, committee, terms.period, 0).message.title.name == "north"


async def check_that_one_of_two_tariffs_is_taken(town: SettledTown, one: Replica, other: Replica) -> None:
    """A supplier sends two that begin on different days of a month to different replicas at the same moment."""
    for k in range(1, 7):
        month, key = START + 3600 * k, town.suppliers["wind"][0]
        days = [Tariff(town.market.id, "wind", 2 * k + day, month + 900 * day, START_MAX, 50, 10, 5) for day in (1, 2)]
        answers = await asyncio.gather(
            *(
                replica.post_bytes("tariffs", sign_tariff(each, key))
                for replica, each in zip((one, other), days, strict=True)
            )
        )
        (refused,) = [answer for answer in answers if answer.status_code != 200]
        assert problem(refused) in ("tariff-changes", "tariff-number")
        assert len(await town.node(0).ledger.tariffs(town.market.id, month + 1800)) == k
