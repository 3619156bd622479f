"""The secure settlement: entries and totals of the plaintext rule, whatever meters send; what is opened."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from mpc_market.errors import InvalidSettingsError, PeerError, ShareError
from mpc_market.field.mersenne import GF
from mpc_market.field.shamir import recombine, threshold
from mpc_market.network import memory_networks
from mpc_market.rules.groups import large_enough, shown_parts
from mpc_market.rules.model import Market
from mpc_market.rules.settlement import Reading, total
from mpc_market.secure import chunks
from mpc_market.secure.group_totals import Group, Kind
from mpc_market.secure.validity import Verdict
from tests.secure.listening import listening
from tests.secure.lockstep import Lockstep
from tests.secure.meters import deal
from tests.secure.settlements import Row, Settlement, entries_of, random_settlement, reading_bits, run_settlement

every_m = pytest.mark.parametrize("parties", [3, 5, 7])
SMALL = Market(4, 5)


def expected_totals(settlement: Settlement) -> dict[Group, tuple[int, int]]:
    """By the plaintext rule, group by group."""
    found = {}

    def over(kind, period, region, supplier):
        chosen = [
            row.entry
            for row in settlement.rows
            if row.entry is not None
            and row.reading is not None
            and row.counted
            and row.period == period
            and region in (None, row.region)
            and supplier in (None, row.supplier)
        ]
        summed = total(chosen)
        return Group(kind, period, region, supplier, summed.users), (summed.imported, summed.exported)

    for period in range(settlement.periods):
        for supplier in range(settlement.suppliers):
            group, pair = over(Kind.SUPPLIER, period, None, supplier)
            if large_enough(group.users, settlement.minimum):
                found[group] = pair
        for region in range(settlement.regions):
            group, pair = over(Kind.REGION, period, region, None)
            if not large_enough(group.users, settlement.minimum):
                continue
            found[group] = pair
            parts = [over(Kind.PART, period, region, supplier) for supplier in range(settlement.suppliers)]
            shown = shown_parts([part.users for part, _ in parts], settlement.minimum)
            found |= {part: pair for (part, pair), show in zip(parts, shown, strict=True) if show}
    return found


def assert_right(settlement: Settlement, results) -> None:
    t = threshold(settlement.parties)
    for result in results:
        assert result.verdicts.tolist() == [row.verdict for row in settlement.rows if row.reading is not None]
        assert result.settled.tolist() == [i for i, row in enumerate(settlement.rows) if row.entry is not None]
        assert result.communication_rounds == results[0].communication_rounds
        assert list(result.groups) == list(results[0].groups)
    assert entries_of(results) == [row.entry for row in settlement.rows if row.entry is not None]
    totals = recombine([result.totals for result in results], t).tolist()
    assert dict(zip(results[0].groups, map(tuple, totals), strict=True)) == expected_totals(settlement)


@pytest.mark.parametrize(("parties", "count", "most"), [(3, 60, 20), (5, 8, 8), (7, 3, 5)])
def test_any_settlement(parties, count, most):
    """Markets, periods, suppliers, regions, estimates, late readings and cheats of all sorts."""
    for number in range(count):
        settlement = random_settlement(1000 * parties + number, parties, most)
        assert_right(settlement, run_settlement(settlement)[0])


@every_m
def test_extreme_deviations(parties):
    """|d| as large as it gets, 0, and 1 in both directions."""
    market = Market(20, 24)
    most = 2**24 - 1
    rows = [
        Row(b, s, Reading(i, e), most)
        for b, s, i, e in (
            (0, most, most, 0), (most, 0, 0, most), (0, 0, 0, 0), (most, 0, most, 0), (0, most, 0, most),
            (5, 0, 6, 0), (6, 0, 5, 0), (0, 255 * most, most, 0), (255 * most, 0, 0, most),
        )
    ]  # fmt: skip
    settlement = Settlement(rows, market, parties)
    assert_right(settlement, run_settlement(settlement)[0])


def test_more_than_a_chunk(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 3)
    settlement = random_settlement(7, 3, 20)
    settlement.rows = [Row(i % 3, i % 5, Reading(i % 7, i % 11), 15) for i in range(40)]
    settlement = Settlement(settlement.rows, SMALL)
    assert_right(settlement, run_settlement(settlement)[0])


@pytest.mark.parametrize(
    "rows", [[], [Row(1, 0, None, 9)], [Row(1, 0, Reading(1, 1), 9, verdict=Verdict.NOT_AN_ORDER)]]
)
def test_hardly_anything(rows):
    for row in rows:
        if row.verdict is not Verdict.VALID:
            row.words = np.zeros((3, 2, 10), np.uint64)
    settlement = Settlement(rows, SMALL)
    assert_right(settlement, run_settlement(settlement)[0])


def test_known_verdicts_are_not_found_again():
    settlement = random_settlement(3)
    first, _ = run_settlement(settlement)

    async def never(_):
        raise AssertionError("they are known")

    with listening() as openings:
        again, _ = run_settlement(settlement, verdicts=first[0].verdicts, on_verdicts=never)
    assert_right(settlement, again)
    assert all(words.ndim == 1 for words in openings.words)


# --- what is opened, and sent -----------------------------------------------------------------------------


def some(count: int, kind: str) -> Settlement:
    """As many rows of the same public kind, with all sorts of secrets."""
    secret = {"zero": (0, 0, 0, 0), "most": (31, 0, 0, 31), "other": (0, 31, 31, 0), "mixed": None}[kind]
    rows = []
    for i in range(count):
        b, s, imp, exp = secret or (i % 32, 3 * i % 32, 5 * i % 32, 7 * i % 32)
        rows.append(Row(b, s, Reading(imp, exp), 31, supplier=i % 2, region=i % 3 % 2))
    return Settlement(rows, SMALL, suppliers=2, regions=2)


def test_what_is_opened():
    """Two numbers for each reading (0, and a polynomial for which a mask is chosen each time), one for each row."""
    rows = [*some(20, "mixed").rows, Row(1, 2, None, 9), Row(0, 2, None, 9, counted=False)]
    seen = []
    for _ in range(2):
        with listening() as openings:
            run_settlement(Settlement(rows, SMALL, suppliers=2, regions=2))
        checks, compared = openings.words  # nothing else
        assert (checks.shape, compared.shape) == ((3, 2, 20), (22,))
        sums = (checks[:, 1].astype(object).sum(axis=0) % GF.modulus).tolist()
        assert sums == [0] * 20
        assert compared.min() > 2**32
        seen.append({*checks.reshape(-1).tolist(), *compared.tolist()})
    assert len(seen[0]) == 3 * 2 * 20 + 22
    assert not seen[0] & seen[1]


@pytest.mark.parametrize("count", [1, 7, 30])
def test_traffic_depends_on_public_numbers_only(count):
    sequences = set()
    for kind in ("zero", "most", "other", "mixed"):
        _, networks = run_settlement(some(count, kind))
        sequences.add(tuple(tuple(network.sent) for network in networks))
    assert len(sequences) == 1


@every_m
def test_rounds_are_counted_as_the_network_sees_them(parties):
    settlement = Settlement(some(9, "mixed").rows, SMALL, suppliers=2, regions=2)
    settlement = Settlement([Row(r.bought, r.sold, r.reading, r.maximum) for r in settlement.rows], SMALL, parties)
    lockstep = Lockstep(parties)

    async def main():
        pump = asyncio.ensure_future(lockstep.deliver_forever())
        results = await asyncio.gather(*(settlement.run(end) for end in lockstep.ends))
        pump.cancel()
        return results

    results = asyncio.run(main())
    assert_right(settlement, results)
    assert {result.communication_rounds for result in results} == {lockstep.deliveries}


def test_totals_are_fresh_shares():
    """The polynomial of a total is not the sum of those of its users."""
    settlement = some(12, "mixed")
    results, _ = run_settlement(settlement)
    group = next(g for g in results[0].groups if g.kind is Kind.SUPPLIER)
    place = list(results[0].groups).index(group)
    own = [i for i, row in enumerate(settlement.rows) if row.supplier == group.supplier]
    for result in results:
        plain = GF.sum(np.ascontiguousarray(result.entries[own, 2]), -1)
        assert int(plain) != int(result.totals[place, 0])
    again, _ = run_settlement(settlement)
    assert not set(results[0].totals.reshape(-1).tolist()) & set(again[0].totals.reshape(-1).tolist())


def test_nothing_secret_is_printed():
    settlement = some(5, "mixed")
    results, _ = run_settlement(settlement)
    assert repr(results[0]) == f"SettlementShares(5 rows settled, {len(results[0].groups)} totals)"
    assert repr(settlement.readings(0)) == "Readings(5 rows, 5 metered)"


# --- what is refused --------------------------------------------------------------------------------------


def changed(**others):
    readings = some(4, "mixed").readings(0)
    values = {name: getattr(readings, name) for name in readings.__dataclass_fields__}
    return type(readings)(**(values | others))


@pytest.mark.parametrize(
    ("others", "error", "words"),
    [
        ({"maxima": np.full(4, 32, np.uint64)}, InvalidSettingsError, "enrolled maxima in lots must be from 0 to 31"),
        ({"periods": np.full(4, 1)}, InvalidSettingsError, "numbers of periods"),
        ({"suppliers": np.full(4, -1)}, InvalidSettingsError, "numbers of suppliers"),
        ({"regions": np.full(4, 2)}, InvalidSettingsError, "numbers of regions"),
        ({"regions": np.zeros(3, np.intp)}, InvalidSettingsError, "4 ids, and columns"),
        ({"ids": ["a", "b", "c", "a"]}, InvalidSettingsError, "two rows have one id"),
        ({"metered": np.zeros(4, np.bool_)}, ShareError, "share words of shapes"),
        ({"words": np.zeros((4, 2, 9), np.uint64)}, ShareError, "share words of shapes"),
        ({"words": np.full((4, 2, 10), 2**61 - 1, np.uint64)}, ShareError, "not below"),
        ({"traded": np.full((4, 2), 2**61 - 1, np.uint64)}, ShareError, "not below"),
    ],
)
def test_what_does_not_belong_together_is_refused(others, error, words):
    with pytest.raises(error, match=words):
        changed(**others).check(SMALL)


def test_an_estimate_belongs_to_no_total():
    readings = Settlement([Row(1, 2, None, 9)], SMALL).readings(0)
    object.__setattr__(readings, "counted", np.ones(1, np.bool_))
    with pytest.raises(InvalidSettingsError, match="belongs to no total"):
        readings.check(SMALL)


def test_parties_that_were_given_other_rows_notice():
    one, other = some(4, "mixed"), some(4, "mixed")
    other.rows[2].supplier = 1 - other.rows[2].supplier

    async def main():
        networks = memory_networks(3)
        tasks = [asyncio.ensure_future((other if n.party == 1 else one).run(n)) for n in networks]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        errors = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return errors

    errors = asyncio.run(main())
    assert errors
    assert all(isinstance(error, PeerError) for error in errors)


@every_m
def test_every_cheat_is_noticed(parties):
    """In every place of a reading something that is no bit, the other bit, another share for one party."""
    row = Row(3, 0, Reading(9, 4), 20)
    bits = reading_bits(9, 4, 20, SMALL)
    rows = [row]
    for place in np.ndindex(bits.shape):
        cheats = (2, Verdict.NOT_AN_ORDER), (1 - bits[place], Verdict.NOT_AN_ORDER), (None, Verdict.OFF_POLYNOMIAL)
        for word, verdict in cheats:
            changed_bits = bits.copy()
            changed_bits[place] = bits[place] if word is None else word
            words = deal(changed_bits, parties)
            if word is None:
                words[(parties - 1, *place)] ^= np.uint64(1)
            rows.append(replace(row, words=words, verdict=verdict))
    # import and export that make up for each other: the sums are checked with coefficients of their own
    swapped = reading_bits(9, 4, 20, SMALL)
    swapped[:, 5:] = swapped[::-1, 5:]
    rows.append(replace(row, words=deal(swapped, parties), verdict=Verdict.NOT_AN_ORDER))
    settlement = Settlement(rows, SMALL, parties)
    assert_right(settlement, run_settlement(settlement)[0])
