"""The commands of people, asked of the services of a settled town: suppliers, grid operators and users.

`mpc-market` is run as it is, but in this process: what it says, writes and refuses.
"""

import asyncio
import csv
import io
import json
import stat
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from typer.testing import CliRunner

from mpc_market.rules.settlement import Account, Bill
from mpc_market.rules.statement import statement
from parties.cli.main import app
from parties.files.key_home import IDENTITY, SEALING
from parties.files.private import key_text
from parties.files.values import moment_text
from parties.grid.home import make_grid_home
from parties.meter.home import create_home
from parties.statement.texts import cents_text, money_price_text
from parties.supplier.home import make_supplier_home
from tests.service.service_town import PERIOD, START
from tests.service.settled_town import END, SettledTown


class Desk:
    """Homes with the keys of the town, and the commands run on them."""

    def __init__(self, town: SettledTown) -> None:
        self.town, self.path = town, town.path / "people"
        self.path.mkdir()
        self.market = town.path / "market.toml"
        for name, keys in town.suppliers.items():
            self._keys(make_supplier_home(self.path / name, name).path, keys)
        for name, kind in (("north", "dso"), ("grid", "tso")):
            self._keys(make_grid_home(self.path / name, kind, name).path, town.operators[name])
        maximum = town.settings.quantity_text(200)
        for meter in town.meters:
            home = create_home(self.path / meter.id, meter.id, str(self.market), maximum)
            self._keys(home.path, (meter.key, meter.sealing))

    def _keys(self, home: Path, keys) -> None:
        (home / IDENTITY).write_bytes(key_text(keys[0].seed()))
        (home / SEALING).write_bytes(key_text(keys[1].secret()))

    async def run(self, *arguments: str, market: Path | None = None, code: int = 0) -> str:
        """What is said: on standard output if it ends well, else on standard error."""
        given = [*arguments, "--market", str(market or self.market)]
        ended = await asyncio.to_thread(CliRunner().invoke, app, given)
        assert ended.exit_code == code, (given, ended.output, ended.exception)
        for option, file in pairwise(given):
            if code == 0 and option in ("--csv", "--json", "--html"):
                assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600, given
        return ended.stdout if code == 0 else ended.stderr

    def home(self, name: str) -> tuple[str, str]:
        return "--home", str(self.path / name)

    def out(self, name: str) -> str:
        return str(self.path / name)

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO((self.path / name).read_text())))


async def check_commands(town: SettledTown, month: int, bills: Mapping[Account, Bill]) -> None:
    """`bills`: of that month, as the rule has them. Its corrections are of two users."""
    desk, name = Desk(town), town.market.calendar.months.text(month)
    await _supplier(desk, name, bills)
    await _users(desk, name, bills)
    await _grid(desk, name)
    await _refusals(desk, name, month)


