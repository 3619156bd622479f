"""The whole audit of a directory with saved chains: offline, from the market file's public keys alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.errors import InputError
from mpc_market.wire.audit import Audited, check_record
from mpc_market.wire.identifiers import Stage, split_market
from mpc_market.wire.outcome import Standing
from parties.audit.agreeing import Rounds, by_round, compare, period_name
from parties.audit.chain import Chain, read_chain
from parties.audit.saved import chain_path, stage_folder, stages_of
from parties.audit.told import Teller, Told
from parties.files.running import RunningMarket


@dataclass
class Report:
    """What was found. `chains`: by party, without those that are not there.

    `wrong`: what does not hold; `faults`: what proves to anybody that a party broke the rules; `notes`: what to know.
    """

    running: RunningMarket
    chains: list[Chain]
    rounds: Rounds
    wrong: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def stage(self) -> Stage:
        """Whose chains these are."""
        return split_market(self.running.id)[1]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and not self.faults

    def told(self) -> dict[int, Told]:
        """What a record that holds tells of each round, by start; rounds without one are left out."""
        found: dict[int, Told] = {}
        for start, statements in self.rounds.items():
            for statement in statements:
                if not statement.entry.told.problem:
                    found.setdefault(start, statement.entry.told)
        return found

    def audited(self, start: int) -> Audited | None:
        """A record of a round that holds, checked again; None if there is none. Raises: InputError."""
        for statement in self.rounds.get(start, ()):
            if not statement.entry.told.problem:
                return check_record(statement.record(), self.running.committee(start))
        return None


def verify_all(folder: Path, running: RunningMarket) -> dict[Stage, Report]:
    """Verify the chains of every stage of a market, and that they fit together. Run by the auditor, offline.

    Raises: InputError if the chains of a stage are not there at all, or a file cannot be read.
    """
    reports = {
        stage: verify(stage_folder(folder, stage), running.staged(stage) if stage.value else running)
        for stage in stages_of(running)
    }
    for stage in (Stage.SETTLEMENT, Stage.CORRECTION):
        if stage in reports:
            reports[stage].wrong += _other_prices(reports[stage], reports[Stage.CLEARING])
    return reports


def _other_prices(settled: Report, cleared: Report) -> Iterator[str]:
    """Periods that were settled at another price than they were cleared at; after a void clearing there is none."""
    clearings = cleared.told()
    for start, told in settled.told().items():
        price = None if start not in clearings else clearings[start].price
        if told.standing is Standing.RESULT and told.price != price and (start in clearings or told.price is not None):
            yield f"{period_name(start)}: {settled.stage} at another price than the period was cleared at"


def verify(folder: Path, running: RunningMarket) -> Report:
    """Verify the chains in a directory, of the stage that `running` is of. Run by the auditor; opens no connection.

    Raises: InputError if there is no chain at all, or a file cannot be read.
    """
    teller, parties = Teller(running), len(running.parties)
    there = [party for party in range(parties) if chain_path(folder, party).exists()]
    if not there:
        raise InputError((f"{folder}: there is no {chain_path(folder, 0).name}: `mpc-market audit fetch` makes it",))
    chains = [read_chain(chain_path(folder, party), party, teller) for party in there]
    rounds = by_round(chains)
    report = Report(running, chains, rounds)
    for party in sorted(set(range(parties)) - set(there)):
        report.wrong.append(f"party {party}: there is no {chain_path(folder, party).name}: its chain was not fetched")
    for chain in chains:
        report.wrong += chain.wrong
    agreement = compare(chains, rounds, teller)
    report.wrong += agreement.wrong
    report.faults += agreement.faults
    report.notes += agreement.notes
    _note_periods(report)
    return report


def _note_periods(report: Report) -> None:
    """Periods without a record, and rounds with another gate: nothing that is wrong for certain."""
    told = report.told()
    if told:
        due = _due(report, min(told), max(told))
        lacking = len(due) - sum(start in due for start in told)
        if lacking:
            gap = next(start for start in due if start not in told)
            report.notes.append(
                f"of {len(due)} periods from the first to the last record, {lacking} have none at any party, the first "
                f"{period_name(gap)}: either no party ran them, or all keep silent about them"
            )
    other = [start for start, each in told.items() if each.other_gate]
    if other:
        report.notes.append(
            f"{len(other)} rounds had another gate than the market file says now, the first {period_name(other[0])}"
        )


def _due(report: Report, first: int, last: int) -> Sequence[int]:
    """The starts of all rounds that are to be expected between two."""
    calendar, length = report.running.calendar, report.running.period_seconds
    if calendar is None or report.stage is not Stage.CLOSING:
        return range(first, last + 1, length)
    starts = [first]
    while starts[-1] < last:
        starts.append(calendar.months.next(starts[-1]))
    return starts


def outcomes(report: Report) -> Counter[str]:
    """How many rounds ended how."""
    return Counter(_outcome(told, report.stage) for told in report.told().values())


_ENDED = {Stage.SETTLEMENT: "settled", Stage.CORRECTION: "corrected", Stage.CLOSING: "closed"}


def _outcome(told: Told, stage: Stage) -> str:
    if told.standing is Standing.VOID:
        return f"void ({', '.join(told.reasons) or 'different results'})"
    if stage in _ENDED:
        return _ENDED[stage]
    return "no trade" if told.price is None else "with a price"
