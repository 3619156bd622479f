"""The desk: one signed version after the other, whole files only, also when several change the roll at once."""

import os
import threading
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from mpc_market.errors import InputError, OutputError
from mpc_market.wire.errors import SignatureError, WireError
from mpc_market.wire.roll import Roll, read_roll, sign_roll
from mpc_market.wire.signing import SigningKey
from parties.files.problems import Problems
from parties.files.running import Supplier
from parties.registrar import changes, desk
from parties.registrar.changes import Candidate
from parties.registrar.home import RegistrarHome, make_registrar_home
from tests.registrar.registrar_home import entry, key, make_home, open_home, supplier, with_market


def add_supplier(home: RegistrarHome, name: str, number: int) -> Roll:
    return desk.change(home, lambda roll, noted: changes.add_suppliers(roll, [("x", supplier(name, number))], noted))


def enrol(home: RegistrarHome, meter: str, number: int) -> Roll:
    return desk.change(home, lambda roll, noted: changes.enrol(roll, [Candidate("x", entry(meter, number))], noted))


@pytest.fixture
def home(tmp_path: Path) -> RegistrarHome:
    made = make_home(tmp_path / "registrar")
    add_supplier(made, "green", 1)
    return made


def test_the_roll_is_signed_and_everybody_can_check_it(home: RegistrarHome) -> None:
    after = enrol(home, "m1", 1)
    assert after.version == 3
    assert read_roll(home.roll.read_bytes(), "oak-street", home.market.registrar) == after
    assert desk.current(open_home(home.path)) == after


def test_suppliers_of_the_market_file_are_on_it_from_the_beginning(tmp_path: Path) -> None:
    home = make_home(tmp_path / "registrar", begun=False)
    suppliers = (Supplier("green", key(1), key(2)), Supplier("blue", key(3), key(4)))
    roll = desk.begin(with_market(home, suppliers=suppliers))
    assert (roll.version, [row.supplier for row in roll.suppliers]) == (1, ["blue", "green"])


def test_a_roll_is_never_begun_again(home: RegistrarHome) -> None:
    before = home.roll.read_bytes()
    with pytest.raises(InputError, match="there is a roll already, and it is not begun again"):
        desk.begin(home)
    assert home.roll.read_bytes() == before


def test_a_lost_roll_is_not_made_up(home: RegistrarHome) -> None:
    home.roll.unlink()
    with pytest.raises(InputError, match="if it was lost, copy it back from a compute party"):
        enrol(home, "m1", 1)


def test_what_is_refused_changes_nothing(home: RegistrarHome) -> None:
    before = home.roll.read_bytes()
    with pytest.raises(InputError, match="no meter 'm9' is enrolled"):
        desk.change(home, lambda roll, noted: changes.remove(roll, ["m9"], noted))
    assert home.roll.read_bytes() == before


def test_a_roll_that_cannot_be_written(home: RegistrarHome, monkeypatch: pytest.MonkeyPatch) -> None:
    before = home.roll.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        enrol(home, "m1", 1)
    monkeypatch.undo()
    assert home.roll.read_bytes() == before
    assert enrol(home, "m1", 1).version == 3


def test_a_home_without_its_lock(home: RegistrarHome) -> None:
    (home.path / "lock").unlink()
    (home.path / "lock").mkdir()
    with pytest.raises(OutputError, match="lock cannot be opened: Is a directory"):
        enrol(home, "m1", 1)


@pytest.mark.parametrize("position", [0, 1, 13, 20, 40, 90, -65, -64, -1])
def test_a_changed_roll_is_noticed(home: RegistrarHome, position: int) -> None:
    enrol(home, "m1", 1)
    data = bytearray(home.roll.read_bytes())
    data[position] ^= 1
    home.roll.write_bytes(data)
    with pytest.raises(InputError, match="the signature of the roll does not verify"):
        desk.current(home)
    with pytest.raises(SignatureError):
        read_roll(bytes(data), "oak-street", home.market.registrar)


def test_rolls_that_are_none(home: RegistrarHome) -> None:
    good = desk.current(home)
    for data, message in (
        (b"", "0 bytes are too few"),
        (sign_roll(good, SigningKey.generate()), "does not verify"),
        (sign_roll(Roll("elm-street", 9, (), ()), home.key), "the roll of market elm-street, not oak-street"),
        (b"\x02" + bytes(40) + home.key.sign("roll", b"\x02" + bytes(40)), "version 2 of a message"),
    ):
        home.roll.write_bytes(data)
        with pytest.raises(InputError, match=message):
            desk.current(home)
        with pytest.raises(WireError):
            read_roll(data, "oak-street", home.market.registrar)
    home.roll.unlink()
    home.roll.mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        desk.current(home)


def test_a_home_is_made_once(home: RegistrarHome) -> None:
    with pytest.raises(OutputError, match="keys are never replaced"):
        make_registrar_home(home.path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("registrar.toml", "market = 'market.toml'\n", ":1: roll is missing in this file"),
        ("registrar.toml", "market = 1\nroll = 'r'\n", ":1: market = 1: the path of a file"),
        ("registrar.toml", "market = 'none.toml'\nroll = 'r'\n", "none.toml: no such file"),
        ("registrar.key", "00\n", "not a key of 64 hexadecimal digits"),
        ("registrar.key", "00" * 32, "the market file names another registrar"),
        ("market.toml", "[market]\n", "id is missing in [market]"),
    ],
)
def test_homes_of_registrars_that_are_not_in_order(home: RegistrarHome, name: str, content: str, message: str) -> None:
    (home.path / name).write_text(content)
    with pytest.raises(InputError) as error:
        open_home(home.path)
    assert any(message in problem for problem in error.value.problems)


def test_the_key_is_shown_by_nothing(home: RegistrarHome) -> None:
    assert home.key.seed().hex() not in repr(home)


# --- several at once --------------------------------------------------------------------------------------

CHANGES_EACH = 20


def _enrol_some(path: Path, first: int, begin: Barrier) -> None:
    """One of several processes."""
    home = open_home(path)
    begin.wait(60)
    for number in range(first, first + CHANGES_EACH):
        enrol(home, f"m{number}", number)


def test_a_change_waits_for_the_one_before(home: RegistrarHome) -> None:
    """Whoever holds the lock has the roll to itself."""
    versions: list[int] = []
    second = threading.Thread(target=lambda: versions.append(enrol(home, "m2", 2).version))

    def first(roll: Roll, noted: Problems) -> Roll | None:
        second.start()
        second.join(0.5)  # it has all the time it needs, and may not use it
        assert versions == []
        return changes.enrol(roll, [Candidate("x", entry("m1", 1))], noted)

    assert desk.change(home, first).version == 3
    second.join()
    assert versions == [4]


def test_no_change_is_lost_and_no_version_is_signed_twice(home: RegistrarHome) -> None:
    """Three processes change the roll; meanwhile somebody reads it again and again."""
    readings: set[bytes] = set()
    end = threading.Event()

    def watch() -> None:
        while not end.is_set():
            readings.add(home.roll.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    spawn = get_context("spawn")
    begin = spawn.Barrier(3)
    workers = [spawn.Process(target=_enrol_some, args=(home.path, 100 * i, begin)) for i in (1, 2, 3)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
    finally:
        end.set()
        watcher.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    rolls = [read_roll(data, "oak-street", home.market.registrar) for data in readings]  # each of them whole
    assert len({roll.version for roll in rolls}) == len(rolls) > 1
    roll = desk.current(home)
    assert roll.version == 2 + 3 * CHANGES_EACH
    assert len(roll.entries) == 3 * CHANGES_EACH
