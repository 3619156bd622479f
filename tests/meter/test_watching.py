"""Round after round: every period is submitted for, whatever happens, and nothing secret is told (watching)."""

import asyncio
import time

import pytest

from mpc_market.errors import InputError
from mpc_market.rules.model import Side
from mpc_market.wire.submission import Submission
from parties import clock
from parties.meter.forecast import Wish
from parties.meter.results import State
from parties.meter.rounds import Rounds
from parties.meter.submitting import submit
from parties.meter.watching import Watch
from parties.meter.wishes import FromFile, Nothing, WishFile
from tests.meter.faults import down
from tests.meter.small_market import BUY, MAXIMUM, START, SmallMarket, posts

Q = 900


class Given:
    """Orders by period."""

    def __init__(self, wishes):
        self._wishes = wishes

    def of(self, start):
        return self._wishes.get(start, ())


def watch(small: SmallMarket, meters, wishes=None, rounds: Rounds | None = None, files=()):
    lines: list[str] = []
    given = {meter.id: (wishes or {}).get(meter.id, Nothing()) for meter in meters}
    return Watch(rounds or small.rounds, meters, given, lines.append, files), lines


def states(meter):
    return [(entry.start, entry.state) for entry in meter.store.history(100)]


def test_three_rounds_of_two_meters(small):
    buyer, seller = small.meter("b"), small.meter("s")
    wishes = {
        "b": Given({START: [BUY], START + 2 * Q: [BUY]}),
        "s": Given({START: [Wish(Side.SELL, 1000, 1000)], START + Q: [Wish(Side.SELL, 1000, 1000)]}),
    }
    watched, lines = watch(small, [buyer, seller], wishes)
    assert small.run(watched.run(3)) is True
    assert states(buyer) == states(seller) == [(START + i * Q, "verified") for i in range(3)]
    assert [entry.accepted for entry in buyer.store.history(3)] == [(1000,), (0,), (0,)]
    assert [entry.price for entry in seller.store.history(3)] == [2000, None, None]
    assert lines[:3] == [
        "2026-11-21T12:00:00Z submitted: 2 of 2 accepted (receipts of all 3 parties)",
        "2026-11-21T12:00:00Z clearing price 0.2000 EUR/kWh (2 verified)",
        "2026-11-21T12:15:00Z submitted: 2 of 2 accepted (receipts of all 3 parties)",
    ]
    assert "2026-11-21T12:15:00Z no trade (2 verified)" in lines


def test_after_the_clock_was_far_ahead_the_rounds_go_on_with_the_one_that_is_open(small, monkeypatch):
    monkeypatch.setattr(clock, "LOOK_SECONDS", 0.01)

    class Ahead:
        now = 1000 * (START + 100 * Q)

        def now_ms(self) -> int:
            return self.now

        async def until(self, moment_ms: int) -> None:
            while self.now < moment_ms:
                await asyncio.sleep(3600)

    async def glitch() -> int:
        far = rhythm.next_gate(ahead.now)
        waiting = asyncio.create_task(watched._closed(far))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        ahead.now = rhythm.opens(START) + 1000
        await asyncio.wait_for(waiting, 10)
        return await asyncio.wait_for(watched._opened(far + Q), 10)

    (watched, _), ahead, rhythm = watch(small, [small.meter()]), Ahead(), small.rounds.market.rhythm
    watched._clock = ahead
    assert asyncio.run(glitch()) == START


def test_with_nothing_to_trade_every_period_is_submitted_for_all_the_same(small):
    meter = small.meter()
    watched, _ = watch(small, [meter])
    assert small.run(watched.run(4)) is True
    headers = {Submission.decode(body).header for _, body in posts(small)}
    assert sorted((header.period.start, header.number) for header in headers) == [(START + i * Q, 1) for i in range(4)]


def test_submissions_are_spread_over_the_first_quarter_of_the_round(small):
    moments = []
    take = small.parties.take

    def noted(party, start, body):
        moments.append(small.clock.now_ms() - small.parties.market.rhythm.opens(start))
        return take(party, start, body)

    small.parties.take = noted
    watched, _ = watch(small, [small.meter(f"m{i}") for i in range(12)])
    small.run(watched.run(1))
    assert len(set(moments)) >= 10
    assert max(moments) <= 1000 * Q / 4 + 10


