"""Corrections that cannot be computed in time: what they bill, estimates too, is billed nevertheless."""

import pytest

from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sheet import Content
from parties.ledger import back_up
from parties.service.life import FINAL, State
from tests.service.service_crash import restored
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START
from tests.service.settled_town import END, SettledTown, people

MONTH, NEXT = START, START + 3600
STARTS = range(MONTH, NEXT, PERIOD)
LAST = 1000 * (NEXT + PERIOD) + 1_800_000
"""The last deadline of the first month."""
CLOSES = 1000 * (NEXT + 3600 + PERIOD) + 1_800_000
"""Of the second month, which bills the corrections of the first."""


async def settled_but_for_one(town: SettledTown) -> None:
    """The first period is settled, and one of the three users is left without a reading."""
    await town.publish("sun", 1, START, 50, 10, 5)
    await town.until(State.COLLECTING)
    town.clock.move_to(1000 * END)
    await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
    terms = await town.stage_terms(Stage.SETTLEMENT)
    for meter in town.meters[:2]:
        await town.read(meter, terms, 10, 0)
    town.clock.move_to(1000 * END + 1_200_000)
    await town.until_stage(Stage.SETTLEMENT, State.RESULT)


async def owed(town: SettledTown) -> dict[str, tuple[int, int]]:
    """By the second month's bills: cents, and over how many estimates."""
    got = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", town.suppliers["sun"], NEXT)
    return {row.name.removeprefix("meter/"): (cents, row.facts[2]) for row, cents in got}


@asynchronous
async def test_estimates_are_billed_though_a_party_was_away_longer_than_a_settlement_may_take(tmp_path):
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await settled_but_for_one(town)
        await town.correcting(STARTS)
        await town.stop(2)
        town.clock.move_to(LAST)
        await town.until_stage(Stage.CORRECTION, State.CLOSING, *FINAL)
        town.clock.move_to(LAST + 3 * 600_000)  # it is longer than `settle_within`
        await town.start(2)
        for start in STARTS:
            await town.until_stage(Stage.CORRECTION, State.RESULT, start=start)
        town.clock.move_to(CLOSES)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
        most = town.settings.scale.cents.of(200 * 50)
        # of three periods nobody has read anything, and one user nothing of the fourth
        names = [meter.id for meter in town.meters]
        assert await owed(town) == dict(zip(names, [(3 * most, 3), (3 * most, 3), (4 * most, 4)], strict=True))


@asynchronous
async def test_a_closing_waits_for_corrections(tmp_path):
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await settled_but_for_one(town)
        await town.correcting(STARTS)
        await town.stop(2)
        town.clock.move_to(CLOSES)
        await town.until_stage(Stage.CORRECTION, State.CLOSING, *FINAL)
        await town.until_stage(Stage.CLOSING, State.OPENING, start=NEXT)
        await town.start(2)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
        assert (await owed(town))[town.meters[2].id] == (town.settings.scale.cents.of(4 * 200 * 50), 4)


@asynchronous
async def test_where_a_correction_was_never_open_nobody_is_estimated(tmp_path, log):
    """Nobody was able to read: the parties say for which periods, and the month is closed without them."""
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await settled_but_for_one(town)
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        await town.stop(2)
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        town.clock.move_to(LAST - 1)  # the others have opened them
        await town.until_stage(Stage.CORRECTION, State.OPENING, start=STARTS[-1])
        town.clock.move_to(LAST)
        await town.until_stage(Stage.CORRECTION, State.VOID, start=STARTS[-1])
        await town.start(2)
        await town.until_stage(Stage.CORRECTION, State.RESULT)
        town.clock.move_to(CLOSES)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
        anna, ben, carl = (meter.id for meter in town.meters)
        assert await owed(town) == {anna: (0, 0), ben: (0, 0), carl: (town.settings.scale.cents.of(200 * 50), 1)}
        for party in range(3):
            told = (await town.private(party, "metrics")).text
            assert (
                f'mpc_market_left_out{{market="{town.name(Stage.CLOSING)}",stage="correction",state="void"}} 3.0'
                in told
            )
        assert "left out of the closing: void" in log.getvalue()


@pytest.mark.parametrize("forgotten", [False, True])
@asynchronous
async def test_a_closing_does_not_wait_for_corrections_that_a_restored_party_cannot_take_part_in(tmp_path, forgotten):
    """`forgotten`: its backup does not even know them, and the last deadline has passed before it was restored."""
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await settled_but_for_one(town)
        if forgotten:
            await back_up(town.home(1).database, tmp_path / "backup.db")
        await town.correcting(STARTS)
        if not forgotten:
            await back_up(town.home(1).database, tmp_path / "backup.db")
        await town.stop(1)
        town.clock.move_to(LAST)
        await town.until_stage(Stage.CORRECTION, State.CLOSING)
        await restored(town, 1, tmp_path / "backup.db")
        for party in (0, 2):
            await town.wait(lambda party=party: ended_void(town, party))
        town.clock.move_to(CLOSES)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)


async def ended_void(town: SettledTown, party: int) -> bool:
    states = [await town.stage_state(Stage.CORRECTION, party, start) for start in STARTS]
    return states == [State.VOID] * len(STARTS)
