"""Opening a round: openings exchanged, the part of the randomness committed to and dealt. State `opening`.

    own part, stored ─ opening, published ─ all m openings ─ own part dealt, stored ─ shares of all parts ─ collecting

The part is drawn once and stored before it is committed to, its shares are dealt once and stored before any is served:
a party that is restarted goes on with the same ones.
"""

import secrets
from collections.abc import Mapping
from functools import partial

from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.message import sign
from mpc_market.wire.opening import NONCE_BYTES, Opening, Terms, commitment, terms_of
from mpc_market.wire.outcome import VoidReason
from mpc_market.wire.part_share import PartShare, deal_part_shares, open_part_share
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sharing import PART_BYTES
from parties.ledger import Ledger
from parties.service.board import Kind
from parties.service.life import Event
from parties.service.peers import UnreachableError
from parties.service.rolls import Enrolled
from parties.service.round import GivenUpError, Pause, Round

RULES = "rules"
"""Kind of message that this party keeps for its replicas, where it can have some: `rules_of` the round."""

PART, DEALT = "part", "dealt"
"""Names of secrets: this party's part of the randomness, and its shares for the others, sealed and signed."""


async def open_round(current: Round) -> Event:
    """Run by every party.

    Raises: GivenUpError if the parties have opened the round differently, or one with a roll that is out of use.
    """
    await _say_opening(current)
    openings = await current.gather(Kind.OPENING, Opening)
    await _fetch_newest_roll(current, openings)
    terms = await _terms(current, openings)
    await _have_roll(current, terms)
    await _deal(current, terms)
    key = await sealing_key(current, VoidReason.NOT_OPENED)
    check = partial(open_part_share, holder=current.party, key=key, terms=terms)
    for peer in current.others:
        await current.hear(peer, Kind.PART_SHARE, PartShare, check)
    ledger = current.node.ledger
    if ledger.path is None:
        await ledger.put_message(current.market, current.start, RULES, current.party, rules_of(current))
    return Event.OPENED


def rules_of(current: Round) -> bytes:
    """A digest of what the market file says about submissions: a replica that has another file takes none."""
    return digest("rules", repr((current.settings.rules, current.settings.orders_per_submission)).encode())


async def sealing_key(current: Round, why: VoidReason) -> SealingKey:
    """This party's private sealing key of the round, that of its day, which it has named in its opening.

    Raises: GivenUpError, for this reason, if it is gone: another one would open nothing.
    """
    data = await current.node.ledger.known_sealing_key(current.node.business.key_name(current.start))
    if data is None:
        current.log.error("the sealing key of the round is gone")
        raise GivenUpError(why)
    return SealingKey(data)


async def share_for(ledger: Ledger, market: str, start: int, holder: int) -> bytes | None:
    """The signed share of this party's part for a holder, if it has been dealt."""
    dealt = await ledger.secret(market, start, DEALT)
    return None if dealt is None else _unpack(dealt).get(holder)


async def _say_opening(current: Round) -> None:
    if await current.said(Kind.OPENING, Opening) is not None:
        return
    part = await current.secret(PART, lambda: secrets.token_bytes(PART_BYTES))
    enrolled, create = await _latest_roll(current), SealingKey.generate
    name = current.node.business.key_name(current.start)
    key = SealingKey(await current.node.ledger.sealing_key(name, lambda: create().secret()))
    opening = Opening(
        current.period,
        current.party,
        current.gate,
        current.deadline,
        enrolled.version,
        enrolled.digest,
        key.public,
        secrets.token_bytes(NONCE_BYTES),
        commitment(current.period, current.party, part),
    )
    await current.say(Kind.OPENING, opening)


async def _latest_roll(current: Round) -> Enrolled:
    """The roll to open with; waits for the first one."""
    pause = Pause()
    while (enrolled := await current.node.business.roll(current)) is None:
        current.log.warning("no roll yet")
        await pause()
    return enrolled


async def _terms(current: Round, openings: Mapping[int, Opening]) -> Terms:
    """The terms of the round, if this party agrees to them.

    The lowest version of the roll counts, so that one that has not come to all parties yet stops no round. But one
    party alone could so bring back meters that were removed, and keys that were replaced: rounds do not go back behind
    a version that was in use.
    Raises: GivenUpError.
    """
    try:
        terms = terms_of(openings, current.committee.parties)
    except WireError as error:
        current.log.error("opened differently", reason=str(error))
        raise GivenUpError(VoidReason.NOT_OPENED) from None
    own = openings[current.party].roll_version
    named = {
        "version": terms.roll_version,
        "by": [party for party in sorted(openings) if openings[party].roll_version == terms.roll_version],
    }
    if current.node.stage is Stage.CLEARING:
        for peer in current.others:
            behind = max(own - openings[peer].roll_version, 0)
            current.node.metrics.roll_behind.labels(current.market, str(peer)).set(behind)
    lowest = await current.node.business.lowest_roll(current)
    if terms.roll_version < lowest:
        current.log.error("opened with a roll that is out of use", in_use=lowest, **named)
        raise GivenUpError(VoidReason.NOT_OPENED)
    if terms.roll_version < own:
        current.log.warning("opened with an older roll than this party has", has=own, **named)
    return terms


async def _fetch_newest_roll(current: Round, openings: Mapping[int, Opening]) -> None:
    """Fetch the newest version that another party names, if this party does not have it, for the rounds to come: it was
    not brought here yet, or was forgotten here, or its ledger was restored from a backup.
    """
    newest = max(current.others, key=lambda peer: openings[peer].roll_version)
    version = openings[newest].roll_version
    latest = await current.node.rolls.latest()
    if (latest is None or latest.version < version) and await _fetched_roll(current, newest, version):
        current.log.warning("roll fetched from a peer: it was not brought here", peer=newest, version=version)


async def _have_roll(current: Round, terms: Terms) -> None:
    """Fetch the roll of the round if this party does not have it: it came later than the others, or to a new ledger."""
    pause = Pause()
    while await current.enrolled(terms) is None:
        for peer in current.others:
            if await _fetched_roll(current, peer, terms.roll_version):
                break
        else:
            await pause()


async def _fetched_roll(current: Round, peer: int, version: int) -> bool:
    """Ask a peer for a version of the roll, and keep it; whether it has given it."""
    try:
        data = await current.node.peers[peer].roll(version)
        return data is not None and (await current.node.rolls.add(data)).version == version
    except UnreachableError:
        return False
    except WireError as error:
        current.bad_message(peer, "roll", error)
        return False


async def _deal(current: Round, terms: Terms) -> None:
    """Deal the own part, once: all shares are stored together."""

    def deal() -> bytes:
        shares = deal_part_shares(part, current.party, terms)
        return _pack({holder: sign(share, current.key).encode() for holder, share in shares.items()})

    part = await current.known_secret(PART)
    await current.secret(DEALT, deal)
    current.node.board.ring(current.start)


def _pack(shares: dict[int, bytes]) -> bytes:
    writer = Writer().u8(len(shares))
    for holder, share in sorted(shares.items()):
        writer.u8(holder).blob(share)
    return writer.data()


def _unpack(data: bytes) -> dict[int, bytes]:
    reader = Reader(data)
    shares = {reader.u8(): reader.blob() for _ in range(reader.u8())}
    reader.end()
    return shares
