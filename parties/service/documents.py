"""The public documents: the market, its rounds, its history."""

import asyncio
from collections.abc import Sequence

from mpc_market.wire.outcome import Outcome, Result, Standing, result_of, standing
from mpc_market.wire.record import Record
from parties.files.running import Party
from parties.ledger import RecordRow
from parties.service.board import Kind
from parties.service.cache import Recent
from parties.service.clearing import schedule_of
from parties.service.life import FINAL, State
from parties.service.lookup import Lookup, States
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.round import unsigned
from parties.service.schemas import (
    MarketDocument,
    PartyDocument,
    PeriodDocument,
    PriceDocument,
    PricesDocument,
    RecordsDocument,
    RollDocument,
)

RECORDS_MAX = 100
PRICES_MAX = 1000
_READ_AT_ONCE = 100


class Documents:
    """Makes them, and keeps those of rounds as long as they stay the same: everybody asks for the same ones."""

    def __init__(self, node: Node, rounds: States, lookup: Lookup) -> None:
        self._node = node
        self._rounds = rounds
        self._lookup = lookup
        self._periods: Recent[int, tuple[State, bytes]] = Recent()
        self._prices: Recent[int, PriceDocument] = Recent(2 * PRICES_MAX)

    async def market(self) -> bytes:
        """The market."""
        market, now = self._node.market, self._node.clock.now_ms()
        settings, schedule = market.settings, schedule_of(market)
        return (
            MarketDocument(
                id=market.id,
                currency=settings.currency,
                timezone=settings.timezone,
                price_tick=str(settings.price_tick),
                price_min=str(settings.price_min),
                price_bits=settings.price_bits,
                lot=str(settings.lot),
                quantity_bits=settings.quantity_bits,
                period=market.period_seconds,
                rationing=settings.rationing.value,
                orders_per_submission=settings.orders_per_submission,
                minimum_group=settings.minimum_group,
                gate_lead=schedule.gate_lead_ms,
                deadline=schedule.deadline_ms,
                registrar=market.registrar.hex(),
                parties=[_party(number, party, now // 1000) for number, party in enumerate(market.parties)],
                roll=await self.roll(),
                now=now,
                rounds=self._rounds.starts,
            )
            .model_dump_json()
            .encode()
        )

    async def roll(self) -> RollDocument | None:
        """The newest roll."""
        enrolled = await self._node.rolls.latest()
        return None if enrolled is None else RollDocument(version=enrolled.version, digest=enrolled.digest.hex())

    async def period(self, start: int, wait: float) -> bytes:
        """One round, after it has changed its state if `wait` is greater than 0. Raises: RefusalError, LedgerError."""
        state = await self._lookup.change(start, wait)
        known = self._periods.get(start)
        if known is None or known[0] is not state:
            # opening: an opening more may be there at any time
            document = (await self._period(start, state)).model_dump_json().encode()
            if state is State.OPENING:
                return document
            known = self._periods.set(start, (state, document))
        return known[1]

    async def record(self, start: int) -> bytes:
        """The public record of one round. Raises: RefusalError, LedgerError."""
        if await self._lookup.state(start) not in FINAL:
            raise RefusalError(Problem.NOT_FINISHED)
        row = await self._node.ledger.record(self._node.market.id, start)
        if row is None:  # the ledger was restored, and has forgotten the end of the round
            raise RefusalError(Problem.NOTHING_HERE)
        return row.data

    async def records(self, after: int, limit: int) -> bytes:
        """A piece of the chain. Raises: LedgerError."""
        ledger, market = self._node.ledger, self._node.market.id
        rows = await ledger.records(market, after, min(limit, RECORDS_MAX))
        last = await ledger.last_record(market)
        document = RecordsDocument(
            records=[row.data.decode("ascii") for row in rows], last=None if last is None else last.sequence
        )
        return document.model_dump_json().encode()

    async def prices(self, after: int | None, limit: int) -> bytes:
        """The outcomes of rounds, from one record on; None: the latest. Raises: LedgerError."""
        ledger, market, limit = self._node.ledger, self._node.market.id, min(limit, PRICES_MAX)
        if after is None:
            last = await ledger.last_record(market)
            after = -1 if last is None else max(last.sequence - limit, -1)
        prices: list[PriceDocument] = []
        while len(prices) < limit:
            rows = await ledger.records(market, after, min(limit - len(prices), _READ_AT_ONCE))
            if not rows:
                break
            prices += await self._prices_of(rows)
            after = rows[-1].sequence
        return PricesDocument(prices=prices).model_dump_json().encode()

    async def _prices_of(self, rows: Sequence[RecordRow]) -> list[PriceDocument]:
        """A record has signatures of everybody: to read many takes time, so it is done once, and in a thread."""
        prices = {row.sequence: self._prices.get(row.sequence) for row in rows}
        new = [row for row in rows if prices[row.sequence] is None]
        for price in await asyncio.to_thread(lambda: [_price(Record.decode(row.data)) for row in new]):
            prices[price.sequence] = self._prices.set(price.sequence, price)
        return [price for price in prices.values() if price is not None]

    async def _period(self, start: int, state: State) -> PeriodDocument:
        ledger, market = self._node.ledger, self._node.market.id
        row = await self._lookup.row(start)
        openings = await ledger.messages(market, start, Kind.OPENING)
        opened = await self._lookup.opened(start)
        outcomes = await self._outcomes(start) if state in FINAL else {}
        terms = None if opened is None else opened.terms
        result = _result({party: unsigned(Outcome, data) for party, data in outcomes.items()}, self._node.parties)
        return PeriodDocument(
            market=market,
            start=start,
            opens=row.opens_ms,
            gate=row.gate_ms,
            deadline=row.deadline_ms,
            state=state.value,
            openings=[openings[party].hex() for party in sorted(openings)],
            challenge=None if terms is None else terms.challenge.hex(),
            roll=None if terms is None else RollDocument(version=terms.roll_version, digest=terms.roll_digest.hex()),
            outcomes=[outcomes[party].hex() for party in sorted(outcomes)],
            price=None if result is None else result.price,
        )

    async def _outcomes(self, start: int) -> dict[int, bytes]:
        """What all parties have signed at the end of a round: of its record, which stays when the rest is erased."""
        ledger, market = self._node.ledger, self._node.market.id
        row = await ledger.record(market, start)
        if row is not None:
            return {signed.message.party: signed.encode() for signed in Record.decode(row.data).outcomes}
        own = await ledger.outcome(market, start)
        outcomes = await ledger.messages(market, start, Kind.OUTCOME)
        return outcomes if own is None else {**outcomes, self._node.party: own}


def _result(outcomes: dict[int, Outcome], parties: int) -> Result | None:
    return result_of(outcomes, parties) if standing(outcomes, parties) is Standing.RESULT else None


def _party(number: int, party: Party, now: int) -> PartyDocument:
    keys = party.keys_at(now)
    return PartyDocument(
        number=number,
        name=party.name,
        api=party.api,
        signing_key=keys.signing_key.hex(),
        fingerprint=keys.fingerprint or "",
    )


def _price(record: Record) -> PriceDocument:
    result = record.result
    return PriceDocument(
        sequence=record.sequence,
        start=record.period.start,
        standing=record.standing.value,
        price=None if result is None else result.price,
    )
