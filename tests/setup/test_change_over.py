"""A party's certificate changes while others keep connecting: real TLS, before, during and after the change-over."""

import asyncio
import ssl
from pathlib import Path

import pytest

from parties.files.problems import Problems
from parties.files.running import CHANGE_OVER
from parties.setup.rotation import adopt_into, rotate
from parties.tls import Identity, client_context, server_context
from tests.setup.market_directory import NOW, make, opened

SINCE = NOW + 86400
END = SINCE + int(CHANGE_OVER.total_seconds())


async def _connects(identity: Identity, certificates: tuple[str, ...]) -> bool:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context(identity, None))
    host, port = server.sockets[0].getsockname()
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=client_context(certificates))
        greeting = await reader.read(1)
        writer.close()
    except ssl.SSLCertVerificationError:
        return False
    finally:
        server.close()
        await server.wait_closed()
    return greeting == b"!"


def connects(identity: Identity, certificates: tuple[str, ...]) -> bool:
    return asyncio.run(_connects(identity, certificates))


@pytest.mark.parametrize(
    ("moment", "shown", "expected"),
    [
        # whoever has adopted the announcement accepts both, whatever their clocks say, until the change-over is over
        (NOW, NOW, True),
        (NOW, SINCE, True),
        (SINCE, SINCE - 1, True),
        (SINCE, SINCE, True),
        (END - 1, SINCE - 1, True),
        (END, SINCE, True),
        (END, SINCE - 1, False),
    ],
)
def test_the_change_over(tmp_path: Path, moment: int, shown: int, expected: bool) -> None:
    """`moment`: what time it is at the caller; `shown`: at which time the party's certificate was chosen."""
    make(tmp_path / "oak")
    path, problems = rotate(opened(tmp_path / "oak" / "party-1"), SINCE, NOW), Problems()
    assert adopt_into(str(tmp_path / "oak" / "market.toml"), [str(path)], problems) is not None
    home = opened(tmp_path / "oak" / "party-1")
    assert connects(home.identity(shown), home.party.certificates(moment)) == expected


def test_whoever_has_not_adopted_it_does_not_know_the_new_one(tmp_path: Path) -> None:
    before = make(tmp_path / "oak").parties[1].certificates(NOW)
    path = rotate(opened(tmp_path / "oak" / "party-1"), SINCE, NOW)
    assert adopt_into(str(tmp_path / "oak" / "market.toml"), [str(path)], Problems()) is not None
    home = opened(tmp_path / "oak" / "party-1")
    assert connects(home.identity(NOW), before)
    assert not connects(home.identity(SINCE), before)


def test_no_party_is_taken_for_another(tmp_path: Path) -> None:
    market = make(tmp_path / "oak")
    assert not connects(opened(tmp_path / "oak" / "party-0").identity(NOW), market.parties[1].certificates(NOW))
