"""Submissions: stored many at a time, with the receipts that acknowledge them and the seals that go to others.

The numbers of one meter decide (parties.md, T8): a higher one replaces what is held, and both stay until they
are erased; the same one with the same header is the same submission sent again; with another header it is the
meter's proven fault, and both headers are kept as its proof.

Several processes may store at once. The database decides: the row of the round, whether it still collects; the key of
(round, meter, number), who was first. Who was second looks again, and finds the other's (`CollisionError`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.database import Database
from parties.ledger.errors import LedgerError
from parties.ledger.news import SUBMISSIONS, RoundKey, tell
from parties.ledger.rows import QUOTA, Forward, HeldSubmission, OpenedSubmission, Stored, Storing, SubmissionRow
from parties.ledger.schema import forwards, rounds, submissions
from parties.ledger.shelf import Shelf
from parties.ledger.writer import Gathering

_COLUMNS = [submissions.c[name] for name in HeldSubmission.__slots__]

_KEY = ("market", "start", "meter", "number", "contradicts")

_KEYS_AT_ONCE = 400
"""Keys in one statement; SQLite takes 32,766 parameters at most."""

_COLLECTS = (
    select(rounds.c.collecting)
    .where(rounds.c.market == bindparam("in_market"), rounds.c.start == bindparam("in_start"))
    .with_for_update(read=True)
)
"""FOR SHARE, until the commit: `Rounds.close_intake`, in whatever process, comes wholly before or wholly after. (SQLite
knows no such lock and needs none: it has one transaction that writes.)
"""

_HELD_OF = select(
    submissions.c.meter,
    submissions.c.number,
    submissions.c.contradicts,
    submissions.c.header_digest,
    submissions.c.receipt,
).where(
    submissions.c.market == bindparam("in_market"),
    submissions.c.start == bindparam("in_start"),
    submissions.c.meter.in_(bindparam("some", expanding=True)),
)

MeterKey = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission, and the messages to other parties that came with it."""

    row: SubmissionRow
    forwards: tuple[Forward, ...] = field(repr=False)


class Submissions(Shelf):
    """What meters have sent."""

    def __init__(self, database: Database, party: int) -> None:
        super().__init__(database, party)
        self._arrivals: Gathering[Arrival, Stored] = Gathering(database.writer, self._store)

    @property
    def waiting(self) -> int:
        """Submissions that wait for their commit."""
        return self._arrivals.waiting

    async def store_submission(self, row: SubmissionRow, forwards: Sequence[Forward] = ()) -> Stored:
        """Store a checked submission, its receipt and the seals to be forwarded, all or none of them.

        Only NEW stores words. SAME stores those forwards that do not wait already, for a meter may learn later that it
        cannot reach a party. The receipt may go out only after this has returned, and only the one that it returns: a
        submission sent again gets the receipt that it got first.
        Cost: one share in a commit (see `writer`).
        """
        return await self._arrivals.add(Arrival(row, tuple(forwards)))

    async def _store(self, connection: AsyncConnection, arrivals: Sequence[Arrival]) -> list[Stored]:
        answers = await _store(connection, arrivals)
        if self._database.shared:
            new = {(each.row.market, each.row.start) for each, answer in zip(arrivals, answers, strict=True)
                   if answer.storing is Storing.NEW}  # fmt: skip
            await tell(connection, SUBMISSIONS, sorted(new))
        return answers

    async def meters(self, market: str, start: int) -> set[str]:
        """Those of whom something is held in a round."""
        statement = select(submissions.c.meter).where(submissions.c.market == market, submissions.c.start == start)
        return {row.meter for row in await self._database.read(statement.distinct())}

    async def submissions(self, market: str, start: int) -> list[HeldSubmission]:
        """All that is held of a round, by meter (bytes) and number; two with one number stand side by side.

        It grows until `close_intake` has returned.
        """
        statement = select(*_COLUMNS).where(submissions.c.market == market, submissions.c.start == start)
        held = [HeldSubmission(*row) for row in await self._database.read(statement)]
        return sorted(held, key=lambda one: (one.meter.encode(), one.number, one.contradicts))

    async def submission(self, market: str, start: int, meter: str, number: int) -> HeldSubmission | None:
        """One submission, without words; of two with one number, the first."""
        statement = select(*_COLUMNS).where(
            submissions.c.market == market,
            submissions.c.start == start,
            submissions.c.meter == meter,
            submissions.c.number == number,
            ~submissions.c.contradicts,
        )
        rows = await self._database.read(statement)
        return HeldSubmission(*rows[0]) if rows else None

    async def submission_words(self, market: str, start: int, keys: Sequence[tuple[str, int]]) -> list[bytes]:
        """This party's share words of the submissions (meter, number), in the sequence asked for.

        Raises: LedgerError if one of them is not held.
        """
        words: dict[tuple[str, int], bytes | None] = dict.fromkeys(keys)

        def take(row: Any) -> None:
            if (row.meter, row.number) in words:
                words[row.meter, row.number] = row.words

        # One pass over the round, superseded submissions too, is faster in either database than looking up thousands.
        statement = select(submissions.c.meter, submissions.c.number, submissions.c.words).where(
            submissions.c.market == market, submissions.c.start == start, ~submissions.c.contradicts
        )
        await self._database.read_through(statement, take)
        found = [word for word in map(words.__getitem__, keys) if word is not None]
        if len(found) < len(keys):
            missing = len(keys) - len(found)
            raise LedgerError(f"round {start} of market {market}: {missing} of {len(keys)} submissions are not held")
        return found

    async def submissions_of(self, market: str, start: int, meter: str) -> list[OpenedSubmission]:
        """All that is held of one meter in a round, by number; two with one number stand side by side."""
        statement = select(*(submissions.c[name] for name in OpenedSubmission.__slots__)).where(
            submissions.c.market == market, submissions.c.start == start, submissions.c.meter == meter
        )
        rows = await self._database.read(statement.order_by(submissions.c.number, submissions.c.contradicts))
        return [OpenedSubmission(*row) for row in rows]

    async def pending_forwards(self, party: int, limit: int, after: int = 0) -> list[Forward]:
        """Messages that wait for `party`, the oldest first. `after`: only those with higher ids."""
        columns = [forwards.c[name] for name in Forward.__slots__]
        waiting = select(*columns).where(forwards.c.party == party, forwards.c.id > after)
        statement = waiting.order_by(forwards.c.id).limit(limit)
        return [Forward(*row) for row in await self._database.read(statement)]

    async def forwards_done(self, ids: Iterable[int]) -> None:
        """Strike messages that have arrived, or that come too late to be of use."""
        done = list(ids)

        async def work(connection: AsyncConnection) -> None:
            for first in range(0, len(done), _KEYS_AT_ONCE):
                some = done[first : first + _KEYS_AT_ONCE]
                await connection.execute(forwards.delete().where(forwards.c.id.in_(some)))

        await self._database.write(work)


