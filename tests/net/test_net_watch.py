"""Who is blamed: what a party has seen before what it has heard."""

import asyncio
from collections.abc import Callable

import pytest

from mpc_market.errors import HearsayError, MarketError, PeerError, ProtocolError
from parties.net import watch
from parties.net.watch import Watch
from tests.net.meeting import run

ME = 0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EXPLAIN_SECONDS", 0.05)
    monkeypatch.setattr(watch, "HEARSAY_SECONDS", 0.15)


def verdict(*events: Callable[[Watch], None]) -> MarketError:
    found: list[MarketError] = []

    async def test() -> None:
        seen = Watch(ME)
        for event in events:
            event(seen)
        found.append(await seen.failed)
        await asyncio.sleep(0.2)  # what comes later changes nothing
        assert seen.failed.result() is found[0]

    run(test)
    return found[0]


def test_a_stalled_peer_is_blamed_at_once() -> None:
    error = verdict(lambda w: w.lost(2, "no heartbeat for 5 s"))
    assert type(error) is PeerError
    assert (error.party, error.reason) == (2, "no heartbeat for 5 s")


def test_a_connection_that_ends_unexplained_is_blamed() -> None:
    error = verdict(lambda w: w.ended(1))
    assert type(error) is PeerError
    assert (error.party, error.reason) == (1, "connection lost")


def test_a_notice_explains_a_connection_that_has_ended() -> None:
    error = verdict(lambda w: w.ended(1), lambda w: w.told(1, 2, "connection lost"))
    assert isinstance(error, HearsayError)
    assert (error.party, error.witness) == (2, 1)


def test_a_connection_that_ends_after_a_notice_is_explained() -> None:
    error = verdict(lambda w: w.told(1, 2, "no heartbeat for 5 s"), lambda w: w.ended(1))
    assert isinstance(error, HearsayError)
    assert (error.party, error.witness) == (2, 1)
    assert str(error) == "party 2: no heartbeat for 5 s (says party 1)"


def test_own_evidence_goes_before_hearsay() -> None:
    error = verdict(lambda w: w.told(1, 2, "connection lost"), lambda w: w.ended(1), lambda w: w.ended(2))
    assert type(error) is PeerError
    assert (error.party, error.reason) == (2, "connection lost")


def test_a_peer_that_blames_this_party_has_left() -> None:
    error = verdict(lambda w: w.told(1, ME, "malformed frame"))
    assert isinstance(error, HearsayError)
    assert error.party == 1
    assert "gave up because of party 0" in str(error)


def test_a_peer_that_gives_up_by_itself_says_so() -> None:
    error = verdict(lambda w: w.told(1, 1, "ProtocolError: no permutation"))
    assert isinstance(error, HearsayError)
    assert str(error) == "party 1: gave up: ProtocolError: no permutation"


def test_the_first_failure_stays() -> None:
    first = ProtocolError("first")
    assert verdict(lambda w: w.fail(first), lambda w: w.lost(1, "later")) is first


def test_who_does_not_come_is_named_with_all_that_was_tried() -> None:
    def refused(*reasons: str) -> list[Callable[[Watch], None]]:
        return [lambda seen, reason=reason: seen.refused(2, reason) for reason in reasons]  # type: ignore[misc]

    missing = lambda seen: seen.missing(2, 8.0)  # noqa: E731
    assert str(verdict(missing)) == "party 2: did not connect within 8 s"
    found = verdict(*refused("nobody there", "another certificate", "nobody there"), missing)
    assert str(found) == "party 2: did not connect within 8 s: nobody there, then another certificate"
