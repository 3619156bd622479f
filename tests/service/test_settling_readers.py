"""A month of two suppliers in two regions of two TSO areas, with two orders in each submission.

A user moves in mid-month: another supplier, region and area from a new version of the roll on. What every reader is
shown is what the rule in the clear says, and whoever asks for what is another's gets nothing.
"""

from collections.abc import Iterator
from dataclasses import replace

from mpc_market.rules.model import Side
from mpc_market.rules.settlement import Account, Booking, Entry, Line, Reading, Volumes, bill, estimate, settle, total
from mpc_market.rules.tariff import Rates
from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sheet import Content, key_fact
from parties.client.api import Api, pinned
from parties.service.life import State
from parties.supplier.home import SupplierHome
from parties.supplier.totals import fetch_totals
from tests.service.service_results import expected, record_of
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter
from tests.service.settled_town import PRICED, SettledTown

MONTH, NEXT, LATER = START, START + 3600, START + 3 * PERIOD
AREAS = {"north": "coast", "south": "inland"}
RATES = {"sun": Rates(50, 10, 5), "wind": Rates(40, 12, 4)}
BEFORE = {
    "anna": ("sun", "north"), "ben": ("sun", "north"), "dora": ("sun", "north"), "carl": ("wind", "north"),
    "finn": ("wind", "north"), "gus": ("sun", "south"), "ida": ("wind", "south"),
}  # fmt: skip
AFTER = BEFORE | {"dora": ("wind", "south")}
LIVES = {START: BEFORE, START + PERIOD: BEFORE, START + 2 * PERIOD: BEFORE, LATER: AFTER}
"""Supplier and region of every user, by period: in those of the roll that the round was opened with."""

TWO_ORDERS = replace(PRICED, orders_per_submission=2)
BUY, SELL = Side.BUY, Side.SELL
WISHES = {
    START: {
        "anna": [(SELL, 10, 40), (SELL, 20, 31)], "ben": [(BUY, 30, 25), (BUY, 12, 8)], "carl": [(BUY, 28, 17)],
        "dora": [(BUY, 25, 11), (SELL, 11, 3)], "finn": [(SELL, 9, 5), (SELL, 33, 50)], "gus": [(BUY, 31, 7)],
        "ida": [(BUY, 6, 90), (BUY, 27, 2)],
    },
    LATER: {
        "anna": [(BUY, 30, 4)], "ben": [(SELL, 8, 13), (SELL, 15, 21)], "carl": [(BUY, 40, 6), (BUY, 10, 60)],
        "dora": [(SELL, 7, 19), (BUY, 50, 1)], "finn": [(BUY, 22, 9)], "gus": [(BUY, 26, 12), (BUY, 21, 5)], "ida": [],
    },
}  # fmt: skip
READ = {
    START: {"anna": (0, 70), "ben": (41, 0), "carl": (19, 1), "dora": (12, 5), "finn": (0, 2), "gus": (100, 0),
            "ida": (3, 64)},
    LATER: {"anna": (6, 0), "ben": (1, 30), "carl": (160, 0), "dora": (0, 23), "finn": (8, 8), "gus": (21, 0),
            "ida": (33, 7)},
}  # fmt: skip
CORRECTED = {START: {"anna": (2, 61), "dora": (17, 0)}, LATER: {"dora": (5, 11), "ida": (30, 9)}}


