"""Settlement through real worker processes: the published table to the cent, from readings to amounts due."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.field.mersenne import GF
from mpc_market.field.shamir import recombine, threshold
from mpc_market.rules.model import Market
from mpc_market.rules.money import Cents, Scale
from mpc_market.rules.settlement import Entry, Reading, value
from mpc_market.secure.validity import Verdict
from parties.worker import ClosingInput, SettlementInput
from tests.secure.settlements import CHECK_SEED, Row, Settlement, signed
from tests.worker.services import accept, run, workers

MARKET = Market()
SCALE = Scale(MARKET, 0, 1, 3072, Cents(1, 100_000))
RATES = (2000, 400, 300)
P = GF.modulus


def given_to(party: int, settlement: Settlement) -> SettlementInput:
    """What the service of a party hands to its worker."""
    held = settlement.readings(party)
    words = iter(held.words)
    return SettlementInput(
        settlement.market,
        settlement.minimum,
        CHECK_SEED,
        held.ids,
        held.maxima.tolist(),
        *(held.periods.tolist(), 1, held.suppliers.tolist(), 1, held.regions.tolist(), 1),
        held.metered.tolist(),
        held.counted.tolist(),
        [tuple(pair) for pair in held.traded.tolist()],
        [next(words).astype("<u8").tobytes() if metered else b"" for metered in held.metered],
    )


def community(parties: int) -> Settlement:
    """The two users of the table, a third whose reading is none, and a fourth who is estimated."""
    rows = [
        Row(0, 2000, Reading(0, 2000), 65535),
        Row(2000, 0, Reading(4000, 0), 65535),
        Row(0, 0, Reading(5, 5), 10, verdict=Verdict.NOT_AN_ORDER, words=np.zeros((parties, 2, 32), np.uint64)),
        Row(0, 0, None, 1000),
    ]
    return Settlement(rows, MARKET, parties)


@pytest.mark.parametrize("parties", [3, 5])
def test_the_published_table_to_the_cent(tmp_path: Path, parties: int) -> None:
    """U1 is paid 0.16, U2 pays 0.62; whoever is estimated pays the retail price for its maximum."""
    settlement, t = community(parties), threshold(parties)

    async def test() -> None:
        (tmp_path / "settle").mkdir()
        async with workers(tmp_path / "settle", parties) as started:
            inputs = [given_to(party, settlement) for party in range(parties)]
            settled = await asyncio.gather(
                *(worker.settle(each, accept, 60.0) for worker, each in zip(started, inputs, strict=True))
            )
        for result in settled:
            assert result.verdicts == bytes([0, 0, Verdict.NOT_AN_ORDER])
            assert [bool(entry) for entry in result.entries] == [True, True, False, True]
            assert [(g.kind, g.period, g.region, g.supplier, g.users) for g in result.totals] == [
                ("supplier", 0, None, 0, 2), ("region", 0, 0, None, 2), ("part", 0, 0, 0, 2),
            ]  # fmt: skip
        totals = [np.array([g.shares for g in result.totals], np.uint64) for result in settled]
        assert recombine(totals, t).tolist() == [[4000, 2000]] * 3

        (tmp_path / "close").mkdir()
        async with workers(tmp_path / "close", parties) as started:
            months = [month_of(result.entries) for result in settled]
            closed = await asyncio.gather(
                *(worker.close_month(each, 60.0) for worker, each in zip(started, months, strict=True))
            )
        assert signed(recombine([np.array(result.due, np.uint64) for result in closed], t)) == [-16, 62, 20]
        volumes = recombine([np.array(result.volumes, np.uint64) for result in closed], t)
        assert volumes[:, :4].tolist() == [[0, 2000, 0, 0], [2000, 0, 2000, 0], [0, 0, 1000, 0]]
        assert all(result.effort.bytes_sent > 0 for result in closed)

    run(test, 180.0)


def month_of(entries: tuple[tuple[int, ...], ...]) -> ClosingInput:
    """As the service adds up its own shares: the plaintext rule is linear from here on."""
    volumes = []
    for entry in filter(None, entries):
        of_entry = value(Entry(*entry), 1100)
        volumes.append(tuple(getattr(of_entry, name) % P for name in type(of_entry).__dataclass_fields__))
    users = [f"u{k}" for k in range(len(volumes))]
    accounts = list(range(len(volumes)))
    return ClosingInput(SCALE, users, [1] * len(users), accounts, [RATES] * len(users), volumes)


def test_what_does_not_fit_together_is_refused() -> None:
    given = given_to(0, community(3))
    for changes, error, message in (
        ({"maxima": [1]}, InvalidSettingsError, "4 ids, and columns of other lengths"),
        ({"verdicts": b"\0"}, InvalidSettingsError, "1 verdicts on 3 readings"),
        ({"words": [b""] * 4}, ShareError, "the words of row 0 are 0 bytes, not 512"),
    ):
        with pytest.raises(error, match=message):
            replace(given, **changes)  # type: ignore[arg-type]
    with pytest.raises(InvalidSettingsError, match="integers from 0 on"):
        replace(given, maxima=[-1] * 4).message(1.0)
    month = month_of([(1, 2, 3, 4, 5)])
    with pytest.raises(InvalidSettingsError, match="0 accounts of lines, 1 rates, 1 volumes"):
        replace(month, accounts=[])
    with pytest.raises(InvalidSettingsError, match="out of range"):
        replace(month, volumes=[(-1,) * 7]).message(1.0)
    assert "999" not in repr(replace(month, volumes=[(999,) * 7]))
