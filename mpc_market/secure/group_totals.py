"""Totals over groups of users, of each period: which may be shown, and sums over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from math import prod

import numpy as np
from numpy.typing import NDArray

from mpc_market.rules.groups import large_enough, shown_parts
from mpc_market.secure.readings import Readings
from mpc_market.secure.shares import Shares
from mpc_market.secure.types import Index


class Kind(IntEnum):
    """Whose total it is: a supplier's, for itself; a region's, for its DSO and the TSO; a supplier's within a region,
    for the DSO."""

    SUPPLIER = 0
    REGION = 1
    PART = 2


@dataclass(frozen=True)
class Group:
    """Rows of one period over which a total may be shown; `users`: how many. What does not apply is None."""

    kind: Kind
    period: int
    region: int | None
    supplier: int | None
    users: int


def shown_groups(readings: Readings, rows: Index, minimum: int) -> list[Group]:
    """All groups of these rows over which a total may be shown (`rules.groups`); from public numbers alone."""
    cells, shape = _cells(readings, rows)
    users = np.bincount(cells, minlength=prod(shape)).reshape(shape)
    return [group for period, of_period in enumerate(users) for group in _groups(period, of_period, minimum)]


def _groups(period: int, users: NDArray[np.intp], minimum: int) -> Iterator[Group]:
    """Of one period; `users` (regions, suppliers)."""
    for supplier, count in enumerate(users.sum(axis=0).tolist()):
        if large_enough(count, minimum):
            yield Group(Kind.SUPPLIER, period, None, supplier, count)
    for region, counts in enumerate(users.tolist()):
        if large_enough(sum(counts), minimum):
            yield Group(Kind.REGION, period, region, None, sum(counts))
            for supplier, shown in enumerate(shown_parts(counts, minimum)):
                if shown:
                    yield Group(Kind.PART, period, region, supplier, counts[supplier])


def totals_of(groups: list[Group], readings: Readings, rows: Index, values: Shares) -> Shares:
    """Sums of values (w, v), a column for each of the `rows`, over groups: shape (w, groups). Local."""
    cells, shape = _cells(readings, rows)
    table = values.sums_by(cells, prod(shape)).reshape(len(values), *shape)
    out = np.empty((len(table), len(groups)), np.uint64)
    for place, group in enumerate(groups):
        chosen = table.words[:, group.period, _some(group.region), _some(group.supplier)].reshape(len(table), -1)
        out[:, place] = values.field.sum(np.ascontiguousarray(chosen), -1)
    return Shares(out, values.field)


def _cells(readings: Readings, rows: Index) -> tuple[Index, tuple[int, int, int]]:
    """For each row the place of (period, region, supplier) in a table of that shape."""
    shape = (readings.period_count, readings.region_count, readings.supplier_count)
    cells = (readings.periods[rows] * shape[1] + readings.regions[rows]) * shape[2] + readings.suppliers[rows]
    return cells, shape


def _some(number: int | None) -> slice:
    """That one, or all."""
    return slice(None) if number is None else slice(number, number + 1)
