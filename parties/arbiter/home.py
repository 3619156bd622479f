"""The home of an arbiter: a private directory.

HOME/               0700
  arbiter.toml      0600   name and public keys: what it hands out, as it stands
  identity.key      0600   secret Ed25519 seed: signs its claims
  sealing.key       0600   secret X25519 key: opens what the parties disclose
"""

from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.dispute import Arbiter, DisputeRequest
from mpc_market.wire.errors import WireError
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.disputes import arbiter_text, read_arbiter
from parties.files.private import check_directory, key_text, make_directory, read_key, read_private, write_new
from parties.files.problems import Problems
from parties.files.running import RunningMarket

SETTINGS, IDENTITY, SEALING = "arbiter.toml", "identity.key", "sealing.key"


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
    identity, sealing = SigningKey.generate(), SealingKey.generate()
    try:
        home = ArbiterHome(Arbiter(name, identity.public, sealing.public), identity, sealing)
    except WireError as error:
        raise InvalidSettingsError(str(error)) from None
    make_directory(path)
    write_new(path / IDENTITY, key_text(identity.seed()))
    write_new(path / SEALING, key_text(sealing.secret()))
    # last: a home without it was not finished
    write_new(path / SETTINGS, arbiter_text(home.public).encode())
    return home


def read_arbiter_home(path: Path, problems: Problems) -> ArbiterHome | None:
    """Read a home; None if there is any problem."""
    if not check_directory(path, problems) or read_private(path / SETTINGS, problems) is None:
        return None
    public = read_arbiter(str(path / SETTINGS), problems)
    identity, sealing = read_key(path / IDENTITY, problems), read_key(path / SEALING, problems)
    if public is None or identity is None or sealing is None:
        return None
    home = ArbiterHome(public, SigningKey(identity), SealingKey(sealing))
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