@pytest.mark.parametrize("left_ms", [6000, 4000])
@pytest.mark.parametrize("begun", [False, True])
def test_a_round_whose_gate_closes_in_a_moment_is_begun_with_only_if_it_was_before(small, left_ms, begun):
    """Orders that come in the last seconds may miss a party: better to take part in the next round, and for sure."""
    meter = small.meter()
    if begun:
        small.run(submit(meter, small.rounds, START, [BUY]))
    small.clock.now = small.parties.market.rhythm.gate(START) - left_ms
    watched, _ = watch(small, [meter])
    assert small.run(watched.run(1)) is True
    first = START if begun or left_ms == 6000 else START + Q
    assert states(meter) == [(first, "verified")]


def test_what_a_crash_left_undone_is_done_first(small):
    """Submitted, and killed before the gate; started again two periods later."""
    meter = small.meter()
    small.run(submit(meter, small.rounds, START, [BUY]))
    small.clock.now = 1000 * (START + Q)
    watched, lines = watch(small, [meter], rounds=small.fresh_rounds())
    small.fresh_rounds().patience_ms = 10**8
    assert states(meter) == [(START, None)]
    watched._rounds.patience_ms = 10**8
    assert small.run(watched.run(1)) is True
    assert states(meter) == [(START, "verified"), (START + 3 * Q, "verified")]
    assert lines[0].startswith("2026-11-21T12:00:00Z no trade (1 verified)")


def test_killed_at_any_moment_no_number_has_two_headers(small):
    """A watch is cancelled after more and more turns of the event loop, and started again with no memory each time."""
    meter, orders = small.meter(), Given({START: [BUY]})
    begun = []

    async def cut_short(turns: int) -> None:
        watched, _ = watch(small, [meter], {meter.id: orders}, rounds=small.fresh_rounds())
        task = asyncio.ensure_future(watched.run(1))
        for _ in range(turns):
            await asyncio.sleep(0)
        begun.append(not task.done() and len(posts(small)))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    deadline = time.monotonic() + 60
    turns = 0
    # How many turns there are before it sends depends on how long the disk takes.
    while turns < 1200 or (not any(begun) and time.monotonic() < deadline):
        small.run(cut_short(turns))
        small.clock.now = 1000 * (START - 1800)
        turns += 40
    assert any(begun), "one was cut short in the middle of sending"
    watched, _ = watch(small, [meter], {meter.id: Given({})}, rounds=small.fresh_rounds())
    assert small.run(watched.run(1)) is True
    headers = {Submission.decode(body).header for _, body in posts(small)}
    assert len(headers) == 1, "whatever was sent was one submission"
    assert [entry.orders[0].quantity for entry in meter.store.history(1)] == [1500]


def test_beside_a_watch_an_order_is_submitted_by_hand(small):
    """`submit` while `watch` runs: the higher number counts, and the watch does not take it back."""
    meter = small.meter()

    async def both():
        watched, _ = watch(small, [meter])
        task = asyncio.ensure_future(watched.run(1))
        await small.clock.pause(300)
        done = await submit(meter, small.fresh_rounds(), START, [BUY], replace=True)
        await task
        return done

    assert small.run(both()).number == 2
    entry = meter.store.history(1)[0]
    assert (entry.number, entry.state, entry.orders[0].quantity) == (2, "verified", 1500)


def test_a_party_that_is_down_is_told_and_the_watch_goes_on(small):
    small.parties.faults[1] = down
    watched, lines = watch(small, [small.meter("m")])
    assert small.run(watched.run(2)) is False
    assert "2026-11-21T12:00:00Z submitted: 0 of 1 accepted (receipts of all 3 parties)" in lines
    assert any("m: no receipt: party 1: https://party-1.example: no answer" in line for line in lines)
    assert any("m: unverified: " in line for line in lines)
    assert any(line.startswith("2026-11-21T12:15:00Z submitted") for line in lines)


