"""The home of an arbiter: a home of keys (`files.key_home`) whose `arbiter.toml` is what it hands out, as it stands.

name and public keys
"""

from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.dispute import Arbiter, DisputeRequest
from mpc_market.wire.errors import WireError
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.disputes import arbiter_text, read_arbiter
from parties.files.key_home import fresh_keys, is_key_home, read_keys, write_key_home
from parties.files.problems import Problems
from parties.files.running import RunningMarket

SETTINGS = "arbiter.toml"


@dataclass(frozen=True, slots=True)
class ArbiterHome:
    """An arbiter's home, opened."""

    public: Arbiter
    identity: SigningKey = field(repr=False)
    sealing: SealingKey = field(repr=False)


def make_arbiter_home(path: Path, name: str) -> ArbiterHome:
    """Make a home with fresh keys.

    Raises: InvalidSettingsError if the name is none; OutputError if there is a directory already: keys are never
    replaced.
    """
    keys = fresh_keys()
    try:
        home = ArbiterHome(Arbiter(name, keys.identity.public, keys.sealing.public), keys.identity, keys.sealing)
    except WireError as error:
        raise InvalidSettingsError(str(error)) from None
    write_key_home(path, SETTINGS, keys, arbiter_text(home.public))
    return home


def read_arbiter_home(path: Path, problems: Problems) -> ArbiterHome | None:
    """Read a home; None if there is any problem."""
    if not is_key_home(path, SETTINGS, problems):
        return None
    public, keys = read_arbiter(str(path / SETTINGS), problems), read_keys(path, problems)
    if public is None or keys is None:
        return None
    home = ArbiterHome(public, keys.identity, keys.sealing)
    if (home.identity.public, home.sealing.public) != (public.identity_key, public.sealing_key):
        problems.add(str(path / SETTINGS), "its keys are not those of this home")
        return None
    return home


def check_asked(asked: DisputeRequest, running: RunningMarket, home: ArbiterHome) -> str:
    """Why a request is none that this arbiter can decide, or nothing."""
    if asked.market != running.id:
        return f"the dispute is in market {asked.market}, not {running.id}"
    if asked.arbiter != home.public:
        return "the dispute names another arbiter, or other keys than those of this home"
    return ""
