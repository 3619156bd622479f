"""The roll at the parties: a new version counts without a restart, and no party alone brings back an old one."""

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.outcome import Void, VoidReason
from mpc_market.wire.roll import Roll, sign_roll
from mpc_market.wire.signing import SigningKey
from parties.files.problems import Problems
from parties.registrar.home import read_registrar_home
from parties.service.clearing import Clearing
from parties.service.life import State
from parties.service.rolls import Enrolled
from parties.service.round import Round
from tests.service.service_results import record_of
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter, Town, problem
from tests.service.test_service_upkeep import look, one_round


@asynchronous
async def test_a_new_roll_is_used_from_the_next_round_on(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        town.meters.append(Meter("cleo"))
        town.write_roll(2)
        await look(town)
        assert (await town.get(0, "roll")).json()["version"] == 2
        assert problem(await town.post(0, town.meters[2].submission(terms, 1, (Side.BUY, 9, 6)))) == "unknown-meter"
        await one_round(town, START)
        await town.until(State.COLLECTING, start=START + PERIOD)
        terms = await town.terms(START + PERIOD)
        assert terms.roll_version == 2
        await town.submit(town.meters[2].submission(terms, 1, (Side.BUY, 9, 6)), START + PERIOD)


@asynchronous
async def test_a_party_that_has_a_newer_roll_than_the_others_fetches_the_older_one(tmp_path):
    """Party 2 joins with an empty ledger after version 1 was replaced at it: the round still uses version 1."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up(0, 1):
        await town.until(State.OPENING)
        town.write_roll(2)
        await town.start(2)
        await town.until(State.COLLECTING)
        assert (await town.terms()).roll_version == 1
        await one_round(town, START)


@asynchronous
async def test_no_party_alone_brings_back_a_roll_that_was_in_use_before(tmp_path, monkeypatch, capsys):
    """Party 2 opens rounds with version 1 after one that was held with version 2: the others take no part in these,
    also after a restart, and do not even fetch the old version.
    """
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    old = (tmp_path / "market" / "roll.bin").read_bytes()
    town.write_roll(2)
    newest, back = Clearing.roll, (START + PERIOD, START + 2 * PERIOD)

    async def roll(self: Clearing, current: Round) -> Enrolled | None:
        goes_back = current.party == 2 and current.start in back
        return await (current.node.rolls.version(1) if goes_back else newest(self, current))

    monkeypatch.setattr(Clearing, "roll", roll)
    async with town.up():
        await town.node(2).rolls.add(old)
        await one_round(town, START)
        assert (await town.terms()).roll_version == 2
        for start in back:
            await town.until(State.VOID, start=start)
            for party in (0, 1):
                outcomes = {each.message.party: each.message for each in (await record_of(town, party, start)).outcomes}
                assert outcomes[party].content == Void(VoidReason.NOT_OPENED)
                assert await town.node(party).rolls.version(1) is None
            await town.stop(0)
            await town.start(0)
            town.clock.move_to(1000 * start - 300_000)  # the next one opens
        await one_round(town, START + 3 * PERIOD)
        assert (await town.terms(START + 3 * PERIOD)).roll_version == 2
    told = [line for line in capsys.readouterr().out.splitlines() if "out of use" in line]
    assert len(told) >= 4
    assert all("by=[2] in_use=2" in line for line in told)


@asynchronous
async def test_a_roll_that_was_brought_to_one_party_comes_to_all(tmp_path):
    """The round that is opened meanwhile uses the version that all have. Who is behind is measured by the others."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        town.write_roll(2)
        roll = (tmp_path / "market" / "roll.bin").read_bytes()
        town.write_roll(1)
        await town.node(1).rolls.add(roll)
        await one_round(town, START)  # the next one opens at its gate
        await town.until(State.COLLECTING, start=START + PERIOD)
        assert (await town.terms(START + PERIOD)).roll_version == 1
        metric = 'mpc_market_roll_behind{{market="oak-street",party="{}"}} {}'
        text = (await town.private(1, "metrics")).text
        assert metric.format(0, 1.0) in text
        assert metric.format(2, 1.0) in text
        assert metric.format(1, 0.0) in (await town.private(0, "metrics")).text
        await one_round(town, START + PERIOD)
        await town.until(State.COLLECTING, start=START + 2 * PERIOD)
        assert (await town.terms(START + 2 * PERIOD)).roll_version == 2
        text = (await town.private(1, "metrics")).text
        assert metric.format(0, 0.0) in text
        assert metric.format(2, 0.0) in text


@pytest.mark.parametrize("wrong", ["another registrar", "the same version, other meters", "garbage", "another market"])
@asynchronous
async def test_a_roll_that_is_wrong_changes_nothing(tmp_path, wrong):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    problems = Problems()
    registrar = read_registrar_home(tmp_path / "market" / "registrar", problems).key
    rolls = {
        "another registrar": lambda: sign_roll(Roll(town.market.id, 2, (), ()), SigningKey.generate()),
        "the same version, other meters": lambda: sign_roll(Roll(town.market.id, 1, (), ()), registrar),
        "garbage": lambda: b"garbage",
        "another market": lambda: sign_roll(Roll("elsewhere", 2, (), ()), registrar),
    }
    async with town.up():
        await town.until(State.COLLECTING)
        (tmp_path / "market" / "roll.bin").write_bytes(rolls[wrong]())
        await look(town)
        assert (await town.get(0, "roll")).json()["version"] == 1
        await one_round(town, START)
