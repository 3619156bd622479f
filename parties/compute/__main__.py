"""`python -m parties.compute`: run one compute party; a coordinator starts it."""

import os
from collections.abc import Callable, Sequence
from functools import partial

from mpc_market.network import Network
from mpc_market.rules.model import Market
from mpc_market.secure.attempt import Preparation
from mpc_market.secure.book import BookShares
from mpc_market.secure.clearing import Method
from mpc_market.secure.closing import Month, MonthShares, close_month
from mpc_market.secure.readings import Readings
from mpc_market.secure.round import RoundShares, compute_round, prepare_round
from mpc_market.secure.service_round import ServiceRoundShares, compute_service_round
from mpc_market.secure.settlement import SettlementShares, settle_periods
from mpc_market.secure.submissions import Submissions
from mpc_market.secure.types import OnVerdicts
from parties.compute.clearing_messages import ClearingJob
from parties.compute.engine import BookArrays, Engine, MonthArrays, RowArrays, SubmissionArrays
from parties.compute.process import main
from parties.compute.settlement_messages import ClosingJob, SettlementJob

THREADS_VARIABLE = "MPC_MARKET_THREADS"


def _threads(parties: int) -> int:
    """How many threads to use: as the environment says, or this party's part of the cores, all on one machine."""
    told = os.environ.get(THREADS_VARIABLE, "")
    return int(told) if told.isdecimal() and int(told) else max(1, _cores() // parties)


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def _compute_round(
    network: Network,
    order_ids: Sequence[str],
    book: BookArrays,
    market: Market,
    seed: bytes | None,
    on_stage: Callable[[str], None],
    method: str,
    preparation: Preparation | None = None,
) -> RoundShares:
    return await compute_round(
        network,
        order_ids,
        BookShares(*book),
        market,
        seed,
        on_stage,
        Method(method),
        _threads(network.parties),
        preparation,
    )


async def _clear(
    network: Network,
    arrays: SubmissionArrays,
    given: ClearingJob,
    on_verdicts: OnVerdicts,
    on_stage: Callable[[str], None],
    preparation: Preparation | None = None,
) -> ServiceRoundShares:
    return await compute_service_round(
        network,
        Submissions(arrays.order_ids, arrays.maxima, arrays.suppliers, given.supplier_count, arrays.words),
        given.market,
        given.check_seed,
        given.ticket_seed,
        on_verdicts,
        verdicts=arrays.verdicts,
        on_stage=on_stage,
        method=Method(given.method),
        threads=_threads(network.parties),
        preparation=preparation,
    )


async def _settle(
    network: Network, rows: RowArrays, given: SettlementJob, on_verdicts: OnVerdicts, on_stage: Callable[[str], None]
) -> SettlementShares:
    readings = Readings(
        rows.ids,
        rows.maxima,
        *(rows.periods, given.period_count, rows.suppliers, given.supplier_count, rows.regions, given.region_count),
        *(rows.metered, rows.counted, rows.traded, rows.words),
    )
    return await settle_periods(
        network,
        readings,
        given.market,
        given.check_seed,
        given.minimum_group,
        on_verdicts,
        verdicts=rows.verdicts,
        on_stage=on_stage,
        threads=_threads(network.parties),
    )


async def _close(
    network: Network, arrays: MonthArrays, given: ClosingJob, on_stage: Callable[[str], None]
) -> MonthShares:
    month = Month(arrays.ids, arrays.accounts, arrays.rates, arrays.bookings, arrays.volumes, arrays.totals)
    return await close_month(network, month, given.scale, on_stage=on_stage, threads=_threads(network.parties))


async def _prepare_round(network: Network, orders_max: int, market: Market, method: str) -> Engine:
    preparation = await prepare_round(network, orders_max, market, Method(method), _threads(network.parties))
    return Engine(partial(_compute_round, preparation=preparation), partial(_clear, preparation=preparation))


main(Engine(_compute_round, _clear, _prepare_round, _settle, _close))
