"""Rounds: their state, the signed messages of all parties, this party's secrets and its one outcome."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import ContradictionError, FencedError, LedgerError, StateError
from parties.ledger.news import ROUNDS, tell
from parties.ledger.rows import RoundRow
from parties.ledger.schema import ledger, messages, outcomes, rounds, secrets
from parties.ledger.shelf import Shelf, matching, write_once

_COLUMNS = [rounds.c[name] for name in RoundRow.__slots__]

UNFINISHED = select(*_COLUMNS).where(~rounds.c.finished).order_by(rounds.c.gate_ms)
"""The rounds of all markets in which there is still something to do, by gate."""


class Rounds(Shelf):
    """The rounds of all markets, and what is written once in each."""

    async def create_round(
        self, market: str, start: int, *, opens_ms: int, gate_ms: int, deadline_ms: int, state: str
    ) -> RoundRow:
        """The round as it is, created in `state` if it is not there.

        `opens_ms` must not be later than the first moment at which any program would have opened the round: one
        that opened before a restore is fenced.
        Raises: ContradictionError if it is there with other times.
        """
        times = {"opens_ms": opens_ms, "gate_ms": gate_ms, "deadline_ms": deadline_ms}

        async def work(connection: AsyncConnection) -> RoundRow:
            found = await _find(connection, market, start)
            if found is None:
                restored_ms = await connection.scalar(select(ledger.c.restored_ms))
                fenced = restored_ms is not None and opens_ms <= restored_ms
                found = RoundRow(
                    market,
                    start,
                    **times,
                    state=state,
                    finished=False,
                    collecting=not fenced,
                    fenced=fenced,
                    erased=False,
                )
                values = {column.name: getattr(found, column.name) for column in _COLUMNS}
                await connection.execute(insert(rounds).values(values))
                await tell(connection, ROUNDS, [(market, start)])
            if times != {name: getattr(found, name) for name in times}:
                raise ContradictionError(f"round {start} of market {market}")
            return found

        return await self._database.write(work)

    async def round(self, market: str, start: int) -> RoundRow | None:
        """One round."""
        rows = await self._database.read(select(*_COLUMNS).where(matching(rounds, _key(market, start))))
        return RoundRow(*rows[0]) if rows else None

    async def unfinished_rounds(self) -> list[RoundRow]:
        """The rounds of all markets in which there is still something to do, by gate."""
        return [RoundRow(*row) for row in await self._database.read(UNFINISHED)]

    async def oldest_kept(self, market: str) -> int | None:
        """The start of the first round of which not everything is erased; None if there is none."""
        statement = select(func.min(rounds.c.start)).where(rounds.c.market == market, ~rounds.c.erased)
        (row,) = await self._database.read(statement)
        return None if row[0] is None else int(row[0])

    async def first_start(self, market: str) -> int | None:
        """The earliest period of which there is a round."""
        (row,) = await self._database.read(select(func.min(rounds.c.start)).where(rounds.c.market == market))
        return None if row[0] is None else int(row[0])

    async def last_start(self, market: str, before: int, states: Collection[str]) -> int | None:
        """The latest period before a moment of which there is a round in one of these states, and not erased."""
        statement = select(func.max(rounds.c.start)).where(
            rounds.c.market == market, rounds.c.start < before, rounds.c.state.in_(states), ~rounds.c.erased
        )
        (row,) = await self._database.read(statement)
        return None if row[0] is None else int(row[0])

    async def restored_ms(self) -> int | None:
        """When this ledger was restored from a backup last: of what opened before, it may have forgotten all."""
        (row,) = await self._database.read(select(ledger.c.restored_ms))
        return None if row[0] is None else int(row[0])

    async def rounds_between(self, market: str, begin: int, end: int) -> list[RoundRow]:
        """The rounds of the periods that start in [begin, end), in this sequence."""
        statement = select(*_COLUMNS).where(rounds.c.market == market, rounds.c.start >= begin, rounds.c.start < end)
        return [RoundRow(*row) for row in await self._database.read(statement.order_by(rounds.c.start))]

    async def set_state(self, market: str, start: int, expected: str, new: str, *, finished: bool = False) -> None:
        """Go from the expected state to a new one; `finished` if nothing is left to do after that.

        A finished round collects nothing.
        Raises: StateError if the round is in another state, or is not there.
        """
        values: dict[str, Any] = {"state": new, "finished": finished}
        if finished:
            values["collecting"] = False

        async def work(connection: AsyncConnection) -> None:
            found = await _find(connection, market, start)
            if found is None or found.state != expected:
                raise StateError(market, start, expected, None if found is None else found.state)
            await connection.execute(update(rounds).where(matching(rounds, _key(market, start))).values(values))
            await tell(connection, ROUNDS, [(market, start)])

        await self._database.write(work)

    async def close_intake(self, market: str, start: int) -> None:
        """Collect no more. When this returns, every submission that was or will be acknowledged, by this process or
        one that shares the ledger, is in `submissions`, and none is added: a held list made from it then contains every
        receipt. Idempotent.

        It waits for those that are being stored, which hold the round's row, and those that come later find it closed.
        """
        statement = update(rounds).where(matching(rounds, _key(market, start))).values(collecting=False)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)
            await tell(connection, ROUNDS, [(market, start)])

        await self._database.write(work)

    async def put_message(self, market: str, start: int, kind: str, party: int, data: bytes) -> None:
        """Keep what `party` (this one or another) has signed: one message of a kind in a round.

        Raises: ContradictionError if another one is kept; FencedError if it is this party's own and the round is
        fenced; LedgerError if there is no such round.
        """
        key = _key(market, start) | {"kind": kind, "party": party}

        async def work(connection: AsyncConnection) -> None:
            if party == self._party:
                await check_fence(connection, market, start)
            await write_once(connection, messages, key, data, ContradictionError(kind, party))

        await self._database.write(work)

    async def messages(self, market: str, start: int, kind: str) -> dict[int, bytes]:
        """The messages of one kind by party number, ascending."""
        key = _key(market, start) | {"kind": kind}
        statement = select(messages.c.party, messages.c.data).where(matching(messages, key))
        return {row.party: row.data for row in await self._database.read(statement.order_by(messages.c.party))}

    async def message(self, market: str, start: int, kind: str, party: int) -> bytes | None:
        """One message."""
        return await self._data(messages, _key(market, start) | {"kind": kind, "party": party})

    async def has_said(self, market: str, start: int) -> bool:
        """Whether anything is stored that this party has said in a round."""
        statements = _own(market, start, self._party)
        return any([bool(await self._database.read(statement)) for statement in statements])

    async def unfence(self, market: str, start: int, state: str) -> bool:
        """Fence a round no more, if it is in this state, and nothing is stored that this party has said in it; whether
        that is so. To be called only if nobody else has anything either that this party has said in it.
        """

        async def work(connection: AsyncConnection) -> bool:
            found = await _find(connection, market, start)
            said = [(await connection.execute(each)).first() for each in _own(market, start, self._party)]
            if found is None or found.state != state or found.finished or any(said):
                return False
            values = {"fenced": False, "collecting": True}
            await connection.execute(update(rounds).where(matching(rounds, _key(market, start))).values(values))
            await tell(connection, ROUNDS, [(market, start)])
            return True

        return await self._database.write(work)

    async def put_secret(self, market: str, start: int, name: str, data: bytes) -> None:
        """Keep a secret of this party in a round: its part of the randomness, say.

        Raises: ContradictionError if another one of this name is kept; FencedError.
        """
        key = _key(market, start) | {"name": name}
        await self._put_own(secrets, key, data, ContradictionError("secret"))

    async def secret(self, market: str, start: int, name: str) -> bytes | None:
        """One secret."""
        return await self._data(secrets, _key(market, start) | {"name": name})

    async def forget_secrets(self, market: str) -> int:
        """Delete the secrets of all finished rounds, beyond recovery (see `Database.wipe`); how many."""
        done = select(rounds.c.start).where(rounds.c.market == market, rounds.c.finished)
        statement = delete(secrets).where(secrets.c.market == market, secrets.c.start.in_(done))

        async def work(connection: AsyncConnection) -> int:
            return int((await connection.execute(statement)).rowcount)

        forgotten = await self._database.write(work)
        if forgotten:
            await self._database.wipe()
        return forgotten

    async def put_outcome(self, market: str, start: int, data: bytes) -> None:
        """Keep the one outcome that this party signs. Only then may it be shown to anybody.

        Raises: ContradictionError if another one is kept; FencedError.
        """
        await self._put_own(outcomes, _key(market, start), data, ContradictionError("outcome", self._party))

    async def outcome(self, market: str, start: int) -> bytes | None:
        """The outcome that this party has signed."""
        return await self._data(outcomes, _key(market, start))

    async def _data(self, table: Any, key: dict[str, Any]) -> bytes | None:
        rows = await self._database.read(select(table.c.data).where(matching(table, key)))
        return rows[0].data if rows else None

    async def _put_own(self, table: Any, key: dict[str, Any], data: bytes, contradiction: ContradictionError) -> None:
        async def work(connection: AsyncConnection) -> None:
            await check_fence(connection, key["market"], key["start"])
            await write_once(connection, table, key, data, contradiction)

        await self._database.write(work)


def _key(market: str, start: int) -> dict[str, Any]:
    return {"market": market, "start": start}


def _own(market: str, start: int, party: int) -> list[Select[Any]]:
    """What a party has said in a round."""
    said = matching(messages, _key(market, start) | {"party": party})
    signed = matching(outcomes, _key(market, start))
    return [select(messages.c.kind).where(said).limit(1), select(outcomes.c.start).where(signed)]


async def _find(connection: AsyncConnection, market: str, start: int) -> RoundRow | None:
    row = (await connection.execute(select(*_COLUMNS).where(matching(rounds, _key(market, start))))).one_or_none()
    return None if row is None else RoundRow(*row)


async def check_fence(connection: AsyncConnection, market: str, start: int) -> None:
    """Raises: FencedError if this party takes no part in the round; LedgerError if there is none."""
    found = await _find(connection, market, start)
    if found is None:
        raise LedgerError(f"there is no round {start} of market {market}")
    if found.fenced:
        raise FencedError(f"round {start} of market {market} opened before this ledger was restored from a backup")
