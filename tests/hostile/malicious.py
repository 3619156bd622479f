"""Rounds in which one meter cheats in each of the known ways, while others are honest: real services, real HTTPS.

What computes is the engine in this very process, and in every tenth round the worker processes of a real party.

Every cheat says what it sends to whom, what it is told at once, and what is to become of it in the end. A round is
played with all of them at the same time; then every honest meter must have what the plaintext rule gives on the agreed
set, every cheat what it deserves, and be told so.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order, Side
from mpc_market.wire.agreement import contradict
from mpc_market.wire.audit import check_record
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Result
from mpc_market.wire.sealing import seal
from mpc_market.wire.signing import verify
from mpc_market.wire.submission import InputShare, Seal, Submission, of_shares, sealed_text
from mpc_market.wire.verdicts import Verdict, verdict_counts
from parties.files.party_home import PartyHome
from parties.service.life import FINAL, State
from parties.service.process_workers import ProcessWorkers
from parties.service.workers import Worker
from tests.secure import meters as cheating
from tests.service.memory_workers import Meeting, MemoryWorkers
from tests.service.service_results import collected, record_of
from tests.service.service_town import PERIOD, SETTINGS, START, Meter, Town, problem

Line = tuple[Side, int, int]
HONEST = 5

PROCESSES_EVERY, PROCESSES_IN = 10, 2
"""In every tenth round worker processes compute; in the third one first, which a short test gets to."""


@dataclass(frozen=True)
class Sending:
    """A submission to a party, and the problem that it is refused with ("": it gets a receipt)."""

    party: int
    submission: Submission
    refused: str = ""


@dataclass(frozen=True)
class Cheat:
    """What one meter does. `counts`: the submission that is in the agreed set, None if it has none there.

    `verdict`: on that submission. `line`: its order, if it counts in the clearing.
    """

    name: str
    sendings: Sequence[Sending]
    counts: Submission | None = None
    verdict: Verdict = Verdict.VALID
    line: Line | None = None


@dataclass(frozen=True)
class Cheater:
    """A meter that cheats in one round, and another one whose submission it has got hold of."""

    meter: Meter
    terms: Terms
    rng: random.Random
    line: Line
    victim: Submission

    def honest(self, number: int = 1) -> Submission:
        return self.meter.submission(self.terms, number, self.line)

    def shared(self, words: np.ndarray, number: int = 1) -> Submission:
        """Any words (m, K, L) as shares, sealed and signed as they should be."""
        shares = [InputShare(secrets.token_bytes(32), tuple(int(word) for word in row.ravel())) for row in words]
        return of_shares(self.terms, self.meter.id, number, len(words[0]), shares, self.meter.key)


def to_all(submission: Submission, refused: str = "") -> list[Sending]:
    return [Sending(seal.party, submission.only_for(seal.party), refused) for seal in submission.seals]


# --- the ways to cheat ------------------------------------------------------------------------------------------


@cache
def _words(kind: Callable[..., cheating.Cheats], line: Line, maximum: int) -> list[tuple[str, np.ndarray, Verdict]]:
    market = SETTINGS.rules
    return list(kind(cheating.honest("cheat", [line], maximum, market, 3), market, 3))


def with_words(kind: Callable[..., cheating.Cheats]) -> Callable[[Cheater], Cheat]:
    """Sends words that are no shares of an order: accepted, since no party can see that, and found by all together."""

    def cheat(by: Cheater) -> Cheat:
        name, words, verdict = by.rng.choice(_words(kind, by.line, by.meter.maximum))
        submission = by.shared(words)
        return Cheat(name, to_all(submission), submission, Verdict(int(verdict)))

    return cheat


def two_of_three(by: Cheater) -> Cheat:
    """Serves all parties but one, with no seal for that one."""
    left_out = by.rng.randrange(3)
    sendings = [each for each in to_all(by.honest()) if each.party != left_out]
    return Cheat(f"nothing for party {left_out}", sendings)


def other_digest(by: Cheater) -> Cheat:
    """The seal for one party holds another share than the signed header says."""
    honest, liar = by.honest(), by.rng.randrange(3)
    share = InputShare(secrets.token_bytes(32), tuple(by.rng.randrange(2**60) for _ in range(23)))
    box = seal(by.terms.sealing_keys[liar], sealed_text(honest.header, liar, share))
    spoilt = replace(honest, seals=tuple(Seal(s.party, box) if s.party == liar else s for s in honest.seals))
    refused = {liar: "digest-mismatch"}
    sendings = [replace(each, refused=refused.get(each.party, "")) for each in to_all(spoilt)]
    return Cheat(f"another share for party {liar} than signed", sendings)


def replayed_ciphertexts(by: Cheater) -> Cheat:
    """Another meter's ciphertexts, and the digests of what is in them, under one's own name."""
    header = replace(by.victim.header, meter=by.meter.id)
    signed = replace(by.victim, header=header, signature=by.meter.key.sign(header.kind, header.encode()))
    return Cheat("another's ciphertexts", to_all(signed, "seal-context"))


def replayed_header(by: Cheater) -> Cheat:
    """Another meter's whole header, signed by oneself."""
    header = by.victim.header
    signed = replace(by.victim, signature=by.meter.key.sign(header.kind, header.encode()))
    return Cheat("another's header", to_all(signed, "bad-signature"))


