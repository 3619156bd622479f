"""Rounds, what is written once in them, rolls and sealing keys."""

import asyncio

import pytest

from parties.ledger import ContradictionError, LedgerError, StateError
from tests.ledger.ledger_support import MARKET, PARTY, START, asynchronous, create, opened

PEER = PARTY + 1


@asynchronous
async def test_a_round_is_found_as_it_was_created(url):
    async with opened(url) as ledger:
        assert await ledger.round(MARKET, START) is None
        created = await create(ledger)
        assert created.collecting
        assert not created.finished
        assert not created.fenced
        assert await create(ledger, state="another") == created == await ledger.round(MARKET, START)
    async with opened(url) as ledger:
        assert await ledger.round(MARKET, START) == created


@asynchronous
async def test_a_round_cannot_get_other_times(url):
    async with opened(url) as ledger:
        created = await create(ledger)
        with pytest.raises(ContradictionError):
            await create(ledger, gate_ms=created.gate_ms + 1)
        assert await ledger.round(MARKET, START) == created


@asynchronous
async def test_a_state_changes_only_from_the_expected_one(url):
    async with opened(url) as ledger:
        await create(ledger)
        await ledger.set_state(MARKET, START, "open", "collect")
        with pytest.raises(
            StateError, match=f"round {START} of market {MARKET} is in state collect, not in state open"
        ):
            await ledger.set_state(MARKET, START, "open", "collect")
        with pytest.raises(StateError, match="not there") as missing:
            await ledger.set_state("elsewhere", START, "open", "collect")
        assert missing.value.found is None
        assert (await ledger.round(MARKET, START)).state == "collect"


@asynchronous
async def test_of_many_who_would_change_a_state_one_does(url):
    async with opened(url) as ledger:
        await create(ledger)
        tries = [ledger.set_state(MARKET, START, "open", f"by {i}") for i in range(20)]
        done = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(one) for one in done if one is not None] == [StateError] * 19
        assert (await ledger.round(MARKET, START)).state == f"by {done.index(None)}"


@asynchronous
async def test_unfinished_rounds_of_all_markets_come_by_gate(url):
    async with opened(url) as ledger:
        for market, start in (("b", START + 900), ("a", START + 1800), ("a", START), ("b", START + 2700)):
            await create(ledger, market, start)
        await ledger.set_state("a", START, "open", "keep", finished=True)
        found = [(row.market, row.start) for row in await ledger.unfinished_rounds()]
        assert found == [("b", START + 900), ("a", START + 1800), ("b", START + 2700)]


@asynchronous
async def test_a_message_is_written_once(url):
    async with opened(url) as ledger:
        await create(ledger)
        for _ in range(2):
            await ledger.put_message(MARKET, START, "set-signature", PEER, b"first")
        for other in (b"second", b""):
            with pytest.raises(ContradictionError) as contradiction:
                await ledger.put_message(MARKET, START, "set-signature", PEER, other)
            assert (contradiction.value.kind, contradiction.value.party) == ("set-signature", PEER)
        assert await ledger.message(MARKET, START, "set-signature", PEER) == b"first"
    async with opened(url) as ledger:
        with pytest.raises(ContradictionError):
            await ledger.put_message(MARKET, START, "set-signature", PEER, b"second")


@asynchronous
async def test_messages_come_by_party_and_stay_in_their_round_and_market(url):
    async with opened(url) as ledger:
        for market, start in ((MARKET, START), (MARKET, START + 900), ("other", START)):
            await create(ledger, market, start)
            for party in (2, 0, 1):
                await ledger.put_message(market, start, "held", party, f"{market} {start} {party}".encode())
        await ledger.put_message(MARKET, START, "verdicts", 0, b"v")
        expected = {party: f"{MARKET} {START} {party}".encode() for party in range(3)}
        found = await ledger.messages(MARKET, START, "held")
        assert found == expected
        assert list(found) == [0, 1, 2]
        assert await ledger.messages(MARKET, START, "reveal") == {}
        assert await ledger.message(MARKET, START, "reveal", 0) is None


