"""What is counted and measured, for Prometheus. Public facts only: no label and no value is derived from an order.

Labels are names of states, stages, reasons and markets, and party numbers: fixed lists, so that nobody from outside can
make one.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)


class Metrics:
    """The metrics of one party, all its markets, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.orders = self._counter("orders", "Submissions stored.")
        self.repeats = self._counter("orders_repeated", "Submissions that were stored already.")
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
        self.receipts = self._histogram("receipt_seconds", "From a submission's last byte to its receipt.")
        self.peer_up = self._gauge("peer_up", "Whether the peer answered last time.", "party")
        self.peer_ahead = self._gauge("peer_clock_ahead_seconds", "How far the peer's clock is ahead.", "party")
        self.in_state = self._gauge("rounds_in_state", "Rounds that this party has not finished, by state.", "state")
        self.signed = self._gauge("signed_seconds", "How long a round has waited for what other parties have signed.")
        self.roll_version = self._gauge("roll_version", "The newest version of the roll.", "market")
        self.disk_free = self._gauge("disk_free_bytes", "Free space where the ledger is.")
        self.ledger_waiting = self._gauge("ledger_waiting", "Writes that wait for their commit.")

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"mpc_market_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"mpc_market_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"mpc_market_{name}", text, labels, registry=self.registry, buckets=_SECONDS)
