"""A compute party that lies in the rounds in which it is told to, and is the real service in all else.

    python -m tests.hostile.lying_party HOME --clock FILE      (as soak/party.py)

HOME/lies.json says what it does in which round. Real are its keys, ledger, workers and connections: what it signs is
signed as its own.
"""

import json
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from mpc_market.wire.agreement import Held, Item, SetSignature
from mpc_market.wire.codec import P, bytes_words, words_bytes
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import Signed, sign, split_signed
from mpc_market.wire.outcome import Outcome, Result, Void, VoidReason
from mpc_market.wire.record import Record
from mpc_market.wire.signing import SigningKey
from parties.files.party_home import read_party_home
from parties.files.problems import Problems
from parties.ledger import ResultRow
from parties.service import desk, ending
from parties.service.board import Board, Kind
from parties.service.control_api import ControlApi
from parties.service.round import Round
from soak import party

LIES = "lies.json"
LEFT_OUT_METER = "meter-1"


class Lie(StrEnum):
    """What it does in one round."""

    WRONG_SHARES = "its share of every accepted quantity is another one"
    WITHHELD_PART = "it never reveals its part of the randomness"
    LEFT_OUT = "it has given a receipt for an order, and says that it does not hold it"
    MADE_UP = "it lists a second header of a meter, which never was"
    FORGED_RECORD = "its chain tells of another price, in the name of all"
    ANOTHERS_NAME = "it signs the set in the name of another party"
    TWO_OUTCOMES = "it signs a result, and void for one of the others"


def tell(home: Path, lies: Mapping[int, Lie]) -> None:
    """Have the party of a home do that in these rounds, by start of their periods."""
    unfinished = home / f".{LIES}"
    unfinished.write_text(json.dumps({str(start): lie.name for start, lie in lies.items()}))
    unfinished.rename(home / LIES)


class Liar:
    """What is put in the place of honest functions."""

    def __init__(self, home: Path) -> None:
        self._file = home / LIES
        problems = Problems()
        read = read_party_home(home, 2**40, problems)
        problems.check()
        assert read is not None
        self._home = read
        self._asking: ContextVar[int | None] = ContextVar("asking", default=None)
        self._told: set[tuple[int, int]] = set()

    def lie(self, start: int) -> Lie | None:
        """What is to be done in a round."""
        lies = json.loads(self._file.read_text()) if self._file.exists() else {}
        return Lie[lies[str(start)]] if str(start) in lies else None

    def key(self, start: int) -> SigningKey:
        return self._home.signing_key(start)

    def install(self) -> None:
        """From now on this process lies."""
        desk.delivery = self._delivering(desk.delivery)
        Round.say = self._saying(Round.say)  # type: ignore[method-assign]
        ending._record = self._recording(ending._record)
        ControlApi._peer = self._asked(ControlApi._peer)  # type: ignore[method-assign]
        Board.own = self._telling(Board.own)  # type: ignore[method-assign]

    def _delivering(self, really: Callable[..., Delivery]) -> Callable[..., Delivery]:
        def delivery(period: Period, number: int, attempt: int, row: ResultRow, key: bytes) -> Delivery:
            if self.lie(period.start) is Lie.WRONG_SHARES:
                words = [(word + 1) % P for word in bytes_words(row.words)]
                row = replace(row, words=words_bytes(words))
            return really(period, number, attempt, row, key)

        return delivery

    def _saying(self, really: Callable[..., Any]) -> Callable[..., Any]:
        async def say(current: Round, kind: Kind, message: Any) -> Any:
            lie = self.lie(current.start)
            if lie is Lie.WITHHELD_PART and kind is Kind.REVEAL:
                return message
            if lie is Lie.LEFT_OUT and isinstance(message, Held):
                message = replace(message, items=tuple(i for i in message.items if i.name != LEFT_OUT_METER))
            if lie is Lie.MADE_UP and isinstance(message, Held):
                made_up = Item(LEFT_OUT_METER, 1, bytes(32))
                items = sorted((*message.items, made_up), key=lambda item: item.sort_key)
                message = replace(message, items=tuple(items))
            return await really(current, kind, message)

        return say

    def _recording(self, really: Callable[..., Any]) -> Callable[..., Any]:
        async def record(current: Round) -> Record:
            honest: Record = await really(current)
            if self.lie(current.start) is not Lie.FORGED_RECORD:
                return honest
            return replace(honest, outcomes=tuple(self._forged(each) for each in honest.outcomes))

        return record

    def _forged(self, signed: Signed[Outcome]) -> Signed[Outcome]:
        content = signed.message.content
        assert isinstance(content, Result)
        message = replace(signed.message, content=replace(content, price_word=content.price_word + 1))
        if message.party == self._home.number:
            return sign(message, self.key(message.period.start))
        return replace(signed, message=message)

    # --- what it tells the others, each for itself

    def _asked(self, really: Callable[..., int]) -> Callable[..., int]:
        def peer(api: ControlApi, request: Any) -> int:
            found = really(api, request)
            self._asking.set(found)
            return found

        return peer

    def _telling(self, really: Callable[..., Any]) -> Callable[..., Any]:
        async def own(board: Board, start: int, kind: Kind) -> bytes | None:
            data: bytes | None = await really(board, start, kind)
            asking = self._asking.get()
            if data is None or asking is None:
                return data
            lie = self.lie(start)
            if lie is Lie.TWO_OUTCOMES and kind is Kind.OUTCOME and asking == max(self._others):
                return self._void(split_signed(Outcome, data).message)
            first = (start, asking) not in self._told
            if lie is Lie.ANOTHERS_NAME and kind is Kind.SET_SIGNATURE and first:
                self._told.add((start, asking))
                another = next(each for each in self._others if each != asking)
                message = split_signed(SetSignature, data).message
                return sign(replace(message, party=another), self.key(start)).encode()
            return data

        return own

    @property
    def _others(self) -> list[int]:
        return [number for number in range(len(self._home.market.parties)) if number != self._home.number]

    def _void(self, said: Outcome) -> bytes:
        void = replace(said, content=Void(VoidReason.NOT_COMPUTED))
        return sign(void, self.key(said.period.start)).encode()


if __name__ == "__main__":
    Liar(Path(sys.argv[1])).install()
    party.main()
