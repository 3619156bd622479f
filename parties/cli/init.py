"""`mpc-market init`: the files of a new market."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parties.cli.exits import exit_codes
from parties.files.problems import Problems, printable

if TYPE_CHECKING:
    from parties.files.running import Party, RunningMarket, Supplier
    from parties.setup.addresses import Addresses

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", show_default=False, help="The directory of the market; made, or empty.")
]
Introductions = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", show_default=False, help="With --join: the parties' introductions, number 0 first."),
]
PartiesOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT,…",
        show_default=False,
        help="3, 5 or 7 compute parties, by the address of their public API. Each takes the next 46 ports too.",
    ),
]
Join = Annotated[bool, typer.Option("--join", help="Put together what parties have made by `party keygen`.")]
Registrar = Annotated[
    str | None,
    typer.Option(
        metavar="HEX64", help="Public key of a registrar that has its home already. Without it: DIR/registrar."
    ),
]
Suppliers = Annotated[
    list[Path] | None,
    typer.Option(
        "--supplier", metavar="FILE", help="A supplier's [[supplier]] table, to be on the roll from the beginning."
    ),
]
Template = Annotated[
    str | None,
    typer.Option("--like", metavar="MARKET.toml", help="Take over the settings of another market's file."),
]
Id = Annotated[
    str | None, typer.Option("--id", help="The market's id: a-z, 0-9, '.', '_', '-'.  [default: DIR's name]")
]
Text = str | None


@exit_codes()
def init(
    directory: Directory,
    files: Introductions = None,
    *,
    parties: PartiesOption = None,
    join: Join = False,
    registrar: Registrar = None,
    supplier: Suppliers = None,
    like: Template = None,
    market_id: Id = None,
    currency: Annotated[Text, typer.Option(help="ISO 4217.  [default: EUR]")] = None,
    timezone: Annotated[Text, typer.Option(help="For billing months.  [default: Europe/Brussels]")] = None,
    price_tick: Annotated[Text, typer.Option(help="Smallest price step, currency per kWh.  [default: 0.0001]")] = None,
    price_min: Annotated[Text, typer.Option(help="Smallest price, currency per kWh.  [default: 0]")] = None,
    price_bits: Annotated[Text, typer.Option(help="2^bits prices, at most 20.  [default: 12]")] = None,
    lot: Annotated[Text, typer.Option(help="Smallest quantity, kWh.  [default: 0.001]")] = None,
    quantity_bits: Annotated[Text, typer.Option(help="Fewer than 2^bits lots, at most 24.  [default: 16]")] = None,
    period: Annotated[Text, typer.Option(help="Settlement period, ISO 8601.  [default: PT15M]")] = None,
    rationing: Annotated[Text, typer.Option(help="pro-rata or lottery.  [default: pro-rata]")] = None,
    orders_per_submission: Annotated[Text, typer.Option(help="At most 255.  [default: 1]")] = None,
    minimum_group: Annotated[Text, typer.Option(help="Totals are over at least this many users.  [default: 5]")] = None,
    gate_lead: Annotated[Text, typer.Option(help="Gate before period, ISO 8601.  [default: a third of it]")] = None,
    deadline: Annotated[Text, typer.Option(help="Results after gate, ISO 8601.  [default: 4/5 of gate lead]")] = None,
    retention: Annotated[Text, typer.Option(help="How long parties keep submissions.  [default: P90D]")] = None,
    billing: Annotated[Text, typer.Option(help="Settle, and bill by 'month' or ISO 8601.  [default: not]")] = None,
    reading_deadline: Annotated[Text, typer.Option(help="Readings after a period.  [default: P1D]")] = None,
    correction_deadline: Annotated[Text, typer.Option(help="Last readings after a month.  [default: P10D]")] = None,
    settle_within: Annotated[Text, typer.Option(help="Settled after a deadline, or void.  [default: P2D]")] = None,
) -> None:
    """Make the files of a new market: the public market.toml, and the private directories beside it.

    With --parties all keys are made here, one directory per party (0700): for a market on one machine, or to hand
    DIR/party-N, market.toml and roll.bin to each party. Whoever runs it has held all keys.

    With --join nobody holds two parties' keys: each party runs `mpc-market party keygen` on its own host and hands
    over the introduction that it writes; --join checks them and writes market.toml. Compare fingerprints over another
    channel.

    \b
    Examples:
      mpc-market init market --parties a.example:8443,b.example:8443,c.example:8443
      mpc-market init market --join a.toml b.toml c.toml --id oak-street --period PT5M
      mpc-market init test --parties 127.0.0.1:8443,127.0.0.2:8443,127.0.0.3:8443 --rationing lottery

    Exit code: 0 made; 1 it could not be written; 2 bad input; nothing is left behind then.
    """
    said = {
        **{"id": market_id, "currency": currency, "timezone": timezone, "price_tick": price_tick},
        **{"price_min": price_min, "price_bits": price_bits, "lot": lot, "quantity_bits": quantity_bits},
        **{"period": period, "rationing": rationing, "orders_per_submission": orders_per_submission},
        **{"minimum_group": minimum_group, "gate_lead": gate_lead, "deadline": deadline, "retention": retention},
        **{"billing": billing, "reading_deadline": reading_deadline, "settle_within": settle_within},
        "correction_deadline": correction_deadline,
    }
    _check_way(parties, join, files or [], registrar)
    market = _make(directory, files or [], parties, registrar, supplier or [], like, said)
    _tell(directory, market, join=join, own_registrar=registrar is None)


def _make(
    directory: Path,
    files: list[Path],
    parties: str | None,
    registrar: str | None,
    supplier_files: list[Path],
    like: str | None,
    said: dict[str, str | None],
) -> "RunningMarket":
    """Read what was given, and make the market: of `parties`, or where these are not given of introductions."""
    from parties.setup.creating import create_market, join_market  # noqa: PLC0415
    from parties.setup.introduction import introductions  # noqa: PLC0415
    from parties.setup.settings import new_settings  # noqa: PLC0415

    problems = Problems()
    settings = new_settings(directory, like, said, problems)
    suppliers = _suppliers(supplier_files, problems)
    places = [] if parties is None else _places(parties, problems)
    introduced = introductions(files, problems)
    problems.check()
    assert settings is not None
    if parties is not None:
        return create_market(directory, *settings, places, suppliers)
    key = None if registrar is None else bytes.fromhex(registrar)
    return join_market(directory, *settings, introduced, suppliers, key)


def _check_way(parties: str | None, join: bool, files: list[Path], registrar: str | None) -> None:
    """Either addresses or introductions, and what goes with each. Raises: InputError."""
    problems = Problems()
    if join == (parties is not None):
        problems.add("init", "say either --parties HOST:PORT,… or --join FILE…")
    elif files and not join:
        problems.add("init", "introductions are for --join; with --parties all keys are made here")
    elif join and not files:
        problems.add("--join", "name the introductions of all parties, as `mpc-market party keygen` wrote them")
    if registrar is not None:
        if not join:
            problems.add("--registrar", "goes with --join; with --parties the registrar's home is made here")
        if len(registrar) != 64 or not set(registrar.lower()) <= set("0123456789abcdef"):
            problems.add("--registrar", f"'{printable(registrar, 70)}' is not 64 hexadecimal digits")
    problems.check()


def _places(text: str, problems: Problems) -> list[tuple[str, "Addresses"]]:
    """Name and addresses of each party: its host, or host and port where several have one host."""
    from mpc_market.errors import InvalidSettingsError  # noqa: PLC0415
    from parties.files.values import address  # noqa: PLC0415
    from parties.setup.addresses import addresses_from  # noqa: PLC0415

    pieces = text.split(",")
    hosts = [piece.rpartition(":")[0] for piece in pieces]
    places = []
    for piece, host in zip(pieces, hosts, strict=True):
        try:
            addresses = addresses_from(address(piece))
            places.append((host if hosts.count(host) == 1 else piece, addresses))
        except InvalidSettingsError as error:
            problems.add("--parties", f"'{printable(piece)}': {error}")
    return places


def _suppliers(paths: list[Path], problems: Problems) -> list["Supplier"]:
    from parties.files.running_toml import read_suppliers  # noqa: PLC0415

    return [supplier for path in paths for supplier in read_suppliers(str(path), problems)]


def _tell(directory: Path, market: "RunningMarket", *, join: bool, own_registrar: bool) -> None:
    """What was made, and what comes next."""
    typer.echo(f"{directory}/market.toml: market {market.id}, for everyone who takes part")
    for number, party in enumerate(market.parties):
        where = "its own home" if join else f"{directory}/party-{number}"
        typer.echo(f"  party {number}: {printable(party.name, 64)}, {party.api}, {where}")
        typer.echo(f"    certificate {_newest(party)}")
    if own_registrar:
        typer.echo(f"{directory}/registrar: signs the roll {directory}/roll.bin; next: mpc-market registrar enrol")
    typer.echo("next, at each party: market.toml and roll.bin where its party.toml says, then mpc-market party run")


def _newest(party: "Party") -> str:
    return party.keys[-1].fingerprint or ""
