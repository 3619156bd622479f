"""A party that lies, in a market that really runs: its lies harm nobody, are noticed, or are proved.

Every party is a service of its own with ledger, keys and workers, over TLS; meters are real clients; one party is
`lying_party`. It is inside the model that it lies *about* a round; during the computation parties follow the protocol.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.agreement import Held
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import read_signed
from mpc_market.wire.receipt import Receipt
from parties.audit.agreeing import period_name
from parties.audit.evidence import Evidence
from parties.audit.fetching import PublicApi, fetch
from parties.audit.orders import OrderReport, check_order
from parties.audit.verifying import Report, verify
from parties.client.api import pinned
from parties.launch.community import make_community
from parties.ledger import Ledger
from parties.meter.forecast import Wish
from parties.meter.results import State
from parties.meter.store import Entry, Store
from parties.service.life import FINAL
from soak.judge import judge
from soak.live import LiveMarket
from soak.steered import Meters, SteeredClock
from tests.hostile.lying_party import LEFT_OUT_METER, Lie, tell

PERIOD_SECONDS, DEADLINE_SECONDS = 900, 600
WISHES = [Wish(Side.SELL, 800, 2000), Wish(Side.BUY, 812, 1000), Wish(Side.BUY, 810, 500)]


class Affair:
    """A market with a liar in it, and what it has come to: a round for each lie."""

    def __init__(self, directory: Path, parties: int, liar: int, lies: Sequence[Lie]) -> None:
        self.community = make_community(directory, parties, len(WISHES), PERIOD_SECONDS, DEADLINE_SECONDS)
        self.running, self.liar, self.lies = self.community.running, liar, lies
        self.honest = [party for party in range(parties) if party != liar]
        self.records = directory / "records"
        self.starts: dict[Lie, int] = {}
        self.metrics: dict[int, str] = {}
        with LiveMarket(self.community) as self.market:
            self.market.start(*self.honest)
            self.market.start(liar, module="tests.hostile.lying_party")
            self.market.until_ready()
            asyncio.run(self._rounds())
            self.metrics = {party: self.market.private(party, "metrics") or "" for party in self.honest}
            self.market.stop()

    async def _rounds(self) -> None:
        clock = SteeredClock(self.market.clock_file)
        async with Meters(self.community, clock) as meters:
            rhythm = meters.market.rhythm
            first = rhythm.next_gate(clock.now_ms()) + PERIOD_SECONDS
            self.starts = {lie: first + number * PERIOD_SECONDS for number, lie in enumerate(self.lies)}
            tell(self.community.party_home(self.liar), {start: lie for lie, start in self.starts.items()})
            for start in self.starts.values():
                clock.move_to(rhythm.opens(start))
                assert await meters.submit(start, WISHES) == len(WISHES)
                clock.move_to(rhythm.gate(start))
                await meters.until(start, *FINAL)
                await meters.collect(start)
        async with PublicApi(self.running.id, pinned(self.running, clock.now_ms() // 1000)) as api:
            assert not [fetched.trouble for fetched in await fetch(api, self.records) if fetched.trouble]

    # --- what meters, auditors and parties have afterwards

    def told(self, lie: Lie) -> dict[str, Entry]:
        """What the round has come to for each meter."""
        stores = [Store(home.store, home.meter) for home in self.community.meters]
        return {
            home.meter: entry
            for home, store in zip(self.community.meters, stores, strict=True)
            for entry in store.history(1000)
            if entry.start == self.starts[lie]
        }

    def audit(self) -> Report:
        return verify(self.records, self.running)

    def counted(self, metric: str) -> list[float]:
        """A metric of every honest party."""
        found = [re.search(rf"^{re.escape(metric)} (\S+)$", text, re.M) for text in self.metrics.values()]
        return [0.0 if each is None else float(each[1]) for each in found]

    async def message(self, holder: int, kind: str, party: int, start: int) -> bytes:
        """What a party has kept of another's words."""
        ledger = await Ledger.open(f"sqlite:///{self.community.party_home(holder) / 'ledger.db'}", holder)
        try:
            data = await ledger.message(self.running.id, start, kind, party)
            assert data is not None
            return data
        finally:
            await ledger.close()


@pytest.fixture(scope="module")
def affair(tmp_path_factory: pytest.TempPathFactory) -> Affair:
    """Party 0 of three lies."""
    return Affair(tmp_path_factory.mktemp("liar") / "market", 3, 0, list(Lie))


def states(told: dict[str, Entry]) -> set[str | None]:
    return {entry.state for entry in told.values()}


def test_wrong_shares_of_one_in_three_are_noticed(affair: Affair) -> None:
    """No wrong quantity is believed; of three, nobody can say who it was."""
    told = affair.told(Lie.WRONG_SHARES)
    assert states(told) == {State.DISPUTED}
    for entry in told.values():
        assert entry.accepted is None
        assert "check of the polynomial failed" in entry.remark


def test_wrong_shares_of_one_in_five_are_traced_to_it(tmp_path: Path) -> None:
    affair = Affair(tmp_path / "market", 5, 3, [Lie.WRONG_SHARES])
    for entry in affair.told(Lie.WRONG_SHARES).values():
        assert (entry.state, entry.accepted) == (State.DISPUTED, None)
        assert re.findall(r"party (\d)", entry.remark) == ["3"]


