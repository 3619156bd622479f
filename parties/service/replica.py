"""An intake replica: a process beside the one that drives the rounds, on the same PostgreSQL ledger.

It takes orders, readings, tariffs and disputes, and hands out what the ledger holds for who asks. It opens no round,
speaks with no other party and signs nothing but receipts and what it hands out: the ledger lets it write nothing else
(`Ledger.share`). What binds the processes is the database alone:

    in time?       a submission is stored while the row of its round still collects, and the driver closes that row
                   before it says what the party holds: a receipt that was given is in the set, whoever gave it
    first?         (round, meter, number) is a key; who comes second is given the receipt that the first one got
    open?          the driver tells with its commit that a round has changed (`Ledger.news`), the replica reads it
                   again; before it has read it, it says 425, try again

Which process drives is decided by the lock of the ledger's owner, as without replicas.
"""

import asyncio
from collections import Counter
from typing import NoReturn

import structlog

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sealing import SealingKey
from parties.ledger import ROUNDS, SUBMISSIONS, LedgerError, News, RoundRow
from parties.service.collecting import intake_of
from parties.service.forwarding import Forwarding
from parties.service.life import FINAL, State
from parties.service.node import Node
from parties.service.opening import RULES, rules_of
from parties.service.round import Round
from parties.service.sites import Sites

AGAIN_SECONDS = 2.0
"""How long before something that failed is tried again."""

_log = structlog.get_logger()


class Mirror:
    """The rounds of one market as the ledger has them; for who answers requests, the same as `Rounds`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._states: dict[int, State] = {}
        self._open: set[int] = set()

    def round(self, start: int) -> Round | None:  # noqa: ARG002
        """None is driven here."""
        return None

    def state(self, start: int) -> State | None:
        """How far a round is that is not over."""
        return self._states.get(start)

    @property
    def starts(self) -> list[int]:
        """The periods of all rounds that are not over."""
        return sorted(self._states)

    @property
    def counts(self) -> Counter[State]:
        """None is driven here, so none is counted here."""
        return Counter()

    @property
    def signed_ms(self) -> int | None:
        """None is driven here."""
        return None

    async def take(self, start: int, row: RoundRow | None) -> bool:
        """A round as it is now; whether that is settled, or to be tried again. Raises: LedgerError."""
        node, done = self._node, True
        state = None if row is None or row.finished else State(row.state)
        if row is not None and row.collecting and state is State.COLLECTING:
            if start not in self._open:
                done = await self._open_intake(row)
            state = state if done else State.OPENING
        elif start in self._open:
            self._open.discard(start)
            node.intake.close(start)
        changed = state is not self._states.get(start)
        if state is None or state in FINAL:
            self._states.pop(start, None)
            node.board.ring(start)
        else:
            self._states[start] = state
            if changed:
                node.board.ring(start)
        return done

    @property
    def known(self) -> set[int]:
        """The rounds to look at again after a silence."""
        return self._states.keys() | self._open

    async def _open_intake(self, row: RoundRow) -> bool:
        """Take submissions to a round from now on, if all is there that they are checked with."""
        node = self._node
        try:
            current = Round(node, row)
        except InvalidSettingsError as error:
            _log.error("round not opened", market=row.market, start=row.start, reason=str(error))
            return False
        if await node.ledger.message(row.market, row.start, RULES, node.party) != rules_of(current):
            current.log.error("round not opened", reason="the market file is not that of the process that drives it")
            return False
        key = await node.ledger.known_sealing_key(node.business.key_name(row.start))
        assert key is not None, "it is kept as long as something is sealed to it"
        node.intake.open(await intake_of(current, SealingKey(key)))
        self._open.add(row.start)
        current.log.info("round", state=State.COLLECTING.value)
        return True


class Mirroring:
    """Keeps the mirrors of all markets up to date. `run` is its one task; `look` reads everything first."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._mirrors = {site.node.market.id: each for site in sites if isinstance(each := site.rounds, Mirror)}
        self._again: set[tuple[str, int]] = set()

    async def run(self) -> NoReturn:
        """Hear what changes, until cancelled. Cut off from the server, begin again: nothing may have been missed."""
        while True:
            try:
                async with self._sites.ledger.news(ROUNDS) as news:
                    await self.look()
                    while True:
                        await self._hear(news)
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def look(self) -> None:
        """Read all rounds that are not over. Raises: LedgerError."""
        rows = {(row.market, row.start): row for row in await self._sites.ledger.unfinished_rounds()}
        known = {(market, start) for market, mirror in self._mirrors.items() for start in mirror.known}
        for key in rows.keys() | known:
            await self._take(key, rows.get(key))

    async def _hear(self, news: News) -> None:
        told = await news.next(AGAIN_SECONDS) if self._again else await news.next()
        for market, start in told | self._again:
            await self._take((market, start), await self._sites.ledger.round(market, start))

    async def _take(self, key: tuple[str, int], row: RoundRow | None) -> None:
        mirror = self._mirrors.get(key[0])
        if mirror is None or await mirror.take(key[1], row):
            self._again.discard(key)
        else:
            self._again.add(key)


class Elsewhere:
    """At the process that drives: what replicas have stored is forwarded at once, and completes a settlement."""

    def __init__(self, sites: Sites, forwarding: Forwarding) -> None:
        self._sites = sites
        self._forwarding = forwarding

    async def run(self) -> NoReturn:
        """Hear of it, until cancelled. What is not heard is forwarded by and by, and is there at the gate."""
        while self._sites.ledger.path is not None:  # a file has no replicas
            await asyncio.Event().wait()
        while True:
            try:
                async with self._sites.ledger.news(SUBMISSIONS) as news:
                    while True:
                        await self._take(await news.next())
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def _take(self, told: set[tuple[str, int]]) -> None:
        if told:
            self._forwarding.bell.ring()
        for market, start in told:
            site = self._sites.get(market)
            opened = None if site is None else site.node.intake.round(start)
            if opened is not None and site is not None and site.node.stage is Stage.SETTLEMENT:
                opened.store(*await self._sites.ledger.meters(market, start))
