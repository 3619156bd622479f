"""What parties say of a round: the one place where it is asked for, read and checked.

No party is believed alone: the terms follow from openings that all m have signed, a result from the signatures of all
m, a void round from one. It does not matter who tells them, since a party also hands on what others have signed.

    what one party tells counts    if all of it is a signed message of this very round; else nothing of it does
    two different messages         of one party, where a party signs one, prove its fault: nothing is made of either
    terms                          of openings of all m that agree; for who submits, with the gate of the market file
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from mpc_market.errors import MarketError
from mpc_market.wire.committee import Committee
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import M, Signed, read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.outcome import Outcome, Result, Standing, result_of, standing
from parties.client.api import Api, RefusedError, UnreachableError
from parties.client.documents import PeriodDocument
from parties.files.running import RunningMarket


class UntrueError(MarketError):
    """What a party tells of a round does not hold; names the party that tells it."""


class ContradictionError(MarketError):
    """A party has signed two different messages where it signs one: nothing about the round can be relied on."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is signed, by party. `unheard`: who has told nothing that counts, and why. `parties`: m."""

    parties: int
    openings: Mapping[int, Signed[Opening]] = field(repr=False)
    outcomes: Mapping[int, Signed[Outcome]] = field(repr=False)
    unheard: Mapping[int, RefusedError | UnreachableError | UntrueError]

    @property
    def standing(self) -> Standing:
        """Where the round stands."""
        return standing(_messages(self.outcomes), self.parties)

    @property
    def result(self) -> Result:
        """What all parties signed. Raises: WireError if the round is void or pending."""
        return result_of(_messages(self.outcomes), self.parties)

    def terms(self, gate: int | None = None) -> Terms:
        """What the openings say together. `gate`: by the market file, ms, for who submits: it sends until then. Who
        reads a round of the past takes it as it was: the timetable may be another one by now.

        Raises: WireError if one is missing, they do not hold together, or name another gate.
        """
        terms = terms_of(_messages(self.openings), self.parties)
        if gate not in (None, terms.gate):
            raise WireError("the openings name another gate than the market file")
        return terms


async def ask_all(api: Api, running: RunningMarket, start: int) -> Heard:
    """Ask all parties for what they know of a round. `running`: in its stage. Raises: ContradictionError."""
    answers: dict[int, bytes] = {}
    silent: dict[int, RefusedError | UnreachableError] = {}

    async def ask(party: int) -> None:
        try:
            answers[party] = await api.get(party, f"periods/{start}")
        except (RefusedError, UnreachableError) as error:
            silent[party] = error

    await asyncio.gather(*(ask(party) for party in range(api.parties)))
    return hear(answers, running.committee(start), Period(running.id, start), silent)


def hear(
    answers: Mapping[int, bytes],
    committee: Committee,
    period: Period,
    silent: Mapping[int, RefusedError | UnreachableError] | None = None,
) -> Heard:
    """What the answers of some parties say together. `silent`: those that gave none. Raises: ContradictionError."""
    openings: dict[int, Signed[Opening]] = {}
    outcomes: dict[int, Signed[Outcome]] = {}
    unheard: dict[int, RefusedError | UnreachableError | UntrueError] = dict(silent or {})
    for party, answer in sorted(answers.items()):
        try:
            document = PeriodDocument.read(answer)
            opened = [read_signed(Opening, data, committee, period) for data in document.openings]
            ended = [read_signed(Outcome, data, committee, period) for data in document.outcomes]
        except WireError as error:
            unheard[party] = UntrueError(f"party {party}: what it tells of the round does not hold: {error}")
            continue
        for opening in opened:
            _learn(opening, openings)
        for outcome in ended:
            _learn(outcome, outcomes)
    return Heard(committee.parties, openings, outcomes, unheard)


def _learn(signed: Signed[M], known: dict[int, Signed[M]]) -> None:
    message = signed.message
    if known.setdefault(message.party, signed).message != message:
        raise ContradictionError(
            f"party {message.party} has signed two different messages of the kind '{message.KIND}' for this round: "
            "nothing about it can be relied on, and the two prove its fault"
        )


def _messages(signed: Mapping[int, Signed[M]]) -> dict[int, M]:
    return {party: each.message for party, each in signed.items()}
