"""Checking the public record: that a round's outcome is what its parties signed, and that no round was left out.

Run by auditors, suppliers, meters: offline, from public records and the parties' public keys alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mpc_market.wire.agreement import all_signed, set_digest
from mpc_market.wire.committee import Committee
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import check_signed
from mpc_market.wire.opening import Terms, terms_of
from mpc_market.wire.outcome import Result, Standing, standing
from mpc_market.wire.randomness import Randomness, randomness
from mpc_market.wire.record import GENESIS, Record, SetFacts


@dataclass(frozen=True, slots=True)
class Audited:
    """What a record proves. `price`: ticks, None for no trade or a void round.

    `terms`, `randomness`, `agreed`: None where a void round did not come that far.
    """

    period: Period
    standing: Standing
    price: int | None
    terms: Terms | None
    agreed: SetFacts | None
    randomness: Randomness | None


def check_record(record: Record, committee: Committee) -> Audited:
    """Check every signature and digest of a record.

    Raises: WireError saying what does not hold; SignatureError; ContextError.
    """
    for opening in record.openings:
        check_signed(opening, committee, record.period)
    for outcome in record.outcomes:
        check_signed(outcome, committee, record.period)
    openings = {signed.message.party: signed.message for signed in record.openings}
    terms = terms_of(openings, committee.parties) if len(openings) == committee.parties else None
    drawn = _check_set(record, terms, committee)
    outcomes = {signed.message.party: signed.message for signed in record.outcomes}
    stands = standing(outcomes, committee.parties)
    if stands is Standing.PENDING:
        raise WireError(f"{record.period}: {len(outcomes)} signatures on a result, which needs {committee.parties}")
    result = record.result
    if result is not None:
        if record.agreed is None or drawn is None:
            raise WireError(f"{record.period}: a result without its set or the parts of the randomness")
        if result.set_digest != record.agreed.digest:
            raise ContextError("set", f"{record.period}: the result is that of another set")
        _check_counts(record.period, result, record.agreed.count)
    return Audited(record.period, stands, None if result is None else result.price, terms, record.agreed, drawn)


def check_chain(
    records: Iterable[Record],
    committee_of: Callable[[Period], Committee],
    previous: bytes = GENESIS,
    sequence: int = 0,
) -> list[Audited]:
    """Check a chain of records, or a piece of it that follows the record with digest `previous`.

    `committee_of`: the committee at a period (signing keys rotate). `sequence`: that of the first record.
    Raises: WireError saying which record does not follow the one before; whatever `check_record` raises.
    """
    audited: list[Audited] = []
    seen: set[Period] = set()
    for record in records:
        if record.sequence != sequence:
            raise WireError(f"{record.period}: record {record.sequence} where record {sequence} is to follow")
        if record.previous != previous:
            raise WireError(f"{record.period}: record {sequence} does not name the digest of the record before it")
        if record.period in seen:
            raise WireError(f"{record.period}: record {sequence} is the second of this round")
        audited.append(check_record(record, committee_of(record.period)))
        seen.add(record.period)
        previous, sequence = record.digest, sequence + 1
    return audited


def same_round(first: Record, second: Record) -> None:
    """Do two parties tell the same of a round? Each record is checked already. Raises: WireError if they do not."""
    if first.period != second.period:
        raise ContextError("period", f"records of {first.period} and {second.period}")
    if first.standing is not second.standing:
        raise WireError(
            f"{first.period}: one party's record is a {first.standing.value}, another's a {second.standing.value}"
        )
    if first.result != second.result or (first.result is not None and first.parts != second.parts):
        raise WireError(f"{first.period}: two parties' records tell of different results")


def _check_set(record: Record, terms: Terms | None, committee: Committee) -> Randomness | None:
    """The set, its signatures and the parts, as far as they are there."""
    agreed = record.agreed
    if agreed is None:
        if record.parts:
            raise WireError(f"{record.period}: parts of the randomness without a set")
        return None
    if terms is None:
        raise WireError(f"{record.period}: a set without the openings of all parties")
    expected = set_digest(record.period, terms.challenge, terms.roll_digest, agreed.count, agreed.merkle_root)
    if agreed.digest != expected:
        raise WireError(f"{record.period}: the digest of the set does not follow from what the record says of it")
    for signed in agreed.signatures:
        check_signed(signed, committee, record.period)
        if signed.message.set_digest != agreed.digest:
            raise ContextError("set", f"{record.period}: party {signed.message.party} signed another set")
    if not record.parts:
        return None
    all_signed({signed.message.party: signed.message for signed in agreed.signatures}, agreed.digest, terms)
    return randomness(agreed.digest, record.parts, terms)


def _check_counts(period: Period, result: Result, orders: int) -> None:
    """Every meter has one verdict, and k orders, the same k for all."""
    meters = sum(result.verdict_counts)
    if (orders % meters if meters else orders) != 0:
        raise WireError(f"{period}: {meters} verdicts for a set of {orders} orders")