async def _supplier(desk: Desk, month: str, bills: Mapping[Account, Bill]) -> None:
    cents = desk.town.settings.scale.cents
    files = ("--csv", desk.out("sun.csv"), "--json", desk.out("sun.json"), "--html", desk.out("sun.html"))
    said = await desk.run("supplier", "bills", *desk.home("sun"), "--month", month, *files)
    expected = {account.user: cents_text(bill.due(cents)) for account, bill in bills.items()}
    assert len(set(expected.values())) > 1, "amounts of nothing would prove nothing"
    assert {row["meter"]: row["amount"] for row in desk.rows("sun.csv")} == expected
    assert {row["meter"]: row["estimated"] for row in desk.rows("sun.csv")}["meter-3"] == "3"
    written = json.loads((desk.path / "sun.json").read_text())
    assert {each["meter"]: each["amount"] for each in written["customers"]} == expected
    kwh = desk.town.settings.quantity_text
    assert written["corrections"] == {"users": 2, "import": kwh(70 - 99 + 12), "export": kwh(0)}
    # no customer's volume: nothing in kWh but the corrections of two together
    for text in (said, (desk.path / "sun.html").read_text()):
        assert text.count("kWh") == 1
    assert "kWh" not in (desk.path / "sun.csv").read_text()
    assert set(written["customers"][0]) == {"meter", "amount", "periods", "corrections", "estimated", "key"}
    said = await desk.run("supplier", "totals", *desk.home("sun"), "--period", moment_text(START))
    for line in (f"bought           {kwh(40)} kWh", f"sold             {kwh(40)} kWh", "owed to others   0.000 EUR"):
        assert line in said.splitlines()
    for line in ("metered users    2", f"imported         {kwh(99)} kWh", f"exported         {kwh(35)} kWh"):
        assert line in said.splitlines()
    # of the tariff that the settlement used, though another one has turned up since: 0.05 EUR/kWh
    assert "network fee      0.670 EUR" in said.splitlines()
    # a void clearing: nothing was traded, and readings were settled all the same
    said = await desk.run("supplier", "totals", *desk.home("sun"), "--period", moment_text(END), "--csv", desk.out("t"))
    assert "bought, sold     none: " in said
    (row,) = desk.rows("t")
    assert (row["bought"], row["metered_users"], row["import"]) == ("", "4", kwh(46))
    assert (row["owed_to_suppliers"], row["network_fee"], row["currency"]) == ("", "0.230", "EUR")

    await _supplier_month(desk)


async def _supplier_month(desk: Desk) -> None:
    """The totals of the periods above, added up, and why the other two have none."""
    town, kwh = desk.town, desk.town.settings.quantity_text
    month = town.market.calendar.months.text(START)
    files = ("--csv", desk.out("month.csv"), "--json", desk.out("month.json"))
    said = await desk.run("supplier", "totals", *desk.home("sun"), "--month", month, *files)
    (row,) = desk.rows("month.csv")
    assert (row["month"], row["periods"], row["cleared_periods"], row["settled_periods"]) == (month, "4", "1", "2")
    assert (row["bought"], row["sold"], row["owed_to_suppliers"]) == (kwh(40), kwh(40), "0.000")
    assert (row["import"], row["export"], row["network_fee"]) == (kwh(99 + 46), kwh(35), "0.900")
    written = json.loads((desk.path / "month.json").read_text())
    assert {key: str(value) for key, value in written.items() if not key.startswith("not_")} == row
    later = [START + 2 * PERIOD, START + 3 * PERIOD]
    assert [each["period"] for each in written["not_settled"]] == [moment_text(start) for start in later]
    assert [each["period"] for each in written["not_cleared"]] == [moment_text(start) for start in (END, *later)]
    for line in (
        "cleared periods  1 of 4; without: 3 void",
        "settled periods  2 of 4; without: 2 not known to the parties",
        f"imported         {kwh(99 + 46)} kWh",
        "network fee      0.900 EUR",
    ):
        assert line in said.splitlines()
    wind = ("supplier", "totals", *desk.home("wind"), "--month", month)
    assert f"{month}: no period of the month has totals: " in await desk.run(*wind, code=1)
    both = await desk.run("supplier", "totals", *desk.home("sun"), "--month", month, "--period", month, code=2)
    assert "say one of: --period UTC, --month MONTH" in both


async def _users(desk: Desk, month: str, bills: Mapping[Account, Bill]) -> None:
    settings = desk.town.settings
    for meter in desk.town.meters:
        files = ("--json", desk.out("bill.json"), "--html", desk.out("bill.html"), "--csv", desk.out("bill.csv"))
        await desk.run("meter", "bill", *desk.home(meter.id), "--month", month, *files)
        made = statement(bills[Account(meter.id, "sun")], settings.scale.cents)
        written = json.loads((desk.path / "bill.json").read_text())
        assert (written["due"], written["saved"]) == (cents_text(made.due), cents_text(made.saved))
        (part,) = written["suppliers"]
        assert part["rounding"] == cents_text(made.rounding)
        by_line = {line["estimated"]: line for line in part["lines"]}
        assert len(by_line) == len(made.charges)
        for line, charges in made.charges.items():
            found = by_line[line.estimated]
            assert found["retail"] == money_price_text(line.rates.retail, settings)
            for item, charge in zip(found["items"], charges, strict=True):
                assert item["item"] == charge.item.value
                assert (item["quantity"], item["amount"]) == (
                    settings.quantity_text(charge.quantity),
                    cents_text(charge.cents),
                )
        assert f"<strong>{cents_text(abs(made.due))} EUR</strong>" in (desk.path / "bill.html").read_text()
        (due,) = [row for row in desk.rows("bill.csv") if row["item"] == "amount due"]
        assert due["amount"] == cents_text(made.due)