def test_all_parties_down(small):
    for party in range(3):
        small.parties.faults[party] = down
    watched, lines = watch(small, [small.meter("m")])
    assert small.run(watched.run(2)) is False
    assert sum("m: not submitted: " in line for line in lines) == 2
    assert sum("submitted: 0 of 1 accepted" in line for line in lines) == 2
    assert len(lines) == 4, "nothing was sent, so there is no result to wait for"


def test_a_void_round_is_told(small):
    small.parties.void.add(START)
    watched, lines = watch(small, [small.meter()])
    assert small.run(watched.run(1)) is True
    assert lines[-1] == "2026-11-21T12:00:00Z the round is void, nothing is traded (1 void)"


def test_a_meter_that_is_not_enrolled_does_not_stop_the_others(small):
    good, stranger = small.meter("g"), small.meter("x")
    del small.parties.roll["x"]
    watched, lines = watch(small, [good, stranger])
    assert small.run(watched.run(1)) is False
    assert states(good) == [(START, State.VERIFIED)]
    assert any("x: no receipt: party 0: refused: unknown-meter" in line for line in lines)


def test_a_damaged_store_is_told_and_stops_no_other_meter(small):
    """One file of a representative's thousands, at the start and at the daily tidying up."""
    damaged, good = small.meter("d"), small.meter("g")
    damaged.home.store.write_bytes(b"no database" * 100)
    watched, lines = watch(small, [damaged, good])
    assert small.run(watched.run(2)) is False
    assert states(good) == [(START, State.VERIFIED), (START + Q, State.VERIFIED)]
    reports = {line.partition(": /")[0] for line in lines if "file is not a database" in line}
    assert reports == {
        "d: what it has begun is not known",
        "d: what is old is not erased",
        "2026-11-21T12:00:00Z d: not submitted",
        "2026-11-21T12:15:00Z d: not submitted",
    }


def test_a_file_that_becomes_wrong_is_told_without_its_content(small, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("period,side,price,quantity\n2026-11-21T12:00:00Z,buy,0.2000,1.500\n")
    meter = small.meter()
    file = WishFile(str(path), small.parties.market.file, {meter.id: MAXIMUM})
    path.write_text("period,side,price,quantity\n2026-11-21T12:00:00Z,buy,0.2000,7,654\n")
    watched, lines = watch(small, [meter], {meter.id: FromFile(file, meter.id)}, files=[file])
    assert small.run(watched.run(1)) is True
    assert lines[0] == f"{path}: 1 problem now: what was read before stays"
    assert [order.quantity for order in meter.store.history(1)[0].orders] == [1500]
    path.touch()
    with pytest.raises(InputError, match="5 fields where the header has 4"):
        file.refresh()


def test_a_clock_that_slept_goes_on_with_the_round_of_now(small):
    """A notebook closed for two hours: the rounds between are over and are not submitted for."""
    meter = small.meter()

    async def sleepy():
        watched, _ = watch(small, [meter])
        task = asyncio.ensure_future(watched.run(2))
        await small.clock.pause(60)
        small.clock.now += 7_200_000
        return await task

    small.run(sleepy())
    assert [start for start, _ in states(meter)] == [START, START + 7200]


def test_what_is_told_holds_nothing_of_an_order(small):
    """Distinctive numbers in orders that succeed and that fail in every way; none of them in any line."""
    wish = Wish(Side.BUY, 3217, 12345)
    meters = [small.meter(f"m{i}") for i in range(3)]
    wishes = {meter.id: Given({START + i * Q: [wish] for i in range(4)}) for meter in meters}
    wishes["m2"] = Given({START: [Wish(Side.SELL, 3217, 54321)], START + Q: [wish]})
    small.parties.faults[1] = lambda request, answer: (200, "x", request.body or b"3217 12345")
    watched, lines = watch(small, meters, wishes)
    small.run(watched.run(2))
    small.parties.faults[1] = down
    small.run(watched.run(1))
    assert len(lines) > 10
    for number in ("3217", "0.3217", "12345", "12.345", "54321", "54.321"):
        assert not any(number in line for line in lines)
