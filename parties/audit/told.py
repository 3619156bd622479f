"""What one record tells of its round, checked. The same content is checked once, however many parties tell it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mpc_market.wire.audit import Audited, check_record
from mpc_market.wire.committee import Committee
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Stage, split_market
from mpc_market.wire.outcome import Standing, Void
from mpc_market.wire.record import GENESIS, Record
from parties.files.running import RunningMarket


@dataclass(frozen=True, slots=True)
class Told:
    """`content`: the same for two records that differ in nothing but their place in a chain.

    `problem`: what does not hold, empty if all does. `price`: ticks. `reasons`: why parties signed a round void.
    `other_gate`: the round was opened with another gate than the market file has now.
    """

    content: bytes
    problem: str
    standing: Standing
    price: int | None
    reasons: tuple[str, ...]
    other_gate: bool


class Teller:
    """Checks records against the public keys of a market. Run by the auditor."""

    def __init__(self, running: RunningMarket) -> None:
        self._running = running
        self._known: dict[bytes, Told] = {}

    @property
    def committee(self) -> Callable[[int], Committee]:
        """The parties' public keys for the round of a period."""
        return self._running.committee

    def told(self, record: Record) -> Told:
        """What a record tells. Cost: a signature check for each of its messages, the first time."""
        content = replace(record, sequence=0, previous=GENESIS).digest
        found = self._known.get(content)
        if found is None:
            found = self._known[content] = self._check(record, content)
        return found

    def _check(self, record: Record, content: bytes) -> Told:
        start = record.period.start
        problem, audited = "", None
        try:
            audited = check_record(record, self._running.committee(start))
            problem = self._against_settings(record, audited)
        except WireError as error:
            problem = str(error)
        return Told(
            content,
            problem,
            record.standing if audited is None else audited.standing,
            None if audited is None else audited.price,
            _reasons(record),
            self._other_gate(start, audited),
        )

    def _against_settings(self, record: Record, audited: Audited) -> str:
        """What does not fit the market file, or nothing."""
        settings, result = self._running.settings, record.result
        if audited.price is not None and audited.price >= 2**settings.price_bits:
            return f"{record.period}: the price is not on the grid of the market"
        if audited.agreed is not None and result is not None:
            submissions, orders = sum(result.verdict_counts), audited.agreed.count
            if submissions * self._running.orders != orders:
                return f"{record.period}: verdicts on {submissions} submissions, for a set of {orders} orders"
        return ""

    def _other_gate(self, start: int, audited: Audited | None) -> bool:
        terms = None if audited is None else audited.terms
        return terms is not None and terms.gate != gate_of(self._running, start)


def gate_of(running: RunningMarket, start: int) -> int:
    """When the gate of a round closes, in the stage that `running` is of, ms since 1970."""
    calendar, stage = running.calendar, split_market(running.id)[1]
    if calendar is None or stage is Stage.CLEARING:
        return 1000 * start - round(running.service.gate_lead.total_seconds() * 1000)
    if stage is Stage.CLOSING:
        return calendar.closes(start)
    return calendar.reading_deadline(start) if stage is Stage.SETTLEMENT else calendar.last_deadline(start)


def _reasons(record: Record) -> tuple[str, ...]:
    contents = [signed.message.content for signed in record.outcomes]
    return tuple(sorted({c.reason.name.lower().replace("_", " ") for c in contents if isinstance(c, Void)}))
