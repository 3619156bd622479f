"""From the gate to the seeds: what is held is compared, the set signed by all, the randomness revealed.

    closing   own list of what is held ─ all m lists (─ headers in which they differ) ─ the set that follows
              ─ own signature ─ all m signatures ─ agreed
    agreed    own part and shares of the others' revealed ─ all m parts, revealed or rebuilt ─ seeded

The parts are revealed after all m signatures under one set are stored, not before; a part that is withheld is rebuilt
from the shares of t + 1 parties, and never drawn again.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

from mpc_market.wire.agreement import AgreedSet, Held, Item, SetSignature, agree, all_signed, differing, set_digest
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import is_meter
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import VoidReason
from mpc_market.wire.part_share import PartShare, RevealedShares, open_part_share, rebuild
from mpc_market.wire.randomness import Randomness, Reveal, check_reveal, randomness
from mpc_market.wire.sharing import PART_BYTES
from mpc_market.wire.showing import ShownHeaders, SignedHeader, genuine, not_shown
from parties.service.board import Kind
from parties.service.life import Event
from parties.service.opening import PART, sealing_key
from parties.service.round import GivenUpError, Round, cancel_all, first_of, together

PARTS = "parts"
"""Kind of a message to oneself: all m parts, one after the other."""

WITHHELD_SECONDS = 2.0
"""A part that has not been revealed after this many seconds is rebuilt."""


class Agreed:
    """The agreed set with its tree and digest, computed once. Run by every party."""

    def __init__(self, members: AgreedSet) -> None:
        self.set = members
        self.tree = members.tree()
        self.digest = set_digest(members.period, members.challenge, members.roll_digest, members.count, self.tree.root)

    def __repr__(self) -> str:
        return f"Agreed({self.set.count} orders)"


async def agree_on_set(current: Round) -> Event:
    """State `closing`. Run by every party, with the intake closed.

    Raises: GivenUpError if the parties do not come to one set, or it is larger than can be computed.
    """
    terms = await current.terms()
    await _say_held(current, terms)
    agreed = await agreed_of(current, terms)
    _note_contradictions(current, agreed.set)
    if current.node.business.is_too_large(current, agreed.set):
        raise GivenUpError(VoidReason.TOO_LARGE)
    await current.say(Kind.SET_SIGNATURE, SetSignature(current.period, current.party, agreed.digest))
    signatures = await current.gather(Kind.SET_SIGNATURE, SetSignature)
    try:
        all_signed(signatures, agreed.digest, terms)
    except WireError as error:
        current.log.error("no set", reason=str(error))
        raise GivenUpError(VoidReason.NO_SET) from None
    return Event.SET_SIGNED


async def agreed_of(current: Round, terms: Terms) -> Agreed:
    """The set that follows from what all parties hold; waits for their lists as long as it takes."""
    if current.agreed is not None:
        return current.agreed
    held = await current.gather(Kind.HELD, Held, lambda message: _check_challenge(message, terms))
    shown = await _shown(current, terms, held)
    # A second's work for 100,000 orders: not in the event loop, which takes the next round's orders meanwhile.
    current.agreed = await asyncio.to_thread(lambda: Agreed(agree(held, terms, current.orders, shown)))
    return current.agreed


async def _shown(current: Round, terms: Terms, held: Mapping[int, Held]) -> frozenset[Item]:
    """The items in which the lists differ, and whose headers were shown; waits until all parties have shown theirs."""
    asked = await asyncio.to_thread(differing, held.values())
    if not asked:
        return frozenset()
    if await current.said(Kind.SHOWN_HEADERS, ShownHeaders) is None:
        rows = await current.node.ledger.submissions(current.market, current.start)
        mine = [SignedHeader(Header.decode(r.header), r.signature) for r in rows if (r.meter, r.number) in asked]
        headers = tuple(sorted(mine, key=lambda each: each.item.sort_key))
        await current.say(Kind.SHOWN_HEADERS, ShownHeaders(current.period, current.party, headers))
    messages = await current.gather(Kind.SHOWN_HEADERS, ShownHeaders)
    enrolled = await current.enrolled(terms)
    assert enrolled is not None, "a round is opened with its roll"
    shown = await asyncio.to_thread(genuine, messages, terms, enrolled.meters)
    for party, count in (await asyncio.to_thread(not_shown, held, asked, shown)).items():
        current.log.warning("a party lists headers that nobody shows: they do not count", peer=party, headers=count)
        current.node.metrics.bad_messages.labels(str(party), Kind.HELD).inc()
    return shown


def _note_contradictions(current: Round, agreed: AgreedSet) -> None:
    """Of meters how many: who they are only the private API tells."""
    meters = sum(is_meter(each.name) for each in agreed.contradictions)
    others = [each.name for each in agreed.contradictions if not is_meter(each.name)]
    if meters:
        current.log.warning("meters excluded: each has signed two headers with one number", meters=meters)
    if others:
        current.log.warning("left out: listed with two digests", items=others)


async def reveal_parts(current: Round) -> Event:
    """State `agreed`. Run by every party, with all m signatures under the set stored."""
    terms = await current.terms()
    signatures = await current.gather(Kind.SET_SIGNATURE, SetSignature)
    signed = signatures[current.party].set_digest
    all_signed(signatures, signed, terms)
    part = await current.known_secret(PART)
    await current.say(Kind.REVEAL, Reveal(current.period, current.party, signed, part))
    await current.say(Kind.REVEALED_SHARES, await _shares_held(current, terms))
    others = await together(*(_part_of(peer, current, terms, signed) for peer in current.others))
    by_party = {current.party: part, **dict(zip(current.others, others, strict=True))}
    parts = [by_party[party] for party in range(terms.parties)]
    randomness(signed, parts, terms)
    ledger = current.node.ledger
    await ledger.put_message(current.market, current.start, PARTS, current.party, b"".join(parts))
    return Event.PARTS_KNOWN


async def parts_of(current: Round) -> tuple[bytes, ...]:
    """All m parts of the randomness, once they are known; else none."""
    data = await current.node.ledger.message(current.market, current.start, PARTS, current.party)
    return tuple(data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES)) if data else ()


async def randomness_of(current: Round, terms: Terms, set_digest: bytes) -> Randomness:
    """The seeds of the round. Raises: WireError if the parts are not all known."""
    return randomness(set_digest, await parts_of(current), terms)


async def _say_held(current: Round, terms: Terms) -> None:
    if await current.said(Kind.HELD, Held) is not None:
        return
    rows = await current.node.ledger.submissions(current.market, current.start)
    items = [Item(row.meter, row.number, row.header_digest) for row in rows]
    items = sorted(items + await current.node.business.further_items(current), key=lambda item: item.sort_key)
    await current.say(Kind.HELD, Held(current.period, current.party, terms.challenge, tuple(items)))


def _check_challenge(message: Held, terms: Terms) -> None:
    if message.challenge != terms.challenge:
        raise WireError(f"party {message.party} says what it holds for another challenge")


async def _shares_held(current: Round, terms: Terms) -> RevealedShares:
    key = await sealing_key(current, VoidReason.NO_RANDOMNESS)
    shares = []
    for dealer in current.others:
        dealt = await current.heard(Kind.PART_SHARE, PartShare, dealer)
        if dealt is not None:
            shares.append((dealer, open_part_share(dealt, current.party, key, terms)))
    return RevealedShares(current.period, current.party, terms.challenge, tuple(shares))


async def _part_of(peer: int, current: Round, terms: Terms, signed: bytes) -> bytes:
    """A peer's part: as it reveals it, or rebuilt from the others' shares, whichever comes first."""

    async def hear() -> bytes:
        check = partial(check_reveal, set_digest=signed, terms=terms)
        return (await current.hear(peer, Kind.REVEAL, Reveal, check)).part

    return await first_of(hear(), _rebuild(peer, current, terms))


async def _rebuild(dealer: int, current: Round, terms: Terms) -> bytes:
    """A part that its party withholds, as soon as enough others have revealed their shares of it."""
    await asyncio.sleep(WITHHELD_SECONDS)
    own = await current.said(Kind.REVEALED_SHARES, RevealedShares)
    assert own is not None, "said before it is asked for"
    revealed = {current.party: own}

    async def hear(holder: int) -> None:
        revealed[holder] = await current.hear(holder, Kind.REVEALED_SHARES, RevealedShares, lambda _: None)

    waiting = {asyncio.create_task(hear(holder)) for holder in current.others if holder != dealer}
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            part = _rebuilt(dealer, revealed, terms)
            if part is not None:
                current.log.warning("withheld part rebuilt", dealer=dealer)
                return part
        current.log.error("withheld part cannot be rebuilt", dealer=dealer)
        await asyncio.Event().wait()  # until the party reveals it after all, or the deadline passes
        raise AssertionError("nobody sets it")
    finally:
        await cancel_all(waiting)


def _rebuilt(dealer: int, revealed: Mapping[int, RevealedShares], terms: Terms) -> bytes | None:
    try:
        return rebuild(dealer, revealed, terms)
    except WireError:
        return None
