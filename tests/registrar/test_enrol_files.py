"""Who is to be enrolled, from files: requests of meters and CSV; and the listing that is read back."""

from dataclasses import replace
from pathlib import Path

import pytest

from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.roll import Roll, RollArea, RollEntry, RollRegion
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.market import MarketFile
from parties.files.problems import Problems
from parties.registrar.listing import meters_csv, meters_table, operators_table
from parties.registrar.meters import from_csv, from_keys, from_requests
from tests.registrar.registrar_home import entry, key, supplier

MARKET = MarketFile(id="oak-street")
HEADER = "meter,identity_key,sealing_key,supplier,region,maximum\n"
ROW = f"m1,{'1a' * 32},{'2b' * 32},green,north,17.250\n"


def request_of(meter: str, market: str = "oak-street") -> tuple[bytes, RollEntry]:
    identity, sealing = SigningKey.generate(), SealingKey.generate()
    data = EnrolRequest(market, meter, identity.public, sealing.public).sign(identity)
    return data, RollEntry(meter, identity.public, sealing.public, "green", "north", 17250)


def entries(paths: list[Path], problems: Problems) -> list[RollEntry]:
    found = from_requests([str(path) for path in paths], "oak-street", "green", "north", 17250, problems)
    return [candidate.entry for candidate in found]


def test_requests_as_bytes_and_as_text(tmp_path: Path) -> None:
    (one, first), (two, second) = request_of("m1"), request_of("541448860000000018")
    (tmp_path / "one").write_bytes(one)
    (tmp_path / "two").write_text(two.hex() + "\n")
    problems = Problems()
    assert entries([tmp_path / "one", tmp_path / "two"], problems) == [first, second]
    assert problems.count == 0


def changed(data: bytes, position: int) -> bytes:
    wrong = bytearray(data)
    wrong[position] ^= 1
    return bytes(wrong)


@pytest.mark.parametrize("position", range(0, 146, 5))
def test_a_changed_request_is_refused(tmp_path: Path, position: int) -> None:
    data, _ = request_of("m1")
    assert len(data) == 143 + 2
    path, problems = tmp_path / "request", Problems()
    path.write_bytes(changed(data, min(position, len(data) - 1)))
    assert entries([path], problems) == []
    assert problems.shown[0].startswith(f"{path}: not a meter's request: ")


def test_requests_that_are_refused(tmp_path: Path) -> None:
    elsewhere, _ = request_of("m1", "elm-street")
    data, _ = request_of("m2")
    cases = {
        "elsewhere": (elsewhere, "a request to market elm-street, not oak-street"),
        "empty": (b"", "not a meter's request: the message ends"),
        "cut": (data[:-1], "not a meter's request: the message ends"),
        "long": (data + b"\0", "not a meter's request: 1 bytes after the end"),
        "odd": (data.hex()[1:].encode(), "not a meter's request: an odd number of hexadecimal digits"),
        "huge": (bytes(5000), "not a meter's request: 5000 bytes are too many"),
    }
    problems = Problems()
    for name, (content, _) in cases.items():
        (tmp_path / name).write_bytes(content)
    assert entries([*(tmp_path / name for name in cases), tmp_path / "none", tmp_path], problems) == []
    for problem, (name, (_, message)) in zip(problems.shown, cases.items(), strict=False):
        assert problem.startswith(f"{tmp_path / name}: {message}")
    assert [problem.rpartition(": ")[2] for problem in problems.shown[-2:]] == [
        "No such file or directory",
        "Is a directory",
    ]


def test_one_meter_by_its_keys() -> None:
    problems = Problems()
    (found,) = from_keys("m1", "1a" * 32, "2B" * 32, "green", "north", 7, problems)
    assert found.entry == RollEntry("m1", b"\x1a" * 32, b"\x2b" * 32, "green", "north", 7)
    assert from_keys("m1", "1a", "2B" * 33, "green", "north", 7, problems) == []
    assert from_keys("m/1", "1a" * 32, "2B" * 32, "green", "north", 7, problems) == []
    assert [problem.split(":")[0] for problem in problems.shown] == ["--identity-key", "--sealing-key", "--meter"]


