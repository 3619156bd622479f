"""Private directories and files: keys and what stands beside them, for their owner's eyes only.

Directories are 0700 and files 0600. What others could read or change is refused: anyone who has the key of a party, a
registrar or a supplier acts in its name.
"""

import os
import pwd
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from mpc_market.errors import OutputError
from parties.files.problems import Problems

DIRECTORY_MODE, FILE_MODE = 0o700, 0o600


def make_directory(path: Path) -> None:
    """Make a private directory. Raises: OutputError if there is one, or it cannot be made."""
    try:
        path.mkdir(mode=DIRECTORY_MODE, parents=True)
        path.chmod(DIRECTORY_MODE)  # whatever the umask is
    except OSError as error:
        there = isinstance(error, FileExistsError)
        reason = "it is there already, and keys are never replaced: name another one" if there else error.strerror
        raise OutputError(f"{path} could not be made: {reason}") from None


def write_new(path: Path, data: bytes) -> None:
    """Write a private file that is not there yet, durably: keys are never replaced. Raises: OutputError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)  # whatever the umask is
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path.parent)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}") from None


def replace(path: Path, data: bytes) -> None:
    """Put a file in the place of another: whoever reads it finds the old one or the new one whole, also after a crash.

    It keeps the mode of the old one, and its owner if root replaces it; where there is none it is private.
    Raises: OutputError; then the old one is still there.
    """
    new = path.with_name(f".mpc-market-{secrets.token_hex(8)}.tmp")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            old = path.stat() if path.exists() else None
            os.fchmod(file.fileno(), FILE_MODE if old is None else stat.S_IMODE(old.st_mode))
            if old is not None and os.geteuid() == 0:
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise OutputError(f"{path} could not be written: {error.strerror}") from None


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises: OSError."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def check_directory(path: Path, problems: Problems) -> bool:
    """Whether it is a directory, and private; what is wrong is noted."""
    if not path.is_dir():
        problems.add(str(path), "no such directory")
        return False
    return _check_mode(path, problems)


def check_owner(path: Path, problems: Problems) -> bool:
    """Whether it belongs to whoever runs this, who is about to make files in it; if it does not, that is noted.

    What root makes in a home that is another user's is root's, and that user's service could not read it.
    """
    owner = path.stat().st_uid
    if owner == os.geteuid():
        return True
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    reason = f"it belongs to user {name}, who could not read what is made here"
    problems.add(str(path), f"{reason}: run this as sudo -u '{name}'")
    return False


def read_private(path: Path, problems: Problems) -> bytes | None:
    """The bytes of a private file; None if it cannot be had, or others can get at it."""
    try:
        if not _check_mode(path, problems):
            return None
        return path.read_bytes()
    except FileNotFoundError:
        problems.add(str(path), "no such file")
    except OSError as error:
        problems.add(str(path), f"cannot be read: {error.strerror}")
    return None


def key_text(secret: bytes) -> bytes:
    """A key of 32 bytes as it stands in its file: 64 hexadecimal digits and a line end."""
    return secret.hex().encode("ascii") + b"\n"


def read_key(path: Path, problems: Problems) -> bytes | None:
    """The 32 bytes of a key file; None if there is any problem."""
    data = read_private(path, problems)
    if data is None:
        return None
    if re.fullmatch(rb"[0-9a-f]{64}\r?\n?", data) is None:
        problems.add(str(path), "not a key of 64 hexadecimal digits")
        return None
    return bytes.fromhex(data.decode("ascii"))


def _check_mode(path: Path, problems: Problems) -> bool:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        right = DIRECTORY_MODE if path.is_dir() else FILE_MODE
        problems.add(str(path), f"others can get at it (mode {mode:04o}): chmod {right:04o}, and think about new keys")
        return False
    return True
