"""The public market file from what its parties tell of themselves: nobody needs to hold the keys of two of them."""

from collections.abc import Sequence

from mpc_market.wire.committee import PARTIES
from parties.files.market import MarketFile
from parties.files.problems import Problems
from parties.files.running import Party, RunningMarket, Service, Supplier
from parties.files.running_toml import running_market, running_text
from parties.files.toml import parse_document

NAME = "the market file"


def join(
    settings: MarketFile,
    service: Service,
    registrar: bytes,
    parties: Sequence[Party],
    suppliers: Sequence[Supplier],
    problems: Problems,
) -> RunningMarket | None:
    """A market of these parties, numbered in this sequence; None if there is any problem.

    `registrar`: its public key.
    """
    if len(parties) not in PARTIES:
        problems.add("init", f"{len(parties)} compute parties: a market has {', '.join(map(str, PARTIES))}")
        return None
    return checked(RunningMarket(settings, service, registrar, tuple(parties), tuple(suppliers)), NAME, problems)


def checked(market: RunningMarket, name: str, problems: Problems) -> RunningMarket | None:
    """The market, if its file can be read back, so that all that the reader checks holds. `name`: for messages."""
    document = parse_document(name, running_text(market), problems)
    return None if document is None else running_market(document, problems)
