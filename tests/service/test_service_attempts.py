"""How far a party is with attempts: read back as it was written, or refused as malformed, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.wire.errors import WireError
from mpc_market.wire.outcome import Result
from parties.net import Address
from parties.service.attempts import ATTEMPT_MAX, PROGRESS_BYTES_MAX, Progress, tag

ports = st.integers(1, 65535)
digests = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, ATTEMPT_MAX)
addresses = st.builds(Address, st.sampled_from(["127.0.0.1", "::1", "a.example"]), ports, ports)
offers = st.builds(Progress, numbers, addresses, st.none() | digests, st.none() | digests)
counts = st.tuples(*3 * [st.integers(0, 2**32 - 1)])
results = st.builds(Result, digests, digests, counts, st.integers(0, 2**20))
begun = st.builds(Progress, numbers)
ends = st.builds(Progress, numbers, done=results, verdicts=st.none() | digests)


@given(begun | offers | ends)
def test_it_is_read_back_as_it_was(progress):
    assert Progress.decode(progress.encode()) == progress


@given(st.binary(max_size=200))
def test_garbage_is_malformed(data):
    with pytest.raises(WireError):
        Progress.decode(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["attempt", "address", "token", "verdicts", "done", "more"]), json_values, offers | ends)
def test_any_other_value_of_a_field_is_read_or_malformed(field, value, progress):
    fields = json.loads(progress.encode()) | {field: value}
    try:
        found = Progress.decode(json.dumps(fields).encode())
    except WireError:
        return
    assert isinstance(found, Progress)
    assert field != "more"


@pytest.mark.parametrize(
    "fields",
    [
        {"attempt": True, "address": ["h", 1, 1]},
        {"attempt": -1, "address": ["h", 1, 1]},
        {"attempt": ATTEMPT_MAX + 1, "address": ["h", 1, 1]},
        {"attempt": 1, "address": ["h", 0, 1]},
        {"attempt": 1, "address": ["h", 1, 65536]},
        {"attempt": 1, "address": ["h", 1]},
        {"attempt": 1, "address": [1, 1, 1]},
        {"attempt": 1, "address": ["h", 1, 1], "token": "00" * 31},
        {"attempt": 1, "address": ["h", 1, 1], "done": ["00" * 32, "00" * 32, 0]},
        {"attempt": 1, "done": ["00" * 32, "00" * 32]},
        {"attempt": 1, "done": ["00" * 32, "00" * 32, 2**20 + 1]},
        {"attempt": 1, "done": ["00" * 32, "00" * 32, 1.0]},
        {"attempt": 1, "address": ["h" * PROGRESS_BYTES_MAX, 1, 1]},
    ],
)
def test_bad_progress(fields):
    with pytest.raises(WireError):
        Progress.decode(json.dumps(fields).encode())


def test_tokens_do_not_show_themselves():
    token = bytes(range(32))
    assert token.hex() not in repr(Progress(1, Address("h", 1, 1), token))
    assert repr(token) not in repr(Progress(1, Address("h", 1, 1), token))


def test_a_tag_names_what_was_heard():
    assert tag(b"a") == tag(b"a") != tag(b"b")
