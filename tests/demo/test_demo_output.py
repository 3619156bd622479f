"""What the demo leaves behind: the table, the spreadsheet, the picture, and the files."""

import csv
import io
import os
import struct
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from matplotlib.image import imread
from rich.console import Console

from mpc_market.errors import InputError, OutputError
from parties.demo.calendar import local, quarter_hours
from parties.demo.day import QuarterHour
from parties.demo.output import check_directory, demo_files, write_demo
from parties.demo.picture import draw_day
from parties.demo.spreadsheet import day_csv
from parties.demo.table import hour_table
from parties.files.problems import Problems

Day = Callable[[date, int], list[QuarterHour]]

SUMMER = date(2025, 6, 21)


def lines_of(quarters: list[QuarterHour]) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=80)
    console.print(hour_table(quarters))
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def rows_of(quarters: list[QuarterHour]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(day_csv(quarters).decode())))


def idle(day: date) -> list[QuarterHour]:
    """A day without a trade."""
    return [QuarterHour(start, orders=3, offered=0, wanted=9, price=None, traded=0) for start in quarter_hours(day)]


def test_the_spreadsheet_holds_every_quarter_hour(cleared_day: Day) -> None:
    quarters = cleared_day(SUMMER, 20)
    rows = rows_of(quarters)
    assert len(rows) == 96
    assert rows[0]["period_start_utc"] == "2025-06-20T22:00:00Z"
    assert rows[0]["local_time"] == "2025-06-21T00:00+02:00"
    assert {row["orders"] for row in rows} == {"20"}
    for row, quarter in zip(rows, quarters, strict=True):
        traded = Decimal(row["traded_kwh"])
        assert traded <= min(Decimal(row["offered_kwh"]), Decimal(row["wanted_kwh"]))
        if row["clearing_price_eur_per_kwh"] == "":
            assert quarter.price is None
            assert traded == 0
            assert Decimal(row["sellers_gained_eur"]) == Decimal(row["buyers_saved_eur"]) == 0
        else:
            price = Decimal(row["clearing_price_eur_per_kwh"])
            assert Decimal(row["sellers_gained_eur"]) == (price - Decimal("0.07")) * traded >= 0
            assert Decimal(row["buyers_saved_eur"]) == (Decimal("0.20") - price) * traded >= 0
    assert rows[0]["clearing_price_eur_per_kwh"] == "", "no sun at midnight, no price"
    assert any(row["clearing_price_eur_per_kwh"] for row in rows)


def test_the_table_adds_up_to_the_spreadsheet(cleared_day: Day) -> None:
    quarters = cleared_day(SUMMER, 20)
    lines, rows = lines_of(quarters), rows_of(quarters)
    hours = [line for line in lines if line and line[0][:2].isdigit()]
    assert [line[0] for line in hours] == [f"{hour:02}:00" for hour in range(24)]
    assert hours[0][1:] == ["–"] * 4
    noon = [row for row in rows if row["local_time"][11:13] == "12"]
    traded = sum(Decimal(row["traded_kwh"]) for row in noon)
    turnover = sum(Decimal(row["clearing_price_eur_per_kwh"]) * Decimal(row["traded_kwh"]) for row in noon)
    assert hours[12][1:3] == [f"{turnover / traded:.4f}", f"{traded:.3f}"]
    total = lines[-1]
    assert total[0] == "day"
    for place, column, decimals in (
        (2, "traded_kwh", 3),
        (3, "sellers_gained_eur", 2),
        (4, "buyers_saved_eur", 2),
    ):
        assert total[place] == f"{sum(Decimal(row[column]) for row in rows):.{decimals}f}"


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    lines = lines_of(idle(date(2025, 10, 26)))
    hours = [line[:2] for line in lines if line and line[0][:2].isdigit()]
    assert len(hours) == 25
    assert hours[2:4] == [["02:00", "CEST"], ["02:00", "CET"]]


def test_the_hour_that_is_left_out_has_no_row() -> None:
    hours = [line[0] for line in lines_of(idle(date(2025, 3, 30))) if line and line[0][:2].isdigit()]
    assert len(hours) == 23
    assert hours[:3] == ["00:00", "01:00", "03:00"]


@pytest.mark.parametrize(
    ("day", "households"),
    [(SUMMER, 20), (date(2025, 10, 26), 20), (date(2025, 3, 30), 20), (date(2025, 1, 5), 2)],
)
def test_the_picture_is_full_hd(cleared_day: Day, day: date, households: int) -> None:
    assert size_of(draw_day(cleared_day(day, households), households, 3)) == (1920, 1080)


@pytest.mark.parametrize("households", [2, 10_000])
def test_no_word_is_cut_off_at_the_edge_of_the_picture(cleared_day: Day, households: int) -> None:
    # The longest name that a date has in English.
    pixels = imread(io.BytesIO(draw_day(cleared_day(date(2025, 9, 24), 20), households, 3)))
    border = 12
    assert pixels[border:-border, border:-border].min() < 0.5, "there is ink"
    for edge in (pixels[:border], pixels[-border:], pixels[:, :border], pixels[:, -border:]):
        assert edge.min() == 1.0


def test_a_day_without_a_trade_has_a_picture() -> None:
    assert size_of(draw_day(idle(SUMMER), 3, 3)) == (1920, 1080)


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_all_files_are_written_and_replaced(tmp_path: Path) -> None:
    out = tmp_path / "new" / "directory"
    for content in (b"one", b"two"):
        write_demo(out, [content] * 5)
        assert [file.read_bytes() for file in demo_files(out)] == [content] * 5
    assert sorted(out.iterdir()) == sorted(demo_files(out)), "nothing else is left"


def test_no_file_is_touched_if_one_cannot_be(tmp_path: Path) -> None:
    write_demo(tmp_path, [b"one"] * 5)
    *others, picture = demo_files(tmp_path)
    picture.unlink()
    picture.mkdir()
    problems = Problems()
    check_directory(tmp_path, problems)
    with pytest.raises(InputError, match=r"settlement\.png"):
        problems.check()
    with pytest.raises(OutputError, match="no output was written"):
        write_demo(tmp_path, [b"two"] * 5)
    assert {other.read_bytes() for other in others} == {b"one"}
    assert sorted(tmp_path.iterdir()) == sorted(demo_files(tmp_path))


def test_a_failure_after_some_files_are_replaced_puts_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third rename fails: "all or none", as the help says."""
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if target.name == "households.csv" and source.read_bytes() == b"two":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    for before in (demo_files(tmp_path), []):
        for file in before:
            file.write_bytes(b"one")
        with pytest.raises(OutputError, match=r"households\.csv could not be written.*no output was written"):
            write_demo(tmp_path, [b"two"] * 5)
        assert sorted(tmp_path.iterdir()) == sorted(before)
        assert [file.read_bytes() for file in before] == [b"one"] * len(before)
        for file in before:
            file.unlink()


def test_the_files_are_durable_before_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), sync(descriptor)))
    write_demo(tmp_path, [b"one"] * 5)
    assert len(synced) >= 5


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        problems = Problems()
        check_directory(out, problems)
        with pytest.raises(InputError, match="is a file, not a directory"):
            problems.check()


def test_a_directory_is_not_made_by_looking(tmp_path: Path) -> None:
    problems = Problems()
    check_directory(tmp_path / "demo", problems)
    problems.check()
    assert not (tmp_path / "demo").exists()


def test_moments_are_those_of_the_wall_clock() -> None:
    assert local(datetime.fromisoformat("2025-10-26T01:00:00+00:00")).hour == 2