def test_a_withheld_part_of_the_randomness_is_rebuilt(affair: Affair) -> None:
    """It is the one that was committed to, else `audit` would find it."""
    start = affair.starts[Lie.WITHHELD_PART]
    assert states(affair.told(Lie.WITHHELD_PART)) == {State.VERIFIED}
    for party in affair.honest:
        rebuilt = [line for line in affair.market.log(party) if line["event"] == "withheld part rebuilt"]
        assert [(line["start"], line["dealer"]) for line in rebuilt] == [(start, affair.liar)]
    audited = affair.audit().audited(start)
    assert audited is not None
    assert audited.randomness is not None


def test_an_order_left_out_is_proved_by_its_receipt(affair: Affair) -> None:
    """Its meter has the liar's receipt, every honest party the liar's list without it: both signed, of one round."""
    start = affair.starts[Lie.LEFT_OUT]
    told = affair.told(Lie.LEFT_OUT)
    assert told.pop(LEFT_OUT_METER).state == State.NOT_IN_SET
    assert states(told) == {State.VERIFIED}
    period, committee = Period(affair.running.id, start), affair.running.committee(start)
    home = next(home for home in affair.community.meters if home.meter == LEFT_OUT_METER)
    receipts = Store(home.store, home.meter).receipts(start, 1)
    assert set(receipts) == {0, 1, 2}
    for party, data in receipts.items():
        receipt = read_signed(Receipt, data, committee, period, party).message
        said = asyncio.run(affair.message(1, "held", party, start))
        held = read_signed(Held, said, committee, period, party).message
        there = (LEFT_OUT_METER, 1, receipt.header_digest) in {(i.name, i.number, i.digest) for i in held.items}
        assert there == (party != affair.liar)
    report = evidence_of(affair, receipts)
    assert any("it counted as accepted" in line for line in report.proved)


def test_a_header_that_never_was_excludes_nobody(affair: Affair) -> None:
    """Who lists it cannot show it, and is named by every honest party."""
    assert states(affair.told(Lie.MADE_UP)) == {State.VERIFIED}
    assert affair.counted(f'mpc_market_bad_messages_total{{kind="held",party="{affair.liar}"}}') == [1.0, 1.0]
    for party in affair.honest:
        events = {line["event"]: line for line in affair.market.log(party)}
        assert events["a party lists headers that nobody shows: they do not count"]["peer"] == affair.liar
        assert not [event for event in events if event.startswith("meters excluded")]


def evidence_of(affair: Affair, receipts: dict[int, bytes]) -> OrderReport:
    """What the meter can show to an auditor."""
    evidence = Evidence.of_bytes(None, list(receipts.values()), [])
    start = evidence.period.start
    return check_order(evidence, affair.audit().audited(start), affair.running.committee(start))


def test_a_forged_record_is_found_and_not_believed(affair: Affair) -> None:
    """Meters ask the liar first, and go on to the next party."""
    assert states(affair.told(Lie.FORGED_RECORD)) == {State.VERIFIED}
    found = [wrong for wrong in affair.audit().wrong if wrong.startswith(f"party-{affair.liar}.jsonl:")]
    assert [wrong for wrong in found if "signature" in wrong], affair.audit().wrong


def test_a_partys_key_does_not_speak_for_another(affair: Affair) -> None:
    """Its certificate is valid, the number is another's: its word is not taken, and what it then says as itself is."""
    assert states(affair.told(Lie.ANOTHERS_NAME)) == {State.VERIFIED}
    metric = f'mpc_market_bad_messages_total{{kind="set-signature",party="{affair.liar}"}}'
    assert affair.counted(metric) == [1.0, 1.0]


def test_who_signs_both_a_result_and_void_is_named(affair: Affair) -> None:
    """It could not be prevented: two of the parties believe different things. Anybody who sees both has the proof, and
    no meter waits for what will never be: one void is final.
    """
    assert states(affair.told(Lie.TWO_OUTCOMES)) <= {State.VOID, State.VERIFIED}
    faults = affair.audit().faults
    twice = [affair.starts[lie] for lie in (Lie.FORGED_RECORD, Lie.TWO_OUTCOMES)]
    assert [fault.partition(": ")[0] for fault in faults] == [period_name(start) for start in twice]
    for fault in faults:
        assert f"party {affair.liar} has signed 2 different messages of the kind 'outcome'" in fault


def test_nothing_else_was_wrong(affair: Affair) -> None:
    """From all ledgers and stores together: the lies that a market cannot prevent, and none of the others."""
    begins = {lie: f"round {Period(affair.running.id, start)}: " for lie, start in affair.starts.items()}
    wrong = judge(affair.community).wrong
    found = [[lie for lie, begin in begins.items() if each.startswith(begin)] for each in wrong]
    assert sorted({lie for (lie,) in found}) == sorted((Lie.LEFT_OUT, Lie.FORGED_RECORD, Lie.TWO_OUTCOMES))
