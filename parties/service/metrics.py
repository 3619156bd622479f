"""What is counted and measured, for Prometheus. Public facts only: no label and no value is derived from an order.

Labels are names of states, stages, reasons and markets, and party numbers: fixed lists, so that nobody from outside can
make one. What counts events is there at 0 for every label from the beginning (`begin`): who watches sees an increase
between two values only, so the first void round of a series that is born with it would be no increase.
"""

from collections.abc import Collection, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mpc_market.wire.identifiers import Stage
from mpc_market.wire.outcome import VoidReason
from parties.service.board import Kind
from parties.service.life import FINAL
from parties.service.problems import Problem

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)


BAD_MESSAGES = (*Kind, "roll", "attempt")
"""What of a peer may not verify."""


SUBMITTED = (Stage.CLEARING, Stage.SETTLEMENT, Stage.CORRECTION)
"""The stages that take something of meters: orders, readings, later readings."""


class Metrics:
    """The metrics of one party, all its markets, in a registry of its own."""

    def __init__(self, *, on_disk: bool = True) -> None:
        """`on_disk`: whether the ledger is a file here, so that it matters how much more can be stored beside it."""
        self.registry = CollectorRegistry()
        self.submissions = self._counter("submissions", "Submissions stored, by stage: orders, readings.", "stage")
        self.repeats = self._counter("submissions_repeated", "Submissions that were stored already.", "stage")
        self.refusals = self._counter("refusals", "Requests refused, by reason.", "reason")
        self.forwarded = self._counter("forwarded", "Seals handed to their party, by what it answered.", "answer")
        self.rounds = self._counter("rounds", "Rounds that have ended, by market and how.", "market", "state")
        self.attempts_waiting = self._gauge("attempts_waiting", "Attempts that wait for a place to compute.")
        self.attempts = self._counter("attempts", "Attempts at the computation, by how they ended.", "ended")
        self.voids = self._counter("voids", "Rounds that this party signed void, by reason.", "reason")
        self.bad_messages = self._counter("bad_messages", "Messages of peers that do not verify.", "party", "kind")
        self.traffic = self._counter("computation_bytes", "Bytes sent to other parties by the computation.")
        self.lateness = self._histogram("round_lateness_seconds", "From the gate to the confirmed outcome.")
        self.stages = self._histogram("clearing_seconds", "Time of the computation, by stage.", "stage")
        self.receipts = self._histogram("receipt_seconds", "From a submission's last byte to its receipt.", "stage")
        self.peer_up = self._gauge("peer_up", "Whether the peer answered last time.", "party")
        self.peer_ahead = self._gauge("peer_clock_ahead_seconds", "How far the peer's clock is ahead.", "party")
        self.in_state = self._gauge("rounds_in_state", "Rounds that this party has not finished, by state.", "state")
        self.signed = self._gauge("signed_seconds", "How long a round has waited for what other parties have signed.")
        self.left_out = self._gauge(
            "left_out", "Periods that the last closing does not bill.", "market", "stage", "state"
        )
        self.roll_version = self._gauge("roll_version", "The newest version of the roll.", "market")
        self.roll_behind = self._gauge(
            "roll_behind",
            "How many versions the roll of a peer's opening of the last clearing is behind this party's.",
            "market",
            "party",
        )
        self.disk_free = self._gauge("disk_free_bytes", "Free space where the ledger is.") if on_disk else None
        self.ledger_waiting = self._gauge("ledger_waiting", "Writes that wait for their commit.")

    def begin(self, markets: Collection[str], peers: Collection[int]) -> None:
        """Show 0 for all that may be counted. `markets`: with their stages; `peers`: the other parties' numbers."""
        counted: list[tuple[Counter, Iterable[tuple[str, ...]]]] = [
            (self.submissions, [(stage.label,) for stage in SUBMITTED]),
            (self.repeats, [(stage.label,) for stage in SUBMITTED]),
            (self.refusals, [(problem.slug,) for problem in Problem]),
            (self.forwarded, [(answer,) for answer in ("taken", "refused", "late")]),
            (self.rounds, [(market, state.value) for market in markets for state in FINAL]),
            (self.attempts, [("done",), ("failed",)]),
            (self.voids, [(reason.name.lower(),) for reason in VoidReason]),
            (self.bad_messages, [(str(peer), kind) for peer in peers for kind in BAD_MESSAGES]),
        ]
        for counter, labels in counted:
            for each in labels:
                counter.labels(*each)
        for market in markets:
            for peer in peers:
                self.roll_behind.labels(market, str(peer)).set(0)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"mpc_market_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"mpc_market_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"mpc_market_{name}", text, labels, registry=self.registry, buckets=_SECONDS)
