"""Output files appear whole and together, or not at all."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpc_market.errors import OutputError
from parties.files.output import check_output, same_file, write_files
from parties.files.problems import Problems


def checked(path: str | Path) -> list[str]:
    problems = Problems()
    check_output(str(path), problems)
    return problems.shown


def breaking() -> Iterator[str]:
    yield "half"
    raise KeyboardInterrupt


def test_files_are_written_verbatim_and_nothing_else_stays(tmp_path: Path) -> None:
    a, b, c = tmp_path / "a.csv", tmp_path / "b.json", tmp_path / "c.png"
    write_files({str(a): iter(["é\r\n", "x\n"]), str(b): ["{}\n"], str(c): [b"\x89\r\n"]})
    assert a.read_bytes() == b"\xc3\xa9\r\nx\n"
    assert b.read_text() == "{}\n"
    assert c.read_bytes() == b"\x89\r\n"
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "b.json", "c.png"]


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("old")
    assert checked(tmp_path / "new.csv") == []
    assert checked(tmp_path / "old.csv") == []
    assert os.listdir(tmp_path) == ["old.csv"]
    assert (tmp_path / "old.csv").read_text() == "old"


def test_what_cannot_be_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "file").write_text("")
    for path, reason in (
        (tmp_path, "it is a directory, not a file"),
        (f"{tmp_path}/new/", "it names a directory, not a file"),
        ("", "it names a directory, not a file"),
        (tmp_path / "no" / "x.csv", "there is no such directory"),
        (tmp_path / "file" / "x.csv", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "fifo", "it is not a regular file"),
        (tmp_path / "loop", "symbolic links"),
        ("/dev/null", "it is not a regular file"),
        ("/proc/x.csv", ""),
        (f"{tmp_path}/x\0.csv", "null"),
    ):
        problems = checked(path)
        assert len(problems) == 1, path
        assert reason in problems[0]
        with pytest.raises((OutputError, ValueError)):
            write_files({str(path): ["x"]})
    assert sorted(os.listdir(tmp_path)) == ["fifo", "file", "loop"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_permissions(tmp_path: Path) -> None:
    (tmp_path / "read_only.csv").write_text("")
    (tmp_path / "read_only.csv").chmod(0o444)
    assert "ermission denied" in checked(tmp_path / "read_only.csv")[0]
    tmp_path.chmod(0o555)
    assert "ermission denied" in checked(tmp_path / "new.csv")[0]
    tmp_path.chmod(0o755)


@pytest.mark.parametrize("public", [True, False])
def test_a_link_is_followed_and_the_mode_of_a_public_file_kept(tmp_path: Path, *, public: bool) -> None:
    real = tmp_path / "there" / "real.csv"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    write_files({str(link): ["new"]}, public=public)
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == (0o640 if public else 0o600)


@pytest.mark.parametrize(
    ("umask", "public"), [(0, 0o644), (0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o277, 0o400)]
)
def test_files_are_private_whatever_the_umask(tmp_path: Path, umask: int, public: int) -> None:
    """While they are written, too."""
    modes = []

    def pieces() -> Iterator[str]:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
        yield "x"

    before = os.umask(umask)
    try:
        write_files({str(tmp_path / "new"): pieces()})
        write_files({str(tmp_path / "for-all"): ["x"]}, public=True)
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "for-all").stat().st_mode) == public


def test_a_failure_while_writing_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_files({str(tmp_path / "a"): ["new"], str(tmp_path / "b"): breaking()})
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("links", [True, False])
def test_a_failure_while_publishing_puts_the_first_file_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """The second rename fails: a file that was there is there again, one that was not is gone."""
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if target.name == "b":
            raise OSError(28, "No space left on device")
        replace(source, target)

    def no_link(source: Path, target: Path) -> None:
        source.stat()
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "replace", failing)
    if not links:
        monkeypatch.setattr(os, "link", no_link)
    for before in (["a"], []):
        for name in before:
            (tmp_path / name).write_text("old")
        with pytest.raises(OutputError, match="b could not be written: No space left on device; no output was written"):
            write_files({str(tmp_path / "a"): ["new"], str(tmp_path / "b"): ["new"]})
        assert os.listdir(tmp_path) == before
        for name in before:
            assert (tmp_path / name).read_text() == "old"
            (tmp_path / name).unlink()


def test_the_same_file_by_another_name(tmp_path: Path) -> None:
    a = tmp_path / "a"
    a.write_text("")
    (tmp_path / "soft").symlink_to(a)
    os.link(a, tmp_path / "hard")
    for other in ("a", "soft", "hard", "../" + tmp_path.name + "/a"):
        assert same_file(str(a), str(tmp_path / other))
    assert same_file(str(tmp_path / "new"), f"{tmp_path}/./new")
    assert not same_file(str(a), str(tmp_path / "new"))
