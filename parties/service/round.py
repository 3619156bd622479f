"""One round at one party: say one's own, gather everyone's. What every step of its life is written with.

Whatever a step needs of the steps before, it reads from the ledger, so that it can begin at a restart as well.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from mpc_market.errors import MarketError
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.message import M, read_signed, sign
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.outcome import Outcome, Void, VoidReason
from mpc_market.wire.signing import SIGNATURE_BYTES
from parties.ledger import RoundRow
from parties.service.board import Kind
from parties.service.node import Node
from parties.service.peers import RoundVoidError, StandsAsideError, UnreachableError
from parties.service.rolls import Enrolled

if TYPE_CHECKING:
    from parties.service.agreeing import Agreed
    from parties.service.business import Compute
    from parties.service.following import Following

LONG_POLL_SECONDS = 20.0
_PAUSE_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

_T = TypeVar("_T")


class GivenUpError(MarketError):
    """The round can have no result any more: this party signs it void, if it has signed nothing yet."""

    def __init__(self, reason: VoidReason) -> None:
        super().__init__(f"the round is given up: {reason.name}")
        self.reason = reason


class Round:
    """A round as the steps of its life see it. `settings`, `orders`, `committee` and `key` are those of its period.

    `following`: the attempts at it; set by whoever makes the round.
    """

    following: "Following"
    agreed: "Agreed | None" = None
    """The agreed set, once it is known to this very process."""
    compute: "Compute | None" = None
    """What this party computes on, from when it has been gathered until an attempt at the round is done."""
    taking: bool = False
    """Whether this very process has begun to take orders."""
    aside: bool = False
    """Whether this party is known to say nothing more in the round (`rejoining`)."""

    def __init__(self, node: Node, row: RoundRow) -> None:
        self.node = node
        self.settings, self.orders = node.market.settings, node.market.orders
        self.committee = node.committee(row.start)
        self.key = node.key(row.start)
        self.period = Period(row.market, row.start)
        self.gate = row.gate_ms
        self.deadline = row.deadline_ms
        self.opened_by = min(row.deadline_ms, node.schedule.opened_by(row.start))
        self.log = structlog.get_logger().bind(market=row.market, start=row.start)

    def __repr__(self) -> str:
        return f"Round({self.period})"

    @property
    def market(self) -> str:
        """The id of the market."""
        return self.period.market

    @property
    def start(self) -> int:
        """The start of the period, seconds."""
        return self.period.start

    @property
    def party(self) -> int:
        """This party's number."""
        return self.node.party

    @cached_property
    def others(self) -> tuple[int, ...]:
        """The numbers of the other parties."""
        return tuple(party for party in range(self.committee.parties) if party != self.party)

    # --- say and gather

    async def say(self, kind: Kind, message: M) -> M:
        """Sign, store and publish; returns what this party has said, which after a restart may be an earlier one.

        Raises: FencedError, LedgerError.
        """
        said = await self.said(kind, type(message))
        if said is None:
            await self.node.board.publish(self.start, kind, sign(message, self.key).encode())
            said = message
        return said

    async def said(self, kind: Kind, message_type: type[M]) -> M | None:
        """What this party has said, if it has."""
        data = await self.node.board.own(self.start, kind)
        return None if data is None else unsigned(message_type, data)

    async def gather(
        self, kind: Kind, message_type: type[M], check: Callable[[M], object] = lambda _: None
    ) -> dict[int, M]:
        """What all m parties say, this one included, each signed, checked and stored; waits as long as it takes.

        Raises: GivenUpError if a party says that the round is void; LedgerError.
        """
        own = await self.said(kind, message_type)
        assert own is not None, f"{kind} is gathered before this party has said its own"
        heard = await together(*(self.hear(peer, kind, message_type, check) for peer in self.others))
        return {self.party: own, **dict(zip(self.others, heard, strict=True))}

    async def heard(self, kind: Kind, message_type: type[M], peer: int) -> M | None:
        """What has been gathered of a peer."""
        data = await self.node.board.of_peer(self.start, kind, peer)
        return None if data is None else unsigned(message_type, data)

    async def hear(self, peer: int, kind: Kind, message_type: type[M], check: Callable[[M], object]) -> M:
        """What one peer says, as `gather`."""
        heard = await self.heard(kind, message_type, peer)
        pause = Pause()
        while heard is None:
            try:
                data = await self.node.peers[peer].pull(self.start, kind, LONG_POLL_SECONDS)
                pause = Pause()  # it is there, and will say so at once when it has something
                if data is not None:
                    return await self.take(peer, kind, message_type, data, check)
            except UnreachableError:
                pass
            except RoundVoidError as error:
                await self.believe_void(peer, error.signed)
            except StandsAsideError:
                if kind is not Kind.OUTCOME:  # others may have its outcome
                    self.without(peer)
            except WireError as error:
                self.bad_message(peer, kind, error)
            await pause()
        return heard

    async def take(
        self,
        author: int,
        kind: Kind,
        message_type: type[M],
        data: bytes,
        check: Callable[[M], object] = lambda _: None,
    ) -> M:
        """What a peer has said, whoever hands it out, checked and stored. Raises: WireError, LedgerError."""
        message = self._checked(author, message_type, data)
        check(message)
        await self.node.board.keep(self.start, kind, author, data)
        return message

    async def believe_void(self, peer: int, data: bytes) -> None:
        """A peer says that the round is void: if it has signed that, it is.

        Raises: GivenUpError for the same reason.
        """
        try:
            outcome = self._checked(peer, Outcome, data)
        except WireError as error:
            self.bad_message(peer, Kind.OUTCOME, error)
            return
        if isinstance(outcome.content, Void):
            await self.node.board.keep(self.start, Kind.OUTCOME, peer, data)
            raise GivenUpError(outcome.content.reason)

    def without(self, peer: int) -> None:
        """A peer stands aside, so there will be no result. To be called before this party has signed one.

        A clearing or settlement ends by its deadline. Corrections have none, and are open for weeks: the closing would
        wait for ever. Of a closing the peer may find a later copy of its ledger, with which it goes on.
        Raises: GivenUpError in a correction.
        """
        if self.node.stage is Stage.CORRECTION:
            self.log.warning("a peer takes no part: its ledger was restored", peer=peer)
            raise GivenUpError(VoidReason.NOT_COMPUTED)

    def bad_message(self, peer: int, kind: str, error: WireError) -> None:
        """Note a message that does not verify."""
        self.node.metrics.bad_messages.labels(str(peer), kind).inc()
        self.log.warning("bad message of a peer", peer=peer, kind=str(kind), reason=str(error))

    def _checked(self, peer: int, message_type: type[M], data: bytes) -> M:
        return read_signed(message_type, data, self.committee, self.period, peer).message

    # --- what was agreed on in earlier steps

    async def terms(self) -> Terms:
        """The terms of the round, from the stored openings. Raises: WireError if they are not all there."""
        openings = {}
        for party in range(self.committee.parties):
            data = await self.node.board.of_peer(self.start, Kind.OPENING, party)
            if data is not None:
                openings[party] = unsigned(Opening, data)
        return terms_of(openings, self.committee.parties)

    async def enrolled(self, terms: Terms) -> Enrolled | None:
        """The roll of the round, if this party has it."""
        enrolled = await self.node.rolls.version(terms.roll_version)
        return enrolled if enrolled is not None and enrolled.digest == terms.roll_digest else None

    # --- what only this party knows

    async def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """A secret of this party: made once, stored before it is used. Raises: FencedError, LedgerError."""
        known = await self.node.ledger.secret(self.market, self.start, name)
        if known is None:
            known = make()
            await self.node.ledger.put_secret(self.market, self.start, name, known)
        return known

    async def known_secret(self, name: str) -> bytes:
        """A secret that was made in an earlier step."""
        known = await self.node.ledger.secret(self.market, self.start, name)
        assert known is not None, "it is stored before the round comes that far"
        return known


class Pause:
    """A pause before something is tried again: longer each time, and not all at the same moment."""

    def __init__(self) -> None:
        self._tried = 0

    async def __call__(self) -> None:
        """Wait."""
        seconds = _PAUSE_SECONDS[min(self._tried, len(_PAUSE_SECONDS) - 1)]
        self._tried += 1
        await asyncio.sleep(seconds * (0.5 + secrets.randbelow(1000) / 1000))


def unsigned(message_type: type[M], data: bytes) -> M:
    """The message in signed bytes that were checked before they were stored."""
    return message_type.decode(data[:-SIGNATURE_BYTES])


async def together(*work: Coroutine[Any, Any, _T]) -> list[_T]:
    """Do all of it at the same time. If one fails, the others are cancelled and its error is raised as it is."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancel_all(tasks)


async def first_of(*work: Coroutine[Any, Any, _T]) -> _T:
    """Do all of it at the same time, until one is done or fails: its result or error. The others are cancelled."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        await cancel_all(tasks)


async def cancel_all(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """End tasks whose results nobody wants any more."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
