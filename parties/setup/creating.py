"""A whole market directory at once: for a market on one machine, or to hand each party its part.

    DIR/market.toml      public
    DIR/roll.bin         the roll, signed by the registrar: for the parties
    DIR/registrar/       0700, the registrar's home
    DIR/party-0/ …       0700, the parties' homes

Whoever runs this has held all keys. Where parties are not to trust one, each makes its own (`keygen`) and they join.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mpc_market.errors import OutputError
from parties.files.market import MarketFile
from parties.files.output import write_files
from parties.files.problems import Problems
from parties.files.running import Party, RunningMarket, Service, Supplier
from parties.files.running_toml import running_text
from parties.registrar.desk import begin
from parties.registrar.home import make_registrar_home, read_registrar_home
from parties.setup.addresses import Addresses
from parties.setup.joining import join
from parties.setup.keygen import make_party_home

MARKET, ROLL, REGISTRAR = "market.toml", "roll.bin", "registrar"


def party_folder(number: int) -> str:
    """The name of a party's home in the market directory."""
    return f"party-{number}"


def create_market(
    directory: Path,
    settings: MarketFile,
    service: Service,
    places: Sequence[tuple[str, Addresses]],
    suppliers: Sequence[Supplier] = (),
) -> RunningMarket:
    """Make all keys and files. `places`: name and addresses of each party.

    Raises: InputError; OutputError; then there is no directory.
    """
    with _growing(directory) as grown:
        parties = [
            make_party_home(grown / party_folder(number), name, addresses, f"../{MARKET}", f"../{ROLL}")
            for number, (name, addresses) in enumerate(places)
        ]
        return _finish(grown, settings, service, parties, suppliers, None)


def join_market(
    directory: Path,
    settings: MarketFile,
    service: Service,
    parties: Sequence[Party],
    suppliers: Sequence[Supplier] = (),
    registrar: bytes | None = None,
) -> RunningMarket:
    """Put the market file together from introductions.

    `registrar`: the public key of one that has its home already; without it, a home is made too.
    Raises: InputError; OutputError; then there is no directory.
    """
    with _growing(directory) as grown:
        return _finish(grown, settings, service, parties, suppliers, registrar)


def _finish(
    grown: Path,
    settings: MarketFile,
    service: Service,
    parties: Sequence[Party],
    suppliers: Sequence[Supplier],
    registrar: bytes | None,
) -> RunningMarket:
    problems = Problems()
    own = registrar is None
    if registrar is None:
        registrar = make_registrar_home(grown / REGISTRAR, f"../{MARKET}", f"../{ROLL}")
    market = join(settings, service, registrar, parties, suppliers, problems)
    problems.check()
    assert market is not None
    write_files({str(grown / MARKET): [running_text(market)]}, public=True)
    if own:
        home = read_registrar_home(grown / REGISTRAR, problems)
        problems.check()
        assert home is not None
        begin(home)
    return market


@contextmanager
def _growing(directory: Path) -> Iterator[Path]:
    """A directory that appears under its name when it is finished, or not at all. Raises: OutputError."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise OutputError(f"{directory} is there already, and is not empty: nothing was written")
    grown = directory.absolute().with_name(f".mpc-market-{secrets.token_hex(8)}.tmp")
    try:
        grown.parent.mkdir(parents=True, exist_ok=True)
        grown.mkdir(mode=0o755)  # read by all, if the umask allows; written to by the owner alone
        yield grown
        os.replace(grown, directory)
    except OSError as error:
        raise OutputError(f"{directory} could not be made: {error.strerror}") from None
    finally:
        shutil.rmtree(grown, ignore_errors=True)