class Book:
    """What has happened, in the clear."""

    def __init__(self) -> None:
        self.prices: dict[int, int | None] = {}
        self.traded: dict[int, dict[str, tuple[int, int]]] = {}

    def entry(self, start: int, name: str, reading: Reading) -> Entry:
        return settle(*self.traded.get(start, {}).get(name, (0, 0)), reading)

    def over(self, start: int, supplier: str | None = None, region: str | None = None) -> tuple[int, ...]:
        """Users, import and export of a group."""
        group = [name for name, lives in LIVES[start].items() if supplier in (None, lives[0])
                 and region in (None, lives[1])]  # fmt: skip
        found = total([self.entry(start, name, Reading(*READ[start][name])) for name in group])
        return found.users, found.imported, found.exported

    def corrected(self, supplier: str | None = None, region: str | None = None) -> tuple[int, ...]:
        """The same of the month's corrections."""
        users, change = set(), [0, 0]
        for start, corrections in CORRECTED.items():
            for name, new in corrections.items():
                if supplier in (None, LIVES[start][name][0]) and region in (None, LIVES[start][name][1]):
                    users.add(name)
                    change = [a + b - c for a, b, c in zip(change, new, READ[start][name], strict=True)]
        return len(users), *change

    def bookings(self) -> Iterator[Booking]:
        """Of the month itself."""
        for start, readings in READ.items():
            for name, reading in readings.items():
                yield self.booking(start, name, self.entry(start, name, Reading(*reading)))

    def corrections(self) -> Iterator[Booking]:
        """Of the next one: what was corrected, and estimates of the periods that nobody has read."""
        for start, corrections in CORRECTED.items():
            for name, reading in corrections.items():
                before = self.entry(start, name, Reading(*READ[start][name]))
                yield self.booking(start, name, self.entry(start, name, Reading(*reading)), before)
        for start in LIVES.keys() - READ.keys():
            for name in LIVES[start]:
                yield self.booking(start, name, self.entry(start, name, estimate(200)), estimated=True)

    def booking(
        self, start: int, name: str, entry: Entry, before: Entry | None = None, *, estimated: bool = False
    ) -> Booking:
        supplier = LIVES[start][name][0]
        line = Line(RATES[supplier], str(MONTH), estimated)
        return Booking(Account(name, supplier), line, self.prices.get(start), entry, before)


