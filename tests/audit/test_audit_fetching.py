"""Chains saved from real HTTPS: all of them, what is new, and parties that do not serve what they did before."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpc_market.errors import InputError
from parties.audit import fetching
from parties.audit.fetching import Fetched, PublicApi, fetch
from parties.audit.saved import chain_path
from parties.audit.verifying import verify
from parties.client.api import pinned
from tests.audit.chains import STEP, Market, changed, linked
from tests.supplier.online_parties import JSON, Answer, OnlineParties, page_of, problem
from tests.wire.wire_round import START, WireRound


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path / "unused")


@pytest.fixture
def parties(tmp_path: Path, market: Market) -> Iterator[OnlineParties]:
    online = OnlineParties(tmp_path, market.rounds[0])
    online.chains = [market.chain(party) for party in range(3)]
    with online.online():
        yield online


def fetched(parties: OnlineParties, name: str = "records") -> list[Fetched]:
    running = parties.running

    async def run() -> list[Fetched]:
        async with PublicApi(running.id, pinned(running, int(time.time()))) as api:
            return await fetch(api, parties.folder / name)

    return asyncio.run(run())


def saved(parties: OnlineParties, party: int) -> list[bytes]:
    return chain_path(parties.folder / "records", party).read_bytes().split(b"\n")[:-1]


def test_all_chains_are_saved_as_they_are(parties: OnlineParties) -> None:
    assert fetched(parties) == [Fetched(party, 4, 4) for party in range(3)]
    assert [saved(parties, party) for party in range(3)] == parties.chains
    assert verify(parties.folder / "records", parties.running).holds


def test_only_what_is_new_is_asked_for(parties: OnlineParties, market: Market) -> None:
    whole = parties.chains
    parties.chains = [chain[:2] for chain in whole]
    fetched(parties)
    parties.chains = whole
    parties.asked.clear()
    assert fetched(parties) == [Fetched(party, 4, 2) for party in range(3)]
    head = f"/v1/markets/{parties.running.id}/records"
    of_one = [path for party, path in parties.asked if party == 1]
    assert of_one == [f"{head}?after=0&limit=1", f"{head}?after=1&limit=50", f"{head}?after=3&limit=50"]
    assert [saved(parties, party) for party in range(3)] == whole
    assert fetched(parties) == [Fetched(party, 4, 0) for party in range(3)]


def test_long_chains_come_in_pages(parties: OnlineParties, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAGE", 1)
    assert fetched(parties) == [Fetched(party, 4, 4) for party in range(3)]
    assert len([path for party, path in parties.asked if party == 0]) == 5


def test_what_a_broken_off_run_has_left_is_mended(parties: OnlineParties) -> None:
    fetched(parties)
    path = chain_path(parties.folder / "records", 1)
    path.write_bytes(path.read_bytes()[:-100])
    assert fetched(parties) == [Fetched(0, 4, 0), Fetched(1, 4, 1), Fetched(2, 4, 0)]
    path.write_bytes(path.read_bytes()[:100])
    assert fetched(parties)[1] == Fetched(1, 4, 4)
    assert saved(parties, 1) == parties.chains[1]


def test_markets_without_rounds(parties: OnlineParties) -> None:
    parties.chains = [[], [], []]
    assert fetched(parties) == [Fetched(party, 0, 0) for party in range(3)]
    assert verify(parties.folder / "records", parties.running).holds


def test_a_party_that_tells_its_past_otherwise_is_found_out(parties: OnlineParties, market: Market) -> None:
    fetched(parties)
    before = saved(parties, 1)
    table = json.loads(before[0])
    first = changed(before[0], parts=table["parts"][::-1])
    parties.chains[1] = [*linked([first, *before[1:]])]
    found = fetched(parties)
    assert [each.trouble for each in found if each.party != 1] == ["", ""]
    assert "party 1: it does not serve record 3 as it did before" in found[1].trouble
    assert saved(parties, 1) == before
    parties.chains[1] = before[:2]
    assert "it does not serve record 3 as it did before" in fetched(parties)[1].trouble
    assert saved(parties, 1) == before


def test_a_party_that_is_down_keeps_no_other_from_being_saved(parties: OnlineParties) -> None:
    parties.stop(2)
    found = fetched(parties)
    assert found[:2] == [Fetched(0, 4, 4), Fetched(1, 4, 4)]
    assert found[2].count == 0
    assert found[2].trouble.startswith("party 2: ")
    report = verify(parties.folder / "records", parties.running)
    assert report.wrong == ["party 2: the last 4 rounds that others have a record of are not in its chain"]


def test_a_party_that_ends_in_the_middle(parties: OnlineParties, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAGE", 1)
    parties.answers[1] = lambda path: problem("overloaded", 503) if "after=1" in path else None
    found = fetched(parties)[1]
    assert (found.count, found.new) == (2, 2)
    assert found.trouble == "party 1: refused: overloaded (status 503): try again later"
    parties.answers.clear()
    assert fetched(parties)[1] == Fetched(1, 4, 2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda c: page_of([b"<html>"]), "what it serves as record 0 is none"),
        (lambda c: page_of([c[0] + b"\n"]), "what it serves as record 0 is none"),
        (lambda c: page_of([b""]), "what it serves as record 0 is none"),
        (
            lambda c: page_of([c[1]]),
            "it serves record 1 of market oak-street where record 0 of oak-street",
        ),
        (lambda c: page_of([c[0], c[0]]), "it serves record 0 of market oak-street where record 1"),
        (lambda c: page_of([changed(c[0], market="elm")]), "it serves record 0 of market elm where record 0"),
        (lambda c: (200, JSON, b""), "no page of records"),
        (lambda c: (200, JSON, b"[]"), "no page of records"),
        (lambda c: (200, JSON, b"{}"), "no page of records"),
        (lambda c: (200, JSON, b'{"records": 7}'), "no page of records"),
        (lambda c: (200, JSON, b'{"records": [7]}'), "no page of records"),
        (lambda c: (200, JSON, '{"records": ["é"]}'.encode()), "no page of records"),
        (lambda c: (200, JSON, b"[" * 100_000), "no page of records"),
        (lambda c: (200, JSON, b"x" * (2**20 + 1)), "an answer of more than 1048576 bytes"),
    ],
)
def test_pages_that_are_none(parties: OnlineParties, answer: Callable[[list[bytes]], Answer], reason: str) -> None:
    parties.answers[0] = lambda _: answer(parties.chains[0])
    found = fetched(parties)[0]
    assert found.count == 0
    assert found.trouble.startswith("party 0: ")
    assert reason in found.trouble
    assert saved(parties, 0) == []


def test_wrong_records_are_saved_for_verifying(parties: OnlineParties) -> None:
    """Fetching does not judge: what is well-formed and in sequence is kept as it is."""
    parties.chains[1][3] = changed(parties.chains[1][3], previous="11" * 32)
    assert fetched(parties)[1] == Fetched(1, 4, 4)
    assert not verify(parties.folder / "records", parties.running).holds


def test_directories_of_something_else(parties: OnlineParties) -> None:
    folder = parties.folder / "records"
    folder.mkdir()
    chain_path(folder, 1).write_bytes(WireRound(market="elm", start=START + STEP).record().encode() + b"\n")
    with pytest.raises(InputError, match="the chain of market elm, not oak-street"):
        fetched(parties)
    chain_path(folder, 1).write_bytes(b"notes\n")
    with pytest.raises(InputError, match=r"party-1\.jsonl:1: no record"):
        fetched(parties)
    assert chain_path(folder, 1).read_bytes() == b"notes\n"
    assert not chain_path(folder, 0).exists()