def test_csv(tmp_path: Path) -> None:
    path, problems = tmp_path / "meters.csv", Problems()
    path.write_text("\ufeff" + HEADER + ROW + f'"m,2",{"3c" * 32},{"4d" * 32},green,"north ""2""",0\r\n\n', "utf-8")
    first, second = from_csv(str(path), MARKET, problems)
    assert problems.shown == []
    assert first.entry == RollEntry("m1", b"\x1a" * 32, b"\x2b" * 32, "green", "north", 17250)
    assert (second.entry.meter, second.entry.region, second.entry.maximum) == ("m,2", 'north "2"', 0)
    assert second.where == f"{path}:3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ":1: the first line must name the columns meter, identity_key,"),
        (HEADER.replace("region", "area"), ":1: the first line must name the columns"),
        (HEADER.replace("\n", ",note\n"), ":1: the first line must name the columns"),
        (HEADER + "m1,aa\n", ":2: 2 fields where the header has 6"),
        (HEADER + ROW.replace("1a", "1"), ":2: identity_key: '11111111111111111111111111111111' is not 64 hex"),
        (HEADER + ROW.replace("2b" * 32, ""), ":2: sealing_key: '' is not 64 hexadecimal digits"),
        (HEADER + ROW.replace("17.250", "17.2505"), ":2: quantity 17.2505 is not a multiple of the lot 0.001"),
        (HEADER + ROW.replace("17.250", "65.536"), ":2: quantity 65.536 is out of range: it must be from 0.000"),
        (HEADER + ROW.replace("17.250", '"17,250"'), ":2: quantity '17,250' has a decimal comma"),
        (HEADER + ROW.replace("17.250", "-1"), ":2: quantity -1 is out of range"),
        (HEADER + ROW.replace("m1,", "m/1,"), ":2: the id of a meter holds a character that is not allowed"),
        (HEADER + ROW.replace("m1,", ","), ":2: the id of a meter is 1 to 64 characters"),
        (HEADER + ROW.replace("green", ""), ":2: the id of a supplier is 1 to 64 characters"),
        (HEADER + ROW.replace("north", "n" * 65), ":2: the id of a region is 1 to 64 characters"),
        (HEADER + 'm1,"\n', ":2: a quoted field begins here or below and is never closed"),
    ],
)
def test_csv_that_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path, problems = tmp_path / "meters.csv", Problems()
    path.write_text(content, "utf-8")
    assert from_csv(str(path), MARKET, problems) == []
    assert len(problems.shown) == 1
    assert problems.shown[0].removeprefix(str(path)).startswith(message)


def test_csv_that_is_not_there(tmp_path: Path) -> None:
    problems = Problems()
    assert from_csv(str(tmp_path / "meters.csv"), MARKET, problems) == []
    assert problems.shown == [f"{tmp_path}/meters.csv: no such file"]


def test_a_listing_is_read_back(tmp_path: Path) -> None:
    roll = Roll("oak-street", 5, (entry("m1", 1), entry('m2 "east", 7', 2, maximum=0)), (supplier("green", 1),))
    path, problems = tmp_path / "meters.csv", Problems()
    path.write_text("".join(meters_csv(roll, MARKET)), "utf-8")
    assert tuple(candidate.entry for candidate in from_csv(str(path), MARKET, problems)) == roll.entries
    lines = list(meters_table(roll, MARKET))
    assert lines[0].split() == ["meter", "supplier", "region", "maximum", "kWh"]
    assert lines[1].split() == ["m1", "green", "north", "5.000"]
    assert len({len(line) for line in lines}) == 1


def test_operators_are_listed_with_their_regions_and_areas() -> None:
    empty = Roll("oak-street", 5, (), (supplier("green", 1),))
    assert list(operators_table(empty)) == []
    regions = (RollRegion("north", key(3), key(4), "coast"), RollRegion("south", key(5), key(6), "inland"))
    areas = (RollArea("coast", key(1), key(2)), RollArea("inland", key(7), key(8)))
    head, *lines = operators_table(replace(empty, regions=regions, areas=areas))
    assert head.split() == ["operator", "region", "area", "identity", "key"]
    assert [line.split() for line in lines] == [
        ["DSO", "north", "coast", key(3).hex()],
        ["DSO", "south", "inland", key(5).hex()],
        ["TSO", "coast", key(1).hex()],
        ["TSO", "inland", key(7).hex()],
    ]
    assert len({line.index(area) for line, area in zip(lines, ("coast", "inland") * 2, strict=True)}) == 1
