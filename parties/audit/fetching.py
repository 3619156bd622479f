"""Saving the chains of records of all parties. What has been saved stays: a later run adds what is new.

The last record that is there is asked for again and must come as it was. Since it names the one before it, and so on,
a party cannot tell its past otherwise than it did when it was asked before.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.errors import InputError, MarketError
from mpc_market.wire.errors import WireError
from mpc_market.wire.record import Record
from parties.audit.saved import chain_path, read_lines
from parties.client.api import Api, RefusedError, UnreachableError

PAGE = 50
"""Records in one answer: of 7 parties, half a megabyte."""


class ServedError(MarketError):
    """What a party serves as its chain is none, or not the one that it served before."""


class PublicApi(Api):
    """The compute parties of one market, asked for their chains."""

    async def records(self, party: int, after: int, limit: int) -> bytes:
        """A JSON document with at most this many records behind record `after` (−1: from the first on).

        Raises: UnreachableError; RefusedError.
        """
        params = {"after": str(after), "limit": str(limit)}
        return await self._ask(party, "GET", "records", headers={}, params=params)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one party. `count`: its records in the directory now; `new`: of these, how many came this time.

    `trouble`: why there may be more; empty if these are all.
    """

    party: int
    count: int
    new: int
    trouble: str = ""


@dataclass(slots=True)
class _Tail:
    """The end of a saved chain. `last`: the bytes of its last record; `size`: of the file up to there."""

    count: int = 0
    sequence: int = -1
    size: int = 0
    last: bytes = field(default=b"", repr=False)


async def fetch(api: PublicApi, folder: Path) -> list[Fetched]:
    """Save what the parties serve, all parties at the same time. Run by the auditor.

    Raises: InputError if the directory holds something else than chains of this market; OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tails = [_read_tail(chain_path(folder, party), api.market) for party in range(api.parties)]
    return list(await asyncio.gather(*(_fetch_chain(api, folder, party, tail) for party, tail in enumerate(tails))))


async def _fetch_chain(api: PublicApi, folder: Path, party: int, tail: _Tail) -> Fetched:
    before, trouble = tail.count, ""
    with chain_path(folder, party).open("ab") as file:
        # what a run that was broken off has left of a line
        file.truncate(tail.size)
        try:
            if tail.last:
                await _check_last(api, party, tail)
            while page := await _page(api, party, tail.sequence, PAGE):
                _check_page(api.market, party, page, tail)
                file.write(b"".join(line + b"\n" for line in page))
        except (UnreachableError, RefusedError, ServedError) as error:
            trouble = str(error)
        file.flush()
        os.fsync(file.fileno())
    return Fetched(party, tail.count, tail.count - before, trouble)


async def _page(api: PublicApi, party: int, after: int, limit: int) -> list[bytes]:
    """At most this many records behind record `after`, as their bytes; none at the end of the chain.

    Raises: UnreachableError, RefusedError, ServedError.
    """
    body = await api.records(party, after, limit)
    try:
        records = json.loads(body)["records"]
        return [record.encode("ascii") for record in records]
    # no JSON, nested too deeply, not ASCII; something else than an object, a list and texts
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        raise ServedError(f"party {party}: its answer is no page of records") from None


async def _check_last(api: PublicApi, party: int, tail: _Tail) -> None:
    """Does a party still serve the last record that was saved? Raises: ServedError."""
    if await _page(api, party, tail.sequence - 1, 1) != [tail.last]:
        raise ServedError(
            f"party {party}: it does not serve record {tail.sequence} as it did before, so it tells its past otherwise "
            "now: keep this directory, and fetch into another one as well"
        )


def _check_page(market: str, party: int, page: Sequence[bytes], tail: _Tail) -> None:
    """Are these records of this market, the next ones in sequence? All else is for `verifying` to find out.

    Raises: ServedError. Moves the tail on.
    """
    for expected, line in enumerate(page, tail.sequence + 1):
        try:
            record = Record.decode(line)
        except WireError as error:
            raise ServedError(f"party {party}: what it serves as record {expected} is none: {error}") from None
        if (record.period.market, record.sequence) != (market, expected):
            raise ServedError(
                f"party {party}: it serves record {record.sequence} of market {record.period.market} where record "
                f"{expected} of {market} is to follow"
            )
    # only now: a page is saved as a whole or not at all
    tail.count, tail.sequence, tail.last = tail.count + len(page), tail.sequence + len(page), page[-1]


def _read_tail(path: Path, market: str) -> _Tail:
    """Raises: InputError."""
    tail = _Tail()
    if not path.exists():
        return tail
    end = path.stat().st_size
    for line in read_lines(path):
        if line.offset + len(line.data) < end:
            tail.count, tail.last, tail.size = line.number, line.data, line.offset + len(line.data) + 1
    if not tail.count:
        return tail
    try:
        record = Record.decode(tail.last)
    except WireError as error:
        raise InputError(
            (f"{path}:{tail.count}: no record: {error}: `audit fetch` has not written this file",)
        ) from None
    if record.period.market != market:
        reason = f"the chain of market {record.period.market}, not {market}: name another directory"
        raise InputError((f"{path}: {reason}",))
    tail.sequence = record.sequence
    return tail
