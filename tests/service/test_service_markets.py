"""Several markets at one set of parties: each clears by its own orders, and nothing of one is of use in another."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.audit import check_chain
from parties.files.party_home import read_party_homes
from parties.files.problems import Problems
from parties.service.computing import begin_attempt
from parties.service.driver import STEPS
from parties.service.life import FINAL, Event, State
from parties.service.round import Round
from parties.setup.creating import party_folder
from parties.setup.rotation import adopt_into, rotate
from tests.service.service_results import collected, expected, record_of
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Meter, Town, problem

NOW = START - 2000


def three_markets(path: Path) -> list[Town]:
    """Oak street, elm street and ash street. Anna is enrolled in all, the others in one each."""
    oak = Town(path / "market", meters=[Meter("anna"), Meter("otto")])
    anna = oak.meters[0]
    return [oak, oak.further("elm-street", [anna, Meter("emil")]), oak.further("ash-street", [anna, Meter("ada")])]


def wishes_of(towns: list[Town]) -> list[dict]:
    """What the meters of each market want: in each something else."""
    return [
        {town.meters[0].id: [(Side.SELL, 5, 10 + k)], town.meters[1].id: [(Side.BUY, 9, 6 + 3 * k)]}
        for k, town in enumerate(towns)
    ]


async def submitted(town: Town, wishes: dict) -> tuple:
    await town.until(State.COLLECTING)
    terms = await town.terms()
    sent = {meter.id: meter.submission(terms, 1, *wishes[meter.id]) for meter in town.meters}
    for submission in sent.values():
        await town.submit(submission)
    return terms, sent


@asynchronous
async def test_three_markets_clear_side_by_side_each_by_its_own_orders(tmp_path):
    towns = three_markets(tmp_path)
    async with towns[0].up():
        all_wishes = wishes_of(towns)
        sent = [await submitted(town, wishes) for town, wishes in zip(towns, all_wishes, strict=True)]
        towns[0].clock.move_to(towns[0].gate)
        challenges = set()
        for town, wishes, (terms, submissions) in zip(towns, all_wishes, sent, strict=True):
            await town.until(*FINAL)
            record = await record_of(town, 0)
            assert record.period.market == town.market.id
            check_chain([record], town.committee_of, record.previous, record.sequence)
            price, accepted = expected(town, wishes, record)
            for meter in town.meters:
                received = await collected(town, meter, submissions[meter.id], wishes[meter.id], terms)
                assert (received.price, received.accepted) == (price, accepted[meter.id])
            challenges.add(terms.challenge)
        assert len(challenges) == 3
        served = (await towns[0].get(0, "..")).json()["markets"]
        assert served == ["oak-street", "ash-street", "elm-street"]


@asynchronous
async def test_what_is_for_one_market_is_refused_by_another_and_kept_apart(tmp_path):
    towns = three_markets(tmp_path)
    oak, elm, _ = towns
    async with oak.up():
        await asyncio.gather(*(town.until(State.COLLECTING) for town in towns))
        terms = await oak.terms()
        anna, otto = oak.meters
        of_anna, of_otto = (meter.submission(terms, 1, (Side.SELL, 5, 10)) for meter in (anna, otto))
        # Anna is enrolled in both markets with one key: the market in what she has signed is what counts.
        assert problem(await elm.post(0, of_anna.only_for(0))) == "wrong-context"
        assert problem(await elm.post(0, of_otto.only_for(0))) == "wrong-context"
        # To the right address, for the other market's round: its meter is unknown here.
        elm_terms = await elm.terms()
        stranger = otto.submission(elm_terms, 1, (Side.SELL, 5, 10))
        assert problem(await elm.post(0, stranger.only_for(0))) == "unknown-meter"
        await oak.submit(of_anna)
        # One number is used in one market: in the other it is still free, and holds what is sent there.
        await elm.submit(anna.submission(elm_terms, 1, (Side.SELL, 6, 11)))
        for party in range(3):
            ledger = oak.node(party).ledger
            held = {town.market.id: await ledger.submissions(town.market.id, START) for town in towns}
            assert {market: len(rows) for market, rows in held.items()} == {
                "oak-street": 1,
                "elm-street": 1,
                "ash-street": 0,
            }
            assert held["oak-street"][0].header_digest != held["elm-street"][0].header_digest
        elm.write_roll(2)
        for service in oak.services.values():
            await service.upkeep.look()
        assert [(await town.get(1, "roll")).json()["version"] for town in towns] == [1, 2, 1]
        answer = await oak.get(0, f"../nowhere/periods/{START}")
        assert problem(answer) == "unknown-market"


@pytest.mark.parametrize("at_once", [1, 2])
@asynchronous
async def test_so_many_rounds_compute_at_once_and_none_waits_for_ever(tmp_path, monkeypatch, at_once):
    """Every party comes to its attempts in another sequence: without turns two would wait for each other's places."""
    oak = Town(tmp_path / "market", meters=[Meter("anna")])
    towns = [oak] + [oak.further(f"street-{k}", oak.meters) for k in range(3)]
    oak.at_once = at_once
    markets = [town.market.id for town in towns]
    computing: list[Counter[str]] = [Counter() for _ in range(3)]

    async def begin_late(current: Round) -> Event:
        await asyncio.sleep(0.2 * ((markets.index(current.market) - current.party) % len(markets)))
        return await begin_attempt(current)

    monkeypatch.setitem(STEPS, State.SEEDED, begin_late)

    def watch(party: int):
        async def trouble(stage: str, worker: object) -> None:
            computing[party]["now"] += {"begin": 1, "computed": -1}.get(stage, 0)
            computing[party]["most"] = max(computing[party]["most"], computing[party]["now"])
            await asyncio.sleep(0.05)

        return trouble

    for party, workers in enumerate(oak.workers):
        workers.trouble = watch(party)
    async with oak.up():
        for town in towns:
            await submitted(town, {"anna": [(Side.SELL, 5, 10)]})
        oak.clock.move_to(oak.gate)
        await asyncio.gather(*(town.until(*FINAL, seconds=60) for town in towns))
        assert {await town.state(party) for town in towns for party in range(3)} == {State.RESULT}
        assert [each["most"] for each in computing] == [at_once] * 3
        assert oak.node(0).pool.waiting == 0
    for workers in oak.workers:
        assert len(workers.started) == len(towns), "one attempt each"
        assert all(worker.ended for worker in workers.started)


