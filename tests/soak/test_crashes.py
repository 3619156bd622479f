"""kill -9 in every state of the table, one party each; the full product is in the soak. And the judge is judged.

Parties, workers and meters are real processes over TLS, each with its ledger; only the clock is moved on.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from parties.service.life import TABLE, State
from soak.judge import judge
from soak.kills import SERVICE, WORKER
from soak.part import Play
from soak.parts.crashes import METERS, PARTIES, STATES, WITH_WORKER, Campaign, every_one, one_each, rounds_for


def test_the_table_says_where_processes_are_killed():
    named = {state for (before, _), after in TABLE.items() for state in (before, after)}
    assert {*STATES, State.LOST} == named == set(State)
    everything = {(state, party, SERVICE) for state in STATES for party in range(PARTIES)}
    everything |= {(state, party, WORKER) for state in WITH_WORKER for party in range(PARTIES)}
    assert {(kill.state, kill.party, kill.process) for kill in every_one()} == everything


def test_the_product_goes_into_rounds_with_one_process_killed_in_a_state():
    rounds = rounds_for(every_one())
    assert sorted(kill for kills in rounds for kill in kills) == sorted(every_one())
    assert len(rounds) == 3 * PARTIES  # services, workers, and void
    for kills in rounds:
        assert len({kill.state for kill in kills}) == len(kills)
        assert len({kill.process for kill in kills}) == 1
        assert len(kills) == 1 or State.VOID not in {kill.state for kill in kills}


@pytest.fixture(scope="module")
def after_crashes(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """A market after a round for every state."""
    directory = tmp_path_factory.mktemp("crashes")
    campaign = Campaign(Play(directory, "kill", 1e9), directory / "market")
    campaign.run(one_each())
    return campaign


def test_kill_9_in_every_state(after_crashes: Campaign):
    """No acknowledged order is lost, results equal the plaintext rule, no party says two things of one round."""
    found = judge(after_crashes.community)
    assert found.wrong == []
    killed = {(kill.process, kill.state) for kill in after_crashes.fallen}
    assert killed >= {("service", state) for state in STATES}
    workers = {state for process, state in killed if process == "worker"}
    assert {State.COLLECTING, State.COMPUTING} <= workers <= set(WITH_WORKER)  # else it may be still to be started
    assert after_crashes.restarts >= len(STATES)
    assert sorted(found.rounds.values()) == ["result"] * (len(STATES) - 1) + ["void"]
    assert found.acknowledged == METERS * len(STATES)
    assert sum(found.orders.values()) == METERS * (len(STATES) - 1)


# --- the judge notices what it is there to notice, when ledgers and stores are tampered with ----------------


@pytest.fixture
def ledger(after_crashes: Campaign) -> Iterator[sqlite3.Connection]:
    """The ledger of party 1, put back afterwards."""
    path = after_crashes.community.party_home(1) / "ledger.db"
    before = {each: each.read_bytes() for each in path.parent.glob("ledger.db*") if each.is_file()}
    with closing(sqlite3.connect(path)) as connection:
        yield connection
    for each in path.parent.glob("ledger.db*"):
        if each not in before:
            each.unlink()
    for each, content in before.items():
        each.write_bytes(content)


TAMPERINGS = {
    "DELETE FROM submissions WHERE meter = 'meter-1'": "acknowledged order is not stored",
    "UPDATE messages SET data = (SELECT data FROM messages WHERE kind = 'set-signature' AND party = 2) "
    "WHERE kind = 'set-signature' AND party = 0": "different messages: set-signature",
    "UPDATE results SET words = (SELECT words FROM results ORDER BY meter LIMIT 1)": "polynomial",
    "UPDATE rounds SET state = 'void' WHERE state = 'result'": "states",
    "UPDATE outcomes SET data = (SELECT data FROM messages WHERE kind = 'outcome' AND party = 0)": "outcome",
}


@pytest.mark.parametrize("statement", TAMPERINGS)
def test_the_judge_notices(after_crashes: Campaign, ledger: sqlite3.Connection, statement: str) -> None:
    ledger.execute("PRAGMA foreign_keys = OFF")
    assert ledger.execute(statement).rowcount > 0
    ledger.commit()
    assert any(TAMPERINGS[statement] in wrong for wrong in judge(after_crashes.community).wrong)


def test_orders_that_are_not_what_was_computed_on(after_crashes: Campaign) -> None:
    """The plaintext rule is asked about the orders of the meters' own stores; these clear at another price."""
    others = ['[["sell", 10, 7]]', '[["buy", 20, 7]]', '[["buy", 1, 0]]', '[["buy", 1, 0]]']
    for home, orders in zip(after_crashes.community.meters, others, strict=True):
        with closing(sqlite3.connect(home.store)) as store, store:
            assert store.execute("UPDATE submissions SET orders = ?", (orders,)).rowcount > 0
    wrong = judge(after_crashes.community).wrong
    assert any("another price than the plaintext rule" in each for each in wrong)
    assert any("a meter was told otherwise" in each for each in wrong)
