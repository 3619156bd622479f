"""Chains of records as the parties of a market serve them, saved as an auditor saves them; and ways to change them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mpc_market.rules.model import Side
from mpc_market.wire.message import sign
from mpc_market.wire.outcome import Outcome, Void, VoidReason
from mpc_market.wire.record import GENESIS, Record
from parties.audit.saved import chain_path
from parties.audit.verifying import Report, verify
from parties.files.running import RunningMarket
from tests.supplier.online_parties import running_of
from tests.wire.wire_round import START, WireRound

STEP = 900

Content = Callable[[WireRound, int], Record]
"""The record of a round at a party, whatever its place."""


def result(played: WireRound, party: int) -> Record:
    return played.record()


def void(played: WireRound, party: int) -> Record:
    """Party 1 has given the round up; every party has kept something else of it."""
    said = sign(Outcome(played.period, 1, Void(VoidReason.NOT_COMPUTED)), played.signing[1])
    record = replace(played.record(), outcomes=(said,), parts=())
    if party == 0:
        return record
    if party == 1:
        return replace(record, agreed=None)
    return replace(record, openings=(), agreed=None)


class Market:
    """Rounds of one market. `contents`: of each round; results by default, but for the third, which is void."""

    def __init__(self, folder: Path, rounds: int = 4, parties: int = 3, contents: Sequence[Content] = ()) -> None:
        self.folder = folder
        books = [None] * rounds
        if rounds > 1:
            books[1] = [[(Side.SELL, 9, 3)], [(Side.BUY, 2, 3)]]  # no trade
        self.rounds = [WireRound(books[i], parties=parties, start=START + STEP * i) for i in range(rounds)]
        self.contents = list(contents) or [void if i == 2 else result for i in range(rounds)]
        self.running: RunningMarket = running_of(WireRound(parties=parties))
        self.parties = parties

    def chain(self, party: int) -> list[bytes]:
        """A party's chain, as it serves it."""
        found: list[bytes] = []
        previous = GENESIS
        for played, content in zip(self.rounds, self.contents, strict=True):
            record = replace(content(played, party), sequence=len(found), previous=previous)
            previous = record.digest
            found.append(record.encode())
        return found

    def save(self) -> "Market":
        for party in range(self.parties):
            self.write(party, self.chain(party))
        return self

    def write(self, party: int, chain: Sequence[bytes]) -> None:
        chain_path(self.folder, party).write_bytes(b"".join(record + b"\n" for record in chain))

    def verify(self) -> Report:
        return verify(self.folder, self.running)

    def with_content(self, i: int, content: Content) -> "Market":
        """Another record of one round."""
        self.contents[i] = content
        return self


def linked(chain: Sequence[bytes]) -> list[bytes]:
    """The same records with new places: what a party does that rewrites its past carefully."""
    found: list[bytes] = []
    previous = GENESIS
    for data in chain:
        record = replace(Record.decode(data), sequence=len(found), previous=previous)
        previous = record.digest
        found.append(record.encode())
    return found


def changed(data: bytes, **fields: object) -> bytes:
    """A record with other fields, in canonical JSON. `set_count=…` is a field of the set."""
    table = json.loads(data)
    for name, value in fields.items():
        if name.startswith("set_"):
            table["set"][name.removeprefix("set_")] = value
        else:
            table[name] = value
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