@asynchronous
async def test_a_month_of_two_suppliers_two_regions_and_two_areas(tmp_path):
    meters = [Meter(name, supplier, region=region) for name, (supplier, region) in BEFORE.items()]
    town = SettledTown(tmp_path / "m", meters, AREAS, settings=TWO_ORDERS)
    book = Book()
    async with town.up():
        for supplier, rates in RATES.items():
            answers = await town.publish(supplier, 1, START, rates.retail, rates.feed_in, rates.fee)
            assert [answer.status_code for answer in answers] == [200] * 3
        await trade(town, book, START)
        await town.until(State.COLLECTING, start=START + PERIOD)
        await measure(town, START)
        await town.until(State.COLLECTING, start=START + 2 * PERIOD)
        await move(town)
        town.clock.move_to(1000 * (LATER - PERIOD) - 60_000)
        await trade(town, book, LATER)
        await measure(town, LATER)
        for start, readings in READ.items():
            entries = {name: words(book.entry(start, name, Reading(*each))) for name, each in readings.items()}
            assert await town.entries(Stage.SETTLEMENT, start) == entries
            await check_trade_totals(town, book, start)
        await check_totals(town, book)
        town.clock.move_to(1000 * NEXT + 1_200_000)
        await correct(town)
        await town.correcting(list(LIVES))
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=MONTH)
        await check_month(town, MONTH, list(book.bookings()), corrections=False)
        await check_that_others_get_nothing(town)
        for start in LIVES:
            await town.until_stage(Stage.CORRECTION, State.RESULT, start=start)
        town.clock.move_to(1000 * (NEXT + 3600 + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
        await check_month(town, NEXT, list(book.corrections()), corrections=True)
        await check_correction_totals(town, book)


def words(entry: Entry) -> tuple[int, ...]:
    return entry.bought, entry.sold, entry.imported, entry.exported, entry.residual_import


# --- what happens


async def trade(town: SettledTown, book: Book, start: int) -> None:
    """A clearing with two orders from each; what the rule makes of them."""
    await town.until(State.COLLECTING, start=start)
    terms = await town.terms(start)
    for meter in town.meters:
        await town.submit(meter.submission(terms, 1, *WISHES[start][meter.id], each=2), start)
    town.clock.move_to(1000 * start - 300_000)
    await town.until(State.RESULT, start=start, seconds=60)
    price, accepted = expected(town, WISHES[start], await record_of(town, 0, start))
    assert price is not None
    assert (await town.get(0, f"periods/{start}")).json()["price"] == price
    book.prices[start] = price
    book.traded[start] = {name: traded(WISHES[start][name], lots) for name, lots in accepted.items()}
    assert any(all(lots) for lots in accepted.values()), "somebody trades with both of its orders"


def traded(wishes, accepted) -> tuple[int, int]:
    by_side = {side: sum(lots for (each, *_), lots in zip(wishes, accepted, strict=False) if each is side)
               for side in Side}  # fmt: skip
    return by_side[BUY], by_side[SELL]


async def measure(town: SettledTown, start: int) -> None:
    town.clock.move_to(1000 * (start + PERIOD))
    await town.until_stage(Stage.SETTLEMENT, State.COLLECTING, start=start)
    terms = await town.stage_terms(Stage.SETTLEMENT, start)
    for meter in town.meters:
        await town.read(meter, terms, *READ[start][meter.id])
    await town.until_stage(Stage.SETTLEMENT, State.RESULT, start=start)


async def move(town: SettledTown) -> None:
    for meter in town.meters:
        meter.supplier, meter.region = AFTER[meter.id]
    await town.look_at_the_roll(2)


async def correct(town: SettledTown) -> None:
    for start, corrections in CORRECTED.items():
        await town.until_stage(Stage.CORRECTION, State.COLLECTING, start=start)
        terms = await town.stage_terms(Stage.CORRECTION, start)
        for meter in town.meters:
            if meter.id in corrections:
                await town.read(meter, terms, *corrections[meter.id])


# --- what each reader is shown


async def check_trade_totals(town: SettledTown, book: Book, start: int) -> None:
    """What a supplier's users have bought and sold together."""
    async with Api(town.market.id, pinned(town.market, town.clock.now_ms() // 1000)) as api:
        for supplier, keys in town.suppliers.items():
            got = await fetch_totals(api, town.market, SupplierHome(town.path, supplier, *keys), start)
            of = [book.traded[start][name] for name, lives in LIVES[start].items() if lives[0] == supplier]
            assert (got.users, got.bought, got.sold) == (len(of), *map(sum, zip(*of, strict=True)))


async def check_totals(town: SettledTown, book: Book) -> None:
    for start, shown in (
        (START, {"north": ("sun", "wind"), "south": ()}),  # one user of each in the south: too few
        (LATER, {"north": ("sun", "wind"), "south": ()}),  # beside the region's total two would show the third
    ):
        for supplier, keys in town.suppliers.items():
            got = await town.totals(Claimant.SUPPLIER, supplier, keys, start)
            assert got == {f"supplier/{supplier}": book.over(start, supplier)}
        for region, area in AREAS.items():
            whole = {f"region/{region}": book.over(start, region=region)}
            parts = {f"supplier/{each}": book.over(start, each, region) for each in shown[region]}
            assert await town.totals(Claimant.DSO, region, town.operators[region], start) == whole | parts
            assert await town.totals(Claimant.TSO, area, town.operators[area], start) == whole
    assert [book.over(LATER, "wind", "south")[0], book.over(LATER, "sun", "south")[0]] == [2, 1]


async def check_correction_totals(town: SettledTown, book: Book) -> None:
    async def got(kind: Claimant, name: str, keys) -> dict[str, tuple[int, ...]]:
        rows = await town.sheet(Content.CORRECTIONS, kind, name, keys, NEXT)
        return {row.name: (row.users, *values) for row, *values in rows}

    for supplier, keys in town.suppliers.items():
        assert await got(Claimant.SUPPLIER, supplier, keys) == {f"supplier/{supplier}": book.corrected(supplier)}
    for region, area in AREAS.items():
        whole = {f"region/{region}": book.corrected(region=region)}
        (supplier,) = {"north": ["sun"], "south": ["wind"]}[region]
        parts = {f"supplier/{supplier}": book.corrected(supplier, region)}
        assert await got(Claimant.DSO, region, town.operators[region]) == whole | parts
        assert await got(Claimant.TSO, area, town.operators[area]) == whole


async def check_month(town: SettledTown, month: int, bookings: list[Booking], *, corrections: bool) -> None:
    """Suppliers are shown an amount for each of their users, users that and their lines: from each supplier a bill."""
    bills, cents = bill(bookings), PRICED.scale.cents
    keys = {meter.id: (meter.key, meter.sealing) for meter in town.meters}
    facts = {
        account: (
            0 if corrections else sum(each.account == account for each in bookings),
            sum(each.account == account for each in bookings) if corrections else 0,
            sum(each.account == account and each.line.estimated for each in bookings),
            key_fact(keys[account.user][0].public),
        )
        for account in bills
    }
    shown = {account: (made.due(cents), facts[account]) for account, made in bills.items()}
    assert corrections or len({due for due, _ in shown.values()}) == len(shown), "amounts that are told apart"
    for supplier, own in town.suppliers.items():
        got = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, supplier, own, month)
        found = {Account(row.name.removeprefix("meter/"), supplier): (due, row.facts) for row, due in got}
        assert found == {account: each for account, each in shown.items() if account.supplier == supplier}
    for name, own in keys.items():
        got = await town.sheet(Content.AMOUNTS, Claimant.METER, name, own, month)
        found = {Account(name, row.name.removeprefix("supplier/")): (due, row.facts) for row, due in got}
        assert found == {account: each for account, each in shown.items() if account.user == name}
        lines = await town.sheet(Content.BILL, Claimant.METER, name, own, month)
        read = {
            (row.name.removeprefix("supplier/"), Line(Rates(*row.facts[:3]), str(row.facts[3]), row.facts[4] == 1)):
            Volumes(*values) for row, *values in lines
        }  # fmt: skip
        assert read == {
            (account.supplier, line): volumes
            for account, made in bills.items() if account.user == name
            for line, volumes in made.lines.items()
        }  # fmt: skip
    assert {account.supplier for account in bills if account.user == "dora"} == {"sun", "wind"}


async def check_that_others_get_nothing(town: SettledTown) -> None:
    """By another's key, under another's name, as somebody of another kind, or of what is not for one's kind."""
    keys = town.operators | town.suppliers | {meter.id: (meter.key, meter.sealing) for meter in town.meters}
    for content, kind, name, whose, answer in (
        (Content.TOTALS, Claimant.TSO, "coast", "inland", "unauthorized"),
        (Content.TOTALS, Claimant.TSO, "coast", "north", "unauthorized"),
        (Content.TOTALS, Claimant.TSO, "north", "north", "unknown-reader"),
        (Content.TOTALS, Claimant.DSO, "north", "south", "unauthorized"),
        (Content.TOTALS, Claimant.DSO, "north", "coast", "unauthorized"),
        (Content.TOTALS, Claimant.DSO, "coast", "coast", "unknown-reader"),
        (Content.TOTALS, Claimant.SUPPLIER, "sun", "wind", "unauthorized"),
        (Content.TOTALS, Claimant.METER, "anna", "anna", "group-too-small"),
        (Content.AMOUNTS, Claimant.SUPPLIER, "sun", "wind", "unauthorized"),
        (Content.AMOUNTS, Claimant.DSO, "north", "north", "nothing-here"),
        (Content.AMOUNTS, Claimant.TSO, "coast", "coast", "nothing-here"),
        (Content.AMOUNTS, Claimant.METER, "anna", "ben", "unauthorized"),
        (Content.BILL, Claimant.METER, "dora", "ben", "unauthorized"),
        (Content.BILL, Claimant.METER, "dora", "wind", "unauthorized"),
        (Content.BILL, Claimant.SUPPLIER, "wind", "wind", "nothing-here"),
        (Content.BILL, Claimant.DSO, "south", "south", "nothing-here"),
        (Content.CORRECTIONS, Claimant.METER, "dora", "dora", "group-too-small"),
        (Content.CORRECTIONS, Claimant.TSO, "inland", "coast", "unauthorized"),
    ):
        assert await town.sheet(content, kind, name, keys[whose]) == answer, (content, kind, name, whose)
