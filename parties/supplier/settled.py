"""How a round ended, asked of all compute parties at once.

No party is believed alone: the terms follow from openings that all m have signed, a result from the signatures of all
m, a void round from one.
"""

import asyncio
from dataclasses import dataclass, field

from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import M, read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.outcome import Outcome, Result, Standing, Void, result_of, standing
from parties.client.api import Api, RefusedError, UnreachableError
from parties.client.documents import PeriodDocument
from parties.files.running import RunningMarket
from parties.files.values import moment_text
from parties.supplier.errors import NoTotalsError, TotalsError

_WHY = {
    "unknown-market": "no party runs this market: is it the right market file?",
    "unknown-period": "the parties know no round of this period: it is too far off, or long past",
    "not-open-yet": "the round has not begun yet",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """A round that has a result: what submissions and claims depend on, and what all m parties have signed."""

    terms: Terms
    result: Result


@dataclass
class _Heard:
    """What the parties have said so far; `troubles`: who has said nothing that could be used, and why."""

    openings: dict[int, Opening] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    troubles: dict[int, str] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)


async def settled(api: Api, running: RunningMarket, start: int) -> Settled:
    """The result of the round of a period. Run by the supplier.

    Raises: TotalsError if the round is void, still running or not known, or a party cannot be reached.
    """
    heard, name = _Heard(), moment_text(start)
    documents = await asyncio.gather(*(_ask(api, party, start, heard) for party in range(api.parties)))
    for party, document in enumerate(documents):
        if document is not None:
            _hear(party, document, running, start, heard)
    stands = standing(heard.outcomes, api.parties)
    if stands is Standing.VOID:
        raise NoTotalsError(f"{name}: the round is void{_reason(heard)}: nothing was traded, and there are no totals")
    if heard.troubles:
        raise TotalsError(f"{name}: {explained(heard.refusals, heard.troubles, api.parties, _WHY)}")
    if stands is Standing.PENDING:
        silent = sorted(set(range(api.parties)) - set(heard.outcomes))
        raise TotalsError(f"{name}: the round is still running: {_parties(silent)} not signed an outcome yet")
    try:
        return Settled(terms_of(heard.openings, api.parties), result_of(heard.outcomes, api.parties))
    except WireError as error:
        raise TotalsError(f"{name}: the openings do not hold together: {error}") from None


def explained(refusals: dict[int, str], troubles: dict[int, str], parties: int, why: dict[str, str]) -> str:
    """One sentence on why something could not be had. `refusals`: problem by party; `why`: what a problem means.

    `troubles`: what each party that did not answer as it should is reported with.
    """
    problems = set(refusals.values())
    if len(refusals) == parties and len(problems) == 1 and problems <= set(why):
        return why[problems.pop()]
    told = "; ".join(troubles[party] for party in sorted(troubles))
    return f"the answers of all {parties} parties are needed: {told}"


async def _ask(api: Api, party: int, start: int, heard: _Heard) -> PeriodDocument | None:
    try:
        return PeriodDocument.read(await api.get(party, f"periods/{start}"))
    except RefusedError as error:
        heard.troubles[party], heard.refusals[party] = str(error), error.problem
    except UnreachableError as error:
        heard.troubles[party] = str(error)
    except WireError as error:
        heard.troubles[party] = f"party {party}: {error}"
    return None


def _hear(party: int, document: PeriodDocument, running: RunningMarket, start: int, heard: _Heard) -> None:
    """Take in what one party tells, its own messages and those of others."""
    try:
        for data in document.openings:
            _learn(Opening, data, running, start, heard.openings)
        for data in document.outcomes:
            _learn(Outcome, data, running, start, heard.outcomes)
    except WireError as error:
        heard.troubles[party] = f"party {party}: what it tells of the round does not hold: {error}"


def _learn(kind: type[M], data: bytes, running: RunningMarket, start: int, known: dict[int, M]) -> None:
    """Raises: WireError; TotalsError if a party has signed two different messages where it signs one."""
    message = read_signed(kind, data, running.committee(start), Period(running.id, start)).message
    if known.setdefault(message.party, message) != message:
        raise TotalsError(
            f"{moment_text(start)}: party {message.party} has signed two different messages of the kind "
            f"'{kind.KIND}' for this round: nothing about it can be relied on, and the two prove its fault"
        )


def _reason(heard: _Heard) -> str:
    for party in sorted(heard.outcomes):
        content = heard.outcomes[party].content
        if isinstance(content, Void):
            return f" (party {party} signed so: {content.reason.name.lower().replace('_', ' ')})"
    return " (the parties signed different results)"


def _parties(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"party {listed} has" if len(numbers) == 1 else f"parties {listed} have"
