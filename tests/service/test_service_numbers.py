"""Numbers of attempts: all parties come to the same one, and none takes the others to the end of the numbers."""

from mpc_market.wire.outcome import Void, VoidReason
from parties.service.attempts import ATTEMPT_MAX, Progress
from parties.service.following import _BEGUN, AHEAD_MAX, last_begun
from parties.service.life import State
from parties.service.peers import Peer
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Town
from tests.service.test_service_void import outcome, small_town, with_orders

BAD = 'mpc_market_bad_messages_total{kind="attempt",party="2"}'


async def has_begun(town: Town, party: int, number: int) -> None:
    """As if the party had been restarted so often while the others were away."""
    data = number.to_bytes(4, "little")
    await town.node(party).ledger.put_message(town.market.id, START, _BEGUN.format(0), party, data)


async def numbers(town: Town) -> list[int]:
    """The last attempt of each party."""
    ledgers = [town.node(party).ledger for party in range(town.parties)]
    return [(await last_begun(each, town.market.id, START, party))[1] for party, each in enumerate(ledgers)]


@asynchronous
async def test_one_word_of_a_far_attempt_takes_nobody_there(tmp_path, monkeypatch):
    progress, said = Peer.progress, set()

    async def once(self: Peer, start: int, known: str, wait: float) -> bytes | None:
        data = await progress(self, start, known, wait)
        if data is None or self.link.party != 2 or id(self.link) in said:
            return data
        said.add(id(self.link))
        return Progress(ATTEMPT_MAX).encode()

    monkeypatch.setattr(Peer, "progress", once)
    town = small_town(tmp_path)
    async with town.up():
        await with_orders(town)
        await town.run_round()
        assert [await town.state(party) for party in range(3)] == [State.RESULT] * 3
        assert max(await numbers(town)) <= 1 + 3 * AHEAD_MAX
        for party in (0, 1):
            assert await town.counted(party, BAD) >= 1


@asynchronous
async def test_a_party_that_was_alone_for_long_is_met(tmp_path):
    """It is further ahead than it can be by attempts that failed: the others come to it all the same, step by step."""
    town, ahead = small_town(tmp_path), 3 * AHEAD_MAX + 5
    async with town.up():
        await with_orders(town)
        await has_begun(town, 2, ahead)
        await town.run_round()
        assert [await town.state(party) for party in range(3)] == [State.RESULT] * 3
        assert await numbers(town) == [ahead + 1] * 3
        assert await town.counted(0, BAD) >= 3


@asynchronous
async def test_a_round_without_a_number_for_another_attempt_is_void(tmp_path):
    """Nothing is stored beyond the last number, and the round does not stumble for ever."""
    town = small_town(tmp_path)
    async with town.up():
        await with_orders(town)
        await has_begun(town, 0, ATTEMPT_MAX)
        await town.run_round()
        assert await outcome(town, 0) == Void(VoidReason.NOT_COMPUTED)
        assert (await numbers(town))[0] == ATTEMPT_MAX
