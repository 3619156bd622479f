"""One market at a running compute party: home, storage, peers. Ledger, links, pool and metrics are those of all its
markets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mpc_market.wire.committee import Committee
from mpc_market.wire.identifiers import Stage, split_market
from mpc_market.wire.signing import SigningKey
from parties.clock import Clock
from parties.files.party_home import PartyHome
from parties.files.running import RunningMarket
from parties.ledger import Ledger
from parties.service.board import Board
from parties.service.business import Business, Timetable
from parties.service.intake import Intake
from parties.service.links import Links
from parties.service.metrics import Metrics
from parties.service.peers import Peer
from parties.service.pool import Pool
from parties.service.rolls import Rolls


@dataclass
class Node:
    """One compute party in one market. `home` is replaced when its files change."""

    home: PartyHome = field(repr=False)
    ledger: Ledger
    clock: Clock
    board: Board
    intake: Intake
    rolls: Rolls
    links: Links
    pool: Pool
    metrics: Metrics
    business: Business
    siblings: Mapping[Stage, "Node"] = field(default_factory=dict, repr=False)
    """The other stages of the same market at this party."""

    @property
    def party(self) -> int:
        """This party's number."""
        return self.home.number

    @property
    def market(self) -> RunningMarket:
        """The market as its file describes it now."""
        return self.home.market

    @property
    def stage(self) -> Stage:
        """What is done in its rounds."""
        return split_market(self.market.id)[1]

    @property
    def peers(self) -> Mapping[int, Peer]:
        """The other parties, by number."""
        return {number: Peer(link, self.market.id) for number, link in self.links.peers.items()}

    @property
    def parties(self) -> int:
        """The number of compute parties, m."""
        return len(self.market.parties)

    @property
    def schedule(self) -> Timetable:
        """When rounds open, close and expire."""
        return self.business.timetable(self.market)

    def sibling(self, stage: Stage) -> "Node":
        """Another stage of the same market."""
        return self.siblings[stage]

    def committee(self, start: int) -> Committee:
        """The signing keys of the parties in the round of a period."""
        return self.market.committee(start)

    def key(self, start: int) -> SigningKey:
        """The key that signs this party's messages in the round of a period. Raises: InvalidSettingsError."""
        return self.home.signing_key(start)
