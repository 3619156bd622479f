"""The orders' way in: a submission is checked, stored durably, and only then answered with a signed receipt.

Checks go from cheap to expensive (T6): the gate, the length, the form, the market, the challenge, the meter, its quota,
its signature (60 µs), its seal (100 µs), and at last the ledger. What is refused leaves no trace but a count.

The gate by this process's clock is a refusal ahead of time: whether a submission is in time, the ledger decides. The
quota is of a meter and a round: each process has a number of its own that it looks at beyond their signature, repeats
included, since it has a core of its own; how many are stored, whatever process they come to, the ledger counts.
"""

from collections import Counter
from dataclasses import dataclass, field

from mpc_market.rules.model import Market
from mpc_market.wire.codec import WORD_BYTES, words_bytes
from mpc_market.wire.errors import ContextError, SealError, SignatureError, WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import split_market
from mpc_market.wire.layout import words_of_submission
from mpc_market.wire.message import sign
from mpc_market.wire.opening import Terms
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import NONCE_BYTES, InputShare, Submission, check, open_seal, sealed_text
from parties.clock import Clock
from parties.ledger import QUOTA, Forward, Ledger, LedgerError, Storing, SubmissionRow
from parties.service.board import Bell
from parties.service.metrics import Metrics
from parties.service.problems import Problem, RefusalError
from parties.service.rolls import Enrolled

WAITING_MAX = 4096
"""Submissions that may wait for their commit at once."""

_OVERHEAD = 4096
"""More than header, signature, and what surrounds the words in the seals take up."""

_CONTEXT_PROBLEMS = {
    "challenge": Problem.STALE_CHALLENGE,
    "orders": Problem.WRONG_ORDER_COUNT,
    "meter": Problem.UNKNOWN_METER,
}


@dataclass(frozen=True)
class OpenRound:
    """A round that takes orders: everything that a submission is checked against."""

    terms: Terms
    enrolled: Enrolled
    key: SealingKey = field(repr=False)
    signing_key: SigningKey = field(repr=False)
    rules: Market
    orders: int
    counts: Counter[str] = field(default_factory=Counter, repr=False)
    stored: set[str] = field(default_factory=set, repr=False)
    _more: Bell = field(default_factory=Bell, repr=False)

    @property
    def bytes_max(self) -> int:
        """No submission of this market is longer."""
        words = words_of_submission(self.terms.period, self.orders, self.rules)
        return _OVERHEAD + self.terms.parties * WORD_BYTES * words

    def store(self, *meters: str) -> None:
        """Something of these meters has been stored, here or by another process."""
        self.stored.update(meters)
        self._more.ring()

    async def until_complete(self) -> None:
        """Wait until something of every enrolled meter is stored."""
        while True:
            more = self._more.listen()
            if self.stored >= self.enrolled.meters.keys():
                return
            await more.wait()


