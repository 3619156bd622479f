"""A market directory that settles: its description is taken, and its meters have readings to send."""

from pathlib import Path

import pytest

from mpc_market.errors import InputError
from parties.launch.community import write_readings
from parties.launch.description import read_description
from parties.launch.directory import open_directory
from parties.meter.metered import FromFile, ReadingFile

EXAMPLE = Path(__file__).parents[2] / "examples" / "S4-indirect-peers" / "community.toml"


def test_a_directory_with_settlement_and_its_readings(tmp_path: Path) -> None:
    (tmp_path / "community.toml").write_text(EXAMPLE.read_text())
    community, clients = open_directory(tmp_path)
    assert community.running.calendar is not None
    assert community.running.calendar.reading_deadline_ms == 60_000
    (name, homes), *_ = clients.items()
    maximum = community.running.settings.lots(homes[0].maximum)
    path = write_readings(community, name, homes, [1200, 1212])
    file = ReadingFile(str(path), community.running.settings, {home.meter: maximum for home in homes})
    found = FromFile(file, homes[0].meter).since(0)
    assert found.keys() == {1200, 1212}
    assert all(min(each.imported, each.exported) == 0 for each in found.values())


def test_an_unknown_table_is_still_refused(tmp_path: Path) -> None:
    path = tmp_path / "community.toml"
    path.write_text(EXAMPLE.read_text() + "\n[settlements]\n")
    with pytest.raises(InputError, match=r"unknown table 'settlements': there are .*\[settlement\]"):
        read_description(path)
