"""A meter that gets another owner in mid-month: each is billed for its own periods, and reads nothing of the other."""

import pytest

from mpc_market.rules.settlement import Account, Booking, Line, Reading, bill, settle
from mpc_market.rules.tariff import Rates
from mpc_market.wire.claim import Claimant
from mpc_market.wire.disclosure import Disclosure, open_disclosure
from mpc_market.wire.dispute import DisputeRequest, sign_dispute
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.message import split_signed
from mpc_market.wire.sheet import Content, key_fact
from parties.arbiter.decisions import Decided, Question
from parties.arbiter.fetching import Fetching
from parties.files.disputes import DisputeFile
from parties.service.life import State
from tests.service.disputed_town import DisputedTown
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter
from tests.service.settled_town import PRICED, SettledTown

MOVED, LATER, NEXT = "meter-1", START + 3 * PERIOD, START + 3600
LINE = Line(Rates(50, 10, 5), "1")


def owed(*imports: int, corrected: tuple[int, int] | None = None) -> int:
    """The amount of the rule, of periods in which nothing was traded."""
    entries = [(settle(0, 0, Reading(each, 0)), None) for each in imports]
    if corrected is not None:
        new, old = (settle(0, 0, Reading(each, 0)) for each in corrected)
        entries.append((new, old))
    (made,) = bill(Booking(Account("u", "sun"), LINE, None, *each) for each in entries).values()
    return made.due(PRICED.scale.cents)


async def moved(town: SettledTown) -> tuple[Meter, Meter]:
    """The meter's earlier and its new owner: the registrar has removed the one, and enrolled the other."""
    before = next(meter for meter in town.meters if meter.id == MOVED)
    after = Meter(MOVED, market=before.market)
    town.meters[town.meters.index(before)] = after
    await town.look_at_the_roll(3)  # nobody has seen the one between
    return before, after


async def check_searches(town: SettledTown, month: int, monkeypatch) -> None:
    """However often one asks in vain: the earlier rolls are not read again for it."""
    rolls, read = town.services[0].sites.get(town.name(Stage.CLOSING)).node.rolls, []
    unpack = rolls.back_from
    monkeypatch.setattr(rolls, "back_from", lambda version: read.append(version) or unpack(version))
    stranger = Meter(MOVED)
    keys = (stranger.key, stranger.sealing)
    for name, why in ((MOVED, "unauthorized"), ("nobody", "unknown-reader"), ("nobody", "unknown-reader")):
        assert await town.sheet(Content.BILL, Claimant.METER, name, keys, month) == why
    assert await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "nobody", keys, month) == "unknown-reader"
    assert read == []


@asynchronous
async def test_two_owners_of_a_meter_are_billed_each_and_read_nothing_of_each_other(tmp_path, monkeypatch):
    async with DisputedTown(tmp_path / "m").up() as town:
        await town.publish("sun", 1, START, 50, 10, 5)
        await town.untraded(START, 11, 60, 12, 13)
        before, after = await moved(town)
        await town.untraded(LATER, 14, 31, 15, 16)
        # what the owner of then corrects of the first period is his, though the meter is another's by then
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        town.meters.append(before)
        asked = await town.stage_terms(Stage.CORRECTION)
        await town.read(before, asked, 70, 0)
        await town.correcting(range(START, NEXT, PERIOD))
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT)
        await check_sheets(town, START, [(before, owed(60), 60), (after, owed(31), 31)])
        await check_searches(town, START, monkeypatch)
        await check_disputes(town, before, after)
        for start in range(START, NEXT, PERIOD):
            await town.until_stage(Stage.CORRECTION, State.RESULT, start=start)
        town.clock.move_to(1000 * (NEXT + 3600 + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
        facts = await amounts(town, NEXT)
        assert facts[before.key.public][1][1] >= 1
        got = await town.sheet(Content.BILL, Claimant.METER, MOVED, (before.key, before.sealing), NEXT)
        lines = {row.facts[-1]: (row.users, values[-1]) for row, *values in got}
        assert lines[0] == (2, 70 - 60)
        others = await town.sheet(Content.BILL, Claimant.METER, MOVED, (after.key, after.sealing), NEXT)
        assert others == "nothing-here" or {row.facts[-1] for row, *_ in others} == {1}, "estimates alone"


async def amounts(town: SettledTown, month: int) -> dict[bytes, tuple[int, tuple[int, ...]]]:
    """What the supplier is shown of the meter, by the keys of its owners."""
    keys = {key_fact(meter.key.public): meter.key.public for meter in town.meters if meter.id == MOVED}
    got = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", town.suppliers["sun"], month)
    return {keys[row.facts[-1]]: (cents, row.facts[:-1]) for row, cents in got if row.name == f"meter/{MOVED}"}


async def check_sheets(town: SettledTown, month: int, expected) -> None:
    assert await amounts(town, month) == {meter.key.public: (cents, (1, 0, 0)) for meter, cents, _ in expected}
    for meter, cents, imported in expected:
        keys = (meter.key, meter.sealing)
        ((row, amount),) = await town.sheet(Content.AMOUNTS, Claimant.METER, MOVED, keys, month)
        assert (amount, row.facts) == (cents, (1, 0, 0, key_fact(meter.key.public)))
        ((row, *values),) = await town.sheet(Content.BILL, Claimant.METER, MOVED, keys, month)
        assert (row.users, values[-1]) == (1, imported)
    stranger = Meter(MOVED)
    keys = (stranger.key, stranger.sealing)
    assert await town.sheet(Content.BILL, Claimant.METER, MOVED, keys, month) == "unauthorized"
    # the sealing key goes with the identity key: a claim with the one is not answered to the other
    (earlier, *_), (later, *_) = expected
    with pytest.raises(Exception, match="seal"):
        await town.sheet(Content.BILL, Claimant.METER, MOVED, (earlier.key, later.sealing), month)


async def check_disputes(town: DisputedTown, before: Meter, after: Meter) -> None:
    """An arbiter is shown the account of the key that has signed the request."""
    for number, (meter, start, imported) in enumerate(((before, START, 60), (after, LATER, 31)), 1):
        request = DisputeRequest(town.market.id, MOVED, number, town.arbiter.public, (start,), START)
        signed = sign_dispute(request, meter.key)
        for party in range(town.parties):
            assert (await town.post_dispute(party, signed)).status_code == 200
        dispute = DisputeFile(signed, meter.key.public, (), ())
        case = await Fetching(town.market, town.arbiter, dispute).run(town.clock.now_ms() // 1000)
        shown = [
            open_disclosure(split_signed(Disclosure, answer.disclosure).message, town.arbiter.sealing)
            for period, by_party in case.answers.items()
            for answer in by_party.values()
            if period.stage is Stage.CLOSING
        ]
        assert [each.line.entry.identity_key for each in shown] == [meter.key.public] * 3
        assert [[account.entries for account in each.content.accounts] for each in shown] == [[1]] * 3
        judgement = town.judged(case)
        bill = next(each for each in judgement.decisions if each.question is Question.BILL)
        assert bill.decided is Decided.PROVED, bill.reason
        assert bill.values["due"] == {"sun": owed(imported)}
