"""Meters that send what they should, and meters that send all sorts of other things."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mpc_market.field.mersenne import GF, Field
from mpc_market.field.shamir import share, threshold
from mpc_market.rules.model import Market, Order, Side
from mpc_market.secure.submissions import Submissions
from mpc_market.secure.validity import Verdict
from tests.secure.runner import residues

Line = tuple[Side, int, int]
"""Side, price, quantity."""

P = GF.modulus


@dataclass(frozen=True)
class Sent:
    """What one meter has sent: `words[j]` (K, L) to party j; and what is to be said of it."""

    meter: str
    lines: Sequence[Line]
    maximum: int
    words: np.ndarray
    verdict: Verdict = Verdict.VALID
    supplier: int = 0

    @property
    def orders(self) -> list[Order]:
        return [Order(f"{self.meter}/{k}", *line) for k, line in enumerate(self.lines)]


def bits_of(lines: Sequence[Line], maximum: int, market: Market) -> np.ndarray:
    """The secret words of a submission, (K, L), as Python integers."""
    rows = []
    for side, price, quantity in lines:
        row = [int(side is Side.BUY)]
        row += [price >> i & 1 for i in range(market.price_bits)]
        row += [quantity >> i & 1 for i in range(market.quantity_bits)]
        row += [(maximum - quantity) >> i & 1 for i in range(market.quantity_bits)]
        rows.append(row)
    return np.array(rows, object)


def deal(secret: np.ndarray, parties: int, field: Field = GF, degree: int | None = None) -> np.ndarray:
    """Shares (m, K, L) of any words, by polynomials of any degree."""
    return np.stack(share(residues(secret, field), parties, field, degree))


def honest(meter: str, lines: Sequence[Line], maximum: int, market: Market, parties: int, supplier: int = 0) -> Sent:
    """A meter that does what it should."""
    return Sent(meter, lines, maximum, deal(bits_of(lines, maximum, market), parties), supplier=supplier)


def submissions_at(party: int, sent: Sequence[Sent], market: Market, each: int, supplier_count: int = 1) -> Submissions:
    """The submissions as one party holds them."""
    words = np.empty((len(sent), each, market.order_words), np.uint64)
    for row, one in zip(words, sent, strict=True):
        row[...] = one.words[party]
    return Submissions(
        [f"{one.meter}/{k}" for one in sent for k in range(each)],
        np.array([one.maximum for one in sent], np.uint64),
        np.array([one.supplier for one in sent], np.intp),
        supplier_count,
        words,
    )


# --- cheats -----------------------------------------------------------------------------------------------

Cheats = Iterator[tuple[str, np.ndarray, Verdict]]
"""What each is, the words that are sent, and the verdict they deserve."""


def other_words(sent: Sent, market: Market, parties: int) -> Cheats:
    """In every place in turn something that is no bit; bits of a quantity or a rest the other way round."""
    bits = bits_of(sent.lines, sent.maximum, market)
    half = (P + 1) // 2
    for place in np.ndindex(bits.shape):
        for word in (2, 3, -1, P - 2, 2**32, 2**60, half, random.Random(str(place)).randrange(2, P)):
            changed = bits.copy()
            changed[place] = word
            yield f"{word} in place {place}", deal(changed, parties), Verdict.NOT_AN_ORDER
        if place[1] > market.price_bits:
            changed = bits.copy()
            changed[place] = 1 - bits[place]
            yield f"the other bit in place {place}", deal(changed, parties), Verdict.NOT_AN_ORDER


def other_shares(sent: Sent, market: Market, parties: int) -> Cheats:
    """In every place in turn a polynomial of too high a degree, or another share for one party; other orders for it."""
    bits = bits_of(sent.lines, sent.maximum, market)
    t = threshold(parties)
    for place in np.ndindex(bits.shape):
        for degree in {t + 1, parties - 1}:
            words = sent.words.copy()
            words[:, *place] = deal(np.array([bits[place]]), parties, degree=degree)[:, 0]
            yield f"degree {degree} in place {place}", words, Verdict.OFF_POLYNOMIAL
        for party in range(parties):
            words = sent.words.copy()
            words[party, *place] = (int(words[party, *place]) + 1) % P
            yield f"another share for party {party} in place {place}", words, Verdict.OFF_POLYNOMIAL
    other = deal(1 - bits, parties)
    for party in range(parties):
        words = sent.words.copy()
        words[party] = other[party]
        yield f"another order to party {party}", words, Verdict.OFF_POLYNOMIAL
    rng = random.Random(sent.meter)
    noise = np.array([rng.randrange(P) for _ in range(sent.words.size)], np.uint64)
    yield "noise", noise.reshape(sent.words.shape), Verdict.OFF_POLYNOMIAL
    yield "all of degree 2t", deal(bits, parties, degree=parties - 1), Verdict.OFF_POLYNOMIAL


def crossing_out(sent: Sent, market: Market, parties: int) -> Cheats:
    """Two errors that would cancel out if they were added up without coefficients, or with equal ones."""
    bits = bits_of(sent.lines, sent.maximum, market)
    places = list(np.ndindex(bits.shape))
    x, y = opposite_words()
    for first, second in pairwise(places):
        words = sent.words.copy()
        for place, error in ((first, 5), (second, P - 5)):
            words[-1, *place] = (int(words[-1, *place]) + error) % P
        yield f"errors ±5 in places {first} and {second}", words, Verdict.OFF_POLYNOMIAL
        changed = bits.copy()
        changed[first], changed[second] = x, y
        yield f"x and y in places {first} and {second}", deal(changed, parties), Verdict.NOT_AN_ORDER
    if len(bits) > 1:
        # One order offers a lot more than its maximum, the other one less: Σ (quantity + rest − maximum) = 0.
        rest = slice(-market.quantity_bits, None)
        changed = bits_of([(Side.SELL, 0, 1), (Side.BUY, 0, 0), *sent.lines[2:]], sent.maximum, market)
        changed[[0, 1], rest] = changed[[1, 0], rest]
        yield "one lot from one order to the other", deal(changed, parties), Verdict.NOT_AN_ORDER


def opposite_words() -> tuple[int, int]:
    """x(x − 1) + y(y − 1) = 0 for x, y that are no bits: y = (1 + √(1 − 4x(x − 1))) / 2."""
    for x in range(2, 100):
        square = (1 - 4 * x * (x - 1)) % P
        root = pow(square, (P + 1) // 4, P)
        if root * root % P == square:
            y = (1 + root) * pow(2, -1, P) % P
            assert (x * (x - 1) + y * (y - 1)) % P == 0
            return x, y
    raise AssertionError("one in two is a square")


def too_much(sent: Sent, market: Market, parties: int) -> Cheats:
    """A quantity above the maximum, with all sorts of rests; a rest that leaves less than there is."""
    honest_bits, bits, most = bits_of(sent.lines, sent.maximum, market), market.quantity_bits, 2**market.quantity_bits
    for k in range(len(honest_bits)):
        for quantity in {min(sent.maximum + 1, most - 1), most - 1} - {sent.maximum}:
            changed = honest_bits.copy()
            changed[k, 1 + market.price_bits : -bits] = [quantity >> i & 1 for i in range(bits)]
            for name, rest in (
                ("none", [0] * bits),
                ("of the other sign", [(quantity - sent.maximum) >> i & 1 for i in range(bits)]),
                ("modulo", [(sent.maximum - quantity) % most >> i & 1 for i in range(bits)]),
                ("negative", [sent.maximum - quantity, *[0] * (bits - 1)]),
                ("bits negative", [-((quantity - sent.maximum) >> i & 1) for i in range(bits)]),
            ):
                changed[k, -bits:] = rest
                yield f"{quantity} lots in order {k}, rest {name}", deal(changed, parties), Verdict.NOT_AN_ORDER
    if sent.maximum:  # else it is an order to sell nothing
        yield "nothing but zeros", deal(honest_bits * 0, parties), Verdict.NOT_AN_ORDER
    yield "nothing but ones", deal(honest_bits * 0 + 1, parties), Verdict.NOT_AN_ORDER


KINDS_OF_CHEATS: tuple[Callable[[Sent, Market, int], Cheats], ...] = (other_words, other_shares, crossing_out, too_much)


def every_cheat(
    sent: Sent, market: Market, parties: int, kinds: Sequence[Callable[..., Cheats]] = KINDS_OF_CHEATS
) -> list[Sent]:
    """All the ways to cheat known here, or some kinds of them, each from the same honest submission."""
    found = []
    for kind in kinds:
        for name, words, verdict in kind(sent, market, parties):
            found.append(replace(sent, meter=f"{sent.meter}: {name}", words=words, verdict=verdict))
    return found
