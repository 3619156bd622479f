"""A month of a real market: three parties' processes, readings in time, late, corrected and missing, a tariff that
changes; and kill -9 of services and workers while it is settled, corrected and closed. The full product is in the soak.

Everything that anybody is shown equals the plaintext rule, to the cent and the lot; every round has one outcome.
"""

import sqlite3
from contextlib import closing

import pytest

from mpc_market.wire.identifiers import Stage
from parties.service.life import State
from soak.judge import judge_stage
from soak.kills import SERVICE, WORKER
from soak.parts.crashes import MARKETS, PARTIES
from soak.parts.settlement import ONE_EACH, RESULTS, STAGES, Campaign, every_one, months_for

OFF_THE_WAY = {State.VOID, State.LOST}
"""No state on the way to a result; to be lost takes a restored backup."""


def test_every_state_of_every_stage_is_in_the_soak() -> None:
    parties = range(PARTIES)
    everything = {(stage, state, party, SERVICE) for stage in STAGES for state in set(State) - OFF_THE_WAY
                  for party in parties}  # fmt: skip
    everything |= {(stage, State.COMPUTING, party, WORKER) for stage in STAGES for party in parties}
    assert {(kill.stage, kill.state, kill.party, kill.process) for kill in every_one()} == everything
    assert set(RESULTS) == set(State) - OFF_THE_WAY
    assert {kills[-1].process for of_stage in ONE_EACH.values() for kills in of_stage} == {SERVICE, WORKER}


def test_the_product_goes_into_as_many_months_as_there_are_markets_at_once() -> None:
    months = months_for(every_one())
    assert len(months) == MARKETS
    in_months = [kill for month in months for rounds in month.values() for kills in rounds for kill in kills]
    assert sorted(in_months) == sorted(every_one())
    assert all(set(month) == set(STAGES) for month in months)


@pytest.fixture(scope="module")
def after_a_month(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """A market after its month, with a process killed in every stage."""
    campaign = Campaign(tmp_path_factory.mktemp("month") / "market")
    campaign.run(ONE_EACH)
    return campaign


def test_a_month_with_crashes_is_the_month_of_the_rule(after_a_month: Campaign) -> None:
    assert after_a_month.wrong == []
    killed = {(kill.stage, kill.process) for kill in after_a_month.fallen}
    assert killed == {(stage, process) for stage in STAGES for process in (SERVICE, WORKER)}
    assert after_a_month.restarts >= 3


TAMPERINGS = {
    "UPDATE rounds SET state = 'void' WHERE state = 'result' AND market LIKE '%:closing'": "states",
    "DELETE FROM results WHERE market LIKE '%:closing' AND meter LIKE 'meter-1/%'": "different users or groups",
    "UPDATE messages SET data = (SELECT data FROM messages WHERE kind = 'set-signature' AND party = 2) "
    "WHERE kind = 'set-signature' AND party = 0 AND market LIKE '%:closing'": "different messages: set-signature",
}


@pytest.mark.parametrize("statement", TAMPERINGS)
def test_the_judge_of_stages_notices(after_a_month: Campaign, statement: str) -> None:
    path = after_a_month.community.party_home(1) / "ledger.db"
    before = {each: each.read_bytes() for each in path.parent.glob("ledger.db*") if each.is_file()}
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.execute("PRAGMA foreign_keys = OFF")
        assert ledger.execute(statement).rowcount > 0
    try:
        found = judge_stage(after_a_month.community, Stage.CLOSING, after_a_month.months[Stage.CLOSING])
        assert any(TAMPERINGS[statement] in wrong for wrong in found.wrong)
    finally:
        for each in path.parent.glob("ledger.db*"):
            each.unlink()
        for each, content in before.items():
            each.write_bytes(content)
