"""The day after: what was promised and what the meters read become bills, on the shares of the same compute parties.

    accepted quantities (the parties' shares) + readings (dealt by the meters) → entries → bills of the day

The demo plays all meters, all suppliers and the network operator, so it may look at what each of them is told, and
compare it with the plaintext rule: amounts to the cent, volumes and totals to the last lot. What does not agree is not
shown. The day stands for a billing month; nobody's reading is missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from secrets import token_bytes

import numpy as np

from mpc_market.errors import ProtocolError
from mpc_market.network import Vector
from mpc_market.rules import settlement as rule
from mpc_market.rules.model import Side
from parties.demo.day import make_book
from parties.demo.households import Household
from parties.demo.tariffs import SETTINGS, SUPPLIERS
from parties.local import LocalParties, Outcome
from parties.local.settlement import share_readings
from parties.settling.accounts import Account, Booking, LineKey, MonthBooks, month_books
from parties.worker import ClosingInput, GroupTotal, SettlementInput

REGION = "leuven"
MAXIMUM = 10_000  # lots a quarter-hour that a meter is enrolled with: 10 kWh
ROWS_MAX = 2**16
"""Of one job; a longer day is settled in several."""


@dataclass(frozen=True, slots=True)
class Day:
    """One household's day. Quantities in lots; `without`, `due`: what it pays without and with the market, in cents
    (negative: is paid). `local`: what it pays neighbours less what they pay it, exactly (ticks × lots).
    """

    household: Household
    imported: int
    exported: int
    bought: int
    sold: int
    without: int
    due: int
    local: int

    @property
    def gain(self) -> int:
        """How much better off it is with the market, in cents."""
        return self.without - self.due

    @property
    def sells(self) -> bool:
        """Whether it has sold anything to neighbours."""
        return self.sold > 0


@dataclass(frozen=True, slots=True)
class Work:
    """What settling took: rows settled, seconds of settling and of closing, bytes sent by all parties."""

    rows: int
    settle_seconds: float
    close_seconds: float
    bytes_sent: int


class _Promises:
    """What was traded in every quarter-hour, in plain and as the parties' shares, in the street's sequence."""

    def __init__(self, street: Sequence[Household], outcomes: Sequence[Outcome]) -> None:
        self.street = street
        self.outcomes = outcomes
        self.buys = np.array(
            [[order.side is Side.BUY for order in make_book(street, i)] for i in range(len(outcomes))], np.bool_
        )

    def price(self, period: int) -> int | None:
        """The clearing price as money, None for no trade."""
        tick = self.outcomes[period].clearing.price
        return None if tick is None else SETTINGS.scale.money_price(tick)

    def traded(self, period: int, party: int) -> Vector:
        """A party's shares of what each household has bought and sold: shape (n, 2).

        Of the other side it holds 0, which is a share of 0. (In a running market the parties compute both: there nobody
        but the meter knows the side.)
        """
        shares, buys = self.outcomes[period].shares[party], self.buys[period]
        return np.stack([np.where(buys, shares, 0), np.where(buys, 0, shares)], axis=1).astype(np.uint64)

    def bookings(self, start: datetime) -> Iterator[rule.Booking]:
        """Everything of the day by the plaintext rule, quarter-hour by quarter-hour."""
        for period, outcome in enumerate(self.outcomes):
            for place, house in enumerate(self.street):
                accepted = outcome.clearing.accepted[place]
                pair = (accepted, 0) if self.buys[period, place] else (0, accepted)
                entry = rule.settle(*pair, _reading(house, period))
                account = rule.Account(house.name, house.supplier.name)
                yield rule.Booking(account, rule.Line(house.supplier.rates, str(start)), self.price(period), entry)


async def settle_day(
    parties: LocalParties, street: Sequence[Household], periods: Sequence[datetime], outcomes: Sequence[Outcome]
) -> tuple[list[Day], Work]:
    """Settle all quarter-hours and close the day, by compute parties that keep running.

    Raises: ProtocolError if they cannot go on, or come to something else than the rule.
    """
    promises = _Promises(street, outcomes)
    bills = rule.bill(promises.bookings(periods[0]))
    entries: list[list[Vector]] = [[] for _ in outcomes[0].shares]
    seconds, sent = 0.0, 0
    each = max(1, ROWS_MAX // len(street))
    for first in range(0, len(periods), each):
        some = range(first, min(first + each, len(periods)))
        settled = await parties.settle(_rows(promises, some))
        for held, result in zip(entries, settled.results, strict=True):
            held.append(np.array(result.entries, np.uint64))
        _check_totals(settled.totals(), street, some)
        seconds += settled.compute_seconds
        sent += sum(effort.bytes_sent for effort in settled.efforts)
    books = [_books(promises, np.concatenate(held), periods[0]) for held in entries]
    closed = await parties.close_month([_month(each) for each in books])
    sent += sum(effort.bytes_sent for effort in closed.efforts)
    told = dict(
        zip(
            [account.meter for account in books[0].accounts],
            zip(closed.due(), closed.volumes(), strict=True),
            strict=True,
        )
    )
    days = [_day(house, bills[rule.Account(house.name, house.supplier.name)], *told[house.name]) for house in street]
    return days, Work(len(street) * len(periods), seconds, closed.compute_seconds, sent)


def _reading(house: Household, period: int) -> rule.Reading:
    net = house.metered[period]
    return rule.Reading(max(-net, 0), max(net, 0))


def _rows(promises: _Promises, periods: range) -> list[SettlementInput]:
    """Some quarter-hours in one job, for every party: a row is a household in a quarter-hour."""
    street, parties = promises.street, len(promises.outcomes[0].shares)
    net = np.array([[house.metered[period] for house in street] for period in periods], np.int64).reshape(-1)
    imported, exported = (np.maximum(each, 0).astype(np.uint64) for each in (-net, net))
    words = share_readings(imported, exported, np.full(net.size, MAXIMUM, np.uint64), SETTINGS.rules, parties)
    check_seed = token_bytes(32)  # the parties make it together in a running market, after the readings are fixed
    return [
        SettlementInput(
            market=SETTINGS.rules,
            minimum_group=SETTINGS.minimum_group,
            check_seed=check_seed,
            ids=[f"{house.name}/{period}" for period in periods for house in street],
            maxima=[MAXIMUM] * net.size,
            periods=[place for place in range(len(periods)) for _ in street],
            period_count=len(periods),
            suppliers=[SUPPLIERS.index(house.supplier) for house in street] * len(periods),
            supplier_count=len(SUPPLIERS),
            regions=[0] * net.size,
            region_count=1,
            metered=[True] * net.size,
            counted=[True] * net.size,
            traded=[tuple(pair) for period in periods for pair in promises.traded(period, party).tolist()],
            words=words[party],
        )
        for party in range(parties)
    ]


def _books(promises: _Promises, entries: Vector, start: datetime) -> MonthBooks:
    """What one party adds up on its shares, as its service does (`parties.settling.accounts`)."""
    street, month = promises.street, int(start.timestamp())
    accounts = [Account(house.name, house.supplier.name, owner="") for house in street]
    lines = [LineKey(house.supplier.rates, month, estimated=False) for house in street]
    bookings = (
        Booking(accounts[row % len(street)], lines[row % len(street)], REGION, promises.price(row // len(street)),
                correction=False, entry=tuple(words))
        for row, words in enumerate(entries.tolist())
    )  # fmt: skip
    return month_books(bookings, SETTINGS.minimum_group)


def _month(books: MonthBooks) -> ClosingInput:
    lines = [
        (place, key, line) for place, account in enumerate(books.accounts) for key, line in books.lines[account].items()
    ]
    return ClosingInput(
        scale=SETTINGS.scale,
        ids=[account.name for account in books.accounts],
        bookings=[books.entries(account) for account in books.accounts],
        accounts=[place for place, _, _ in lines],
        rates=[(key.rates.retail, key.rates.feed_in, key.rates.fee) for _, key, _ in lines],
        volumes=[tuple(line.volumes) for _, _, line in lines],
    )


def _day(house: Household, bill: rule.Bill, due: int, volumes: Sequence[int]) -> Day:
    """What one household is told. Raises: ProtocolError if the rule says something else."""
    cents, readings = SETTINGS.scale.cents, [_reading(house, period) for period in range(len(house.metered))]
    (expected,) = bill.lines.values()
    if due != bill.due(cents) or tuple(volumes) != astuple(expected):
        raise ProtocolError(f"the bill of {house.name} does not agree with the rule of settlement")
    rates = house.supplier.rates
    without = sum(rule.without_market(each.imported, each.exported, rates) for each in readings)
    told = rule.Volumes(*volumes)
    local = told.bought_value - told.sold_value
    return Day(house, told.imported, told.exported, told.bought, told.sold, cents.of(without), due, local)


def _check_totals(
    totals: Sequence[tuple[GroupTotal, tuple[int, int]]], street: Sequence[Household], some: range
) -> None:
    """Raises: ProtocolError if a total that suppliers or operators are shown is not what the meters read."""
    for group, opened in totals:
        supplier = None if group.supplier is None else SUPPLIERS[group.supplier]
        readings = [
            _reading(house, some[group.period]) for house in street if supplier is None or house.supplier == supplier
        ]
        expected = sum(each.imported for each in readings), sum(each.exported for each in readings)
        if (group.users, opened) != (len(readings), expected):
            raise ProtocolError(f"a {group.kind} total of period {some[group.period]} does not agree with its readings")
