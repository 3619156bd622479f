"""Judgements in units and words: every question has a sentence for every outcome; no ticks, lots, cents or seconds."""

import pytest

from mpc_market.wire.identifiers import Period, Stage
from parties.arbiter.decisions import Decided, Decision, Question, disproved, not_proved, proved
from parties.arbiter.telling import sentence, values_lines, values_table, verdict
from parties.files.market import MarketFile

ROUND = Period("oak-street", 1_795_708_230)
CORRECTION = Period(Stage.CORRECTION.of("oak-street"), 1_795_708_230)
MARKET = MarketFile()
"""Prices from 0 in ticks of 0.0001 EUR/kWh, lots of 0.001 kWh."""


@pytest.mark.parametrize(
    ("question", "values", "table", "lines"),
    [
        (
            Question.USER_LIES,
            {"signed": [["sell", 835, 1250]], "said": []},
            {"signed": [{"side": "sell", "quantity": "1.250", "price": "0.0835"}], "said": []},
            ["as the user has signed: sell 1.250 kWh at 0.0835 EUR/kWh", "as the user says: none"],
        ),
        (
            Question.ACCEPTED,
            {"accepted": [1250, 0], "price": 1500},
            {"accepted": ["1.250", "0.000"], "price": "0.1500"},
            ["accepted: 1.250 kWh; 0.000 kWh", "clearing price: 0.1500 EUR/kWh"],
        ),
        (Question.ACCEPTED, {"price": None}, {"price": None}, ["clearing price: none"]),
        (
            Question.READING_DIFFERS,
            {"settled": [0, 1100]},
            {"settled": {"import": "0.000", "export": "1.100"}},
            ["as settled: import 0.000 kWh, export 1.100 kWh"],
        ),
        (
            Question.ENTRY,
            {"entry": [0, 1250, 100, 1100, 250]},
            {
                "entry": {
                    "bought": "0.000", "sold": "1.250", "import": "0.100", "export": "1.100",
                    "residual_import": "0.250", "residual_export": "0.000",
                }
            },
            [
                "as settled: bought 0.000 kWh, sold 1.250 kWh, import 0.100 kWh, export 1.100 kWh, "
                "residual import 0.250 kWh, residual export 0.000 kWh"
            ],
        ),
        (
            Question.BILL,
            {"due": {"green": 113}, "rule": {"green": -113}},
            {"due": {"green": "1.13"}, "rule": {"green": "-1.13"}},
            ["as billed: 1.13 EUR to green", "by the rule: -1.13 EUR to green"],
        ),
    ],
)  # fmt: skip
def test_values(question: Question, values: dict[str, object], table: dict[str, object], lines: list[str]) -> None:
    decision = proved(question, ROUND, "", "", **values)
    assert values_table(decision, MARKET) == table
    assert values_lines(decision, MARKET) == lines


def test_every_outcome_has_its_own_sentence() -> None:
    sentences = [sentence(Decision(question, ROUND, decided, "")) for question in Question for decided in Decided]
    assert len(set(sentences)) == len(Question) * len(Decided)


def test_the_verdict() -> None:
    fine = [
        disproved(Question.USER_LIES, ROUND, "", ""),
        proved(Question.BILL, ROUND, "", ""),
        not_proved(Question.ENTRY, ROUND, ""),
    ]
    assert verdict(fine, []) == "verdict: nothing wrong is found; 2 of 3 questions are decided"
    wrong = [disproved(Question.BILL, ROUND, "", ""), proved(Question.OMITTED, ROUND, "", "")]
    assert verdict([*fine, *wrong], []) == (
        "verdict: WRONG: the bill is wrong; an order that all parties had acknowledged was left out"
    )
    assert verdict(fine, ["x"]).startswith("verdict: WRONG: something that was shown")
