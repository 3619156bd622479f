"""`mpc-market registrar …`: who is enrolled."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parties.cli.exits import exit_codes
from parties.files.problems import Problems, counted, printable

if TYPE_CHECKING:
    from mpc_market.wire.roll import Roll, RollEntry
    from parties.registrar.changes import Candidate
    from parties.registrar.home import RegistrarHome

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The registrar: enrols meters, and signs the roll. Running parties read every new version by themselves.",
)
supplier_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The suppliers on the roll.")
app.add_typer(supplier_app, name="supplier")
grid_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The DSOs and TSOs on the roll.")
app.add_typer(grid_app, name="grid")

_SHOWN = 20

Home = Annotated[Path, typer.Option("--home", metavar="DIR", show_default=False, help="The registrar's home, 0700.")]
MeterId = Annotated[str, typer.Argument(metavar="METER", show_default=False, help="The meter's id.")]
SupplierId = Annotated[str, typer.Argument(metavar="SUPPLIER", show_default=False, help="The supplier's id.")]
Maximum = Annotated[
    str | None,
    typer.Option(
        metavar="KWH",
        show_default=False,
        help="The largest order and the largest reading, a multiple of the lot.",
    ),
]
SupplierOption = Annotated[
    str | None, typer.Option("--supplier", metavar="ID", show_default=False, help="The supplier, as on the roll.")
]
Region = Annotated[str | None, typer.Option(metavar="ID", show_default=False, help="The grid region.")]


@app.command()
@exit_codes()
def keygen(
    home: Home,
    market: Annotated[
        str, typer.Option(metavar="MARKET.toml", help="Where the market file will be; relative to DIR.")
    ] = "market.toml",
    roll: Annotated[str, typer.Option(metavar="FILE", help="Where the roll will be; relative to DIR.")] = "roll.bin",
) -> None:
    """Make the home of a registrar on its own host, and print its public key, for `init --join --registrar`.

    \b
    Example:
      mpc-market registrar keygen --home registrar

    Exit code: 0 made; 1 there is a directory already, or it cannot be made.
    """
    from parties.registrar.home import make_registrar_home  # noqa: PLC0415

    typer.echo(f"{home}: the registrar's public key is {make_registrar_home(home, market, roll).hex()}")


@app.command()
@exit_codes()
def begin(home: Home) -> None:
    """Sign version 1 of the roll: the suppliers of the market file, and no meter. `init` has done it for DIR/registrar.

    \b
    Example:
      mpc-market registrar begin --home registrar

    Exit code: 0 signed; 1 it could not be written; 2 there is a roll already, or the home is not in order.
    """
    from parties.registrar import desk  # noqa: PLC0415

    opened = _open(home)
    _tell(opened, desk.begin(opened), "begun")


@app.command()
@exit_codes()
def enrol(
    home: Home,
    requests: Annotated[
        list[str] | None,
        typer.Argument(metavar="REQUEST", show_default=False, help="Files of `mpc-market meter enrol-request`."),
    ] = None,
    *,
    supplier: SupplierOption = None,
    region: Region = None,
    maximum: Maximum = None,
    csv: Annotated[
        str | None,
        typer.Option(
            metavar="METERS.csv",
            help="Many at once: columns meter, identity_key, sealing_key, supplier, region, maximum (kWh).",
        ),
    ] = None,
    meter: Annotated[
        str | None, typer.Option(metavar="ID", help="A meter by its id and keys, without a request.")
    ] = None,
    identity_key: Annotated[str | None, typer.Option(metavar="HEX64", help="Its public Ed25519 key.")] = None,
    sealing_key: Annotated[str | None, typer.Option(metavar="HEX64", help="Its public X25519 key.")] = None,
) -> None:
    """Enrol meters, all or none: from their requests, from a CSV file, or one by its keys.

    A request shows that whoever made it holds the key; that the meter is real, and whose it is, is for you to know. The
    largest quantity must be the same, to the lot, in the meter's own home: it proves with every order not to exceed it.

    \b
    Examples:
      mpc-market registrar enrol --home registrar m17.request --supplier green --region north --maximum 17.250
      mpc-market registrar enrol --home registrar --csv meters.csv

    Exit code: 0 enrolled; 1 the roll could not be written; 2 refused, nothing is changed.
    """
    from parties.registrar import changes, desk, meters  # noqa: PLC0415

    opened, problems = _open(home), Problems()
    keys = (meter, identity_key, sealing_key)
    if [bool(requests), csv is not None, any(key is not None for key in keys)].count(True) != 1:
        problems.add("enrol", "say one of: REQUEST files, --csv, or --meter with --identity-key and --sealing-key")
        problems.check()
    if csv is None:
        candidates = _named(opened, requests or [], keys, (supplier, region, maximum), problems)
    else:
        if (supplier, region, maximum) != (None, None, None):
            problems.add("--csv", "supplier, region and maximum stand in the file, not beside it")
        candidates = meters.from_csv(csv, opened.market.settings, problems)
    problems.check()
    roll = desk.change(opened, lambda roll, noted: changes.enrol(roll, candidates, noted))
    _tell(opened, roll, f"enrolled {len(candidates)}")
    _tell_maxima(opened, [candidate.entry for candidate in candidates])


@app.command()
@exit_codes()
def change(
    meter: MeterId, *, home: Home, supplier: SupplierOption = None, region: Region = None, maximum: Maximum = None
) -> None:
    """Change a meter's supplier, region or largest quantity; its keys stay. Rounds that are open already keep the old.

    \b
    Example:
      mpc-market registrar change --home registrar m17 --supplier blue

    Exit code: 0 changed; 1 the roll could not be written; 2 refused, nothing is changed.
    """
    from parties.registrar import changes, desk, meters  # noqa: PLC0415

    opened, problems = _open(home), Problems()
    if (supplier, region, maximum) == (None, None, None):
        problems.add("change", "say what changes: --supplier, --region or --maximum")
    lots = None if maximum is None else meters.lots(maximum, opened.market.settings, "--maximum", problems)
    problems.check()
    roll = desk.change(
        opened,
        lambda roll, noted: changes.change(roll, meter, noted, supplier=supplier, region=region, maximum=lots),
    )
    _tell(opened, roll, "changed 1")
    if maximum is not None:
        _tell_maxima(opened, [roll.by_meter()[meter]])


@app.command()
@exit_codes()
def remove(
    meters: Annotated[list[str], typer.Argument(metavar="METER…", show_default=False, help="Ids of meters.")],
    *,
    home: Home,
) -> None:
    """Take meters off the roll, all or none. Rounds that are open already still take their orders.

    \b
    Example:
      mpc-market registrar remove --home registrar m17 m18

    Exit code: 0 removed; 1 the roll could not be written; 2 refused, nothing is changed.
    """
    from parties.registrar import changes, desk  # noqa: PLC0415

    opened = _open(home)
    roll = desk.change(opened, lambda roll, problems: changes.remove(roll, meters, problems))
    _tell(opened, roll, f"removed {len(meters)}")


@app.command("list")
@exit_codes()
def list_(
    home: Home,
    out: Annotated[
        str | None, typer.Option(metavar="METERS.csv", help="Write the meters as CSV, as `enrol --csv` reads it.")
    ] = None,
) -> None:
    """Show who is enrolled: meter, supplier, region, largest quantity (kWh); and the DSOs and TSOs.

    \b
    Example:
      mpc-market registrar list --home registrar --out meters.csv

    Exit code: 0 shown; 1 it could not be written; 2 the roll cannot be read.
    """
    from parties.files.output import check_outputs, write_files  # noqa: PLC0415
    from parties.registrar import desk  # noqa: PLC0415
    from parties.registrar.listing import meters_csv, meters_table, operators_table  # noqa: PLC0415

    opened, problems = _open(home), Problems()
    check_outputs({"--out": out}, (str(home), str(opened.roll), str(opened.market_path)), problems)
    problems.check()
    roll = desk.current(opened)
    if out is not None:
        write_files({out: meters_csv(roll, opened.market.settings)})
    else:
        for line in meters_table(roll, opened.market.settings):
            typer.echo(line)
        for k, line in enumerate(operators_table(roll)):
            typer.echo(line if k else f"\n{line}")
    _tell(opened, roll, "on it")


@supplier_app.command("add")
@exit_codes()
def supplier_add(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", show_default=False, help="[[supplier]] tables, as `supplier keygen` makes them."
        ),
    ],
    *,
    home: Home,
) -> None:
    """Put suppliers on the roll; then their meters can be enrolled.

    \b
    Example:
      mpc-market registrar supplier add --home registrar green.toml

    Exit code: 0 added; 1 the roll could not be written; 2 refused, nothing is changed.
    """
    from mpc_market.wire.roll import RollSupplier  # noqa: PLC0415
    from parties.files.running_toml import read_suppliers  # noqa: PLC0415
    from parties.registrar import changes, desk  # noqa: PLC0415

    opened, problems = _open(home), Problems()
    found = [
        (path, RollSupplier(each.id, each.identity_key, each.sealing_key))
        for path in files
        for each in read_suppliers(path, problems)
    ]
    problems.check()
    roll = desk.change(opened, lambda roll, noted: changes.add_suppliers(roll, found, noted))
    _tell(opened, roll, f"added {counted(len(found), 'supplier')}")


@supplier_app.command("remove")
@exit_codes()
def supplier_remove(supplier: SupplierId, *, home: Home) -> None:
    """Take a supplier off the roll that has no meters on it any more.

    \b
    Example:
      mpc-market registrar supplier remove --home registrar green

    Exit code: 0 removed; 1 the roll could not be written; 2 refused, nothing is changed.
    """
    from parties.registrar import changes, desk  # noqa: PLC0415

    opened = _open(home)
    roll = desk.change(opened, lambda roll, problems: changes.remove_supplier(roll, supplier, problems))
    _tell(opened, roll, "removed 1 supplier")


@grid_app.command("add")
@exit_codes()
def grid_add(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", show_default=False, help="[[dso]] and [[tso]] tables, as `grid keygen` makes them."
        ),
    ],
    *,
    home: Home,
) -> None:
    """Put grid operators on the roll: from then on they get the totals of their regions and areas.

    The TSO of an area comes first, or in the same call. Nobody gets the totals of a region without a DSO.

    \b
    Example:
      mpc-market registrar grid add --home registrar grid.toml north.toml

    Exit code: 0 added; 1 the roll could not be written; 2 refused, nothing is changed.
    """
    from parties.files.operators import read_operators  # noqa: PLC0415
    from parties.registrar import changes, desk  # noqa: PLC0415

    opened, problems = _open(home), Problems()
    found = [(path, each) for path in files for each in read_operators(path, problems)]
    problems.check()
    roll = desk.change(opened, lambda roll, noted: changes.add_operators(roll, found, noted))
    _tell(opened, roll, f"added {counted(len(found), 'grid operator')}")


@grid_app.command("remove")
@exit_codes()
def grid_remove(
    *,
    home: Home,
    dso: Annotated[str | None, typer.Option(metavar="REGION", help="The DSO of this region.")] = None,
    tso: Annotated[str | None, typer.Option(metavar="AREA", help="The TSO of this area.")] = None,
) -> None:
    """Take a grid operator off the roll; a TSO once no region of its area is on it any more.

    \b
    Example:
      mpc-market registrar grid remove --home registrar --dso north

    Exit code: 0 removed; 1 the roll could not be written; 2 refused, nothing is changed.
    """
    from parties.registrar import changes, desk  # noqa: PLC0415

    opened, problems = _open(home), Problems()
    if (dso is None) == (tso is None):
        problems.add("remove", "say one of: --dso REGION, --tso AREA")
    problems.check()
    if dso is not None:
        roll = desk.change(opened, lambda roll, noted: changes.remove_region(roll, dso, noted))
    else:
        roll = desk.change(opened, lambda roll, noted: changes.remove_area(roll, tso or "", noted))
    _tell(opened, roll, "removed 1 grid operator")


def _open(home: Path) -> "RegistrarHome":
    """Raises: InputError."""
    from parties.registrar.home import read_registrar_home  # noqa: PLC0415

    problems = Problems()
    opened = read_registrar_home(home, problems)
    problems.check()
    assert opened is not None
    return opened


def _tell_maxima(home: "RegistrarHome", entries: "list[RollEntry]") -> None:
    """What the meters must know: they prove with every order that it does not exceed this."""
    for entry in entries[:_SHOWN]:
        kwh = home.market.settings.quantity_text(entry.maximum)
        typer.echo(f'  {printable(entry.meter, 64)}: its home must say maximum = "{kwh}"')
    if len(entries) > _SHOWN:
        typer.echo(f"  … and {len(entries) - _SHOWN} more")


def _named(
    home: "RegistrarHome",
    requests: list[str],
    keys: tuple[str | None, str | None, str | None],
    terms: tuple[str | None, str | None, str | None],
    problems: Problems,
) -> list["Candidate"]:
    """Meters by their requests or keys; `terms`: supplier, region and largest quantity of all of them."""
    from parties.registrar import meters  # noqa: PLC0415

    supplier, region, maximum = terms
    if supplier is None or region is None or maximum is None:
        problems.add("enrol", "say --supplier, --region and --maximum too: a request says nothing of them")
        return []
    lots = meters.lots(maximum, home.market.settings, "--maximum", problems)
    if lots is None:
        return []
    if requests:
        return meters.from_requests(requests, home.market.id, supplier, region, lots, problems)
    meter, identity, sealing = keys
    if meter is None or identity is None or sealing is None:
        problems.add("enrol", "--meter, --identity-key and --sealing-key go together")
        return []
    return meters.from_keys(meter, identity, sealing, supplier, region, lots, problems)


def _tell(home: "RegistrarHome", roll: "Roll", done: str) -> None:
    operators = len(roll.regions) + len(roll.areas)
    grid = f", {counted(operators, 'grid operator')}" if operators else ""
    who = f"{counted(len(roll.entries), 'meter')}, {counted(len(roll.suppliers), 'supplier')}{grid}"
    typer.echo(f"{home.roll}: {done}; version {roll.version}, {who}")
