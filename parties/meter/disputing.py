"""Contesting: a signed request to all parties, and the user's own evidence for the arbiter that it names.

The file is on the disk before anything is sent, and what is in it is sent again by a later call: the parties know a
request by its number, the moment in which it was made.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mpc_market.errors import InputError
from mpc_market.wire.dispute import STARTS_MAX, Arbiter, DisputeReceipt, DisputeRequest, dispute_digest, sign_dispute
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.layout import reading_of_bits
from mpc_market.wire.message import Signed, read_signed, split_signed
from mpc_market.wire.receipt import Receipt
from mpc_market.wire.sharing import recombine
from parties.client.api import Api, RefusedError, UnreachableError
from parties.files.disputes import DisputeFile, OwnSubmission, read_dispute
from parties.files.private import replace as replace_file
from parties.files.problems import Problems
from parties.meter.market import Market, Meter
from parties.meter.readings import reader
from parties.meter.store import Prepared, Store


def starts_of_month(market: Market, month: int, now_ms: int) -> list[int]:
    """The periods that the bill of a month may rest on: those of the month, and of the one before, whose late and
    corrected readings it has; without those that are past the retention time, or not over.

    Raises: InputError if the market only clears, or they are too many for one request.
    """
    calendar, length = market.running.calendar, market.rhythm.length
    if calendar is None:
        raise InputError((f"market {market.id} only clears: it has no bills",))
    kept = -(-(now_ms - market.retention_ms) // (1000 * length)) * length
    over = now_ms // 1000 // length * length
    months = (calendar.months.before(month), month)
    starts = [start for each in months for start in calendar.starts(each) if kept <= start < over]
    if len(starts) > STARTS_MAX:
        raise InputError((f"{len(starts)} periods: one dispute names {STARTS_MAX} at most",))
    return starts


def prepare_dispute(
    meter: Meter, market: Market, arbiter: Arbiter, starts: Sequence[int], month: int | None, now_ms: int, out: Path
) -> DisputeFile:
    """The request and all evidence, on the disk: what is there already if it asks the same, else a new one.

    Raises: InputError if `out` is something else, or nothing can be named; StoreError; OutputError.
    """
    try:
        asked = DisputeRequest(market.id, meter.id, now_ms, arbiter, tuple(sorted(set(starts))), month)
    except WireError as error:
        raise InputError((str(error),)) from None
    if out.exists():
        return _found(asked, out)
    request = sign_dispute(asked, meter.home.identity)
    made = DisputeFile(request, meter.home.identity.public, (), tuple(evidence(meter, market, asked.starts)))
    replace_file(out, made.encode().encode())
    return made


def _found(asked: DisputeRequest, out: Path) -> DisputeFile:
    problems = Problems()
    found = read_dispute(out, problems)
    problems.check()
    assert found is not None
    if replace(found.asked, number=asked.number) != asked:
        raise InputError((f"{out}: it holds a dispute that asks for something else: name another file",))
    return found


def evidence(meter: Meter, market: Market, starts: Sequence[int]) -> Iterator[OwnSubmission]:
    """Everything that this meter has signed for these periods, opened. Raises: StoreError."""
    readings = reader(meter)
    for start in starts:
        for prepared, receipts in _all_of(meter.store, start):
            yield _shown(prepared, receipts, market)
        for prepared, receipts in _all_of(readings.store, start):
            yield _shown(prepared, receipts, market)


def _all_of(store: Store, start: int) -> Iterator[tuple[Prepared, dict[int, bytes]]]:
    latest = store.latest(start)
    for number in range(1, 0 if latest is None else latest.number + 1):
        prepared = store.submission(start, number)
        if prepared is not None:
            yield prepared, store.receipts(start, number)


def _shown(prepared: Prepared, receipts: dict[int, bytes], market: Market) -> OwnSubmission:
    header, shares = prepared.submission.header, prepared.shares
    reading = None
    if header.kind == "reading":
        bits = recombine({j: share.words for j, share in enumerate(shares)}, len(shares))
        reading = reading_of_bits(bits, market.file.rules, None)
    signed = tuple(split_signed(Receipt, receipts[party]) for party in sorted(receipts))
    orders = None if header.kind == "reading" else prepared.orders
    return OwnSubmission(header, prepared.submission.signature, shares, signed, orders, reading)


async def send_dispute(api: Api, market: Market, dispute: DisputeFile, out: Path) -> dict[int, str]:
    """Send the request to every party whose receipt is not there; the receipts are added to the file.

    Returns why a party has not taken it, by party. Raises: OutputError.
    """
    known = {signed.message.party: signed for signed in dispute.receipts}
    missing = [party for party in range(api.parties) if party not in known]
    answers = await asyncio.gather(*(_send(api, party, market, dispute) for party in missing))
    troubles = {}
    for party, answer in zip(missing, answers, strict=True):
        if isinstance(answer, str):
            troubles[party] = answer
        else:
            known[party] = answer
    if len(known) > len(dispute.receipts):
        made = replace(dispute, receipts=tuple(known[party] for party in sorted(known)))
        await asyncio.to_thread(replace_file, out, made.encode().encode())
    return troubles


async def _send(api: Api, party: int, market: Market, dispute: DisputeFile) -> Signed[DisputeReceipt] | str:
    last = Period(Stage.CLEARING.of(market.id), dispute.asked.starts[-1])
    try:
        data = await api.post(party, "disputes", dispute.request)
        signed = read_signed(DisputeReceipt, data, market.committee(last.start), last, party)
    except (UnreachableError, RefusedError, WireError) as error:
        return str(error)
    if signed.message.dispute_digest != dispute_digest(dispute.request):
        return f"party {party}: its receipt is for another request"
    return signed
