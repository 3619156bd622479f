"""`mpc-market party keygen`, `rotate`, `adopt`: the keys of a compute party, made on its own host."""

import time
from pathlib import Path
from typing import Annotated

import typer

from parties.cli.exits import exit_codes
from parties.files.problems import Problems, printable

Home = Annotated[Path, typer.Option("--home", metavar="DIR", show_default=False, help="The party's home, 0700.")]


Address = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT",
        show_default=False,
        help="Where its public API will be; the next 46 ports are its own too.",
    ),
]
Name = Annotated[str | None, typer.Option(help="For people.  [default: the host]")]
MarketPath = Annotated[
    str, typer.Option("--market", metavar="MARKET.toml", help="Where the market file will be; relative to DIR.")
]
RollPath = Annotated[str, typer.Option("--roll", metavar="FILE", help="Where the roll will be; relative to DIR.")]
Api = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Where others find its public API.  [default: --address]")
]
Control = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Where the other parties find it.  [default: the next port]")
]
MpcHost = Annotated[str | None, typer.Option(metavar="HOST", help="Where they compute with it.  [default: the host]")]
MpcPorts = Annotated[
    str | None,
    typer.Option(metavar="FIRST-LAST", help="Four for each worker.  [default: from the 7th after --address, 40]"),
]


@exit_codes()
def keygen(
    home: Home,
    address: Address,
    name: Name = None,
    market: MarketPath = "market.toml",
    roll: RollPath = "roll.bin",
    *,
    api: Api = None,
    control: Control = None,
    mpc_host: MpcHost = None,
    mpc_ports: MpcPorts = None,
) -> None:
    """Make the home of a compute party on its own host: fresh keys, and an introduction for the market file.

    Where the party listens, and the database, can be changed in DIR/party.toml, before the party runs. Where others
    find it is in the introduction, which is signed: say here what is different, behind a proxy say. The introduction,
    DIR/introduction.toml, holds no secret: hand it to whoever runs `mpc-market init --join`, and compare the
    fingerprint that is printed here with the one in the market file.

    \b
    Example:
      mpc-market party keygen --home /var/lib/mpc-market/home --address a.example:8443

    Exit code: 0 made; 1 there is a directory already, or it cannot be made; 2 bad input.
    """
    from mpc_market.errors import InvalidSettingsError  # noqa: PLC0415
    from parties.files import values  # noqa: PLC0415
    from parties.setup.addresses import addresses_from, found_at  # noqa: PLC0415
    from parties.setup.keygen import INTRODUCTION, make_party_home  # noqa: PLC0415

    problems, addresses = Problems(), None
    try:
        addresses = addresses_from(values.address(address))
        told = {"api": api, "control": control, "mpc_host": mpc_host, "mpc_ports": mpc_ports}
        addresses = found_at(addresses, told, problems)
    except InvalidSettingsError as error:
        problems.add("--address", f"'{printable(address)}': {error}")
    try:
        named = values.name(address.rpartition(":")[0] if name is None else name)
    except InvalidSettingsError as error:
        problems.add("--name", str(error))
    problems.check()
    assert addresses is not None
    party = make_party_home(home, named, addresses, market, roll)
    (keys,) = party.keys
    typer.echo(f"{home / INTRODUCTION}: introduces {printable(party.name, 64)}, {party.api}")
    typer.echo(f"  signing key {keys.signing_key.hex()}")
    typer.echo(f"  certificate {keys.fingerprint}")


@exit_codes()
def rotate(
    home: Home,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="UTC", help="When the new keys come into use.  [default: midnight UTC, at least a day away]"
        ),
    ] = None,
) -> None:
    """Make the next keys of a running party, and the announcement of them. The market does not stop.

    Hand the announcement to everyone who has a market file, in time: they run `mpc-market party adopt`. From the given
    moment on the party signs (rounds of periods that start then) and shows itself with the new keys; its old
    certificate is accepted for another 30 days. Run it as the user whom the home belongs to.

    \b
    Example:
      mpc-market party rotate --home /var/lib/mpc-market/home --since 2026-12-01T00:00:00Z

    Exit code: 0 made; 1 they cannot be made; 2 bad input.
    """
    from mpc_market.errors import InvalidSettingsError  # noqa: PLC0415
    from parties.files.party_home import read_party_homes  # noqa: PLC0415
    from parties.files.private import check_owner  # noqa: PLC0415
    from parties.files.values import moment_of, moment_text  # noqa: PLC0415
    from parties.setup.rotation import next_midnight, read_announcement  # noqa: PLC0415
    from parties.setup.rotation import rotate as make_next_keys  # noqa: PLC0415

    problems, now = Problems(), int(time.time())
    moment = next_midnight(now)
    try:
        moment = moment if since is None else moment_of(since)
    except InvalidSettingsError as error:
        problems.add("--since", f"'{printable(since or '')}': {error}")
    homes = read_party_homes(home, now, problems)
    if homes:
        check_owner(homes[0].path, problems)
    problems.check()
    opened = homes[0]
    path = make_next_keys(opened, moment, now, homes[1:])
    announced = read_announcement(str(path), problems)
    assert announced is not None
    typer.echo(f"{path}: announces keys of {printable(opened.party.name, 64)} from {moment_text(moment)} on")
    typer.echo(f"  signing key {announced.keys.signing_key.hex()}")
    typer.echo(f"  certificate {announced.keys.fingerprint}")
    for each in homes[1:]:
        typer.echo(f"  for market {each.market.id}: announcement-{each.market.id}.toml beside it")
    typer.echo("next, at everyone who has a market file, this party too: mpc-market party adopt")


@exit_codes()
def adopt(
    announcements: Annotated[
        list[Path], typer.Argument(metavar="FILE…", show_default=False, help="What `party rotate` wrote.")
    ],
    *,
    market: Annotated[
        Path, typer.Option("--market", metavar="MARKET.toml", show_default=False, help="The market file to change.")
    ],
) -> None:
    """Put a party's announced keys into a market file, which is written anew. Adopting twice does no harm.

    The announcement is believed for its signature with the key that the party has in the market file until now. Running
    parties and meters read a changed market file by themselves.

    \b
    Example:
      mpc-market party adopt announcement.toml --market market.toml

    Exit code: 0 adopted; 1 the file cannot be written; 2 bad input: nothing is changed.
    """
    from parties.files.values import moment_text  # noqa: PLC0415
    from parties.setup.rotation import adopt_into  # noqa: PLC0415

    problems = Problems()
    adopted = adopt_into(str(market), [str(path) for path in announcements], problems)
    problems.check()
    assert adopted is not None
    for number, party in enumerate(adopted.parties):
        since = [moment_text(keys.since) for keys in party.keys[1:]]
        typer.echo(f"party {number}: {printable(party.name, 64)}, new keys {', '.join(since) or 'none'}")
