"""How a round ended, asked of all compute parties at once; in words where it has no result."""

from collections.abc import Mapping

from mpc_market.errors import MarketError
from mpc_market.wire.errors import WireError
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Result, Standing, Void
from parties.client.api import Api, RefusedError
from parties.client.hearing import ContradictionError, Heard, ask_all
from parties.files.running import RunningMarket
from parties.files.values import moment_text
from parties.supplier.errors import TotalsError

_WHY = {
    "unknown-market": "no party runs this market: is it the right market file?",
    "unknown-period": "the parties know no round of this period: it is too far off, or long past",
    "not-open-yet": "the round has not begun yet",
}


async def ended(api: Api, running: RunningMarket, start: int) -> tuple[Terms, Result]:
    """What submissions and claims of the round depend on, and its result. Run by the supplier.

    Raises: TotalsError if the round is void, still running or not known, or a party cannot be reached.
    """
    name = moment_text(start)
    try:
        heard = await ask_all(api, running, start)
    except ContradictionError as error:
        raise TotalsError(f"{name}: {error}") from None
    stands = heard.standing
    if stands is Standing.VOID:
        reason = f"the round is void{_reason(heard)}: nothing was traded, and there are no totals"
        raise TotalsError(f"{name}: {reason}", "void")
    if heard.unheard:
        told = explained(heard.unheard, api.parties, _WHY)
        raise TotalsError(f"{name}: {told}", common_problem(heard.unheard, api.parties))
    if stands is Standing.PENDING:
        silent = sorted(set(range(api.parties)) - set(heard.outcomes))
        reason = f"the round is still running: {_parties(silent)} not signed an outcome yet"
        raise TotalsError(f"{name}: {reason}", "not-finished")
    try:
        return heard.terms(), heard.result
    except WireError as error:
        raise TotalsError(f"{name}: the openings do not hold together: {error}") from None


def explained(troubles: Mapping[int, MarketError], parties: int, why: dict[str, str]) -> str:
    """One sentence on why something could not be had. `troubles`: of each party that did not answer as it should.

    `why`: what a problem means, where all parties refuse for the same reason.
    """
    if (problem := common_problem(troubles, parties)) in why:
        return why[problem or ""]
    told = "; ".join(str(troubles[party]) for party in sorted(troubles))
    return f"the answers of all {parties} parties are needed: {told}"


def common_problem(troubles: Mapping[int, MarketError], parties: int) -> str | None:
    """The problem, where all parties refuse for the same reason."""
    problems = {error.problem if isinstance(error, RefusedError) else None for error in troubles.values()}
    return problems.pop() if len(troubles) == parties and len(problems) == 1 else None


def _reason(heard: Heard) -> str:
    for party in sorted(heard.outcomes):
        content = heard.outcomes[party].message.content
        if isinstance(content, Void):
            return f" (party {party} signed so: {content.reason.name.lower().replace('_', ' ')})"
    return " (the parties signed different results)"


def _parties(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"party {listed} has" if len(numbers) == 1 else f"parties {listed} have"
