"""What a service hands to its worker, and what it makes of the answer: plain Python, read by the process as arrays."""

import asyncio
import socket
from dataclasses import replace

import numpy as np
import pytest

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.rules.model import Market
from parties.compute.channel import Channel
from parties.compute.clearing import _raw_result, _read_submissions
from parties.compute.clearing_messages import ClearingDone, ClearingJob
from parties.compute.messages import Effort
from parties.worker import ClearingInput, ClearingResult, WorkerError

MARKET = Market(3, 4)
WORDS = 2 * (1 + 3 + 2 * 4)
GIVEN = ClearingInput(
    MARKET,
    2,
    ["ä/0", "ä/1", "b/0", "b/1"],
    [9, 2**40],
    [1, 0],
    2,
    [np.arange(WORDS, dtype="<u8").tobytes(), np.arange(WORDS, 2 * WORDS, dtype="<u8").tobytes()],
    bytes(32),
    bytes(range(32)),
)
EFFORT = Effort(3, 5, 0.5, 7, {})


@pytest.mark.parametrize("verdicts", [None, b"\0\2"])
def test_what_the_service_gives_is_what_the_process_reads(verdicts: bytes | None) -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        header, raw = replace(GIVEN, verdicts=verdicts).message(2.0)
        sender, receiver = Channel(ours), Channel(theirs)
        await sender.send(header.header(), *raw, b"end")
        read = ClearingJob.read(await receiver.receive())
        assert read == header
        arrays = await _read_submissions(receiver, read)
        assert await receiver.read(3) == b"end"
        sender.close()
        receiver.close()
        assert arrays.order_ids == GIVEN.order_ids
        assert arrays.maxima.tolist() == GIVEN.maxima
        assert arrays.suppliers.tolist() == GIVEN.suppliers
        assert arrays.words.shape == (2, 2, 12)
        assert arrays.words.reshape(-1).tolist() == list(range(2 * WORDS))
        assert verdicts is None if arrays.verdicts is None else arrays.verdicts.tobytes() == verdicts

    asyncio.run(test())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"order_ids": ["a"]}, InvalidSettingsError, "1 order ids, 2 maxima and 2 suppliers for 2 submissions of 2"),
        ({"maxima": [1]}, InvalidSettingsError, "4 order ids, 1 maxima"),
        ({"suppliers": [1, 2, 3]}, InvalidSettingsError, "3 suppliers"),
        ({"verdicts": b"\0"}, InvalidSettingsError, "1 verdicts on 2 submissions"),
        ({"words": [bytes(8 * WORDS), bytes(8)]}, ShareError, "the words of submission 1 are 8 bytes, not 192"),
        ({"maxima": [1, -1]}, InvalidSettingsError, "must be integers from 0 on"),
        ({"suppliers": [1, 2**40]}, InvalidSettingsError, "must be integers from 0 on"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    changes: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        replace(GIVEN, **changes).message(1.0)  # type: ignore[arg-type]


def test_the_answer_is_read_by_submission() -> None:
    class Shares:
        users, bought, sold = np.array([1, 0]), np.array([10, 11], np.uint64), np.array([12, 13], np.uint64)
        accepted, traded = np.array([[2**60, 2]], np.uint64), np.array([[3, 4]], np.uint64)
        verdicts = np.array([2, 0], np.uint8)

    result = ClearingDone(5, 2, 1, 2, 2, EFFORT)
    raw = b"".join(_raw_result(Shares))  # type: ignore[arg-type]
    assert len(raw) == result.raw_bytes
    read = ClearingResult.of(result, raw)
    assert read == ClearingResult(5, b"\2\0", (1, 0), ((), (2**60, 2)), ((), (3, 4)), (10, 11), (12, 13), EFFORT)
    with pytest.raises(WorkerError, match="valid submissions"):
        ClearingResult.of(replace(result, valid=2), raw)


def test_nothing_at_all() -> None:
    empty = ClearingInput(MARKET, 1, [], [], [], 0, [], bytes(32), bytes(32))
    header, raw = empty.message(1.0)
    assert header.orders == 0
    assert b"".join(raw) == b""
    assert ClearingResult.of(ClearingDone(None, 0, 0, 0, 1, EFFORT), b"") == ClearingResult(
        None, b"", (), (), (), (), (), EFFORT
    )
