"""What a meter must know of its market, and of itself in it."""

from dataclasses import dataclass, field
from datetime import timedelta

from mpc_market.wire.committee import Committee
from mpc_market.wire.identifiers import Stage, split_market
from parties.files.market import MarketFile
from parties.files.running import RunningMarket
from parties.meter.home import Home
from parties.meter.rhythm import Rhythm
from parties.meter.store import Store

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Market:
    """A market as its public file describes it, as far as a meter has to do with it."""

    running: RunningMarket

    @property
    def id(self) -> str:
        """The market's id."""
        return self.running.id

    @property
    def file(self) -> MarketFile:
        """The grid: decimals to ticks and lots and back."""
        return self.running.settings

    @property
    def orders(self) -> int:
        """Orders in one submission, k."""
        return self.running.orders

    @property
    def parties(self) -> int:
        """The number of compute parties, m."""
        return len(self.running.parties)

    @property
    def rhythm(self) -> Rhythm:
        """When rounds open and close."""
        return Rhythm(self.running.period_seconds, self.running.service.gate_lead // _MILLISECOND)

    def gate(self, start: int) -> int:
        """When the round of a period takes nothing more, ms; of a settlement or correction, its last moment."""
        calendar, stage = self.running.calendar, split_market(self.id)[1]
        if calendar is None or stage is Stage.CLEARING:
            return self.rhythm.gate(start)
        return calendar.reading_deadline(start) if stage is Stage.SETTLEMENT else calendar.last_deadline(start)

    @property
    def retention_ms(self) -> int:
        """How long submissions are kept for disputes."""
        return self.running.service.retention // _MILLISECOND

    def at(self, stage: Stage) -> "Market":
        """The market as a further stage of it."""
        return Market(self.running.staged(stage))

    def committee(self, start: int) -> Committee:
        """The parties' public keys for the round of a period."""
        return self.running.committee(start)


@dataclass(frozen=True)
class Meter:
    """One meter: its home, its store, and its enrolled largest quantity in lots."""

    home: Home
    store: Store
    maximum: int = field(repr=False)

    @property
    def id(self) -> str:
        """The meter's id."""
        return self.home.meter