def _contradicting(by: Cheater) -> tuple[Submission, Submission]:
    """Two submissions with one number. Their signed headers prove the meter's fault to anyone."""
    first, second = by.honest(), by.honest()
    for each in (first, second):
        verify(by.meter.key.public, each.header.kind, each.header.encode(), each.signature)
    assert contradict(first.header, second.header)
    return first, second


def two_headers(by: Cheater) -> Cheat:
    """Two submissions with one number: one to a party and another one to the others."""
    (first, second), odd = _contradicting(by), by.rng.randrange(3)
    sendings = [Sending(j, (second if j == odd else first).only_for(j)) for j in range(3)]
    return Cheat(f"another header to party {odd}", sendings)


def both_headers(by: Cheater) -> Cheat:
    """Two submissions with one number: one to all, and then the other to one of them."""
    (first, second), odd = _contradicting(by), by.rng.randrange(3)
    also = Sending(odd, second.only_for(odd), "contradiction")
    return Cheat(f"both headers to party {odd}", [*to_all(first), also])


def replaced_at_one(by: Cheater) -> Cheat:
    """A replacement that only one party gets before the gate: the submission before it counts."""
    first, replacement, only = by.honest(1), by.honest(2), by.rng.randrange(3)
    sendings = [*to_all(first), Sending(only, replacement.only_for(only))]
    return Cheat(f"a replacement for party {only} alone", sendings, first, Verdict.VALID, by.line)


WAYS: dict[str, Callable[[Cheater], Cheat]] = {
    "wrong degree or different shares": with_words(cheating.other_shares),
    "non-bits": with_words(cheating.other_words),
    "above the maximum": with_words(cheating.too_much),
    "errors that cancel out": with_words(cheating.crossing_out),
    "two of three served": two_of_three,
    "digests that do not match": other_digest,
    "replayed ciphertexts": replayed_ciphertexts,
    "replayed header": replayed_header,
    "two headers with one number": two_headers,
    "both headers to one party": both_headers,
    "replacement at one party": replaced_at_one,
}


# --- a town with cheats, and its rounds -------------------------------------------------------------------------


class EitherWorkers:
    """Starts workers in this process; processes of their own while `processes` is set, and counts those."""

    def __init__(self, meeting: Meeting) -> None:
        self.processes = False
        self.started = 0
        self._memory, self._real = MemoryWorkers(meeting), ProcessWorkers()

    async def start(self, home: PartyHome, now: int) -> Worker:
        self.started += self.processes
        return await (self._real if self.processes else self._memory).start(home, now)


class KeptTown(Town):
    """A town whose connections are kept: hundreds of rounds are played in it."""

    def __init__(self, path: Path, meters: Sequence[Meter]) -> None:
        super().__init__(path, meters=meters)
        self.workers = [EitherWorkers(self.meeting) for _ in self.workers]

    def compute_in_processes(self, yes: bool) -> None:
        """From the next worker that is started."""
        for each in self.workers:
            each.processes = yes

    async def __aenter__(self) -> "KeptTown":
        self.kept = [super(KeptTown, self).client(party) for party in range(self.parties)]
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.kept:
            await client.aclose()
        await self.stop()

    @contextlib.asynccontextmanager
    async def client(self, party: int) -> AsyncIterator[httpx.AsyncClient]:  # type: ignore[override]
        yield self.kept[party]


def town_of_cheats(path: Path) -> KeptTown:
    # names of one length: what was sealed for one meter has the form of what is sealed for another
    honest = [Meter(f"honest {i:02}", supplier=("sun", "wind")[i % 2]) for i in range(HONEST)]
    return KeptTown(path, meters=[*honest, *(Meter(f"cheats {i:02}") for i in range(len(WAYS)))])


