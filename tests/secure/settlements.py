"""Whole settlements in memory: readings and promises go in, what each party holds comes out."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mpc_market.field.mersenne import GF
from mpc_market.field.shamir import recombine, share, threshold
from mpc_market.network import MemoryNetwork, Network, memory_networks
from mpc_market.rules.model import Market
from mpc_market.rules.money import Scale
from mpc_market.rules.settlement import Entry, Reading, Volumes, estimate, settle
from mpc_market.secure.closing import Month, MonthShares, close_month
from mpc_market.secure.readings import Readings
from mpc_market.secure.settlement import SettlementShares, settle_periods
from mpc_market.secure.types import Verdicts
from mpc_market.secure.validity import Verdict
from tests.secure.meters import deal
from tests.secure.runner import residues

CHECK_SEED = bytes(range(32))


@dataclass
class Row:
    """A user in a period. `reading` None: estimated. `words` (m, 2, 2·quantity_bits): what the meter has sent."""

    bought: int
    sold: int
    reading: Reading | None
    maximum: int
    period: int = 0
    supplier: int = 0
    region: int = 0
    counted: bool = True
    verdict: Verdict = Verdict.VALID
    words: np.ndarray | None = field(default=None, repr=False)

    @property
    def entry(self) -> Entry | None:
        """By the plaintext rule; None if it stays provisional."""
        if self.verdict is not Verdict.VALID:
            return None
        return settle(self.bought, self.sold, self.reading or estimate(self.maximum))


def reading_bits(imported: int, exported: int, maximum: int, market: Market) -> np.ndarray:
    """The secret words of a reading, (2, 2·quantity_bits), as Python integers."""
    bits = range(market.quantity_bits)
    rows = [[value >> i & 1 for value in (q, maximum - q) for i in bits] for q in (imported, exported)]
    return np.array(rows, object)


def with_words(row: Row, market: Market, parties: int) -> Row:
    """What an honest meter sends."""
    if row.reading is not None and row.words is None:
        row.words = deal(reading_bits(row.reading.imported, row.reading.exported, row.maximum, market), parties)
    return row


@dataclass
class Settlement:
    """What is to be settled."""

    rows: Sequence[Row]
    market: Market
    parties: int = 3
    periods: int = 1
    suppliers: int = 1
    regions: int = 1
    minimum: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for row in self.rows:
            with_words(row, self.market, self.parties)
        pairs = np.array([[row.bought, row.sold] for row in self.rows], object).reshape(-1, 2)
        self._traded = share(residues(pairs), self.parties)

    def readings(self, party: int) -> Readings:
        """What one party holds."""
        rows = self.rows
        words = [row.words[party] for row in rows if row.words is not None]
        shape = (len(words), 2, 2 * self.market.quantity_bits)

        def column(name: str, dtype: Any) -> np.ndarray:
            return np.array([getattr(row, name) for row in rows], dtype)

        return Readings(
            [f"{i}" for i in range(len(rows))],
            column("maximum", np.uint64),
            *(column("period", np.intp), self.periods, column("supplier", np.intp), self.suppliers),
            *(column("region", np.intp), self.regions),
            np.array([row.reading is not None for row in rows], np.bool_),
            np.array([row.reading is not None and row.counted for row in rows], np.bool_),
            self._traded[party],
            np.array(words, np.uint64).reshape(shape),
        )

    async def run(self, network: Network, **others: Any) -> SettlementShares:
        """One party's part."""
        given = {"readings": self.readings(network.party), "market": self.market, "check_seed": CHECK_SEED}
        given |= {"minimum_group": self.minimum, "on_verdicts": accept}
        return await settle_periods(network, **(given | others))


async def accept(_: Verdicts) -> None:
    """All parties have stored them."""


def run_settlement(settlement: Settlement, **others: Any) -> tuple[list[SettlementShares], list[MemoryNetwork]]:
    networks = memory_networks(settlement.parties)

    async def main() -> list[SettlementShares]:
        return await asyncio.gather(*(settlement.run(network, **others) for network in networks))

    return asyncio.run(main()), networks


def entries_of(results: Sequence[SettlementShares]) -> list[Entry]:
    table = recombine([result.entries for result in results], threshold(len(results)))
    return [Entry(*row) for row in table.tolist()]


def run_closing(
    months: Sequence[Month], scale: Scale, networks: Sequence[MemoryNetwork] | None = None
) -> list[MonthShares]:
    ends = networks or memory_networks(len(months))

    async def main() -> list[MonthShares]:
        return await asyncio.gather(*(close_month(n, each, scale) for n, each in zip(ends, months, strict=True)))

    return asyncio.run(main())


def signed(words: np.ndarray) -> list[Any]:
    """Residues as the signed integers that they stand for."""
    return (words.astype(object) - GF.modulus * (words > GF.modulus // 2)).tolist()


def volumes_of(results: Sequence[MonthShares]) -> list[Volumes]:
    table = recombine([result.volumes for result in results], threshold(len(results)))
    return [Volumes(*row) for row in signed(table)]


def random_settlement(number: int, parties: int = 3, most: int = 20) -> Settlement:
    """All sorts of rows, some estimated, some not counted, some from meters that cheat; reproducible."""
    rng = random.Random(number)
    market = Market(*rng.choice(((1, 1), (4, 3), (12, 16), (20, 24))))
    largest = 2**market.quantity_bits - 1
    periods, suppliers, regions = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 3)
    rows = []
    for _ in range(rng.randrange(most + 1)):
        maximum = rng.choice((0, largest, rng.randint(0, largest)))
        bought, sold, imported, exported = (rng.choice((0, maximum, rng.randint(0, maximum))) for _ in range(4))
        where = (rng.randrange(periods), rng.randrange(suppliers), rng.randrange(regions), rng.random() < 0.8)
        reading = Reading(imported, exported) if rng.random() < 0.8 else None
        row = Row(bought, sold, reading, maximum, *where)
        if reading is not None and rng.random() < 0.2:
            bits = reading_bits(imported, exported, maximum, market)
            place = (rng.randrange(2), rng.randrange(2 * market.quantity_bits))
            row.verdict = rng.choice((Verdict.NOT_AN_ORDER, Verdict.OFF_POLYNOMIAL))
            if row.verdict is Verdict.NOT_AN_ORDER:
                bits[place] = rng.choice((1 - bits[place], 2, -1))
                row.words = deal(bits, parties)
            else:
                row.words = deal(bits, parties)
                row.words[(rng.randrange(parties), *place)] = rng.randrange(2**60)
        rows.append(row)
    return Settlement(rows, market, parties, periods, suppliers, regions, rng.randint(1, 4), number)
