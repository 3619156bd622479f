"""One change of the roll after the other: read, change, sign, put in its place. What is read is whole, always.

Compute parties read the file again whenever it changes. A version is signed once: two different rolls of one version
would be refused by them, so the roll is never begun again, and two changes never happen at once.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mpc_market.errors import InputError, OutputError
from mpc_market.wire.errors import WireError
from mpc_market.wire.roll import Roll, RollSupplier, read_roll, sign_roll
from parties.files.private import replace
from parties.files.problems import Problems
from parties.registrar.changes import first_roll
from parties.registrar.home import LOCK, RegistrarHome

Change = Callable[[Roll, Problems], Roll | None]
"""A function of `changes`, its own arguments given."""


def begin(home: RegistrarHome) -> Roll:
    """Version 1 of the roll, with the suppliers of the market file, and no meter.

    Raises: InputError if there is a roll already; OutputError.
    """
    suppliers = (RollSupplier(each.id, each.identity_key, each.sealing_key) for each in home.market.suppliers)
    with _locked(home):
        if home.roll.exists():
            raise InputError((f"{home.roll}: there is a roll already, and it is not begun again",))
        return _write(home, first_roll(home.market.id, suppliers))


def current(home: RegistrarHome) -> Roll:
    """The roll as it is now, its signature checked. Raises: InputError."""
    try:
        return read_roll(home.roll.read_bytes(), home.market.id, home.key.public)
    except FileNotFoundError:
        reason = (
            "there is no roll: `mpc-market registrar begin` makes the first one; if it was lost, copy it back from a "
            "compute party, since no version may ever be signed twice"
        )
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except WireError as error:
        reason = str(error)
    raise InputError((f"{home.roll}: {reason}",))


def change(home: RegistrarHome, make: Change) -> Roll:
    """Apply a change and publish the version that it gives. Raises: InputError if it is refused; OutputError."""
    problems = Problems()
    with _locked(home):
        before = current(home)
        after = make(before, problems)
        problems.check()
        assert after is not None, "no roll, and no reason why not"
        assert after.version == before.version + 1
        return _write(home, after)


def _write(home: RegistrarHome, roll: Roll) -> Roll:
    replace(home.roll, sign_roll(roll, home.key))
    return roll


@contextmanager
def _locked(home: RegistrarHome) -> Iterator[None]:
    """Nobody else changes the roll meanwhile; a second one waits."""
    path: Path = home.path / LOCK
    try:
        file = open(path, "ab")  # noqa: SIM115  (closed below, which ends the lock)
    except OSError as error:
        raise OutputError(f"{path} cannot be opened: {error.strerror}") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
