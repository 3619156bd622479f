"""Files of a home that its own user cannot read, since root has made them: a problem that is told, and no fault."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from parties.files.party_home import read_keys
from parties.files.problems import Problems
from tests.service.service_running import asynchronous
from tests.service.service_town import Meter, Town


@pytest.mark.skipif(os.geteuid() != 0, reason="root makes files of another user's, and acts as that user")
def test_keys_that_root_has_made_are_a_problem_and_no_fault():
    """`party rotate` as root: the party's own user cannot read the new keys."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "party"
        (home / "keys-2").mkdir(mode=0o700, parents=True)
        Path(folder).chmod(0o755)
        home.chmod(0o700)
        os.chown(home, 65534, 65534)
        problems = Problems()
        os.seteuid(65534)
        try:
            assert read_keys(home, problems) == ({}, {})
        finally:
            os.seteuid(0)
        assert problems.shown == [f"{home}/keys-2: cannot be read: Permission denied"]


@asynchronous
async def test_a_home_that_cannot_be_looked_at_is_logged_and_the_party_goes_on(tmp_path, monkeypatch):
    town = Town(tmp_path / "market", meters=[Meter("anna")])
    logged = []
    async with town.up():
        upkeep = town.services[0].upkeep
        monkeypatch.setattr(upkeep, "_changed", (tmp_path / "no" / "where").stat)
        monkeypatch.setattr("parties.service.upkeep.LOOK_SECONDS", 0.01)
        monkeypatch.setattr("parties.service.upkeep._log.error", lambda *told, **more: logged.append((told, more)))
        looking = asyncio.create_task(upkeep._look())
        async with asyncio.timeout(10):
            while len(logged) < 2:
                await asyncio.sleep(0.01)
        assert not looking.done()
        looking.cancel()
    where = {"file": f"{tmp_path}/no/where", "reason": "No such file or directory"}
    assert logged[0] == (("home cannot be looked at",), where)
