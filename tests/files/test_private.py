"""Private files: whose they are, that keys are never replaced, and that a file is never seen half written."""

import os
import stat
from pathlib import Path

import pytest

from mpc_market.errors import OutputError
from parties.files.private import (
    check_directory,
    key_text,
    make_directory,
    read_key,
    read_private,
    replace,
    write_new,
)
from parties.files.problems import Problems

KEY = bytes(range(32))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(path: Path) -> str:
    problems = Problems()
    assert read_key(path, problems) is None
    (problem,) = problems.shown
    assert KEY.hex()[:8] not in problem
    return problem.removeprefix(str(path))


def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_directory(tmp_path / "a" / "home")
        write_new(tmp_path / "a" / "home" / "key", key_text(KEY))
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a" / "home"), mode(tmp_path / "a" / "home" / "key")) == (0o700, 0o600)
    assert read_key(tmp_path / "a" / "home" / "key", Problems()) == KEY


def test_keys_are_never_replaced(tmp_path: Path) -> None:
    make_directory(tmp_path / "home")
    write_new(tmp_path / "key", b"old")
    with pytest.raises(OutputError, match="home could not be made: it is there already, and keys are never replaced"):
        make_directory(tmp_path / "home")
    with pytest.raises(OutputError, match="key could not be written: File exists"):
        write_new(tmp_path / "key", b"new")
    assert (tmp_path / "key").read_bytes() == b"old"


@pytest.mark.parametrize("right", [0o640, 0o604, 0o610, 0o602, 0o666])
def test_a_key_that_others_can_get_at_is_refused(tmp_path: Path, right: int) -> None:
    write_new(tmp_path / "key", key_text(KEY))
    (tmp_path / "key").chmod(right)
    assert f"others can get at it (mode {right:04o}): chmod 0600" in refused(tmp_path / "key")


def test_a_directory_that_others_can_get_at_is_refused(tmp_path: Path) -> None:
    make_directory(tmp_path / "home")
    assert check_directory(tmp_path / "home", Problems())
    (tmp_path / "home").chmod(0o750)
    problems = Problems()
    assert not check_directory(tmp_path / "home", problems)
    assert not check_directory(tmp_path / "none", problems)
    assert "chmod 0700" in problems.shown[0]
    assert "no such directory" in problems.shown[1]


NO_KEYS = [b"", b"\n", b"00" * 31, b"00" * 33, b"zz" * 32, KEY.hex().upper().encode(), KEY]


@pytest.mark.parametrize("content", NO_KEYS, ids=range(len(NO_KEYS)))
def test_what_is_no_key(tmp_path: Path, content: bytes) -> None:
    write_new(tmp_path / "key", content)
    assert refused(tmp_path / "key") == ": not a key of 64 hexadecimal digits"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert refused(tmp_path / "key") == ": no such file"
    (tmp_path / "key").mkdir(mode=0o700)
    assert refused(tmp_path / "key") == ": cannot be read: Is a directory"
    assert read_private(tmp_path, Problems()) is None


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "roll"
    replace(path, b"1")
    assert (path.read_bytes(), mode(path)) == (b"1", 0o600)
    path.chmod(0o644)
    replace(path, b"22")
    assert (path.read_bytes(), mode(path)) == (b"22", 0o644)
    assert os.listdir(tmp_path) == ["roll"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "roll"
    replace(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError, match="roll could not be written: No space left on device"):
        replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["roll"]


def test_a_file_in_a_directory_that_is_not_there(tmp_path: Path) -> None:
    for write in (replace, write_new):
        with pytest.raises(OutputError, match="No such file or directory"):
            write(tmp_path / "none" / "roll", b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user's")
def test_what_root_replaces_stays_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "market.toml"
    path.write_bytes(b"old")
    os.chown(path, 65534, 65534)
    replace(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid, path.read_bytes()) == (65534, 65534, b"new")
