"""What goes on beside the rounds: files that may change are looked at, peers are greeted, what is too old is erased."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import structlog

from mpc_market.errors import MarketError
from mpc_market.wire.identifiers import Stage, split_market
from mpc_market.wire.opening import Opening
from parties.files.party_home import key_folders, market_folders, read_party_homes
from parties.files.problems import Problems
from parties.ledger import InUseError, LedgerError, NotReadyError, RoundRow, SchemaError
from parties.service.board import Kind
from parties.service.disputes import kept_ms
from parties.service.ending import ended_ms
from parties.service.life import FINAL, State
from parties.service.node import Node
from parties.service.peers import UnreachableError
from parties.service.round import together, unsigned
from parties.service.schedule import day_of
from parties.service.sites import Sites, staged

LOOK_SECONDS = 2.0
GREET_SECONDS = 5.0
OWN_SECONDS = 10.0
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
    """The chores of one party. `peers`: how the others are. `driving`: whether this is more than a replica, which has
    only its files to look at.
    """

    def __init__(self, sites: Sites, *, driving: bool = True) -> None:
        self._sites = sites
        self.driving = driving
        self._seen: dict[Path, int | None] = {}
        self.peers = {peer: PeerState() for peer in sites.links.peers if driving}

    async def run(self) -> None:
        """Do them, until cancelled."""
        work = [self._look(), self._own()]
        if self.driving:
            work += [self._clean(), *(self._greet(peer) for peer in self.peers)]
        await together(*work)

    @property
    def disk_free(self) -> int | None:
        """Bytes free where the ledger is; None if that is a server's disk, which is not seen from here."""
        path = self._sites.ledger.path
        return None if path is None else shutil.disk_usage(path.parent).free

    async def _own(self) -> NoReturn:
        """Make sure that the ledger is still this process's, which ends otherwise, so that nobody goes on asking it.

        Raises: InUseError when another has taken over; NotReadyError, SchemaError when a replica's was upgraded.
        """
        while True:
            await asyncio.sleep(OWN_SECONDS)
            if self._sites.ledger.path is None:  # a file stays locked whatever happens, a server drops who is cut off
                try:
                    await self._sites.ledger.check()
                except (InUseError, NotReadyError, SchemaError):
                    raise
                except LedgerError as error:
                    _log.error("storage fails", reason=str(error))

    # --- files

    async def _look(self) -> NoReturn:
        while True:
            try:
                await self.look()
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
            except OSError as error:  # what was read before stays
                _log.error("home cannot be looked at", file=error.filename, reason=error.strerror)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take a changed roll or market file, and keys that come into use now; wrong ones are logged, the old stay."""
        for site in self._sites if self.driving else ():
            await site.node.rolls.look(site.node.home.roll)
        now = self._sites.clock.now_ms() // 1000
        if self._changed():
            await self._read_again(now)
        try:
            if await self._sites.links.refresh(self._sites.first.node.home, now):
                _log.info("keys or addresses of parties have changed")
        except MarketError as error:
            _log.error("keys not taken into use", reason=str(error))

    async def _read_again(self, now: int) -> None:
        problems, node = Problems(), self._sites.first.node
        read = await asyncio.to_thread(read_party_homes, node.home.path, now, problems)
        homes = {home.market.id: home for home in read or [] if home.number == node.party}
        if not homes.keys() >= set(self._sites.ids):
            _log.error("market file refused", reasons=problems.shown[:3])
            return
        sites = [self._sites.of(market) for market in self._sites.ids]
        if any(homes[each.node.market.id].market.service.settlement != each.node.market.service.settlement
               for each in sites):  # fmt: skip
            _log.error("market file refused", reasons=["how a market is settled does not change while it runs"])
            return
        for site in self._sites:
            market, stage = split_market(site.node.market.id)
            site.node.home = staged(homes[market], stage)
            site.node.rolls.registrar = site.node.market.registrar
        _log.info("market file read again")
        if len(homes) > len(self._sites.ids):
            _log.warning("new markets are served after a restart", markets=sorted(homes.keys() - set(self._sites.ids)))

    def _changed(self) -> bool:
        """Whether a market file or the private directory has changed since the last look."""
        home = self._sites.first.node.home
        markets = [site.node.home.market_path for site in self._sites]
        watched = [*markets, home.path / "party.toml", *key_folders(home.path), *market_folders(home.path)]
        times = {path: _modified(path) for path in watched}
        changed = bool(self._seen) and times != self._seen
        self._seen = dict(times)
        return changed

    # --- peers

    async def _greet(self, peer: int) -> NoReturn:
        metrics, clock = self._sites.metrics, self._sites.clock
        while True:
            state = self.peers[peer]
            asked = clock.now_ms()
            try:
                there = int(await self._sites.links.peers[peer].greet())
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
        than the retention time, if no closing waits for it: what those rounds hold, and the versions of the roll that
        no later one was held with.
        """
        ledger, now = self._sites.ledger, self._sites.clock.now_ms() // 1000
        keys = await ledger.forget_sealing_keys(partial(_days_kept, now))
        if keys:
            _log.info("erased", sealing_keys=keys)
        for node in [site.node for site in self._sites]:
            market = node.market
            rounds = await ledger.erase(market.id, await self._erased_before(node, now))
            secrets = await ledger.forget_secrets(market.id)
            await ledger.forget_disputes(market.id, 1000 * now - kept_ms(market))
            rolls = await self._forget_rolls(market.id)
            if rounds or rolls:
                _log.info("erased", market=market.id, rounds=rounds, secrets=secrets, rolls=rolls)

    async def _erased_before(self, node: Node, now: int) -> int:
        """What rounds of earlier periods hold is erased: it is older than the retention time, and no closing needs it
        that is not over. Once more the retention time is waited for one; then the periods are lost to it (`earlier`).
        """
        kept, first = (
            kept_ms(node.market) // 1000,
            await self._sites.ledger.first_start(split_market(node.market.id)[0]),
        )
        before, calendar = now - kept, node.market.calendar
        if node.stage is Stage.CLOSING:
            return await self._closings_erased_before(node, before)
        if calendar is None or first is None:
            return before
        month = calendar.months.of(max(before - kept, first))
        while month < before:
            after = calendar.months.next(month)
            if not (await self._closed(node, month) and await self._closed(node, after)):
                return max(month, before - kept)
            month = after
        return before

    async def _closings_erased_before(self, node: Node, before: int) -> int:
        """As `_erased_before`: up to the first closing that has ended since, for a month may be closed late."""
        ledger, market = self._sites.ledger, node.market.id
        oldest = await ledger.oldest_kept(market)
        for row in [] if oldest is None else await ledger.rounds_between(market, oldest, before):
            if not row.erased and await ended_ms(ledger, row, node.party) > 1000 * before:
                return row.start
        return before

    async def _closed(self, node: Node, month: int) -> bool:
        """Whether the closing of a month is over."""
        row = await self._sites.ledger.round(node.sibling(Stage.CLOSING).market.id, month)
        return row is not None and State(row.state) in FINAL

    async def _forget_rolls(self, market: str) -> int:
        """Versions only go up from round to round: the oldest round that is kept names the oldest that is needed."""
        ledger = self._sites.ledger
        oldest = await ledger.oldest_kept(market)
        openings = {} if oldest is None else await ledger.messages(market, oldest, Kind.OPENING)
        if not openings:
            return 0
        needed = min(unsigned(Opening, data).roll_version for data in openings.values())
        return await ledger.forget_rolls(market, min(needed, await ledger.latest_roll_version(market)))


def _days_kept(now: int, unfinished: Sequence[RoundRow]) -> dict[str, str]:
    """The first day whose sealing keys are needed, for each stage, by what their names begin with."""
    days = {}
    for stage in Stage:
        starts = [row.start for row in unfinished if split_market(row.market)[1] is stage and _needs_key(row)]
        days[f"{stage} ".lstrip()] = day_of(min([now, *starts]))
    return days


def _needs_key(row: RoundRow) -> bool:
    return State(row.state) in _SEALED and not row.fenced


def _modified(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
