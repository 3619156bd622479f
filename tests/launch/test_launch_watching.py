"""What `up` sees of a market: how rounds and their settlements end."""

import asyncio
import json

import httpx
import pytest

from parties.client.api import Api
from parties.launch.watching import FINAL, Seen, see
from parties.service.life import FINAL as STATES

START, URL = 900, "https://a.example"


def test_a_round_stays_in_the_states_that_parties_call_final() -> None:
    assert set(FINAL) == {state.value for state in STATES}


@pytest.mark.parametrize("settled", [*FINAL, "computing"])
def test_a_settlement_is_asked_for_in_its_own_market_until_it_is_over(settled: str) -> None:
    asked: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=json.dumps({"state": settled}))

    async def look() -> dict[int, Seen]:
        known = {START: Seen(START, "result", 12, None, 2, 2, 5)}
        async with Api("local", {}) as api, Api("local:settlement", {URL: httpx.MockTransport(answer)}) as settlement:
            for _ in range(3):
                await see(api, settlement, None, [START], known)  # type: ignore[arg-type]  # the results are there
        return known

    assert asyncio.run(look())[START].settled == settled
    assert asked == ["/v1/markets/local:settlement/periods/900"] * (1 if settled in FINAL else 3)