async def _grid(desk: Desk, month: str) -> None:
    kwh, at = desk.town.settings.quantity_text, ("--period", moment_text(END))
    await desk.run("grid", "totals", *desk.home("north"), *at, "--csv", desk.out("n.csv"), "--json", desk.out("n.json"))
    found = [(row["group"], row["id"], row["users"], row["import"], row["network_fee"]) for row in desk.rows("n.csv")]
    assert found == [("region", "north", "4", kwh(46), ""), ("supplier", "sun", "4", kwh(46), "0.230")]
    assert json.loads((desk.path / "n.json").read_text())["totals"][0]["export"] == kwh(0)
    said = await desk.run("grid", "totals", *desk.home("grid"), *at)
    assert said.splitlines()[2].split() == ["region", "north", "4", kwh(46), kwh(0)]
    said = await desk.run("grid", "totals", *desk.home("north"), "--month", month)
    assert said.splitlines()[2].split() == ["region", "north", "2", kwh(70 - 99 + 12), kwh(0)]


async def _refusals(desk: Desk, month: str, start: int) -> None:
    months = desk.town.market.calendar.months
    first, later = months.text(months.before(start)), months.text(months.next(start))
    bills, bill, totals = ("supplier", "bills"), ("meter", "bill"), ("grid", "totals")
    ben, sun, north = desk.home("meter-1"), desk.home("sun"), desk.home("north")
    said = await desk.run(*bills, *sun, "--month", later, code=1)
    assert f"error: {later}: the month is not closed yet; that begins at" in said
    assert "the month is not closed yet" in await desk.run(*bill, *ben, "--month", later, code=1)
    said = await desk.run(*totals, *north, "--month", first, code=1)
    assert first in said
    assert "fewer than 2 users (minimum_group)" in said
    said = await desk.run(*totals, *north, "--period", moment_text(END + PERIOD), code=1)
    assert "the parties have not settled this period" in said
    said = await desk.run(*bills, *desk.home("wind"), "--month", month, code=1)
    assert "the parties have nothing for supplier 'wind' in this month" in said
    stranger = make_grid_home(desk.path / "south", "dso", "south")
    said = await desk.run(*totals, "--home", str(stranger.path), "--month", month, code=1)
    assert "no DSO of region 'south' was on the roll" in said
    (desk.path / "sun" / IDENTITY).write_bytes((desk.path / "wind" / IDENTITY).read_bytes())
    said = await desk.run(*bills, *sun, "--month", month, code=1)
    assert "the roll has other keys for supplier 'sun' than this home" in said
    said = await desk.run(*bill, *ben, "--month", "2026-11", code=2)
    assert "--month: '2026-11' is no month: such as 20" in said
    assert "supplier.toml: no such file" in await desk.run(*bills, *north, "--month", month, code=2)
    other = desk.path / "elm.toml"
    other.write_text(desk.market.read_text().replace('id = "oak-street"', 'id = "elm"'))
    said = await desk.run(*bills, *desk.home("wind"), "--month", month, market=other, code=1)
    assert "no party settles this market: is it the right market file?" in said
    other.write_text(desk.market.read_text().replace("[settlement]", "[other]").split("[other]")[0])
    assert "registrar" in await desk.run(*bills, *desk.home("wind"), "--month", month, market=other, code=2)
