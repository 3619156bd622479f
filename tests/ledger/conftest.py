"""Every test that takes `url` runs with an empty ledger in SQLite and with one in PostgreSQL."""

from pathlib import Path

import pytest

from tests.postgres import postgres

__all__ = ["postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres").emptied()
