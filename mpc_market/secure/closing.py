"""Closing a billing month on shares: bills from what the parties have added up, to be revealed each to its reader.

The parties have accumulated, each for itself and as shares, seven volumes of each line of a bill (`rules.settlement`'s
Volumes: bought, sold, residual import, residual export in lots; values bought and sold in money; imported in lots).
Here the lines of an account become its amount due,

    due = ⌊(Σ_lines value bought − value sold + n·sold + r·residual import − f·residual export) · cents per unit + 1/2⌋

Leaks: uniform numbers, in comparisons. Nothing else is opened. What is returned are fresh shares, to be revealed by
others: an amount due to the supplier (cents; no volumes, and not what was rounded off), the lines to the user, totals
of corrections to whom they are of. Each polynomial is made for this reveal alone (`Session.refresh`), so what a
supplier is shown cannot be held against what users or other readers are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.field.mersenne import GF, Vector
from mpc_market.network import Network
from mpc_market.rules.model import VOLUMES
from mpc_market.rules.money import Scale
from mpc_market.secure.attempt import attempt
from mpc_market.secure.cents import to_cents
from mpc_market.secure.inputs import check_range, check_shares
from mpc_market.secure.shares import Shares
from mpc_market.secure.types import Index, OnStage


@dataclass(frozen=True)
class Month:
    """N accounts, g lines and T totals of one month, at one party.

    Public, and the same at all parties: `ids`, whatever names accounts, lines and totals; `accounts` (g,), the number
    0 … N − 1 of the account of each line; `rates` (g, 3), its retail price, feed-in price and network fee in money
    ticks; `bookings` (N,), how many entries an account's volumes are made of, those taken back included.
    Secret: `volumes` (g, 7); `totals` (T, 2), totals of the month's corrections, import and export, that may be shown.
    """

    ids: Sequence[str]
    accounts: Index
    rates: NDArray[np.int64]
    bookings: Index
    volumes: Vector
    totals: Vector

    def __repr__(self) -> str:
        return f"Month({len(self.bookings)} accounts, {len(self.accounts)} lines)"

    def check(self, scale: Scale) -> None:
        """Refuse what cannot belong together.

        Raises: InvalidSettingsError, ShareError.
        """
        lines, accounts = len(self.accounts), len(self.bookings)
        shapes = (self.rates.shape, self.volumes.shape, self.totals.shape[1:])
        if shapes != ((lines, 3), (lines, VOLUMES), (2,)):
            raise ShareError(f"rates, volumes and totals of shapes {shapes} for {lines} lines")
        check_range("numbers of accounts", self.accounts, accounts)
        if np.any(np.abs(self.rates) > scale.widest_price) or np.any(self.bookings < 0):
            raise InvalidSettingsError(f"rates must be at most {scale.widest_price} in size, bookings not negative")
        check_shares(self.volumes, self.totals)

    def public(self) -> tuple[object, ...]:
        """What all parties must have been given alike, besides the ids."""
        arrays = (self.accounts, self.rates, self.bookings)
        return len(self.totals), [sha256(np.ascontiguousarray(each, "<i8").tobytes()).digest() for each in arrays]


@dataclass(frozen=True)
class MonthShares:
    """What one party holds afterwards: fresh shares of the amounts `due` (N,) in cents, signed; `volumes` (g, 7);
    `totals` (T, 2). `communication_rounds` is public.
    """

    communication_rounds: int
    due: Vector
    volumes: Vector
    totals: Vector

    def __repr__(self) -> str:
        return f"MonthShares({self.due.size} accounts, {len(self.volumes)} lines)"


async def close_month(
    network: Network, month: Month, scale: Scale, *, on_stage: OnStage = lambda _: None, threads: int = 1
) -> MonthShares:
    """Close one month. Run by every compute party, on its own words of the same accounts. `on_stage` is called with
    "keys", "cents", "bills".

    It may be repeated: the amounts are the same each time, under other polynomials; only one of the attempts is to be
    revealed.
    Cost: as `to_cents`; 1 round and (m − 1 − t) words for each word that is returned.
    Raises: InvalidSettingsError, AmountsTooLargeError, ShareError before anything is sent; PeerError.
    """
    month.check(scale)
    largest = scale.largest_amount(int(month.bookings.max(initial=0)))
    scale.cents.check_exact(largest)
    on_stage("keys")
    settings = ("closing", scale, *month.public())
    async with attempt(network, [each.encode() for each in month.ids], settings, threads) as session:
        on_stage("cents")
        exact = _amounts(month).reshape(1, -1).sums_by(month.accounts, len(month.bookings))[0]
        due = await to_cents(session, exact, scale.cents, largest)
        on_stage("bills")
        fresh = await session.refresh(due, Shares(month.volumes), Shares(month.totals))
    return MonthShares(session.rounds, *(each.words for each in fresh))


def _amounts(month: Month) -> Shares:
    """value bought − value sold + n·sold + r·residual import − f·residual export, by line: shape (g,)."""
    retail, feed_in, fee = ((month.rates % GF.modulus).astype(np.uint64)).T
    _, sold, residual_import, residual_export, bought_value, sold_value, _ = month.volumes.T
    plus = GF.add(GF.multiply(fee.copy(), sold.copy()), GF.multiply(retail.copy(), residual_import.copy()))
    minus = GF.add(GF.multiply(feed_in.copy(), residual_export.copy()), sold_value)
    return Shares(GF.subtract(GF.add(bought_value, plus), minus))
