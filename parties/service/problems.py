"""How the service refuses: problem documents (RFC 9457), one type for each reason, none with a value from a request.

The types are URNs, so that nobody waits for a web page: `urn:mpc-market:problem:late`. A client decides by the type,
the status is for what stands between. Titles and details are fixed texts and public numbers.
"""

from dataclasses import dataclass
from enum import Enum

from mpc_market.errors import MarketError

MEDIA_TYPE = "application/problem+json"
_URN = "urn:mpc-market:problem:"


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    status: int
    title: str


class Problem(Enum):
    """Every reason for a refusal: its name in the type, the HTTP status, the title."""

    # where and when
    UNKNOWN_MARKET = _Kind("unknown-market", 404, "this party runs no such market")
    UNKNOWN_PERIOD = _Kind("unknown-period", 404, "no period of this market starts there, or it is not known here")
    NOT_OPEN_YET = _Kind("not-open-yet", 425, "the round of this period is not open yet")
    LATE = _Kind("late", 409, "the gate of this period has closed")
    CLOSED_PERIOD = _Kind("closed-period", 410, "the round of this period is over")
    STALE_CHALLENGE = _Kind("stale-challenge", 409, "the challenge is not the one of this round")
    # who
    UNKNOWN_METER = _Kind("unknown-meter", 403, "no such meter is enrolled")
    UNKNOWN_SUPPLIER = _Kind("unknown-supplier", 403, "no such supplier is enrolled")
    UNKNOWN_READER = _Kind("unknown-reader", 403, "no such supplier, region or area is on the roll")
    BAD_SIGNATURE = _Kind("bad-signature", 403, "the signature does not verify")
    UNAUTHORIZED = _Kind("unauthorized", 401, "a signed request is needed: see the Authorization header")
    RATE_LIMITED = _Kind("rate-limited", 429, "too many submissions of this meter in this round")
    OVERLOADED = _Kind("overloaded", 503, "too many requests at once: try again in a moment")
    # what
    MALFORMED = _Kind("malformed", 400, "this is no submission of this version")
    INVALID_REQUEST = _Kind("invalid-request", 400, "a parameter of the request is not what it must be")
    OVERSIZED = _Kind("oversized-body", 413, "the body is larger than any submission of this market")
    OVERSIZED_HEAD = _Kind("oversized-head", 431, "the head of the request is larger than any that is needed")
    NOT_HTTP = _Kind("not-http", 400, "this is no request in HTTP")
    SLOW_BODY = _Kind("slow-body", 408, "the body did not arrive in time")
    WRONG_MEDIA_TYPE = _Kind("wrong-media-type", 415, "the body must be application/octet-stream")
    WRONG_CONTEXT = _Kind("wrong-context", 422, "the submission is for another market, period or number of parties")
    WRONG_ORDER_COUNT = _Kind("wrong-order-count", 422, "a submission must hold exactly orders_per_submission orders")
    NO_SEAL = _Kind("no-seal", 422, "there is no seal in the submission that a party could open")
    SEAL_DOES_NOT_OPEN = _Kind("seal-does-not-open", 422, "the seal for this party does not open with its key")
    SEAL_CONTEXT = _Kind("seal-context", 422, "what the seal holds is for another submission")
    DIGEST_MISMATCH = _Kind("digest-mismatch", 422, "the words in the seal are not those of the signed digest")
    WORD_NOT_BELOW_P = _Kind("word-not-below-p", 422, "a share word is not below 2^61 - 1")
    # in which sequence
    NUMBER_TOO_LOW = _Kind("number-too-low", 409, "a submission of this meter with a higher number is stored")
    CONTRADICTION = _Kind("contradiction", 409, "another submission of this meter with this number is stored")
    # settling
    NOT_SETTLED = _Kind("not-settled", 404, "this market only clears: it takes no readings and no tariffs")
    OFF_GRID = _Kind("off-grid", 422, "a price of the tariff is not on the market's price grid")
    TARIFF_PRICES = _Kind(
        "tariff-prices", 422, "no price of a tariff is negative, and retail is neither below the fee nor below feed-in"
    )
    TARIFF_DAYS = _Kind(
        "tariff-days", 422, "a tariff begins and ends with the first period of a day in the market's time zone"
    )
    TARIFF_CHANGES = _Kind(
        "tariff-changes",
        409,
        "within a billing month all tariffs of a supplier begin and end on the same day",
    )
    TARIFF_LATE = _Kind("tariff-late", 409, "a tariff must be published before the first period that it holds for")
    TARIFF_NUMBER = _Kind("tariff-number", 409, "the supplier has published a tariff with this number, or a higher one")
    # disputes
    NOT_NAMED = _Kind("not-named", 403, "the user's dispute does not name this round")
    UNKNOWN_DISPUTE = _Kind("unknown-dispute", 404, "this party has no such dispute")
    TOO_OLD = _Kind("too-old", 410, "a period of the dispute is past the market's retention time")
    DISPUTE_NUMBER = _Kind("dispute-number", 409, "the meter has sent another dispute with this number")
    TOO_MANY_DISPUTES = _Kind("too-many-disputes", 429, "this party keeps no more disputes of one owner of a meter")
    DISPUTES_FULL = _Kind("disputes-full", 503, "this party keeps no more disputes of the market: try another day")
    # what is asked for
    NOTHING_HERE = _Kind("nothing-here", 404, "nothing of this meter or supplier is stored for this period")
    NOT_FINISHED = _Kind("not-finished", 409, "the round of this period has no outcome yet")
    VOID = _Kind("void", 410, "the round of this period is void: nothing was traded")
    GROUP_TOO_SMALL = _Kind("group-too-small", 403, "totals are shown over at least minimum_group users only")
    NOT_FOUND = _Kind("not-found", 404, "there is nothing at this address")
    METHOD_NOT_ALLOWED = _Kind("method-not-allowed", 405, "this address does not take this method")
    # this party's own trouble
    STORAGE = _Kind("storage", 503, "this party cannot store anything at the moment: try again")
    INTERNAL = _Kind("internal", 500, "a fault of this party; it has been noted")

    @property
    def slug(self) -> str:
        """The last part of the type; also the label of the metric."""
        return self.value.name

    @property
    def urn(self) -> str:
        """The type."""
        return _URN + self.value.name

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value.status

    @property
    def title(self) -> str:
        """The same for all problems of the type."""
        return self.value.title

    def document(self, public: dict[str, int | str] | None = None) -> dict[str, int | str]:
        """The problem document; `public`: further members, public values only."""
        return {"type": self.urn, "title": self.title, "status": self.status, **(public or {})}


class RefusalError(MarketError):
    """A request is refused for a reason that whoever made it can be told. Carries public values only."""

    def __init__(self, problem: Problem, **public: int | str) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.public = public
