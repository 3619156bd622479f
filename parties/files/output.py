"""Output files that appear whole and together, or not at all.

They are private, mode 0600: what a command writes shows orders, readings or amounts, unless it says that it does not.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

from mpc_market.errors import OutputError
from parties.files.private import FILE_MODE
from parties.files.problems import Problems, printable

PUBLIC_MODE = 0o644


def check_output(path: str, problems: Problems) -> None:
    """Find out whether `path` can be written later, by making and removing a file beside it."""
    try:
        target = _target(path)
        probe = _beside(target)
        with open(probe, "x"):
            os.unlink(probe)
    except FileNotFoundError:
        problems.add(path, "there is no such directory: make it first")
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        problems.add(path, f"cannot be written: {getattr(error, 'strerror', None) or error}")


def check_outputs(files: Mapping[str, str | None], inputs: Iterable[str | None], problems: Problems) -> None:
    """Whether each can be written, replaces nothing that the command reads, and no two are one. `files`: by option.

    `inputs`: files and directories. Nothing is written into a directory that is read: a home holds keys, which no
    command ever replaces.
    """
    read = [path for path in inputs if path is not None]
    named = [(option, path) for option, path in files.items() if path is not None]
    for i, (option, path) in enumerate(named):
        if any(same_file(path, other) for other in read):
            problems.add(option, f"{printable(path, 200)} is an input file: give the output another name")
            continue
        if (home := next((each for each in read if _lies_in(path, each)), None)) is not None:
            problems.add(
                option,
                f"{printable(path, 200)} lies in {printable(home, 200)}, which is only read: keys are never replaced; "
                "write it to another directory",
            )
            continue
        check_output(path, problems)
        for other, earlier in named[:i]:
            if same_file(path, earlier):
                problems.add(option, f"is the same file as {other}: give it another name")


def check_folder(option: str, path: str, inputs: Iterable[str], problems: Problems) -> None:
    """Whether files can be saved in a directory, which need not be there: it is no home and lies in none, be it one
    that the command reads or any other.
    """
    if "\0" in path:
        problems.add(option, "no path has a NUL byte")
        return
    homes = (str(each) for each in (Path(path), *Path(os.path.realpath(path)).parents) if _holds_keys(each))
    read = (each for each in inputs if not os.path.isfile(each) and (same_file(path, each) or _lies_in(path, each)))
    if (home := next(chain(read, homes), None)) is not None:
        problems.add(
            option,
            f"{printable(path, 200)} is or lies in {printable(home, 200)}, the home of somebody's keys, which stays "
            "private: name another directory",
        )
    elif os.path.exists(path) and not os.path.isdir(path):
        problems.add(option, f"{printable(path, 200)} is a file: name a directory")


def _holds_keys(directory: Path) -> bool:
    """Whether it is the home of a meter, supplier, grid operator or arbiter, of a party, or of a registrar."""
    return any(os.path.lexists(directory / key) for key in ("identity.key", "signing.key", "registrar.key"))


def same_file(path: str, other: str) -> bool:
    """Whether both paths lead to one file, or would once it exists."""
    return os.path.realpath(path) == os.path.realpath(other) or (
        os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)
    )


def _lies_in(path: str, directory: str) -> bool:
    """Whether `path`, links followed, lies anywhere below a directory; below a file nothing does."""
    if os.path.isfile(directory) or "\0" in path + directory:
        return False
    return any(same_file(str(above), directory) for above in Path(os.path.realpath(path)).parents)


def write_files(files: Mapping[str, Iterable[str | bytes]], *, public: bool = False) -> None:
    """Write all the files, each given by its pieces, text as UTF-8; what was there before is replaced.

    They are for their owner alone, whatever the umask and whatever was there. `public`: for everybody to read, unless
    the umask or the file that was there says otherwise.
    Raises: OutputError if one cannot be written; then none is, and what was there before is there again.
    """
    with ExitStack() as cleanup, ExitStack() as undo:
        ready: list[tuple[str, Path, Path]] = []
        for path, pieces in files.items():
            with _naming(path):
                target = _target(path)
                new = _beside(target)
                cleanup.callback(new.unlink, missing_ok=True)
                _write(new, target, pieces, public)
                ready.append((path, new, target))
        for path, new, target in ready:
            with _naming(path):
                old = _beside(target)
                cleanup.callback(old.unlink, missing_ok=True)
                _keep(target, old)
                undo.callback(_restore, target, old)
                os.replace(new, target)
        undo.pop_all()


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path} could not be written: {reason}; no output was written") from error


def _target(path: str) -> Path:
    """The file that `path` leads to, links followed. Raises: OSError if it cannot be one that is replaced."""
    target = Path(os.path.realpath(path))
    if not path or path.endswith(os.sep):
        raise IsADirectoryError(0, "it names a directory, not a file")
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is a directory, not a file" if stat.S_ISDIR(mode) else "it is not a regular file")
    if not os.access(target, os.W_OK):
        raise PermissionError(0, "permission denied")
    return target


def _beside(target: Path) -> Path:
    """A fresh name in the directory of `target`, short whatever the target's is."""
    return target.with_name(f".mpc-market-{secrets.token_hex(8)}.tmp")


def _write(new: Path, target: Path, pieces: Iterable[str | bytes], public: bool) -> None:
    # Nobody but the owner can write to it, whatever the umask.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PUBLIC_MODE if public else FILE_MODE)
    with open(descriptor, "wb") as file:
        if not public:
            os.fchmod(descriptor, FILE_MODE)  # a umask may take it from the owner, too
        elif target.exists():
            shutil.copymode(target, new)
        file.writelines(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
        file.flush()
        os.fsync(file.fileno())


def _keep(target: Path, old: Path) -> None:
    """Give what is there now a second name, or where there are no links a copy, to put it back from."""
    try:
        os.link(target, old)
    except FileNotFoundError:
        pass
    except OSError:
        os.close(os.open(old, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))  # private before anything is in it
        shutil.copy2(target, old)


def _restore(target: Path, old: Path) -> None:
    if old.exists():
        os.replace(old, target)
    else:
        target.unlink(missing_ok=True)
