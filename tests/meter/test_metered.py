"""Readings from registers and from files: never a wrong one, and a reason for each that is none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mpc_market.errors import InputError
from mpc_market.wire.layout import Reading
from parties.files.market import MarketFile
from parties.files.values import moment_text
from parties.meter import metered
from parties.meter.metered import FromFile, FromRegisters, ReadingFile
from parties.meter.registers import Boundaries, Registers
from parties.meter.store import Store

QUARTER = 900
START = 1_795_262_400
MARKET = MarketFile()
TOP = 999_999_999
"""The largest that a register of six digits and three decimals shows, Wh."""


def stored(folder: Path, *readings: Registers) -> Store:
    """A store after a meter has sent these."""
    store, finder = Store(folder / "m.db", "m"), Boundaries(QUARTER)
    store.put_boundaries([boundary for reading in readings for boundary in finder.add(reading)])
    return store


def shown(quarter: float, imported: int, exported: int = 0, device: str = "d") -> Registers:
    return Registers(START + int(QUARTER * quarter), device, imported, exported)


def test_the_difference_of_the_registers_is_the_reading(tmp_path: Path) -> None:
    store = stored(tmp_path, shown(0, 5_000, 70), shown(1, 5_412, 70), shown(2, 5_412, 100))
    source = FromRegisters(store, MARKET)
    assert source.of(START) == Reading(412, 0)
    assert source.of(START + QUARTER) == Reading(0, 30)
    assert source.since(START + QUARTER) == {START + QUARTER: Reading(0, 30)}
    assert source.since(START).keys() == {START, START + QUARTER}


@pytest.mark.parametrize("lot", ["0.100", "0.007", "0.0005"])
def test_in_coarse_lots_nothing_is_lost_over_the_periods(tmp_path: Path, lot: str) -> None:
    """What a period is rounded down by, a later one gets."""
    market, step = replace(MARKET, lot=Decimal(lot)), int(Decimal(lot) * 10_000)
    watt_hours = [123_456 + 37 * k * k for k in range(30)]
    store = stored(tmp_path, *(shown(k, each, each // 2) for k, each in enumerate(watt_hours)))
    found = FromRegisters(store, market).since(START)
    assert len(found) == 29
    assert sum(each.imported for each in found.values()) == watt_hours[-1] * 10 // step - watt_hours[0] * 10 // step
    assert all(min(each.imported, each.exported) >= 0 for each in found.values())


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([], "no telegrams of its meter around its ends"),
        ([shown(0, 5)], "no telegrams of its meter around its end"),
        ([shown(1, 5)], "no telegrams of its meter around its start"),
        ([shown(0, 5), shown(1, 4)], "shows less at its end than at its start"),
        ([shown(0, 5, 9), shown(1, 5, 8)], "shows less at its end than at its start"),
        ([shown(0, TOP - 3), shown(1, 4)], "shows less at its end than at its start"),  # it has run over
        ([shown(0, 5), shown(1, 9, device="e")], "exchanged for another device"),
        ([shown(0, 5), shown(0.5, 100), shown(0.6, 6), shown(1, 9)], "ran backwards, over, or was reset within it"),
    ],
)
def test_what_is_not_known_is_no_reading_and_says_why(tmp_path: Path, sent: list[Registers], reason: str) -> None:
    source = FromRegisters(stored(tmp_path, *sent), MARKET)
    assert source.of(START) is None
    assert START not in source.since(0)
    assert reason in source.why_none(START)
    assert not any(character.isdigit() for character in source.why_none(START))


def test_a_day_of_23_and_one_of_25_hours_have_as_many_readings_as_quarters(tmp_path: Path) -> None:
    """The clocks of Brussels go forward on 29 March 2026 and back on 25 October: nothing is missing, nothing twice."""
    for day, quarters in ((datetime(2026, 3, 29), 92), (datetime(2026, 10, 25), 100)):
        zone = ZoneInfo("Europe/Brussels")
        begin, end = (int(at.replace(tzinfo=zone).timestamp()) for at in (day, day + timedelta(days=1)))
        folder = tmp_path / f"{quarters}"
        folder.mkdir()
        store = stored(folder, *(Registers(at, "d", at - begin, 0) for at in range(begin, end + 1, QUARTER)))
        found = FromRegisters(store, MARKET).since(begin)
        assert list(found) == list(range(begin, end, QUARTER))
        assert len(found) == quarters
        assert set(found.values()) == {Reading(QUARTER, 0)}
        midnight = datetime.fromtimestamp(begin, UTC)
        assert moment_text(min(found)) == f"{midnight:%Y-%m-%dT%H:%M:%SZ}"


# --- a file -----------------------------------------------------------------------------------------------

HEADER = "meter,period,import,export\n"


def test_readings_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(HEADER + "m,2026-11-21T12:00:00Z,0.412,0\nn,2026-11-21T12:00:00Z,0,1.5\n")
    file = ReadingFile(str(path), MARKET, {"m": 500, "n": 2000})
    at = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
    m, n = FromFile(file, "m"), FromFile(file, "n")
    assert (m.of(at), n.of(at), m.of(at + QUARTER)) == (Reading(412, 0), Reading(0, 1500), None)
    assert (n.since(at), n.since(at + 1)) == ({at: Reading(0, 1500)}, {})
    assert str(path) in m.why_none(at + QUARTER)
    assert file.refresh() is False
    path.write_text(HEADER + "m,2026-11-21T12:00:00Z,0.41,0\n")
    assert file.refresh() is True
    assert (m.of(at), n.of(at)) == (Reading(410, 0), None)
    path.write_text(HEADER + "m,2026-11-21T12:00:00Z,x,0\n")
    with pytest.raises(InputError):
        file.refresh()
    assert m.of(at) == Reading(410, 0), "what was read before stays"


def test_a_file_that_cannot_be_used_says_where(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    rows = [
        "m,2026-11-21T12:00:00Z,0.501,0",
        "m,2026-11-21T12:00:00Z,0.4121,0",
        "m,2026-11-21T12:01:00Z,0,0",
        "x,2026-11-21T12:00:00Z,0,0",
        "m,2026-11-21T12:15:00Z,-1,0",
        "m,2026-11-21T12:30:00Z,1",
        "m,2026-11-21T12:45:00Z,0,0",
        "m,2026-11-21T12:45:00Z,0,0",
    ]
    path.write_text(HEADER + "\n".join(rows))
    with pytest.raises(InputError) as caught:
        ReadingFile(str(path), MARKET, {"m": 500, "n": 500})
    lines = [problem.removeprefix(f"{path}:").partition(":")[0] for problem in caught.value.problems]
    assert lines == ["2", "3", "4", "5", "6", "7", "9"]
    assert "above the enrolled maximum of 0.500 kWh" in caught.value.problems[0]
    assert "second reading" in caught.value.problems[-1]
    path.write_text("period,import\n")
    with pytest.raises(InputError, match="meter, period, import, export"):
        ReadingFile(str(path), MARKET, {"m": 500, "n": 500})


def test_what_all_meters_ask_for_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A representative's meters each ask for their own rows: counted, since thousands of them share one file."""
    looked_at = []

    class Counted(dict):
        def items(self):
            for row in super().items():
                looked_at.append(row)
                yield row

    meters = [f"m{i}" for i in range(30)]
    rows = Counted({(meter, START + QUARTER * k): Reading(k, 0) for meter in meters for k in range(4)})
    monkeypatch.setattr(metered, "read_readings", lambda *_: rows)
    path = tmp_path / "readings.csv"
    path.touch()
    file = ReadingFile(str(path), MARKET, dict.fromkeys(meters, 500))
    for meter in meters:
        assert list(FromFile(file, meter).since(START + QUARTER)) == [START + QUARTER * k for k in (1, 2, 3)]
        assert FromFile(file, meter).of(START + 2 * QUARTER) == Reading(2, 0)
    assert len(looked_at) == len(rows)
    assert FromFile(file, "another").since(0) == {}