def some_line(rng: random.Random) -> Line:
    """Prices close together, so that most rounds trade and many orders have one price."""
    return rng.choice(list(Side)), rng.randrange(25, 35), rng.randrange(1, 200)


async def play_round(town: KeptTown, number: int, rng: random.Random) -> list[str]:
    """One round, the `number`th of the town; the names of the cheats that were tried in it."""
    start = START + number * PERIOD
    await town.until(State.COLLECTING, start=start)
    terms = await town.terms(start)
    honest = town.meters[:HONEST]
    lines = {meter.id: some_line(rng) for meter in honest}
    sent = {meter.id: meter.submission(terms, 1, lines[meter.id]) for meter in honest}
    cheaters = [
        Cheater(meter, terms, rng, some_line(rng), sent[rng.choice(honest).id]) for meter in town.meters[HONEST:]
    ]
    cheats = {by.meter.id: way(by) for by, way in zip(cheaters, WAYS.values(), strict=True)}
    sendings = {meter: cheat.sendings for meter, cheat in cheats.items()}
    sendings |= {meter: to_all(submission) for meter, submission in sent.items()}
    # Whoever comes first; but each meter in its own sequence.
    order = sorted((rng.random(), meter) for meter in sendings)
    told = await all_of(send(town, start, meter, sendings[meter]) for _, meter in order)
    assert not any(told), [each for some in told for each in some]
    town.compute_in_processes(number % PROCESSES_EVERY == PROCESSES_IN)
    town.clock.move_to(town.gate + 1000 * number * PERIOD)
    await town.until(*FINAL, start=start, seconds=180)
    town.compute_in_processes(False)
    await check_round(town, terms, lines, sent, cheats)
    return [cheat.name for cheat in cheats.values()]


async def send(town: KeptTown, start: int, meter: str, sendings: Sequence[Sending]) -> list[str]:
    """What is wrong with the answers."""
    wrong = []
    for each in sendings:
        answer = await town.post(each.party, each.submission, start)
        told = "" if answer.status_code == 200 else problem(answer)
        if told != each.refused:
            wrong.append(f"{meter} is told {told!r} by party {each.party}, not {each.refused!r}")
    return wrong


async def all_of(work: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do all of it at the same time. Raises: what one of them does, once the others have been stopped."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except ExceptionGroup as found:
        raise found.exceptions[0] from None
    return [task.result() for task in tasks]


async def check_round(
    town: KeptTown,
    terms: Terms,
    lines: dict[str, Line],
    sent: dict[str, Submission],
    cheats: dict[str, Cheat],
) -> None:
    """The results of all meters, against the plaintext rule on the agreed set."""
    start = terms.period.start
    record = await record_of(town, 0, start)
    audited = check_record(record, town.market.committee(start))
    counting = {meter: cheat for meter, cheat in cheats.items() if cheat.counts is not None}
    codes = [Verdict.VALID] * len(sent) + [cheat.verdict for cheat in counting.values()]
    result = record.outcomes[0].message.content
    assert isinstance(result, Result)
    assert result.verdict_counts == verdict_counts(codes), f"{result.verdict_counts} and not {verdict_counts(codes)}"
    traded = lines | {meter: cheat.line for meter, cheat in counting.items() if cheat.line is not None}
    book = {meter: Order(f"{meter}/0", *line) for meter, line in traded.items()}
    expected = clear(list(book.values()), town.settings.rules, audited.randomness.ticket_seed)
    accepted = dict(zip(book, expected.accepted, strict=True))
    assert audited.price == expected.price
    meters = {meter.id: meter for meter in town.meters}

    async def check_honest(meter: str) -> None:
        found = await collected(town, meters[meter], sent[meter], [lines[meter]], terms)
        assert (found.verified, found.verdict, found.accepted) == (True, Verdict.VALID, (accepted[meter],))

    told = (check_told(town, meters[meter], cheat, accepted.get(meter, 0), terms) for meter, cheat in cheats.items())
    await all_of([*map(check_honest, sent), *told])


async def check_told(town: KeptTown, meter: Meter, cheat: Cheat, accepted: int, terms: Terms) -> None:
    """What a cheat hears when it asks for its result."""
    if cheat.counts is None:
        for party in range(town.parties):
            assert problem(await town.result(party, meter, terms)) == "nothing-here", cheat.name
        return
    line = cheat.line or (Side.SELL, 0, 0)
    found = await collected(town, meter, cheat.counts, [line], terms)
    assert (found.verdict, found.accepted) == (cheat.verdict, (accepted,)), cheat.name