@asynchronous
async def test_keys_rotate_in_all_markets_of_a_home(tmp_path):
    towns = three_markets(tmp_path)
    oak = towns[0]
    async with oak.up():
        first, *further = oak.homes(1)
        path, problems = rotate(first, START, oak.clock.now_ms() // 1000, further), Problems()
        adopt_into(str(oak.path / "market.toml"), [str(path)], problems)
        await oak.services[0].upkeep.look()
        assert len(oak.node(0).market.parties[1].keys) == 1, "not before all market files say the same"
        for party in range(3):
            for town in towns[1:]:
                market = town.market.id
                file = oak.path / party_folder(party) / "markets" / market / "market.toml"
                adopt_into(str(file), [str(path.with_name(f"announcement-{market}.toml"))], problems)
        problems.check()
        for service in oak.services.values():
            await service.upkeep.look()
        for town in towns:
            assert [len(town.node(party).market.parties[1].keys) for party in range(3)] == [2, 2, 2]


def refused(home: Path) -> str:
    problems = Problems()
    assert read_party_homes(home, NOW, problems) == []
    return problems.shown[0]


def test_a_further_market_is_of_the_same_parties_in_a_folder_of_its_name(tmp_path):
    oak = Town(tmp_path / "market")
    oak.further("elm-street")
    home = oak.path / party_folder(0)
    markets = home / "markets"
    assert [each.market.id for each in oak.homes(0)] == ["oak-street", "elm-street"]
    (markets / "elm-street").rename(markets / "elm")
    assert "is the folder of market elm-street" in refused(home)
    (markets / "elm").rename(markets / "elm-street")
    file = markets / "elm-street" / "market.toml"
    text = file.read_text()
    file.write_text(text.replace(oak.market.parties[1].name, "somebody else"))
    assert "parties differ from those of market oak-street" in refused(home)
    file.write_text(text[:100])
    assert refused(home)
    file.write_text(text)
    (markets / "oak-street").mkdir()
    (markets / "oak-street" / "market.toml").write_text((oak.path / "market.toml").read_text())
    assert "is there twice" in refused(home)
