"""What goes on beside the rounds: files that may change are looked at, peers are greeted, what is too old is erased."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import structlog

from mpc_market.errors import MarketError
from mpc_market.wire.opening import Opening
from parties.files.party_home import key_folders, read_party_home
from parties.files.problems import Problems
from parties.ledger import LedgerError
from parties.service.board import Kind
from parties.service.life import State
from parties.service.node import Node
from parties.service.peers import UnreachableError
from parties.service.round import together, unsigned
from parties.service.schedule import day_of

LOOK_SECONDS = 2.0
GREET_SECONDS = 5.0
CLEAN_SECONDS = 600.0

_SEALED = frozenset({State.OPENING, State.COLLECTING, State.CLOSING, State.AGREED})
"""Only up to here the sealing key of a round is needed."""

_log = structlog.get_logger()


@dataclass(slots=True)
class PeerState:
    """What was found when a peer was greeted last. `ahead_ms`: how far its clock is ahead of this one's."""

    reachable: bool = False
    ahead_ms: float = 0.0


class Upkeep:
    """The chores of one party. `peers`: how the others are."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen: dict[Path, int | None] = {}
        self.peers = {peer: PeerState() for peer in node.peers}

    async def run(self) -> None:
        """Do them, until cancelled."""
        await together(self._look(), self._clean(), *(self._greet(peer) for peer in self.peers))

    @property
    def disk_free(self) -> int:
        """Bytes free where the ledger is."""
        path = self._node.ledger.path or self._node.home.path
        return shutil.disk_usage(path.parent if path.is_file() else path).free

    # --- files

    async def _look(self) -> NoReturn:
        while True:
            try:
                await self.look()
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take a changed roll or market file, and keys that come into use now; wrong ones are logged, the old stay."""
        await self._node.rolls.look(self._node.home.roll)
        now = self._node.clock.now_ms() // 1000
        if self._changed():
            problems = Problems()
            home = await asyncio.to_thread(read_party_home, self._node.home.path, now, problems)
            if home is None or home.number != self._node.party or home.market.id != self._node.market.id:
                _log.error("market file refused", reasons=problems.shown[:3])
            else:
                self._node.home = home
                self._node.rolls.registrar = home.market.registrar
                _log.info("market file read again")
        try:
            if await self._node.links.refresh(self._node.home, now):
                _log.info("keys or addresses of parties have changed")
        except MarketError as error:
            _log.error("keys not taken into use", reason=str(error))

    def _changed(self) -> bool:
        """Whether the market file or the private directory has changed since the last look."""
        home = self._node.home
        watched = [home.market_path, home.path / "party.toml", *key_folders(home.path)]
        times = {path: _modified(path) for path in watched}
        changed = bool(self._seen) and times != self._seen
        self._seen = dict(times)
        return changed

    # --- peers

    async def _greet(self, peer: int) -> NoReturn:
        metrics, clock = self._node.metrics, self._node.clock
        while True:
            state = self.peers[peer]
            asked = clock.now_ms()
            try:
                there = int(await self._node.peers[peer].greet())
                state.ahead_ms = there - (asked + clock.now_ms()) / 2
                state.reachable = True
            except (UnreachableError, ValueError):
                state.reachable = False
            metrics.peer_up.labels(str(peer)).set(state.reachable)
            metrics.peer_ahead.labels(str(peer)).set(state.ahead_ms / 1000)
            await asyncio.sleep(GREET_SECONDS)

    # --- what is too old

    async def _clean(self) -> NoReturn:
        while True:
            try:
                await self.clean()
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
            await asyncio.sleep(CLEAN_SECONDS)

    async def clean(self) -> None:
        """Delete sealing keys of days whose rounds are over (T12), secrets of finished rounds, and what is older
        than the retention time: what those rounds hold, and the versions of the roll that no later one was held with.
        """
        node, now_ms = self._node, self._node.clock.now_ms()
        unfinished = [row for row in await node.ledger.unfinished_rounds() if State(row.state) in _SEALED]
        needed = min([now_ms // 1000, *(row.start for row in unfinished if not row.fenced)])
        keys = await node.ledger.forget_sealing_keys(day_of(needed))
        before = now_ms // 1000 - int(node.market.service.retention.total_seconds())
        rounds = await node.ledger.erase(node.market.id, before)
        secrets = await node.ledger.forget_secrets(node.market.id)
        rolls = await self._forget_rolls()
        if keys or rounds or rolls:
            _log.info("erased", sealing_keys=keys, rounds=rounds, secrets=secrets, rolls=rolls)

    async def _forget_rolls(self) -> int:
        """Versions only go up from round to round: the oldest round that is kept names the oldest that is needed."""
        ledger, market = self._node.ledger, self._node.market.id
        oldest = await ledger.oldest_kept(market)
        openings = {} if oldest is None else await ledger.messages(market, oldest, Kind.OPENING)
        if not openings:
            return 0
        needed = min(unsigned(Opening, data).roll_version for data in openings.values())
        return await ledger.forget_rolls(market, min(needed, await ledger.latest_roll_version(market)))


def _modified(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