@dataclass(slots=True)
class _Held:
    """What is held of one meter in one round: header digest and receipt by number, the second header likewise."""

    first: dict[int, tuple[bytes, bytes | None]] = field(default_factory=dict)
    second: set[int] = field(default_factory=set)


async def _store(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> list[Stored]:
    """Decide on each arrival in turn, then insert at once all that is to be kept."""
    held = await _held(connection, [arrival.row for arrival in arrivals])
    answers, rows, to_forward = [], [], list[Forward]()
    for arrival in arrivals:
        row = arrival.row
        mine = held.get((row.market, row.start, row.meter))
        answer = Stored(Storing.CLOSED) if mine is None else _decide(mine, row)
        if answer.storing is Storing.NEW:
            rows.append(_values(row, contradicts=False))
            to_forward += arrival.forwards
        elif answer.storing is Storing.CONTRADICTS and mine is not None and row.number not in mine.second:
            mine.second.add(row.number)
            rows.append(_values(row, contradicts=True))
        elif answer.receipt is not None and arrival.forwards:  # the same again
            to_forward += await _not_waiting(connection, arrival.forwards)
        answers.append(answer)
    if rows:
        # In one sequence in all processes: two batches with the same meters wait for each other, never both.
        rows.sort(key=lambda each: [each[name] for name in _KEY])
        await connection.execute(insert(submissions), rows)
    if to_forward:
        await connection.execute(insert(forwards), [_forward_values(message) for message in to_forward])
    return answers


async def _not_waiting(connection: AsyncConnection, messages: Sequence[Forward]) -> list[Forward]:
    """Those of one submission that do not wait to be handed over already."""
    first = messages[0]
    waiting = select(forwards.c.party, forwards.c.data).where(
        forwards.c.market == first.market,
        forwards.c.start == first.start,
        forwards.c.data.in_([message.data for message in messages]),
    )
    known = {(row.party, row.data) for row in await connection.execute(waiting)}
    return [message for message in messages if (message.party, message.data) not in known]


def _decide(mine: _Held, row: SubmissionRow) -> Stored:
    """What a submission is beside those held of its meter; it counts as held from now on if it is new."""
    if row.number in mine.first:
        digest, receipt = mine.first[row.number]
        return Stored(Storing.SAME, receipt) if digest == row.header_digest else Stored(Storing.CONTRADICTS)
    if row.number < max(mine.first, default=0):
        return Stored(Storing.LOWER)
    if len(mine.first) >= QUOTA:
        return Stored(Storing.FULL)
    mine.first[row.number] = row.header_digest, row.receipt
    return Stored(Storing.NEW, row.receipt)


async def _held(connection: AsyncConnection, rows: Sequence[SubmissionRow]) -> dict[MeterKey, _Held]:
    """What is held of the meters of these rows, each in the round of its row; only of rounds that collect."""
    meters: dict[RoundKey, set[str]] = {}
    for row in rows:
        meters.setdefault((row.market, row.start), set()).add(row.meter)
    held: dict[MeterKey, _Held] = {}
    for (market, start), some in meters.items():
        key = {"in_market": market, "in_start": start}
        if not await connection.scalar(_COLLECTS, key):
            continue
        held |= {(market, start, meter): _Held() for meter in some}
        for found in await connection.execute(_HELD_OF, key | {"some": sorted(some)}):
            mine = held[market, start, found.meter]
            if found.contradicts:
                mine.second.add(found.number)
            else:
                mine.first[found.number] = found.header_digest, found.receipt
    return held


def _values(row: SubmissionRow, *, contradicts: bool) -> dict[str, Any]:
    """A row of the table; of a header that is only kept as proof there is nothing secret to keep."""
    return {
        "market": row.market,
        "start": row.start,
        "meter": row.meter,
        "number": row.number,
        "contradicts": contradicts,
        "header": row.header,
        "header_digest": row.header_digest,
        "signature": row.signature,
        "nonce": None if contradicts else row.nonce,
        "words": None if contradicts else row.words,
        "received_ms": row.received_ms,
        "receipt": None if contradicts else row.receipt,
    }


def _forward_values(message: Forward) -> dict[str, Any]:
    return {"market": message.market, "start": message.start, "party": message.party, "data": message.data}