class Intake:
    """Takes the submissions to one party, of all rounds that are open."""

    def __init__(self, party: int, ledger: Ledger, clock: Clock, metrics: Metrics) -> None:
        self._party = party
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._rounds: dict[int, OpenRound] = {}
        self.waiting = 0
        """Submissions that wait for their commit."""

    def open(self, opened: OpenRound) -> None:
        """Take orders for this round from now on."""
        self._rounds[opened.terms.period.start] = opened

    def close(self, start: int) -> None:
        """Take no more."""
        self._rounds.pop(start, None)

    def round(self, start: int) -> OpenRound | None:
        """The round of this period, if it takes orders now."""
        opened = self._rounds.get(start)
        return opened if opened is not None and self._clock.now_ms() < opened.terms.gate else None

    async def submit(self, opened: OpenRound, body: bytes) -> tuple[bytes, int]:
        """Check, store, and answer with the signed receipt, and how many seals are to be forwarded. Raises:
        RefusalError.
        """
        submission = self._checked(opened, body)
        share = self._opened(opened, submission)
        if self.waiting >= WAITING_MAX:
            raise RefusalError(Problem.OVERLOADED)
        self.waiting += 1
        try:
            return await self._store(opened, submission, share), len(submission.seals) - 1
        except LedgerError:
            raise RefusalError(Problem.STORAGE) from None
        finally:
            self.waiting -= 1

    def _checked(self, opened: OpenRound, body: bytes) -> Submission:
        """Is it a submission to this round, by an enrolled meter that has a quota left?"""
        if len(body) > opened.bytes_max:
            raise RefusalError(Problem.OVERSIZED, most=opened.bytes_max)
        try:
            submission = Submission.decode(body)
        except WireError:
            raise RefusalError(Problem.MALFORMED) from None
        entry = opened.enrolled.meters.get(submission.header.meter)
        if entry is None:
            # An unknown meter to another round is told about the round first.
            if submission.header.period != opened.terms.period:
                raise RefusalError(Problem.WRONG_CONTEXT)
            raise RefusalError(Problem.UNKNOWN_METER)
        if opened.counts[entry.meter] >= QUOTA:
            raise RefusalError(Problem.RATE_LIMITED)
        try:
            check(submission, opened.terms, entry, opened.orders)
        except ContextError as error:
            raise RefusalError(_CONTEXT_PROBLEMS.get(error.what, Problem.WRONG_CONTEXT)) from None
        except SignatureError:
            raise RefusalError(Problem.BAD_SIGNATURE) from None
        # Counted only now: nobody can use up another's quota.
        opened.counts[entry.meter] += 1
        return submission

    def _opened(self, opened: OpenRound, submission: Submission) -> InputShare:
        """What the seal for this party holds."""
        box = submission.box(self._party)
        if box is None:
            raise RefusalError(Problem.NO_SEAL)
        try:
            return open_seal(box, opened.key, submission.header, self._party, opened.rules)
        except SealError:
            raise RefusalError(_seal_problem(box, opened.key, submission.header, self._party)) from None
        except WireError:
            raise RefusalError(Problem.WORD_NOT_BELOW_P) from None

    async def _store(self, opened: OpenRound, submission: Submission, share: InputShare) -> bytes:
        header, now = submission.header, self._clock.now_ms()
        if now >= opened.terms.gate:
            raise RefusalError(Problem.LATE)
        receipt = sign(receipt_for(header, self._party, now), opened.signing_key).encode()
        row = SubmissionRow(
            market=header.period.market,
            start=header.period.start,
            meter=header.meter,
            number=header.number,
            header=header.encode(),
            header_digest=header.digest,
            signature=submission.signature,
            nonce=share.nonce,
            words=words_bytes(share.words),
            received_ms=now,
            receipt=receipt,
        )
        stored = await self._ledger.store_submission(row, self._forwards(submission))
        stage = split_market(header.period.market)[1].label
        match stored.storing:
            case Storing.NEW:
                self._metrics.submissions.labels(stage).inc()
                opened.store(header.meter)
            case Storing.SAME:
                self._metrics.repeats.labels(stage).inc()
            case Storing.LOWER:
                raise RefusalError(Problem.NUMBER_TOO_LOW)
            case Storing.CONTRADICTS:
                raise RefusalError(Problem.CONTRADICTION)
            case Storing.FULL:
                raise RefusalError(Problem.RATE_LIMITED)
            case Storing.CLOSED:
                raise RefusalError(Problem.LATE)
        if stored.receipt is None:  # the later of two that contradict each other, sent again
            raise RefusalError(Problem.CONTRADICTION)
        return stored.receipt

    def _forwards(self, submission: Submission) -> list[Forward]:
        """The seals for other parties, each to be handed to its party."""
        period = submission.header.period
        return [
            Forward(period.market, period.start, part.party, submission.only_for(part.party).encode())
            for part in submission.seals
            if part.party != self._party
        ]


def _seal_problem(box: bytes, key: SealingKey, header: Header, party: int) -> Problem:
    """Why a seal was refused: looked into a second time, for the answer alone."""
    try:
        plaintext = key.open(box)
    except SealError:
        return Problem.SEAL_DOES_NOT_OPEN
    example = InputShare(bytes(NONCE_BYTES), (0,))
    context = sealed_text(header, party, example)[: -(NONCE_BYTES + 2 + WORD_BYTES)]
    if plaintext[: len(context)] != context:
        return Problem.SEAL_CONTEXT
    return Problem.DIGEST_MISMATCH
