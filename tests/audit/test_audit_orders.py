"""What a meter's evidence shows of its acknowledged order, and what it cannot show."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order, Rationing, Side
from mpc_market.rules.ticket import ticket
from mpc_market.wire.errors import WireError
from mpc_market.wire.message import sign
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.verdicts import Verdict
from parties.audit.evidence import Evidence
from parties.audit.evidence_files import FILE_MAX, read_evidence, read_messages
from parties.audit.orders import OrderReport, check_order
from parties.audit.tickets import tickets
from parties.audit.wording import order_lines
from parties.files.problems import Problems
from tests.audit.chains import STEP, Market
from tests.wire.wire_round import START, WireRound

METER = 1


def evidence_of(played: WireRound, meter: int = METER, *, received: int | None = None) -> Evidence:
    """Everything that an honest meter has kept."""
    header = played.submissions[meter].header
    moment = played.terms.gate - 1000 if received is None else received
    receipts = [sign(receipt_for(header, j, moment), key) for j, key in enumerate(played.signing)]
    deliveries = [sign(played.delivered()[meter][j], key) for j, key in enumerate(played.signing)]
    return Evidence(header, tuple(receipts), tuple(deliveries))


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path).save()


def checked(market: Market, evidence: Evidence) -> OrderReport:
    audited = market.verify().audited(evidence.period.start)
    return check_order(evidence, audited, market.running.committee(evidence.period.start))


def test_an_order_in_the_set(market: Market) -> None:
    played = market.rounds[0]
    report = checked(market, evidence_of(played))
    assert (report.wrong, report.faults, report.unproved) == ([], [], [])
    assert report.proved == [
        "the receipts of all 3 parties are genuine: it counted as accepted",
        "it is in the set that all parties signed (Merkle path of party 0, party 1, party 2)",
    ]
    (drawn,) = report.tickets
    assert (drawn.order_id, drawn.value) == ("meter-1/0", ticket(played.randomness.ticket_seed, "meter-1/0"))
    lines = list(order_lines(report))
    assert lines[0] == "submission 1 of meter 'meter-1' for 2026-09-21T14:15:00Z"
    assert any(drawn.value.hex() in line for line in lines)


def test_every_order_of_a_submission_is_looked_up(tmp_path: Path) -> None:
    book = [[(Side.SELL, 5, 3), (Side.SELL, 6, 1), (Side.BUY, 1, 1)]] * 5
    market = Market(tmp_path, rounds=1)
    market.rounds = [WireRound(book)]
    market.running = replace(market.running, settings=replace(market.running.settings, orders_per_submission=3))
    market.save()
    for meter in range(5):
        evidence = evidence_of(market.rounds[0], meter)
        assert checked(market, evidence).holds
        bent = replace(evidence.deliveries[0].message, paths=evidence.deliveries[0].message.paths[::-1])
        report = checked(market, replace(evidence, deliveries=(sign(bent, market.rounds[0].signing[0]),)))
        assert report.faults == ["party 0 has signed a path that does not lead to the Merkle root of the set"]
        fewer = replace(evidence.deliveries[0].message, paths=evidence.deliveries[0].message.paths[:1])
        report = checked(market, replace(evidence, deliveries=(sign(fewer, market.rounds[0].signing[0]),)))
        assert len(report.faults) == 1


def test_what_little_evidence_does_not_prove(market: Market) -> None:
    whole = evidence_of(market.rounds[0])
    header_alone = checked(market, replace(whole, receipts=(), deliveries=()))
    assert header_alone.holds
    assert header_alone.unproved == [
        "that it counted as accepted: 0 of 3 genuine receipts are here",
        "that it is in the set: a delivery is needed, which holds the Merkle path",
    ]
    delivery_alone = checked(market, Evidence(None, (), whole.deliveries))
    assert "that it is in the set: its header or a receipt is needed" in delivery_alone.unproved
    assert delivery_alone.name.startswith("a submission of meter 'meter-1'")
    receipt_and_path = checked(market, Evidence(None, whole.receipts[1:], whole.deliveries[:1]))
    assert receipt_and_path.proved == ["it is in the set that all parties signed (Merkle path of party 0)"]
    assert receipt_and_path.unproved == ["that it counted as accepted: 2 of 3 genuine receipts are here"]
    receipts_alone = checked(market, Evidence(None, whole.receipts, ()))
    assert [each.order_id for each in receipts_alone.tickets] == ["meter-1/0"]


def test_an_order_of_a_void_round(market: Market) -> None:
    played = market.rounds[2]
    report = checked(market, replace(evidence_of(played), deliveries=()))
    assert report.holds
    assert "the round is void: nobody trades in it, whatever was acknowledged" in report.proved


def test_a_round_that_the_chains_do_not_have(market: Market) -> None:
    report = checked(market, evidence_of(WireRound(start=START + 99 * STEP)))
    assert report.wrong == ["the chains have no record of this round that holds: fetch again"]


def changed_delivery(evidence: Evidence, played: WireRound, party: int, **fields: object) -> Evidence:
    """A delivery that says something else, signed by its party."""
    listed = list(evidence.deliveries)
    listed[party] = sign(replace(listed[party].message, **fields), played.signing[party])
    return replace(evidence, deliveries=tuple(listed))


def test_paths_that_lead_elsewhere_prove_who_lied(market: Market) -> None:
    played = market.rounds[0]
    whole = evidence_of(played)
    message = whole.deliveries[1].message
    for fields in (
        {"index": message.index ^ 1},
        {"index": 2},
        {"paths": (message.paths[0][:-1],)},
        {"paths": (message.paths[0][::-1],)},
        {"paths": ((),)},
        {"paths": message.paths * 2},
        {"count": message.count + 1},
        {"count": message.count - 1},  # the path of a smaller tree, as long as this one
        {"count": message.count - 1, "index": 0},
    ):
        report = checked(market, changed_delivery(whole, played, 1, **fields))
        assert report.faults == ["party 1 has signed a path that does not lead to the Merkle root of the set"], fields
        assert any("of party 0, party 2)" in line for line in report.proved)


def test_the_evidence_of_another_submission_is_not_in_the_set(market: Market) -> None:
    """The same meter and number with other shares: what a dishonest meter would have liked to have sent."""
    played = market.rounds[0]
    other = WireRound().submissions[METER].header
    assert other.digest != played.submissions[METER].header.digest
    receipts = tuple(sign(receipt_for(other, j, 1), key) for j, key in enumerate(played.signing))
    report = checked(market, replace(evidence_of(played), header=other, receipts=receipts))
    assert len(report.faults) == 3


def test_messages_that_are_not_genuine(market: Market) -> None:
    played = market.rounds[0]
    whole = evidence_of(played)
    receipts = (replace(whole.receipts[0], signature=whole.receipts[1].signature), *whole.receipts[1:])
    report = checked(market, replace(whole, receipts=receipts))
    assert len(report.wrong) == 1
    assert report.wrong[0].startswith("the receipt of party 0 is not genuine: the signature of the receipt does not")
    assert "that it counted as accepted: 2 of 3 genuine receipts are here" in report.unproved
    deliveries = (*whole.deliveries[:2], replace(whole.deliveries[2], signature=bytes(64)))
    report = checked(market, replace(whole, deliveries=deliveries))
    assert report.wrong[0].startswith("the delivery of party 2 is not genuine")
    assert report.faults == []
    beyond = replace(whole.receipts[2].message, party=5)
    report = checked(market, replace(whole, receipts=(*whole.receipts[:2], sign(beyond, played.signing[2]))))
    assert "party 5 is not genuine" in report.wrong[0]


def test_receipts_after_the_gate_and_other_challenges(market: Market) -> None:
    played = market.rounds[0]
    late = checked(market, evidence_of(played, received=played.terms.gate))
    assert late.wrong == [f"party {j} has signed its receipt after the gate" for j in range(3)]
    whole = evidence_of(played)
    header = replace(whole.header, challenge=bytes(32))
    report = checked(market, Evidence(header, (), ()))
    assert report.wrong == ["the header was made for another challenge or number of parties than this round's"]


def test_submissions_that_were_replaced(market: Market) -> None:
    played = market.rounds[0]
    whole = evidence_of(played)
    later = checked(market, changed_delivery(replace(whole), played, 0, number=2))
    assert "party 0 delivers for submission 2, which has replaced it" in later.unproved[0]
    assert later.holds
    header = replace(whole.header, number=3)
    receipts = [sign(receipt_for(header, j, 1), key) for j, key in enumerate(played.signing)]
    all_acknowledged = checked(market, Evidence(header, tuple(receipts), whole.deliveries[:1]))
    assert all_acknowledged.wrong == [
        "all parties have acknowledged submission 3, and party 0 delivers for the earlier submission 1"
    ]
    not_all = checked(market, Evidence(header, tuple(receipts[:2]), whole.deliveries[:1]))
    assert not_all.holds
    assert "not all parties have acknowledged this one" in not_all.unproved[1]


def test_verdicts(market: Market) -> None:
    played = market.rounds[0]
    whole = evidence_of(played)
    fields = {"verdict": Verdict.OFF_POLYNOMIAL, "box": b""}
    one = changed_delivery(whole, played, 2, **fields)
    assert checked(market, one).wrong == ["the parties deliver different verdicts on it"]
    all_three = changed_delivery(changed_delivery(one, played, 1, **fields), played, 0, **fields)
    report = checked(market, all_three)
    assert report.holds
    assert (
        "the parties say that its shares were not valid (off polynomial), and that nothing was accepted"
        in report.proved
    )


# --- tickets ----------------------------------------------------------------------------------------------


def test_tickets_decide_as_the_plaintext_rule_does() -> None:
    """Three equal sells, of which one is served by lottery: the one with the earliest ticket."""
    settings = replace(WireRound().settings, rationing=Rationing.LOTTERY)
    for turn in range(20):
        seed = bytes([turn]) * 32
        orders = [Order(f"m{i}/0", Side.SELL, 5, 3) for i in range(3)] + [Order("b/0", Side.BUY, 9, 3)]
        served = [order.order_id for order, x in zip(orders, clear(orders, settings, seed).accepted, strict=True) if x]
        drawn = tickets(seed, [order.order_id for order in orders[:3]])
        assert drawn[0].order_id in served
        assert [each.value for each in drawn] == sorted(each.value for each in drawn)


# --- files ------------------------------------------------------------------------------------------------


def test_evidence_as_a_file(market: Market) -> None:
    whole = evidence_of(market.rounds[0])
    for evidence in (whole, replace(whole, header=None), replace(whole, receipts=()), Evidence(whole.header, (), ())):
        assert Evidence.decode(evidence.encode().encode()) == evidence
    # sealed shares stay sealed, and nothing else is in it
    assert set(json.loads(whole.encode())) == {"deliveries", "header", "receipts"}


def test_evidence_that_does_not_belong_together(market: Market) -> None:
    one, other = evidence_of(market.rounds[0]), evidence_of(market.rounds[0], 2)
    later = evidence_of(market.rounds[1], 1)
    for make, reason in (
        (lambda: Evidence(None, (), ()), "neither"),
        (lambda: replace(one, header=other.header), "different meters or periods"),
        (lambda: replace(one, header=later.header), "different meters or periods"),
        (lambda: replace(one, deliveries=other.deliveries), "different meters or periods"),
        (lambda: replace(one, header=replace(one.header, number=2)), "different submissions"),
        (lambda: replace(one, receipts=(one.receipts[0], one.receipts[0])), "two messages of the kind 'receipt'"),
        (lambda: replace(one, deliveries=one.deliveries * 2), "two messages of the kind 'delivery'"),
    ):
        with pytest.raises(WireError, match=reason):
            make()


BAD_FILES: dict[str, Callable[[dict[str, object]], object]] = {
    "no object": lambda table: [],
    "a key too many": lambda table: {**table, "more": 1},
    "a key too few": lambda table: {"header": table["header"]},
    "no list": lambda table: {**table, "receipts": {}},
    "too many": lambda table: {**table, "receipts": ["00"] * 8},
    "no hex": lambda table: {**table, "receipts": ["zz"]},
    "no text": lambda table: {**table, "deliveries": [7]},
    "too short": lambda table: {**table, "deliveries": ["00"]},
    "no header": lambda table: {**table, "header": "01"},
    "header as a number": lambda table: {**table, "header": 1},
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_evidence_files(market: Market, name: str, tmp_path: Path) -> None:
    table = json.loads(evidence_of(market.rounds[0]).encode())
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(BAD_FILES[name](table)))
    problems = Problems()
    assert read_evidence(str(path), problems) is None
    assert problems.count == 1
    assert problems.shown[0].startswith(f"{path}: not what a meter shows of a submission: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"0" * (FILE_MAX + 1))
    for path, reason in (
        (str(tmp_path / "nowhere"), "No such file"),
        (str(tmp_path), "Is a directory"),
        ("a\0b", "NUL"),
        (str(large), "more than"),
    ):
        problems = Problems()
        assert read_evidence(path, problems) is None
        assert read_messages(path, [], [], problems) is None
        assert problems.count == 2
        assert reason in problems.shown[0]


def test_messages_one_by_one_as_bytes_or_in_hex(market: Market, tmp_path: Path) -> None:
    whole, problems = evidence_of(market.rounds[0]), Problems()
    names = []
    for i, data in enumerate([whole.header.encode(), *(s.encode() for s in (*whole.receipts, *whole.deliveries))]):
        names.append(str(tmp_path / f"message-{i}"))
        Path(names[-1]).write_bytes(data if i % 2 else data.hex().encode() + b"\n")
    assert read_messages(names[0], names[1:4], names[4:], problems) == whole
    assert read_messages(None, [], [], problems) is None
    assert problems.count == 0
    assert read_messages(names[0], names[4:], names[1:4], problems) is None
    assert "not what a meter shows of one submission" in problems.shown[0]
    Path(names[0]).write_text("abc")
    assert read_messages(names[0], [], [], problems) is None
    assert "an odd number of hexadecimal digits" in problems.shown[1]


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_garbage_is_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(WireError):
        Evidence.decode(data)
