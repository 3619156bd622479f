"""Sharings that the parties hold without having sent anything: made from the keystreams they have in common [CDI05]."""

from __future__ import annotations

from math import prod

from mpc_market.field.mersenne import Vector
from mpc_market.secure.keys import holder_sets
from mpc_market.secure.session import Session


def random_shares(session: Session, purpose: str, count: int) -> Vector:
    """This party's shares, of degree t, of `count` uniform numbers that no t parties know. Shape `(count,)`.

        f(x) = Σ_A r_A · Π_{j ∉ A} (x − x_j)

    over all sets A of t + 1 holders, r_A from the keystream that A alone has; at a party outside A its term is 0.
    Whichever t parties are curious, one set avoids them: its r_A is uniform to them, moves f(0), and leaves their own
    shares what they are.
    Cost: no communication; C(m − 1, t) keystream words per number. Source: [CDI05] §3.
    """
    parties, me = session.parties, session.party
    terms = [
        # x_me − x_j = me − j
        (prod(me - j for j in range(parties) if j not in holders), _words(session, purpose, holders, count))
        for holders in holder_sets(parties)
        if me in holders
    ]
    return session.field.combined(terms)


def additive_zeros(session: Session, purpose: str, count: int) -> Vector:
    """This party's parts of `count` sums over all m parties that are 0. Shape `(count,)`.

    Every pair of parties has a keystream word: one end adds it, the other subtracts it. Whatever t parties know, the
    parts of all others are uniform but for their sum, because every two of those share a word of their own. Divided by
    the Lagrange coefficients of the m parties the parts are a uniformly random sharing of 0, of degree m − 1 = 2t.
    Cost: no communication; m − 1 keystream words per sum. Source: [CDI05] §4, there from sets of t + 1 holders and with
    more words.
    """
    me = session.party
    pairs = [(min(me, peer), max(me, peer)) for peer in range(session.parties) if peer != me]
    return session.field.combined(
        [(1 if pair[0] == me else -1, _words(session, purpose, pair, count)) for pair in pairs]
    )


def _words(session: Session, purpose: str, holders: tuple[int, ...], count: int) -> Vector:
    return session.stream(f"{purpose} {holders}", holders).words(count)