@asynchronous
async def test_nothing_is_kept_of_a_round_that_is_not_there(url):
    async with opened(url) as ledger:
        for party in (PARTY, PEER):
            with pytest.raises(LedgerError, match="there is no"):
                await ledger.put_message(MARKET, START, "held", party, b"list")
        with pytest.raises(LedgerError, match="there is no"):
            await ledger.put_outcome(MARKET, START, b"result")
        await create(ledger)
        await ledger.put_message(MARKET, START, "held", PEER, b"list")


@asynchronous
async def test_there_is_one_outcome(url):
    async with opened(url) as ledger:
        await create(ledger)
        assert await ledger.outcome(MARKET, START) is None
        both = [ledger.put_outcome(MARKET, START, data) for data in (b"result", b"void", b"result")]
        done = await asyncio.gather(*both, return_exceptions=True)
        assert [type(one) for one in done] == [type(None), ContradictionError, type(None)]
        assert done[1].party == PARTY
    async with opened(url) as ledger:
        assert await ledger.outcome(MARKET, START) == b"result"


@asynchronous
async def test_secrets_are_written_once_and_are_no_messages(url):
    async with opened(url) as ledger:
        await create(ledger)
        await ledger.put_secret(MARKET, START, "part", b"random")
        await ledger.put_secret(MARKET, START, "part", b"random")
        with pytest.raises(ContradictionError):
            await ledger.put_secret(MARKET, START, "part", b"redrawn")
        assert await ledger.secret(MARKET, START, "part") == b"random"
        assert await ledger.messages(MARKET, START, "part") == {}
        assert await ledger.forget_secrets(MARKET) == 0  # the round is under way
        await ledger.set_state(MARKET, START, "open", "keep", finished=True)
        assert await ledger.forget_secrets("other") == 0
        assert await ledger.forget_secrets(MARKET) == 1
        assert await ledger.secret(MARKET, START, "part") is None


@asynchronous
async def test_versions_of_the_roll_are_kept(url):
    async with opened(url) as ledger:
        assert await ledger.latest_roll_version(MARKET) == 0
        for version in (9, 2**64 - 1, 10):
            await ledger.put_roll(MARKET, version, b"roll %d" % version)
            await ledger.put_roll(MARKET, version, b"roll %d" % version)
        with pytest.raises(ContradictionError, match="roll of version 10"):
            await ledger.put_roll(MARKET, 10, b"another")
        assert await ledger.latest_roll_version(MARKET) == 2**64 - 1
        assert await ledger.latest_roll_version("other") == 0
        below = [await ledger.latest_roll_version(MARKET, before) for before in (2**64 - 1, 10, 9, 0)]
        assert below == [10, 9, 0, 0]
        assert await ledger.roll(MARKET, 9) == b"roll 9"
        assert await ledger.forget_rolls(MARKET, 10) == 1
        assert await ledger.roll(MARKET, 9) is None
        assert await ledger.roll(MARKET, 10) == b"roll 10"


@asynchronous
async def test_a_sealing_key_is_made_once_a_day_and_forgotten(url):
    made = []

    def create_key() -> bytes:
        made.append(f"key {len(made)}".encode())
        return made[-1]

    async with opened(url) as ledger:
        keys = await asyncio.gather(*(ledger.sealing_key("2026-12-31", create_key) for _ in range(5)))
        assert keys == made * 5 == [b"key 0"] * 5
        assert await ledger.sealing_key("2027-01-01", create_key) == b"key 1"
        assert await ledger.forget_sealing_keys(lambda _: {"": "2027-01-01"}) == 1
        assert await ledger.forget_sealing_keys(lambda _: {"": "2027-01-01"}) == 0
        assert await ledger.sealing_key("2027-01-01", create_key) == b"key 1"
        assert await ledger.sealing_key("2026-12-31", create_key) == b"key 2"
        # those for another purpose stay, and whoever decides is told of what is not over
        await create(ledger)
        await create(ledger, start=START + 900, state="done")
        await ledger.set_state(MARKET, START + 900, "done", "done", finished=True)
        await ledger.sealing_key("read 2026-12-30", create_key)
        seen = []
        assert await ledger.forget_sealing_keys(lambda rows: seen.append(rows) or {"read ": "2026-12-31"}) == 1
        assert [[row.start for row in rows] for rows in seen] == [[START]]
        assert await ledger.known_sealing_key("2026-12-31") == b"key 2"
