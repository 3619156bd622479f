"""The chains of settlements, corrections and closings are audited as those of clearings are, and fit these."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import pytest

from mpc_market.errors import InputError
from mpc_market.rules.model import Side
from mpc_market.wire.agreement import Item
from mpc_market.wire.identifiers import Stage, member
from mpc_market.wire.message import sign
from mpc_market.wire.outcome import Outcome, Result, Void, VoidReason
from mpc_market.wire.record import Record
from mpc_market.wire.roll import Roll
from parties.audit.saved import chain_path, stage_folder
from parties.audit.verifying import Report, outcomes, verify_all
from parties.audit.wording import report_lines, verdict_line
from parties.files.running import RunningMarket, Settlement
from tests.audit.chains import STEP, Market, changed, linked
from tests.supplier.online_parties import running_of
from tests.wire.wire_round import MARKET, START, WireRound

SETTLED = Settlement(
    timedelta(seconds=STEP), timedelta(seconds=STEP), timedelta(seconds=STEP), billing=timedelta(seconds=STEP)
)
FURTHER = (Stage.SETTLEMENT, Stage.CORRECTION, Stage.CLOSING)


class FurtherRound(WireRound):
    """A round of a further stage, with the price of the clearing; what its set holds is nobody's here."""

    @property
    def roll(self) -> Roll:
        return WireRound().roll

    @cached_property
    def items(self) -> tuple[Item, ...]:
        return tuple(Item(member("tariff", f"s{i}"), 1, bytes([i] * 32)) for i in range(len(self.meters)))


class SettledMarket:
    """Three periods, cleared, settled, corrected and closed; the third is void throughout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages = {stage: self._market(stage) for stage in Stage}
        running = running_of(WireRound())
        self.running: RunningMarket = replace(running, service=replace(running.service, settlement=SETTLED))

    def _market(self, stage: Stage) -> Market:
        folder = stage_folder(self.folder, stage)
        folder.mkdir(exist_ok=True)
        market = Market(folder, rounds=3)
        books = [None, [[(Side.SELL, 9, 3)], [(Side.BUY, 2, 3)]], None]
        market.rounds = [
            (FurtherRound if stage.value else WireRound)(book, market=stage.of(MARKET), start=START + STEP * i)
            for i, book in enumerate(books)
        ]
        return market.save()

    def verify(self) -> dict[Stage, Report]:
        return verify_all(self.folder, self.running)


@pytest.fixture
def market(tmp_path: Path) -> SettledMarket:
    return SettledMarket(tmp_path)


def test_all_chains_hold(market: SettledMarket) -> None:
    reports = market.verify()
    assert list(reports) == list(Stage)
    for stage, report in reports.items():
        assert report.wrong + report.faults == [], stage
    assert dict(outcomes(reports[Stage.CLOSING])) == {"closed": 2, "void (not computed)": 1}
    assert dict(outcomes(reports[Stage.SETTLEMENT])) == {"settled": 2, "void (not computed)": 1}
    text = "\n".join(report_lines(reports[Stage.SETTLEMENT]))
    assert f"market {MARKET}:settlement" in text
    assert "names an arbiter" in text
    assert verdict_line(list(reports.values()), []) == "audit: everything that can be checked holds"


CHANGES = {
    "market": MARKET,
    "openings": [],
    "outcomes": [],
    "parts": [],
    "previous": "11" * 32,
    "sequence": 7,
    "set_digest": "22" * 32,
    "set_merkle_root": "33" * 32,
    "verdicts": [9, 0, 0],
}


@pytest.mark.parametrize("stage", FURTHER)
@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_is_noticed(market: SettledMarket, stage: Stage, field: str) -> None:
    chain = market.stages[stage].chain(1)
    chain[0] = changed(chain[0], **{field: CHANGES[field]})
    market.stages[stage].write(1, chain)
    reports = market.verify()
    assert any(line.startswith("party-1.jsonl:1: ") for line in reports[stage].wrong)
    assert all(reports[other].holds for other in Stage if other is not stage)


@pytest.mark.parametrize("stage", FURTHER)
def test_a_record_that_is_taken_out_and_a_chain_of_another_stage_are_noticed(
    market: SettledMarket, stage: Stage
) -> None:
    chain = market.stages[stage].chain(2)
    market.stages[stage].write(2, linked(chain[1:]))
    assert any("but none of party 2" in line for line in market.verify()[stage].wrong)
    # what was signed for the clearing counts in no other stage, nor the other way round
    for party in range(3):
        market.stages[stage].write(party, market.stages[Stage.CLEARING].chain(party))
    wrong = market.verify()[stage].wrong
    assert any("of market oak-street, not" in line for line in wrong)


def test_a_party_that_signs_two_outcomes_of_a_closing_is_convicted(market: SettledMarket) -> None:
    closing = market.stages[Stage.CLOSING]
    played = closing.rounds[0]
    said = sign(Outcome(played.period, 1, Void(VoidReason.NOT_COMPUTED)), played.signing[1])
    chain = closing.chain(0)
    chain[0] = replace(Record.decode(chain[0]), outcomes=(said,), parts=()).encode()
    closing.write(0, linked(chain))
    report = market.verify()[Stage.CLOSING]
    assert any("party 1 has signed 2 different messages of the kind 'outcome'" in line for line in report.faults)


@pytest.mark.parametrize("stage", [Stage.SETTLEMENT, Stage.CORRECTION])
def test_another_price_than_that_of_the_clearing_is_noticed(market: SettledMarket, stage: Stage) -> None:
    """Signed by all parties, and in all chains: only the clearing tells."""
    settled = market.stages[stage]
    played = settled.rounds[0]
    result = played.outcomes[0].content
    assert isinstance(result, Result)
    for party in range(3):
        chain = settled.chain(party)
        other = replace(result, price_word=result.price_word + 1)
        said = tuple(sign(Outcome(played.period, j, other), played.signing[j]) for j in range(3))
        chain[0] = replace(Record.decode(chain[0]), outcomes=said).encode()
        settled.write(party, linked(chain))
    reports = market.verify()
    (line,) = reports[stage].wrong
    assert line.endswith(f"{stage} at another price than the period was cleared at")
    assert reports[Stage.CLEARING].holds


def test_chains_that_were_not_fetched_are_missed(market: SettledMarket) -> None:
    chain_path(stage_folder(market.folder, Stage.CORRECTION), 1).unlink()
    assert any("its chain was not fetched" in line for line in market.verify()[Stage.CORRECTION].wrong)
    for party in (0, 2):
        chain_path(stage_folder(market.folder, Stage.CORRECTION), party).unlink()
    with pytest.raises(InputError, match=r"correction: there is no party-0\.jsonl"):
        market.verify()


def test_a_closing_with_another_calendar_is_mentioned(market: SettledMarket) -> None:
    """The rounds in memory have a gate that is none of the market file's."""
    notes = market.verify()[Stage.CLOSING].notes
    assert any("another gate than the market file says now" in note for note in notes)
