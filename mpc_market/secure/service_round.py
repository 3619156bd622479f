"""What one compute party runs for a round of a running market: validity, then clearing, then the suppliers' totals.

    agreed set → verdicts → (all parties have signed and stored them) → valid orders → clearing → shares for owners

`round` clears a book whose shares are taken on trust; here they come from meters, and whatever is not an order is left
out before anything is computed with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from mpc_market.field.mersenne import Vector
from mpc_market.network import Network
from mpc_market.rules.model import Market
from mpc_market.secure.attempt import Preparation, attempt
from mpc_market.secure.clearing import Method, clear
from mpc_market.secure.seed import check_seed_length
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares
from mpc_market.secure.submissions import Submissions, order_layout
from mpc_market.secure.tickets import ticket_index
from mpc_market.secure.traded import Traded, find_traded
from mpc_market.secure.types import Index, OnStage, OnVerdicts, Verdicts
from mpc_market.secure.validity import Verdict, check_known, find_verdicts


@dataclass(frozen=True)
class ServiceRoundShares:
    """What one party holds after the round.

    Public: `price` in ticks, None for no trade; `verdicts` (s,); `valid` (v,), the submissions that were cleared, in
    sequence; `users` (supplier_count,), how many of them are of each supplier; `communication_rounds`.
    Shares, in lots: `accepted` (v, K), the accepted quantities of the orders of each valid submission; `traded`
    (v, 2), what the sender of each has bought and sold, to be kept for settlement; `bought` and `sold`
    (supplier_count,), totals over the users of each supplier.
    """

    price: int | None
    verdicts: Verdicts
    valid: Index
    users: Index
    communication_rounds: int
    accepted: Vector
    traded: Vector
    bought: Vector
    sold: Vector

    def __repr__(self) -> str:
        counts = f"{len(self.valid)} of {len(self.verdicts)} submissions valid"
        return f"ServiceRoundShares(price={self.price}, {counts}, rounds={self.communication_rounds})"


async def compute_service_round(
    network: Network,
    submissions: Submissions,
    market: Market,
    check_seed: bytes,
    ticket_seed: bytes,
    on_verdicts: OnVerdicts,
    *,
    verdicts: Verdicts | None = None,
    on_stage: OnStage = lambda _: None,
    method: Method = Method.SORT,
    threads: int = 1,
    preparation: Preparation | None = None,
) -> ServiceRoundShares:
    """Check and clear one agreed set. Run by every compute party, on its own words of the same submissions.

    `check_seed`, `ticket_seed`: 32 bytes each, public, the same at every attempt at the round. `verdicts`: those that
    an earlier attempt has found and the parties have stored; then nothing is checked and `on_verdicts` is not called.
    `preparation`: from `prepare_round` on this network. If there turn out to be more valid orders than it is for, its
    keys are used and the rest is made anew. `on_stage` is called with "keys", "validity", "verdicts", "book", the
    stages of the clearing, and "totals".
    Leaks: the verdicts (see `validity`), and what the clearing of the valid orders opens.
    Cost: besides the clearing 1 communication round and 2·(m − 1) words per submission for validity, 1 round and
    (m − 1 − t) words per submission and 2·(m − 1 − t) per supplier for what was bought and sold.
    Raises: BookTooLargeError, InvalidSettingsError, ShareError, ReuseError before anything is sent; PeerError,
    ProtocolError; whatever `on_verdicts` raises.
    """
    _check_input(submissions, market, check_seed, ticket_seed, verdicts)
    if preparation is not None:
        preparation.use(0, market, method)  # how many orders are valid is not known yet
    on_stage("keys")
    settings = (market, method, check_seed, ticket_seed, *_public(submissions, verdicts))
    encoded_ids = [order_id.encode() for order_id in submissions.order_ids]
    async with attempt(network, encoded_ids, settings, threads, preparation) as session:
        if verdicts is None:
            on_stage("validity")
            layout = order_layout(submissions.orders_each, market)
            verdicts = await find_verdicts(session, submissions.words, submissions.maxima, layout, check_seed)
            on_stage("verdicts")
            await on_verdicts(verdicts)
        valid = np.flatnonzero(verdicts == Verdict.VALID)
        on_stage("book")
        tickets = ticket_index(ticket_seed, [encoded_ids[i] for i in submissions.orders_of(valid).tolist()])
        shares = await _clear(session, submissions, valid, market, tickets, method, preparation, on_stage)
    users = np.bincount(submissions.suppliers[valid], minlength=submissions.supplier_count)
    price, accepted, traded = shares
    shown = (traded.users, traded.bought, traded.sold)
    return ServiceRoundShares(price, verdicts, valid, users, session.rounds, accepted, *shown)


async def _clear(
    session: Session,
    submissions: Submissions,
    valid: Index,
    market: Market,
    tickets: Index,
    method: Method,
    preparation: Preparation | None,
    on_stage: OnStage,
) -> tuple[int | None, Vector, Traded]:
    """The clearing price; this party's shares of the accepted quantities (v, K) and of what was bought and sold."""
    book = submissions.book_of(valid, market)
    prepared = preparation.material if preparation and book.orders <= preparation.n_max else None
    price, accepted = await clear(session, book, market, tickets, method=method, prepared=prepared, on_stage=on_stage)
    on_stage("totals")
    shape = (len(valid), submissions.orders_each)
    side, accepted = Shares(book.side).reshape(*shape), accepted.reshape(*shape)
    suppliers = submissions.suppliers[valid]
    traded = await find_traded(session, side, accepted, suppliers, submissions.supplier_count)
    return price, accepted.words, traded


def _check_input(
    submissions: Submissions, market: Market, check_seed: bytes, ticket_seed: bytes, verdicts: Verdicts | None
) -> None:
    submissions.check(market)
    check_seed_length("check seed", check_seed)
    check_seed_length("ticket seed", ticket_seed)
    check_known(verdicts, submissions.count)


def _public(submissions: Submissions, verdicts: Verdicts | None) -> tuple[object, ...]:
    """What all parties must have been given alike, besides the ids and the settings."""
    known = b"" if verdicts is None else verdicts.tobytes()
    arrays = (submissions.maxima.astype("<u8").tobytes(), submissions.suppliers.astype("<u8").tobytes(), known)
    digests = [sha256(array).digest() for array in arrays]
    return submissions.orders_each, submissions.supplier_count, verdicts is None, digests
