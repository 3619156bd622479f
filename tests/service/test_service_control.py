"""The control API: only the other parties get in, each to what is its own."""

import asyncio
import ssl

import httpx
import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.message import split_signed
from mpc_market.wire.outcome import Outcome, Void
from mpc_market.wire.part_share import PartShare
from parties.ledger.backup import fence
from parties.service.board import Kind
from parties.service.life import State
from parties.service.peers import RoundVoidError, UnreachableError
from parties.tls import client_context
from parties.tls.certificate import make_key_pair
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Meter, Town, problem


def context(town: Town, shown: int | None, server: int = 0) -> ssl.SSLContext:
    """For a caller of `server` that shows the certificate of a party (None: no certificate)."""
    now = town.clock.now_ms() // 1000
    identity = None if shown is None else town.home(shown).identity(now)
    return client_context(town.market.parties[server].certificates(now), identity)


async def ask(town: Town, tls: ssl.SSLContext, path: str, server: int = 0) -> httpx.Response:
    host, port = town.market.parties[server].control
    async with httpx.AsyncClient(verify=tls, trust_env=False) as client:
        return await client.get(f"https://{host}:{port}/control/v1/{path}")


@asynchronous
async def test_who_gets_in(tmp_path):
    town = Town(tmp_path / "market")
    make_key_pair("stranger", ["127.0.0.1"]).write(tmp_path)
    stranger = client_context(town.market.parties[0].certificates(START))
    stranger.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    async with town.up(0):
        for tls in (context(town, None), context(town, 0), stranger):
            with pytest.raises(httpx.HTTPError):
                await ask(town, tls, "greeting")
        for peer in (1, 2):
            answer = await ask(town, context(town, peer), "greeting")
            assert answer.text == str(town.clock.now_ms())


@asynchronous
async def test_a_server_that_is_another_party_is_not_spoken_to(tmp_path):
    town = Town(tmp_path / "market")
    async with town.up(0):
        with pytest.raises(httpx.HTTPError):
            await ask(town, context(town, 1, server=2), "greeting", server=0)


@asynchronous
async def test_a_certificate_that_is_no_longer_accepted(tmp_path):
    """It still stands in the context of the running server, and is refused by its fingerprint."""
    town = Town(tmp_path / "market")
    async with town.up(0):
        links = town.services[0].node.links
        shown = town.market.parties[1].keys[0].fingerprint
        del links._parties[shown]
        assert problem(await ask(town, context(town, 1), "greeting")) == "unauthorized"
        assert problem(await ask(town, context(town, 1), f"markets/{town.market.id}/rolls/1")) == "unauthorized"
        assert (await ask(town, context(town, 2), "greeting")).status_code == 200


@asynchronous
async def test_each_party_gets_its_own_share_of_a_part(tmp_path):
    town = Town(tmp_path / "market")
    async with town.up():
        await town.until(State.COLLECTING)
        path = f"markets/{town.market.id}/rounds/{START}/{Kind.PART_SHARE}"
        shares = {}
        for peer in (1, 2):
            answer = await ask(town, context(town, peer), path)
            shares[peer] = split_signed(PartShare, answer.content).message
        assert {peer: share.holder for peer, share in shares.items()} == {1: 1, 2: 2}
        secret = await town.services[0].node.ledger.secret(town.market.id, START, "part")
        for peer in (1, 2):
            for kind in Kind:
                answer = await ask(town, context(town, peer), f"markets/{town.market.id}/rounds/{START}/{kind}")
                assert secret not in answer.content
                assert secret.hex() not in answer.text


