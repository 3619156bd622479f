"""A reading on its way in, as an order: made, stored, and only then sent, to every party, until it has its receipt.

    until the reading deadline   to the settlement of the period: market `ID:settlement`
    later                        to its correction, until the last deadline: market `ID:correction`

A settlement closes as soon as every meter has read, so a corrected reading may be refused as late before the deadline:
it goes to the correction, which opens then. Readings have a store of their own beside that of orders; a number is never
used for two of them.
"""

import asyncio
from dataclasses import dataclass, field, replace

from mpc_market.errors import InputError
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.layout import Reading, reading_bits, reading_of_bits
from mpc_market.wire.opening import Terms
from mpc_market.wire.sharing import recombine
from mpc_market.wire.submission import dealt, of_shares
from parties.files.values import moment_text
from parties.meter.market import Market, Meter
from parties.meter.rounds import Rounds
from parties.meter.store import Prepared, Store
from parties.meter.submitting import Sending, Submitted

STORE = "readings.db"
"""In the meter's home."""


def reader(meter: Meter) -> Meter:
    """The same meter with the store of its readings."""
    return replace(meter, store=Store(meter.home.path / STORE, meter.id))


def stage_of(market: Market, start: int, now_ms: int) -> Stage:
    """Where a reading of a period goes now. Raises: InputError if none is taken."""
    calendar, name = market.running.calendar, moment_text(start)
    if calendar is None:
        raise InputError((f"market {market.id} only clears: it takes no readings",))
    if now_ms < calendar.end_ms(start):
        raise InputError((f"{name}: the period is not over yet",))
    if now_ms >= calendar.last_deadline(start):
        raise InputError((f"{name}: the last deadline for its readings has passed",))
    return Stage.SETTLEMENT if now_ms < calendar.reading_deadline(start) else Stage.CORRECTION


def prepare_reading(meter: Meter, market: Market, terms: Terms, reading: Reading, now_ms: int) -> Prepared:
    """The submission for a settlement or correction, on the disk: the one that was made before if it says the same,
    else a new one, which replaces it.

    `meter`: made by `reader`. Raises: InvalidReadingError; StoreError.
    """
    bits = reading_bits(reading, meter.id, market.file.rules, meter.maximum)

    def build(number: int) -> Prepared:
        shares = dealt(bits, terms)
        return Prepared.of(of_shares(terms, meter.id, number, 1, shares, meter.home.identity), (), shares)

    def keep(latest: Prepared) -> bool:
        same_round = latest.submission.header.challenge == terms.challenge
        return same_round and _bits_of(latest) == bits

    return meter.store.prepare(terms.period.start, now_ms, build, keep)


async def send_reading(meter: Meter, rounds: Rounds, start: int, reading: Reading) -> Submitted:
    """Bring a reading to all parties. Returns when all receipts are there, or none can come any more.

    `rounds`: of the stage that `stage_of` names. Raises: NotKnownError; InvalidReadingError; StoreError.
    """
    terms = await rounds.terms(start, rounds.market.gate(start))
    own = reader(meter)
    prepared = await asyncio.to_thread(prepare_reading, own, rounds.market, terms, reading, rounds.clock.now_ms())
    return await Sending(own, rounds, terms, prepared).run()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A reading that all parties have confirmed, for a settlement or a correction."""

    stage: Stage
    number: int
    reading: Reading = field(repr=False)


def accepted_before(meter: Meter, market: Market, start: int) -> Accepted | None:
    """The last reading of a period, if all parties have confirmed it. `meter`: made by `reader`. Raises: StoreError."""
    latest = meter.store.latest(start)
    if latest is None or len(meter.store.receipts(start, latest.number)) < market.parties:
        return None
    reading = reading_of_bits(_bits_of(latest), market.file.rules, None)
    return Accepted(latest.submission.header.period.stage, latest.number, reading)


def _bits_of(prepared: Prepared) -> list[int]:
    shares = prepared.shares
    return list(recombine({j: share.words for j, share in enumerate(shares)}, len(shares)))
