"""Rows to be settled, from a fixed seed; what each party holds of them; and the check that the answers are right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpc_market.field.mersenne import GF, Vector
from mpc_market.field.shamir import recombine, share, threshold
from mpc_market.rules.model import Market
from mpc_market.rules.settlement import Reading, settle
from parties.local.settlement import Settled, share_readings
from parties.worker import SettlementInput

MARKET = Market()
MAXIMUM = 10_000  # lots a period: 10 kWh
SUPPLIERS, REGIONS, MINIMUM_GROUP = 3, 2, 5


@dataclass(frozen=True)
class Rows:
    """Users in some periods, (periods · users,) each, period by period; lots."""

    users: int
    periods: int
    bought: NDArray[np.int64]
    sold: NDArray[np.int64]
    imported: NDArray[np.int64]
    exported: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"Rows({self.users} users, {self.periods} periods)"


def make_rows(users: int, periods: int, seed: int) -> Rows:
    """Half of the users sell and half buy in each period; readings within a fifth of what was traded, or so."""
    chance = np.random.default_rng([users, periods, seed])
    n = users * periods
    traded = chance.integers(0, MAXIMUM // 2, n)
    buys = chance.random(n) < 0.5
    deviation = chance.integers(-MAXIMUM // 10, MAXIMUM // 10, n)
    net = np.where(buys, traded, -traded) + deviation
    return Rows(
        users,
        periods,
        np.where(buys, traded, 0),
        np.where(buys, 0, traded),
        np.maximum(net, 0),
        np.maximum(-net, 0),
    )


def inputs(rows: Rows, parties: int, name: str) -> list[SettlementInput]:
    """What each party is handed. `name`: begins the rows' ids."""
    n = rows.users * rows.periods
    maxima = np.full(n, MAXIMUM, np.uint64)
    imported, exported = rows.imported.astype(np.uint64), rows.exported.astype(np.uint64)
    words = share_readings(imported, exported, maxima, MARKET, parties)
    traded = share(np.stack([rows.bought, rows.sold], axis=1).astype(np.uint64), parties)
    users = list(range(rows.users))
    return [
        SettlementInput(
            market=MARKET,
            minimum_group=MINIMUM_GROUP,
            check_seed=bytes(32),  # a benchmark's readings are no secret
            ids=[f"{name}/{row}" for row in range(n)],
            maxima=[MAXIMUM] * n,
            periods=[period for period in range(rows.periods) for _ in users],
            period_count=rows.periods,
            suppliers=[user % SUPPLIERS for user in users] * rows.periods,
            supplier_count=SUPPLIERS,
            regions=[user // SUPPLIERS % REGIONS for user in users] * rows.periods,
            region_count=REGIONS,
            metered=[True] * n,
            counted=[True] * n,
            traded=list(zip(*traded[party].T.tolist(), strict=True)),
            words=words[party],
        )
        for party in range(parties)
    ]


def entries_of(settled: Settled) -> list[Vector]:
    """Each party's shares of the entries: shape (rows, 5)."""
    return [np.array(result.entries, np.uint64) for result in settled.results]


def check(rows: Rows, settled: Settled, entries: Sequence[Vector]) -> None:
    """Compare with the plaintext rule. Raises: RuntimeError if anything differs."""
    columns = (rows.bought, rows.sold, rows.imported, rows.exported)
    expected = [settle(b, s, Reading(i, e)) for b, s, i, e in zip(*(each.tolist() for each in columns), strict=True)]
    table = recombine(entries, threshold(len(entries)))
    residual = np.array([entry.residual_import for entry in expected], np.uint64)
    if not np.array_equal(table, np.stack([*columns, residual], axis=1).astype(np.uint64)):
        raise RuntimeError(f"{rows}: entries differ from the plaintext rule")
    user = np.arange(rows.users)
    of = {"supplier": user % SUPPLIERS, "region": user // SUPPLIERS % REGIONS}
    readings = np.stack([rows.imported, rows.exported]).reshape(2, rows.periods, rows.users)
    for group, opened in settled.totals():
        chosen = np.ones(rows.users, np.bool_)
        for kind, number in (("supplier", group.supplier), ("region", group.region)):
            chosen &= (of[kind] == number) if number is not None else True
        if opened != tuple(readings[:, group.period, chosen].sum(axis=1).tolist()):
            raise RuntimeError(f"{rows}: a total differs from its readings")


def volumes_of(entries: Vector, prices: Vector, users: int) -> Vector:
    """One party's shares of each user's volumes, (users, volumes): the sums of the entries that its service makes.

    (`parties.settling.accounts` does it one entry at a time; that is measured for itself.)
    """
    bought, sold, imported, exported, residual = (
        np.ascontiguousarray(column).reshape(len(prices), users) for column in entries.T
    )
    d = GF.subtract(GF.subtract(imported, exported), GF.subtract(bought, sold))
    price = np.repeat(prices, users).reshape(len(prices), users)
    values = GF.multiply(price, bought), GF.multiply(price, sold)
    lines = (bought, sold, residual, GF.subtract(residual, d), *values, imported)
    return np.stack([GF.sum(np.ascontiguousarray(line.T), -1) for line in lines], axis=1)
