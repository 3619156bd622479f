"""Disks that are small, full or slow, and files that no cache holds: real ones, as far as this machine permits it."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SHIM = Path(__file__).with_name("slow_fsync.c")
_PIECE = 2**20


class NotHereError(Exception):
    """This machine does not permit it, or lacks what it takes; the text says what."""


@contextmanager
def small_disk(home: Path, megabytes: int = 400) -> Iterator[None]:
    """Put a home on a file system of its own (a tmpfs), of this many megabytes. Raises: NotHereError."""
    kept = home.with_name(f"{home.name}-kept")
    shutil.copytree(home, kept, copy_function=shutil.copy2)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "none", str(home)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError:
        raise NotHereError("there is no mount") from None
    if mounted.returncode:
        raise NotHereError(f"a tmpfs cannot be mounted: {mounted.stderr.strip()[:200]}")
    try:
        shutil.copytree(kept, home, copy_function=shutil.copy2, dirs_exist_ok=True)
        yield
    finally:
        shutil.copytree(home, kept, copy_function=shutil.copy2, dirs_exist_ok=True)
        subprocess.run(["umount", "-l", str(home)], check=True)
        shutil.copytree(kept, home, copy_function=shutil.copy2, dirs_exist_ok=True)


@contextmanager
def full(home: Path) -> Iterator[None]:
    """Leave no byte free where that is."""
    ballast = home / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (_PIECE, 4096, 1):
            with suppress(OSError):  # there is no space left
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_longer_files(process: int, *files: Path) -> Iterator[None]:
    """Let a process make no file longer than the longest of these is now: without a disk of its own, so it is full."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    longest = max(path.stat().st_size for path in files)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (longest, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


class SlowDisk:
    """For a process whose every fsync really takes that much longer: `command` goes before its own."""

    def __init__(self, directory: Path, milliseconds: int) -> None:
        """Raises: NotHereError if there is no C compiler."""
        compiler, shim = shutil.which("cc") or shutil.which("gcc"), directory / "slow_fsync.so"
        if compiler is None:
            raise NotHereError("a slow fsync takes a C compiler")
        build = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(shim), str(_SHIM), "-ldl"]
        subprocess.run(build, check=True, capture_output=True)
        self._notes = directory / "slow-fsyncs"
        settings = {"LD_PRELOAD": shim, "SLOW_FSYNC_MS": milliseconds, "SLOW_FSYNC_NOTES": self._notes}
        self.command = ["env", *(f"{name}={value}" for name, value in settings.items())]

    @property
    def delayed(self) -> int:
        """How many were."""
        return self._notes.stat().st_size if self._notes.exists() else 0


def forget_cached(folder: Path) -> None:
    """Have the files in a folder in no cache: whoever reads them next, reads them from the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)
