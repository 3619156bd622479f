"""Who is blamed for a failed run, from what the parties report and how their processes ended."""

import asyncio
import time

from mpc_market.errors import HearsayError, MarketError, PeerError, ProtocolError, ShareError
from parties.local.trouble import GATHER_SECONDS, Trouble
from parties.worker.process import describe_exit


def judge(reports: dict[int, MarketError], exits: dict[int, str] | None = None, parties: int = 3) -> str:
    trouble = Trouble(parties)
    for party, how in (exits or {}).items():
        trouble.ended(party, how)
    for party, error in reports.items():
        trouble.reported(party, error)
    return str(trouble.judge())


LOST = "connection lost"


def test_a_process_that_ended_is_to_blame_for_what_followed() -> None:
    assert judge({0: PeerError(1, LOST), 1: PeerError(2, LOST)}, {2: "its process was killed"}) == (
        "party 2: its process was killed"
    )


def test_a_party_that_reported_before_it_ended_is_not_blamed_for_ending() -> None:
    trouble = Trouble(3)
    trouble.reported(0, PeerError(2, LOST))
    trouble.ended(0, "its process ended with exit status 0")
    assert str(trouble.judge()) == "party 2: connection lost"


def test_what_was_seen_goes_before_what_was_heard() -> None:
    reports = {0: HearsayError(1, "gave up", 1), 1: HearsayError(2, LOST, 0), 2: PeerError(0, "malformed frame")}
    assert judge(reports) == "party 0: malformed frame"


def test_the_party_blamed_most_is_named() -> None:
    stalled = "no heartbeat for 5 s"
    reports = {0: PeerError(1, LOST), 2: PeerError(4, stalled), 3: PeerError(4, stalled), 1: PeerError(0, LOST)}
    assert judge(reports, parties=5) == "party 4: no heartbeat for 5 s"


def test_among_equals_the_first_counts() -> None:
    assert judge({2: PeerError(1, LOST), 0: PeerError(2, LOST)}) == "party 1: connection lost"


def test_a_party_that_gave_up_by_itself_goes_before_hearsay() -> None:
    trouble = Trouble(3)
    trouble.reported(0, HearsayError(1, "gave up: ShareError: …", 1))
    trouble.reported(1, ShareError("a share is not below 2^61 − 1"))
    assert isinstance(trouble.judge(), ShareError)


def test_hearsay_is_better_than_nothing() -> None:
    assert judge({0: HearsayError(2, LOST, 1)}) == "party 2: connection lost (says party 1)"


def test_the_verdict_waits_for_everyone_but_not_for_ever() -> None:
    async def test() -> None:
        trouble = Trouble(3)
        began = time.monotonic()
        verdict = asyncio.create_task(trouble.verdict())
        trouble.reported(0, ProtocolError("first"))
        await asyncio.sleep(0.01)
        trouble.reported(1, PeerError(2, LOST))
        trouble.ended(2, "its process was killed")
        assert str(await verdict) == "party 2: its process was killed"
        assert time.monotonic() - began < GATHER_SECONDS
        alone = Trouble(3)
        alone.reported(0, ProtocolError("only"))
        assert str(await alone.verdict()) == "only"

    asyncio.run(test())


def test_how_a_process_ended_in_words() -> None:
    assert describe_exit(-9) == "its process was killed (signal 9, SIGKILL)"
    assert describe_exit(3) == "its process ended with exit status 3"
    assert describe_exit(-63) == "its process was killed (signal 63, unknown)"
    assert describe_exit(None) == "its process has closed the channel"