@asynchronous
async def test_what_is_not_there(tmp_path):
    town = Town(tmp_path / "market")
    async with town.up():
        await town.until(State.COLLECTING)
        tls = context(town, 1)
        market = f"markets/{town.market.id}"
        assert (await ask(town, tls, f"{market}/rounds/{START}/held")).status_code == 204
        assert (await ask(town, tls, f"{market}/rounds/{START}/attempt")).status_code == 204
        assert problem(await ask(town, tls, f"{market}/rounds/{START + 900}/held")) == "not-open-yet"
        assert problem(await ask(town, tls, f"{market}/rounds/{START - 900}/held")) == "unknown-period"
        assert problem(await ask(town, tls, f"{market}/rounds/{START}/gossip")) == "invalid-request"
        assert problem(await ask(town, tls, f"{market}/rounds/{START}/parts")) == "invalid-request"
        assert problem(await ask(town, tls, f"{market}/rolls/7")) == "nothing-here"
        assert problem(await ask(town, tls, "markets/elsewhere/rolls/1")) == "unknown-market"
        assert (await ask(town, tls, f"{market}/rolls/1")).content == (tmp_path / "market" / "roll.bin").read_bytes()


@asynchronous
async def test_what_has_been_gathered_of_others(tmp_path):
    """Nothing is said to be nothing only where nothing can have been forgotten."""
    town = Town(tmp_path / "market")
    async with town.up():
        await town.until(State.COLLECTING)
        asked = town.node(1).peers[0]
        for author in range(3):
            said = await town.node(author).board.own(START, Kind.OPENING)
            assert await asked.gathered(START, Kind.OPENING, author) == said
            assert await asked.gathered(START, Kind.OUTCOME, author) is None
        assert await asked.gathered(START, Kind.OPENING, 7) is None
        for start, kind in ((START + 900, Kind.OPENING), (START, Kind.HELD), (START, Kind.PART_SHARE)):
            with pytest.raises(UnreachableError, match="404"):
                await asked.gathered(start, kind, 1)
        await town.run_round()
        for author in range(3):
            said = await town.node(author).board.own(START, Kind.OUTCOME)
            assert await asked.gathered(START, Kind.OUTCOME, author) == said
        with pytest.raises(UnreachableError, match="404"):
            await asked.gathered(START, Kind.OPENING, 7)
        fenced = town.clock.now_ms()
        await town.until(State.COLLECTING, start=START + 900)
        assert await asked.gathered(START + 900, Kind.OUTCOME, 1) is None
        await town.node(0).ledger._database.write(lambda connection: fence(connection, fenced))
        with pytest.raises(UnreachableError, match="404"):
            await asked.gathered(START + 900, Kind.OUTCOME, 1)


@asynchronous
async def test_a_pull_waits_until_something_is_published(tmp_path):
    town = Town(tmp_path / "market")
    async with town.up():
        await town.until(State.COLLECTING)
        peer = town.services[1].node.peers[0]
        waiting = asyncio.create_task(peer.pull(START, Kind.HELD, 20))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert await peer.pull(START, Kind.HELD, 0.1) is None
        town.clock.move_to(town.gate)
        assert await waiting is not None
        with pytest.raises(UnreachableError, match="425"):
            await peer.pull(START + 90_000, Kind.HELD, 5)


@asynchronous
async def test_of_a_void_round_the_outcome_is_all_there_is(tmp_path):
    town = Town(tmp_path / "market")
    async with town.up(0, 1):
        await town.until(State.OPENING)
        town.clock.move_to(town.deadline)
        await town.until(State.VOID)
        with pytest.raises(RoundVoidError) as void:
            await town.services[1].node.peers[0].pull(START, Kind.HELD, 20)
        assert isinstance(split_signed(Outcome, void.value.signed).message.content, Void)


@asynchronous
async def test_what_is_forwarded_is_checked_like_what_a_meter_sends(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        peer = town.services[1].node.peers[0]
        good = town.meters[0].submission(terms, 1, (Side.SELL, 5, 10))
        stranger = Meter("nobody").submission(terms, 1, (Side.SELL, 5, 10))
        assert await peer.forward(START, stranger.encode()) == 403
        assert await peer.forward(START, b"garbage") == 400
        assert await peer.forward(START, good.only_for(1).encode()) == 422
        assert await peer.forward(START + 900, good.encode()) == 425
        assert await peer.forward(START, good.only_for(0).encode()) == 200
        assert len(await town.services[0].node.ledger.submissions(town.market.id, START)) == 1
