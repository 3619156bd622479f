"""Everything that a judgement rests on, in one private directory: it can be judged again at any time, offline.

DIR/                   0700
  dispute.json         the user's evidence, as it came
  records.jsonl        public records, one per line: of the rounds in question, and of all that the closing should cover
  disclosures.jsonl    {"answer": signed disclosure in hex, or "", "market", "party", "period", "trouble"} per line
  recorded.json        {"count", "index", "month", "path"}: the request in the set of a closing; null: in none so far
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.errors import InputError
from mpc_market.wire.disclosure import Place
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.record import Record
from parties.files.disputes import DisputeFile, read_dispute
from parties.files.private import DIRECTORY_MODE, replace
from parties.files.problems import Problems
from parties.files.running import RunningMarket

DISPUTE, RECORDS, DISCLOSURES, RECORDED = "dispute.json", "records.jsonl", "disclosures.jsonl", "recorded.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a party has answered about a round: a signed disclosure, or why there is none."""

    period: Period
    party: int
    disclosure: bytes = field(repr=False)
    trouble: str = ""


@dataclass(frozen=True)
class Case:
    """Well-formed, and nothing of it checked. `records`: by round; `answers`: by round and party.

    `recorded`: the closing in whose set the request is said to be, and where.
    """

    dispute: DisputeFile
    records: dict[Period, Record] = field(repr=False)
    answers: dict[Period, dict[int, Answer]] = field(repr=False)
    recorded: tuple[Period, Place] | None = None


def closing_covers(running: RunningMarket, month: int) -> list[Period]:
    """The settlements that start in a month, and the corrections of the month before: what has a result is billed."""
    calendar = running.calendar
    if calendar is None:
        return []
    covered = []
    for stage, begin in ((Stage.SETTLEMENT, month), (Stage.CORRECTION, calendar.months.before(month))):
        covered += [Period(stage.of(running.id), start) for start in calendar.starts(begin)]
    return covered


def write_case(folder: Path, case: Case) -> None:
    """Write the directory, or write it again. Raises: OutputError; OSError."""
    folder.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    folder.chmod(DIRECTORY_MODE)
    answers = [answer for by_party in case.answers.values() for answer in by_party.values()]
    replace(folder / DISPUTE, case.dispute.encode().encode())
    replace(folder / RECORDS, b"".join(record.encode() + b"\n" for record in case.records.values()))
    replace(folder / RECORDED, json.dumps(_place_table(case.recorded)).encode() + b"\n")
    replace(folder / DISCLOSURES, "".join(_line(answer) + "\n" for answer in answers).encode())


def read_case(folder: Path, problems: Problems) -> Case | None:
    """Read it; None if there is any problem. Raises: InputError if a line is none."""
    dispute = read_dispute(folder / DISPUTE, problems)
    records: dict[Period, Record] = {}
    answers: dict[Period, dict[int, Answer]] = {}
    for record in (_read(folder / RECORDS, number, line) for number, line in _lines(folder / RECORDS, problems)):
        records[record.period] = record
    for number, line in _lines(folder / DISCLOSURES, problems):
        answer = _answer(folder / DISCLOSURES, number, line)
        answers.setdefault(answer.period, {})[answer.party] = answer
    recorded = [_recorded(dispute, folder / RECORDED, line) for _, line in _lines(folder / RECORDED, problems)]
    return None if dispute is None else Case(dispute, records, answers, next(iter(recorded), None))


def _lines(path: Path, problems: Problems) -> list[tuple[int, bytes]]:
    try:
        return list(enumerate(path.read_bytes().splitlines(), 1))
    except OSError as error:
        problems.add(str(path), f"cannot be read: {error.strerror}: `mpc-market arbiter fetch` makes it")
        return []


def _line(answer: Answer) -> str:
    table = {
        "answer": answer.disclosure.hex(),
        "market": answer.period.market,
        "party": answer.party,
        "period": answer.period.start,
        "trouble": answer.trouble,
    }
    return json.dumps(table)


def _place_table(recorded: tuple[Period, Place] | None) -> dict[str, object] | None:
    if recorded is None:
        return None
    period, place = recorded
    path = [step.hex() for step in place.paths[0]]
    return {"count": place.count, "index": place.index, "month": period.start, "path": path}


def _recorded(dispute: DisputeFile | None, path: Path, line: bytes) -> tuple[Period, Place] | None:
    try:
        table = json.loads(line)
        if table is None or dispute is None:
            return None
        period = Period(Stage.CLOSING.of(dispute.asked.market), table["month"])
        return period, _place(table["count"], table["index"], table["path"])
    # WireError is a ValueError too
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError((f"{path}: no place in a set: `arbiter fetch` has not written it",)) from None


def place_among(data: bytes, digest: bytes) -> Place | None:
    """Where a party says that a dispute is, of all that it lists of a closing; None if it is not among them.

    Raises: WireError.
    """
    try:
        table = json.loads(data)
        for each in table["disputes"]:
            if each["digest"] == digest.hex():
                return _place(table["count"], each["index"], each["path"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise WireError("an answer that is no list of disputes") from None
    return None


def _place(count: object, index: object, path: object) -> Place:
    """Of one leaf, from JSON. Raises: WireError; ValueError or TypeError for something else than hex."""
    if type(count) is not int or type(index) is not int or not isinstance(path, list):
        raise WireError("no place in a set")
    return Place(count, index, (tuple(map(bytes.fromhex, path)),))


def _read(path: Path, number: int, line: bytes) -> Record:
    try:
        return Record.decode(line)
    except WireError as error:
        raise InputError((f"{path}:{number}: no record: {error}",)) from None


def _answer(path: Path, number: int, line: bytes) -> Answer:
    try:
        table = json.loads(line)
        period, party = Period(table["market"], table["period"]), table["party"]
        if type(party) is not int:
            raise WireError("no party")
        return Answer(period, party, bytes.fromhex(table["answer"]), str(table["trouble"]))
    # WireError is a ValueError too
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError((f"{path}:{number}: no answer of a party: `arbiter fetch` has not written it",)) from None
