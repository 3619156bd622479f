"""The agreed set of a round as one compute party holds it: what all parties know of every submission, and its own share
words of the orders.

A submission holds K orders. The words of an order are this party's shares of bits, each kind low bit first:

    side (1, a buy is 1) · price (price_bits) · quantity (quantity_bits) · rest (quantity_bits)

where rest = enrolled maximum − quantity. They come from a meter, which nobody trusts: until `validity` has passed them
they may be shares of anything, or of nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.field.mersenne import Vector
from mpc_market.rules.model import Market
from mpc_market.secure.book import BookShares
from mpc_market.secure.inputs import check_range, check_shares
from mpc_market.secure.types import Index
from mpc_market.secure.validity import Layout


def order_layout(orders_each: int, market: Market) -> Layout:
    """What the words of a submission must be."""
    return Layout(b"mpc-market check coefficients v1", orders_each, market.order_words, market.quantity_bits)


@dataclass(frozen=True)
class Submissions:
    """s submissions of K orders each, in the sequence of the agreed set, at one party.

    Public, and the same at all parties: `order_ids`, s·K, submission by submission; `maxima` (s,), the largest quantity
    that each meter is enrolled with, in lots; `suppliers` (s,), the number 0 … `supplier_count` − 1 of its supplier.
    Secret: `words` (s, K, order_words), each below p.
    """

    order_ids: Sequence[str]
    maxima: Vector
    suppliers: Index
    supplier_count: int
    words: Vector

    def __repr__(self) -> str:
        return f"Submissions({self.count} of {self.orders_each} orders)"

    @property
    def count(self) -> int:
        """The number of submissions, s."""
        return len(self.words)

    @property
    def orders_each(self) -> int:
        """Orders in one submission, K."""
        return int(self.words.shape[1])

    def check(self, market: Market) -> None:
        """Refuse what cannot belong to a round of this market; of the words only whether they are field elements.

        Raises: BookTooLargeError, InvalidSettingsError, ShareError.
        """
        if self.words.ndim != 3 or self.words.shape[1] == 0 or self.words.shape[2] != market.order_words:
            raise ShareError(
                f"share words of shape {self.words.shape}, not (submissions, orders each, {market.order_words})"
            )
        market.check_size(self.count * self.orders_each)
        lengths = (len(self.order_ids), len(self.maxima), len(self.suppliers))
        if lengths != (self.count * self.orders_each, self.count, self.count):
            raise InvalidSettingsError(
                f"{lengths[0]} order ids, {lengths[1]} maxima and {lengths[2]} suppliers for {self.count} submissions "
                f"of {self.orders_each} orders"
            )
        check_range("enrolled maxima in lots", self.maxima, 2**market.quantity_bits)
        check_range("numbers of suppliers", self.suppliers, self.supplier_count)
        check_shares(self.words)

    def orders_of(self, chosen: Index) -> Index:
        """Where the orders of the chosen submissions stand among all orders."""
        return (chosen[:, None] * self.orders_each + np.arange(self.orders_each)).reshape(-1)

    def book_of(self, chosen: Index, market: Market) -> BookShares:
        """The orders of the chosen submissions as a book, submission by submission; nothing of the others is in it."""
        words = self.words[chosen].reshape(-1, market.order_words)
        price, quantity = 1 + market.price_bits, 1 + market.price_bits + market.quantity_bits
        columns = (words[:, 0], words[:, 1:price].T, words[:, price:quantity].T)
        return BookShares(*map(np.ascontiguousarray, columns))
