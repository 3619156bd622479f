"""What is settled and closed does not go back behind the roll that was in use, whatever one party opens it with."""

import pytest

from mpc_market.wire.identifiers import Stage
from mpc_market.wire.message import split_signed
from mpc_market.wire.outcome import Outcome, Void, VoidReason
from parties.service.closing import MonthClosing
from parties.service.life import State
from parties.service.rolls import Enrolled
from parties.service.round import Round
from parties.service.settling import PeriodSettling
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START
from tests.service.settled_town import END, SettledTown, people
from tests.service.test_settling_restarts import NEXT


def going_back(monkeypatch: pytest.MonkeyPatch, business: type, stage: Stage) -> None:
    """Party 2 opens the rounds of a stage with version 1."""
    own = business.roll

    async def roll(self, current: Round) -> Enrolled | None:
        if current.party == 2 and current.node.stage is stage:
            return await current.node.rolls.version(1)
        return await own(self, current)

    monkeypatch.setattr(business, "roll", roll)


@asynchronous
async def test_what_follows_a_clearing_is_not_opened_with_an_older_roll(tmp_path, monkeypatch):
    going_back(monkeypatch, PeriodSettling, Stage.SETTLEMENT)
    going_back(monkeypatch, MonthClosing, Stage.CLOSING)
    town = SettledTown(tmp_path / "m", people())
    old = (tmp_path / "m" / "roll.bin").read_bytes()
    town.write_roll(2)
    async with town.up():
        await town.node(2).rolls.add(old)
        await town.publish("sun", 1, START, 50, 10, 5)
        await town.until(State.COLLECTING)
        await town.run_round()
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.VOID)
        town.clock.move_to(1000 * END + 1_200_000)
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.VOID)
        for stage in (Stage.SETTLEMENT, Stage.CLOSING):
            for party in (0, 1):
                signed = await town.node(party).ledger.outcome(town.name(stage), START)
                assert split_signed(Outcome, signed).message.content == Void(VoidReason.NOT_OPENED)
        # those who are left without a settlement are corrected, with the roll of the clearing, by party 2 too
        await town.until_stage(Stage.CORRECTION, State.RESULT)
        assert (await town.stage_terms(Stage.CORRECTION)).roll_version == 2
        for party in (0, 1):
            assert await town.node(party).rolls.version(1) is None
