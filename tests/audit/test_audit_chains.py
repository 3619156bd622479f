"""Chains that hold, and every kind of change to them, noticed and told with party and place."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mpc_market.errors import InputError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import sign
from mpc_market.wire.outcome import Outcome, Standing, Void, VoidReason
from mpc_market.wire.record import Record
from parties.audit.saved import LINE_MAX, chain_path
from parties.audit.verifying import Report, outcomes
from parties.audit.wording import report_lines, verdict_line
from tests.audit.chains import STEP, Market, linked, result, void
from tests.supplier.online_parties import running_of
from tests.wire.wire_round import START, WireRound


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path).save()


def only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


# --- what holds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [3, 5, 7])
def test_honest_chains_hold(tmp_path: Path, parties: int) -> None:
    market = Market(tmp_path, parties=parties).save()
    report = market.verify()
    assert (report.wrong, report.faults, report.notes, report.holds) == ([], [], [], True)
    assert outcomes(report) == {"with a price": 2, "no trade": 1, "void (not computed)": 1}
    assert [chain.count for chain in report.chains] == [4] * parties
    for chain, party in zip(report.chains, range(parties), strict=True):
        assert chain.head == Record.decode(market.chain(party)[-1]).digest
    audited = report.audited(START)
    assert audited is not None
    assert audited.randomness == market.rounds[0].randomness
    assert audited.price == market.rounds[0].clearing.price


def test_the_report_says_what_is_proved_and_what_is_not(market: Market) -> None:
    report = market.verify()
    text = "\n".join([*report_lines(report), verdict_line([report], [])])
    assert "market oak-street, 3 parties" in text
    assert "4 rounds from 2026-09-21T14:15:00Z to 2026-09-21T15:00:00Z" in text
    assert "1 no trade, 1 void (not computed), 2 with a price" in text
    assert "\nproved:\n" in text
    assert "\nnot proved:\n" in text
    assert text.endswith("audit: everything that can be checked holds")
    assert "WRONG" not in text
    for chain in report.chains:
        assert chain.head.hex() in text


def test_markets_without_rounds(tmp_path: Path) -> None:
    market = Market(tmp_path, rounds=0).save()
    report = market.verify()
    assert report.holds
    text = "\n".join(report_lines(report))
    assert "no round yet" in text
    assert "proved" not in text


def test_parties_may_end_rounds_in_another_sequence(market: Market) -> None:
    chain = market.chain(1)
    market.write(1, linked([chain[0], chain[2], chain[1], chain[3]]))
    assert market.verify().holds


def test_keys_may_have_changed_between_rounds(market: Market) -> None:
    old = market.rounds[0]
    new = WireRound(start=START + STEP * 4)
    new.signing[1] = WireRound(parties=5).signing[4]
    market.rounds.append(new)
    market.contents.append(result)
    market.save()
    assert not market.verify().holds
    party = market.running.parties[1]
    later = replace(party.keys[0], since=START + STEP * 4, signing_key=new.signing[1].public)
    parties = list(running_of(old).parties)
    parties[1] = replace(party, keys=(*party.keys, later))
    market.running = replace(market.running, parties=tuple(parties))
    assert market.verify().holds


# --- the rule of results and void rounds ------------------------------------------------------------------


def test_a_result_needs_all_signatures(market: Market) -> None:
    market.with_content(3, lambda played, _: replace(played.record(), outcomes=played.record().outcomes[:2])).save()
    assert all("2 signatures on a result, which needs 3" in line for line in market.verify().wrong)
    assert len(market.verify().wrong) == 3


def test_one_void_is_final_and_who_signed_both_is_named(market: Market) -> None:
    def content(played: WireRound, party: int) -> Record:
        return void(played, 0) if party == 2 else played.record()

    report = market.with_content(0, content).save().verify()
    assert "different outcomes: party-0.jsonl:1, party-1.jsonl:1 a price of tick" in only(report.wrong)
    assert "party-2.jsonl:1 void" in report.wrong[0]
    assert "party 1 has signed 2 different messages of the kind 'outcome'" in only(report.faults)
    assert "in party-0.jsonl:1 and in party-2.jsonl:1" in report.faults[0]


def test_a_result_beside_a_void_is_void(market: Market) -> None:
    def content(played: WireRound, party: int) -> Record:
        said = sign(Outcome(played.period, 2, Void(VoidReason.NO_SET)), played.signing[2])
        record = played.record()
        return replace(record, outcomes=(*record.outcomes[:2], said))

    report = market.with_content(0, content).save().verify()
    assert report.holds
    assert report.told()[START].standing is Standing.VOID
    assert outcomes(report)["void (no set)"] == 1


def with_result(played: WireRound, **changes: object) -> Record:
    """The record of a result that all parties have signed, and that is not what was computed."""
    content = replace(played.result, **changes)
    signed = tuple(sign(Outcome(played.period, j, content), key) for j, key in enumerate(played.signing))
    return replace(played.record(), outcomes=signed)


def test_what_does_not_fit_the_market_file(market: Market) -> None:
    """All parties say so, and sign it."""

    def counts(played: WireRound, party: int) -> Record:
        return with_result(played, verdict_counts=(2, 0, 0))

    def price(played: WireRound, party: int) -> Record:
        return with_result(played, price_word=17)

    report = market.with_content(0, counts).with_content(3, price).save().verify()
    assert len(report.wrong) == 6
    for party in range(3):
        assert (
            f"party-{party}.jsonl:1: {Period('oak-street', START)}: verdicts on 2 submissions, for a set of 4 orders"
            in report.wrong
        )
        assert f"party-{party}.jsonl:4: {Period('oak-street', START + 3 * STEP)}: the price is not on the grid" in str(
            report.wrong
        )


# --- chains ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda c: [c[0], c[2], c[3]], "party-1.jsonl:2: record 2 where record 1 is to follow"),
        (lambda c: c[1:], "party-1.jsonl:1: record 1 where record 0 is to follow"),
        (lambda c: [c[0], c[2], c[1], c[3]], "party-1.jsonl:3: it does not name the digest of the record before it"),
        (lambda c: [*c, c[3]], "party-1.jsonl:5: the second record of clearing of "),
        (
            lambda c: linked([*c, c[0]]),
            f"party-1.jsonl:5: the second record of {Period('oak-street', START)}, after line 1",
        ),
        (lambda c: [c[0], b"", *c[1:]], "party-1.jsonl:2: no record"),
        (lambda c: [c[0], b"\x00" * 100, *c[2:]], "party-1.jsonl:2: no record"),
        (lambda c: [c[0], c[1][:-1], *c[2:]], "party-1.jsonl:2: no record"),
        (lambda c: [c[0] + b" ", *c[1:]], "party-1.jsonl:1: no record"),
        (lambda c: linked([c[0], c[2], c[3]]), "there is a record of it in party-0.jsonl:2, party-2.jsonl:2"),
        (lambda c: [], "party 1: the last 4 rounds that others have a record of are not in its chain"),
    ],
)
def test_bad_chains(market: Market, edit: Callable[[list[bytes]], list[bytes]], reason: str) -> None:
    market.write(1, edit(market.chain(1)))
    report = market.verify()
    assert any(reason in line for line in report.wrong), report.wrong
    text = "\n".join([*report_lines(report), verdict_line([report], [])])
    assert "WRONG:" in text
    assert "proved, but for what is named above:" in text
    assert "wrong" in text.splitlines()[-1]


def test_a_chain_may_be_a_little_behind(market: Market) -> None:
    market.write(1, market.chain(1)[:2])
    report = market.verify()
    assert report.holds
    assert "party 1: the last 2 rounds that others have a record of are not in its chain" in only(report.notes)


def test_chains_that_are_not_there(market: Market) -> None:
    chain_path(market.folder, 1).unlink()
    report = market.verify()
    assert only(report.wrong) == "party 1: there is no party-1.jsonl: its chain was not fetched"
    for party in (0, 2):
        chain_path(market.folder, party).unlink()
    with pytest.raises(InputError, match=r"there is no party-0\.jsonl"):
        market.verify()


def test_files_that_are_no_chains(market: Market) -> None:
    chain_path(market.folder, 1).write_bytes(b"x" * (LINE_MAX + 1))
    with pytest.raises(InputError, match=r"party-1\.jsonl:1: a line of more than"):
        market.verify()
    chain_path(market.folder, 1).unlink()
    chain_path(market.folder, 1).mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        market.verify()


def test_the_keys_of_another_market(market: Market) -> None:
    other = WireRound()
    other.signing = WireRound(parties=7).signing[4:]
    market.running = running_of(other)
    report = market.verify()
    assert len(report.wrong) == 12
    assert all("does not verify" in line for line in report.wrong)
    assert "no record that holds" in "\n".join(report_lines(report))


def test_periods_without_a_record_and_other_gates_are_told(market: Market) -> None:
    for party in range(3):
        chain = market.chain(party)
        market.write(party, linked([chain[0], chain[3]]))
    report = market.verify()
    assert report.holds
    assert (
        "of 4 periods from the first to the last record, 2 have none at any party, the first 2026-09-21T14:30"
        in only(report.notes)
    )
    service = replace(market.running.service, gate_lead=market.running.service.gate_lead * 2)
    market.running = replace(market.running, service=service)
    assert "2 rounds had another gate than the market file says now" in market.verify().notes[1]


def test_a_far_away_period_is_no_crash(tmp_path: Path) -> None:
    """2^39 seconds are beyond every calendar; the parties have signed it all the same."""
    market = Market(tmp_path, rounds=1)
    market.rounds = [WireRound(start=2**39)]
    market.save()
    market.write(1, [])
    report: Report = market.verify()
    assert any(f"period {2**39}" in line for line in report_lines(report))


def test_many_findings_are_cut_short(market: Market) -> None:
    market.write(1, [b"x"] * 60)
    lines = list(report_lines(market.verify()))
    assert "  - and 11 more" in lines
