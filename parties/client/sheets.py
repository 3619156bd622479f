"""Fetching what settling reveals: a sheet's shares from all parties, put together and checked, for every reader alike.

    reader     its home has   sheets
    supplier   both keys      totals of a settled period; amounts and corrections of a closed month
    DSO, TSO   both keys      totals of a settled period; corrections of a closed month
    meter      both keys      amounts and bill of a closed month

No party is believed alone: what they say of the round is checked (`hearing`), and the values follow from the shares of
all m.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from mpc_market.errors import MarketError
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Stage, split_market
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Standing
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sheet import Content, ReceivedSheet, Sheet, receive_sheet
from mpc_market.wire.signing import SigningKey
from parties.client.api import LONG_ANSWER_BYTES_MAX, Api, RefusedError, UnreachableError
from parties.client.hearing import ContradictionError, UntrueError, ask_all
from parties.files.problems import printable
from parties.files.running import RunningMarket
from parties.files.values import moment_text


class SheetError(MarketError):
    """A sheet could not be had, or a check failed: the message says which.

    `problem`: the last part of the type of the refusal, if all parties refuse for the same reason.
    """

    def __init__(self, reason: str, problem: str | None = None) -> None:
        super().__init__(reason)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class SheetReader:
    """Who reads. `name`: id of the supplier, of the DSO's region, of the TSO's area, or of the meter."""

    kind: Claimant
    name: str
    identity: SigningKey = field(repr=False)
    sealing: SealingKey = field(repr=False)


_KINDS = {
    Claimant.METER: "meter",
    Claimant.SUPPLIER: "supplier",
    Claimant.DSO: "DSO of region",
    Claimant.TSO: "TSO of area",
}


def stage_of_content(content: Content) -> Stage:
    """The stage whose rounds have sheets of this content."""
    return Stage.SETTLEMENT if content is Content.TOTALS else Stage.CLOSING


async def fetch_sheet(
    api: Api, staged: RunningMarket, reader: SheetReader, content: Content, start: int
) -> ReceivedSheet:
    """A verified sheet of the period or month that starts then. Run by its reader.

    `staged`: the market in the stage that `stage_of_content` names, and `api` the parties' API for it.
    Raises: SheetError.
    """
    terms = await _terms(api, staged, reader, start)
    answers = await asyncio.gather(
        *(_ask(api, party, staged, reader, content, terms) for party in range(api.parties)), return_exceptions=True
    )
    sheets = {party: answer for party, answer in enumerate(answers) if isinstance(answer, Sheet)}
    if len(sheets) < api.parties:
        _explain([answer for answer in answers if isinstance(answer, BaseException)], staged, reader, start)
    try:
        return receive_sheet(reader.kind, reader.name, content, sheets, terms, reader.sealing)
    except WireError as error:
        raise SheetError(f"the sheet is not to be relied on: {error}") from None


async def _ask(
    api: Api, party: int, staged: RunningMarket, reader: SheetReader, content: Content, terms: Terms
) -> Sheet:
    claim = make_claim(terms, party, reader.kind, reader.name, reader.identity)
    kind, name = reader.kind.name.lower(), quote(reader.name, safe="")
    path = f"periods/{terms.period.start}/{content.name.lower()}/{kind}/{name}"
    data = await api.get(party, path, claim=claim, longest=LONG_ANSWER_BYTES_MAX)
    return read_signed(Sheet, data, staged.committee(terms.period.start), terms.period, party).message


async def _terms(api: Api, staged: RunningMarket, reader: SheetReader, start: int) -> Terms:
    """The terms of a round that has a result."""
    try:
        heard = await ask_all(api, staged, start)
        untrue = [error for error in heard.unheard.values() if isinstance(error, UntrueError)]
        if untrue or not heard.outcomes:
            _explain(untrue or list(heard.unheard.values()), staged, reader, start)
        if heard.standing is not Standing.RESULT:
            problem = "void" if heard.standing is Standing.VOID else "not-finished"
            raise SheetError(f"{_named(staged, start)}: {_why(staged, reader, start)[problem]}", problem)
        return heard.terms()
    except (WireError, ContradictionError) as error:
        raise SheetError(f"{_named(staged, start)}: {error}") from None


def _explain(errors: Sequence[BaseException], staged: RunningMarket, reader: SheetReader, start: int) -> None:
    """Raises: SheetError; what is no answer of a party is raised as it is."""
    for error in errors:
        if not isinstance(error, RefusedError | UnreachableError | UntrueError | WireError):
            raise error
    problems = {error.problem for error in errors if isinstance(error, RefusedError)}
    same = problems.pop() if len(problems) == 1 and all(isinstance(error, RefusedError) for error in errors) else None
    told = "; ".join(sorted({str(error) for error in errors})) or _why(staged, reader, start)["not-finished"]
    raise SheetError(f"{_named(staged, start)}: {_why(staged, reader, start).get(same or '', told)}", same)


def _named(staged: RunningMarket, start: int) -> str:
    """The period or month as people know it."""
    calendar = staged.calendar
    if calendar is None or split_market(staged.id)[1] is not Stage.CLOSING:
        return moment_text(start)
    return calendar.months.text(start)


def _why(staged: RunningMarket, reader: SheetReader, start: int) -> dict[str, str]:
    """What a refusal means where all parties refuse for the same reason, and what to do."""
    calendar, kind, name = staged.calendar, _KINDS[reader.kind], printable(reader.name, 64)
    closing = split_market(staged.id)[1] is Stage.CLOSING
    what, done = ("month", "closed") if closing else ("period", "settled")
    begins = 0 if calendar is None else calendar.closes(start) if closing else calendar.end_ms(start)
    within = 0 if calendar is None else calendar.settle_within_ms
    ends = begins if closing or calendar is None else calendar.reading_deadline(start)
    few = f"fewer than {staged.settings.minimum_group} users (minimum_group)"
    none = "nothing of its was settled, its supplier had published no tariff, or it is longer ago than parties keep it"
    return {
        "not-open-yet": f"the {what} is not {done} yet; that begins at {moment_text(begins // 1000)}",
        "not-finished": f"the {what} is being {done}: not all parties have signed it yet; "
        f"try again at {moment_text((ends + within) // 1000)}",
        "void": f"its settlement is void: there are no totals, and the {what}'s readings are taken into account later",
        "unknown-period": f"the parties have not {done} this {what}: it is long past, or they were not running then",
        "unknown-market": "no party settles this market: is it the right market file?",
        "group-too-small": f"changes by late and corrected readings: none, or of {few}"
        if closing
        else f"there are no totals over {few}",
        "nothing-here": f"the parties have nothing for {kind} '{name}' in this {what}: {none}",
        "unknown-reader": f"no {kind} '{name}' was on the roll when the {what} was {done}: the registrar enters it",
        "unauthorized": f"the roll has other keys for {kind} '{name}' than this home: hand the registrar the new ones",
    }
