"""The messages between a party's process and its coordinator: read back as written, or refused by field."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import (
    BookTooLargeError,
    HearsayError,
    InvalidSettingsError,
    MarketError,
    PeerError,
    ProtocolError,
    ShareError,
)
from mpc_market.rules.model import Market, Rationing
from parties.compute.clearing_messages import ClearingDone, ClearingJob
from parties.compute.messages import (
    Connect,
    Effort,
    FoundVerdicts,
    Listen,
    Listening,
    Prepare,
    Prepared,
    RoundInput,
    RoundResult,
    Stage,
    TlsFiles,
    failure_header,
    kind,
    read_failure,
)
from parties.net import Address
from parties.tls import Identity

ADDRESS = Address("127.0.0.1", 4000, 4001)
TLS = TlsFiles(Identity(Path("/a/tls.crt"), Path("/a/tls.key")), {0: "-----BEGIN", 2: "-----BEGIN"})
EFFORT = Effort(68, 4096, 0.25, 2**30, {"sort": 0.1})
MESSAGES: list[Any] = [
    Listening(ADDRESS),
    Connect(1, [ADDRESS] * 3, {0: bytes(32), 2: bytes(range(32))}),
    Connect(1, [ADDRESS] * 3, {0: bytes(32), 2: bytes(range(32))}, TLS, 2.5),
    Listen("0.0.0.0", 9000, 9100),
    Listen("127.0.0.1"),
    Prepare(500, Market(), "sort"),
    Prepared(17, 0.5),
    ClearingJob(7, 2, 3, Market(12, 16, Rationing.LOTTERY), bytes(32), bytes(range(32)), "sort", 40, True, 2.5),
    ClearingJob(0, 1, 0, Market(20, 24), bytes(32), bytes(32), "select", 0, False, 60.0),
    FoundVerdicts(7),
    ClearingDone(17, 7, 6, 3, 2, EFFORT),
    ClearingDone(None, 0, 0, 0, 1, EFFORT),
    RoundInput(5, Market(12, 16, Rationing.LOTTERY), bytes(range(32)), "sort", 17, 4),
    RoundInput(0, Market(20, 24), None, "select", 0, 1),
    Stage("sort"),
    RoundResult(17, bytes(32), 68, 4096, 0.25, 2**30, {"sort": 0.1}),
    RoundResult(None, bytes(32), 4, 0, 0.0, 2**30, {}),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_what_is_written_is_read(message: Any) -> None:
    header = json.loads(json.dumps(message.header()))
    assert type(message).read(header) == message


@pytest.mark.parametrize("message", MESSAGES)
def test_a_field_that_is_missing_or_of_another_type_is_refused(message: Any) -> None:
    optional = {"kind", "seed", "price", "tls"}
    for name in message.header().keys() - optional:
        for wrong in (None, "x", -1, 2**70, [1], {"a": {}}, True):
            header = message.header() | {name: wrong}
            if type(wrong) is type(message.header()[name]) and wrong in ("x", {}):
                continue
            try:
                type(message).read(header)
            except (ProtocolError, InvalidSettingsError):
                continue
            assert isinstance(wrong, type(message.header()[name])), (name, wrong)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=4), each, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(MESSAGES), st.data())
def test_garbage_reads_or_is_refused_and_nothing_else(message: Any, data: st.DataObject) -> None:
    header = message.header()
    for name in data.draw(st.lists(st.sampled_from(sorted(header)), max_size=3)):
        header[name] = data.draw(values)
    try:
        type(message).read(header)
        kind(header)
    except MarketError:
        pass


@pytest.mark.parametrize(
    "error",
    [
        PeerError(2, "no heartbeat for 5 s"),
        HearsayError(2, "connection lost", 1),
        ProtocolError("no permutation"),
        ShareError("a share is not below 2^61 − 1"),
        BookTooLargeError("too many orders"),
    ],
)
def test_an_error_arrives_as_what_it_was(error: MarketError) -> None:
    arrived = read_failure(json.loads(json.dumps(failure_header(error))))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


@pytest.mark.parametrize("name", ["SystemExit", "ValueError", "Any", "__doc__", "os.system"])
def test_only_errors_of_ours_arrive_as_themselves(name: str) -> None:
    arrived = read_failure({"error": name, "reason": "who knows"})
    assert type(arrived) is ProtocolError
    assert str(arrived) == f"{name}: who knows"


@pytest.mark.parametrize(
    ("message", "changes", "reason"),
    [
        (MESSAGES[1], {"seconds": float("nan")}, "seconds"),
        (MESSAGES[1], {"seconds": 0.0}, "seconds"),
        (MESSAGES[1], {"seconds": 1e9}, "seconds"),
        (MESSAGES[1], {"tokens": {"x": "00"}}, "tokens"),
        (MESSAGES[1], {"tokens": {"1": "0x"}}, "tokens"),
        (MESSAGES[1], {"addresses": [["127.0.0.1", 1]]}, "address"),
        (MESSAGES[2], {"tls": {**TLS.header(), "peers": {"1": 5}}}, "peers"),
        (MESSAGES[2], {"tls": {**TLS.header(), "key": 5}}, "key"),
        (Listen("a"), {"ports": [9100, 9000]}, "ports"),
        (Listen("a"), {"ports": [1, 65536]}, "ports"),
        (Listen("a"), {"ports": [True, 5]}, "ports"),
        (
            ClearingJob(0, 1, 0, Market(), bytes(32), bytes(32), "sort", 0, True, 1.0),
            {"check_seed": "00"},
            "check_seed",
        ),
        (
            ClearingJob(0, 1, 0, Market(), bytes(32), bytes(32), "sort", 0, True, 1.0),
            {"orders_each": 0},
            "orders_each",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(message: Any, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProtocolError, match=f"malformed message: {reason}"):
        type(message).read(message.header() | changes)


def test_more_orders_than_are_exact_are_refused() -> None:
    header = ClearingJob(2**12, 1, 0, Market(12, 24), bytes(32), bytes(32), "sort", 0, True, 1.0).header()
    assert ClearingJob.read(header).orders == 4096
    with pytest.raises(BookTooLargeError):
        ClearingJob.read(header | {"orders_each": 2})


def test_ports() -> None:
    assert list(Listen("a", 9000, 9002).ports) == [9000, 9001, 9002]
    assert list(Listen("a").ports) == [0, 0]


def test_a_token_is_not_shown() -> None:
    assert "tokens" not in repr(MESSAGES[1])


def test_the_blocks_cover_the_book() -> None:
    blocks = RoundInput(10, Market(), None, "sort", 0, 4).blocks()
    assert blocks == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert RoundInput(0, Market(), None, "sort", 0, 4).blocks() == []
