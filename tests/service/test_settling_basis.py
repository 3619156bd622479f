"""What rests on a clearing is computed only by parties for which it has ended alike."""

import pytest
from sqlalchemy import update

from mpc_market.rules.model import Side
from mpc_market.wire.identifiers import Stage
from parties.ledger.schema import rounds
from parties.service.life import FINAL, State
from tests.service.service_running import asynchronous
from tests.service.service_town import START
from tests.service.settled_town import END, SettledTown, people


async def void_at(town: SettledTown, party: int, stage: Stage) -> None:
    """One party has heard of another that the round is void, to which the others have heard a result."""
    row = rounds.c.market == town.name(stage), rounds.c.start == START
    statement = update(rounds).where(*row).values(state=State.VOID.value)
    database = town.services[party].node.ledger._database
    await database.write(lambda connection: connection.execute(statement))


@pytest.mark.parametrize("differently", [False, True])
@asynchronous
async def test_parties_for_which_the_clearing_has_ended_differently_settle_nothing(tmp_path, differently):
    """A round without a trade has no price, just as one that is void: nothing else would show it."""
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await town.until(State.COLLECTING)
        terms = await town.terms()
        for meter in town.meters:
            await town.submit(meter.submission(terms, 1, (Side.BUY, 30, 60)))
        await town.run_round()
        assert (await town.get(0, f"periods/{START}")).json()["price"] is None
        if differently:
            await void_at(town, 1, Stage.CLEARING)
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        asked = await town.stage_terms(Stage.SETTLEMENT)
        for meter in town.meters:
            await town.read(meter, asked, 10, 0)
        if not differently:
            await town.until_stage(Stage.SETTLEMENT, State.RESULT)
            return
        await town.wait(lambda: attempts_failed(town))
        town.clock.move_to(1000 * END + 1_200_000 + 600_000)
        await town.until_stage(Stage.SETTLEMENT, *FINAL)
        assert [await town.stage_state(Stage.SETTLEMENT, party) for party in range(3)] == [State.VOID] * 3


async def attempts_failed(town: SettledTown) -> bool:
    return 'mpc_market_attempts_total{ended="failed"} 0.0' not in (await town.private(0, "metrics")).text
