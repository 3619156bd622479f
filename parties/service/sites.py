"""All markets of one party, by their ids: what a request about one of them is answered with, and by nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mpc_market.wire.identifiers import Stage, split_market
from parties.clock import Clock
from parties.files.party_home import PartyHome
from parties.ledger import Ledger
from parties.service.board import Board
from parties.service.business import Business
from parties.service.clearing import Clearing
from parties.service.closing import MonthClosing
from parties.service.desk import Desk
from parties.service.disclosing import Disclosing
from parties.service.disputes import Disputes, RecordedDisputes
from parties.service.documents import Documents
from parties.service.intake import Intake
from parties.service.links import Links
from parties.service.lookup import Lookup, States
from parties.service.metrics import Metrics
from parties.service.node import Node
from parties.service.pool import Pool
from parties.service.problems import Problem, RefusalError
from parties.service.rolls import Rolls
from parties.service.rounds import Rounds
from parties.service.settling import PeriodSettling
from parties.service.sheets import Sheets
from parties.service.tariffs import Tariffs


class Site:
    """One market at one party: its rounds, and who answers about them."""

    def __init__(self, node: Node, rounds: States) -> None:
        self.node = node
        self.rounds = rounds
        self.lookup = Lookup(node, self.rounds)
        self.documents = Documents(node, self.rounds, self.lookup)
        self.desk = Desk(node, self.lookup)
        self.sheets = Sheets(node, self.lookup)
        self.tariffs = Tariffs(node)
        self.disputes = Disputes(node, self.lookup)
        self.recorded = RecordedDisputes(node, self.lookup)
        self.disclosing = Disclosing(node, self.lookup)

    def __repr__(self) -> str:
        return f"Site({self.node.market.id})"


class Sites:
    """The markets of one party, and what they share: ledger, connections, places to compute, counts, the clock."""

    def __init__(
        self,
        homes: Sequence[PartyHome],
        ledger: Ledger,
        links: Links,
        pool: Pool,
        clock: Clock,
        rounds: Callable[[Node], States] = Rounds,
    ) -> None:
        """`rounds`: who knows the rounds of a market."""
        self.ledger, self.links, self.pool, self.clock = ledger, links, pool, clock
        self._rounds = rounds
        self.metrics = Metrics(on_disk=ledger.path is not None)
        self._sites: dict[str, Site] = {}
        for home in homes:
            self._sites[home.market.id] = self._site(self._node(home, Clearing()))
        for home in homes:
            self._add_settling(home)
        self.metrics.begin(self._sites, links.peers)

    def __iter__(self) -> Iterator[Site]:
        return iter(self._sites.values())

    @property
    def ids(self) -> list[str]:
        """The ids of the markets."""
        return [name for name in self._sites if split_market(name)[1] is Stage.CLEARING]

    @property
    def first(self) -> Site:
        """The market that `party.toml` names. What is the same in all of them can be asked of it."""
        return next(iter(self))

    def get(self, market: str) -> Site | None:
        """A market, if this party runs it."""
        return self._sites.get(market)

    def of(self, market: str) -> Site:
        """The same for a request. Raises: RefusalError."""
        site = self.get(market)
        if site is None:
            raise RefusalError(Problem.UNKNOWN_MARKET)
        return site

    def clearing(self, market: str) -> Site:
        """A market by its id alone. Raises: RefusalError."""
        site = self.of(market)
        if site.node.stage is not Stage.CLEARING:
            raise RefusalError(Problem.UNKNOWN_MARKET)
        return site

    def stage(self, market: str, stage: Stage) -> Site:
        """A further stage of a market. Raises: RefusalError if there is no such market, or it only clears."""
        self.clearing(market)
        site = self.get(stage.of(market))
        if site is None:
            raise RefusalError(Problem.NOT_SETTLED)
        return site

    def _add_settling(self, home: PartyHome) -> None:
        """The further stages of a market that is settled: like markets of their own, with the same roll."""
        clearing = self._sites[home.market.id].node
        if home.market.service.settlement is None:
            return
        nodes = {Stage.CLEARING: clearing}
        businesses: dict[Stage, Business] = {
            stage: PeriodSettling(stage, clearing) for stage in (Stage.SETTLEMENT, Stage.CORRECTION)
        }
        for stage, business in {**businesses, Stage.CLOSING: MonthClosing(clearing)}.items():
            node = nodes[stage] = self._node(staged(home, stage), business)
            node.rolls = clearing.rolls
            self._sites[node.market.id] = self._site(node)
        for node in nodes.values():
            node.siblings = nodes

    def _site(self, node: Node) -> Site:
        return Site(node, self._rounds(node))

    def _node(self, home: PartyHome, business: Business) -> Node:
        market = home.market.id
        return Node(
            home=home,
            ledger=self.ledger,
            clock=self.clock,
            board=Board(self.ledger, market, home.number),
            intake=Intake(home.number, self.ledger, self.clock, self.metrics),
            rolls=Rolls(self.ledger, market, home.market.registrar),
            links=self.links,
            pool=self.pool,
            metrics=self.metrics,
            business=business,
        )


def staged(home: PartyHome, stage: Stage) -> PartyHome:
    """A home as a further stage of its market sees it."""
    return replace(home, market=home.market.staged(stage))
