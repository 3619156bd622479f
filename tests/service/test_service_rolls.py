"""The roll at a party: read from its file, stored, and unpacked again."""

import threading

import pytest

from mpc_market.wire.roll import Roll, sign_roll
from mpc_market.wire.signing import SigningKey
from parties.ledger import LedgerError
from parties.service.rolls import Rolls
from tests.service.service_running import asynchronous

MARKET = "oak-street"


class Shelf:
    """A ledger that holds rolls, and fails as often as it is told to."""

    def __init__(self, failures: int = 0):
        self.rolls: dict[int, bytes] = {}
        self.failures = failures

    async def put_roll(self, market: str, version: int, data: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise LedgerError("it is away")
        self.rolls[version] = data

    async def roll(self, market: str, version: int) -> bytes | None:
        return self.rolls.get(version)


@asynchronous
async def test_a_roll_that_could_not_be_stored_is_read_again(tmp_path):
    registrar, path, ledger = SigningKey.generate(), tmp_path / "roll.bin", Shelf(failures=1)
    path.write_bytes(sign_roll(Roll(MARKET, 7, (), ()), registrar))
    rolls = Rolls(ledger, MARKET, registrar.public)
    with pytest.raises(LedgerError):
        await rolls.look(path)
    await rolls.look(path)
    assert list(ledger.rolls) == [7]
    ledger.failures = 1
    await rolls.look(path)  # it is not read a third time


@asynchronous
async def test_a_roll_is_unpacked_beside_the_event_loop(monkeypatch):
    """One of many meters takes long, and the first bill of a month needs many rolls."""
    registrar, ledger, threads = SigningKey.generate(), Shelf(), []
    ledger.rolls[7] = sign_roll(Roll(MARKET, 7, (), ()), registrar)
    decode = Roll.decode

    def noted(data: bytes) -> Roll:
        threads.append(threading.current_thread())
        return decode(data)

    monkeypatch.setattr(Roll, "decode", noted)
    assert (await Rolls(ledger, MARKET, registrar.public).version(7)).version == 7
    assert threads
    assert threading.main_thread() not in threads
