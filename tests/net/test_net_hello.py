"""The hello frame: what it claims and how it is proved."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parties.net.hello import HELLO_BYTES, Claim, Kind, read_claim

TOKEN = bytes(range(32))
CLAIM = Claim(Kind.DATA, 0, 2)


def test_says_what_it_claims_and_proves_it() -> None:
    frame = CLAIM.hello(TOKEN)
    assert len(frame) == HELLO_BYTES
    assert read_claim(frame) == CLAIM
    assert CLAIM.is_proved_by(frame, TOKEN)


def test_contains_nothing_of_the_token() -> None:
    token = secrets.token_bytes(32)
    assert token[:8] not in CLAIM.hello(token)


@pytest.mark.parametrize("other", [CLAIM.answer(), Claim(Kind.PULSE, 0, 2), Claim(Kind.DATA, 1, 2)])
def test_proves_one_direction_kind_and_number_only(other: Claim) -> None:
    assert not CLAIM.is_proved_by(other.hello(TOKEN), TOKEN)
    assert not other.is_proved_by(CLAIM.hello(TOKEN), TOKEN)
    assert not CLAIM.is_proved_by(CLAIM.hello(bytes(32)), TOKEN)


@pytest.mark.parametrize("place", range(HELLO_BYTES))
def test_every_byte_counts(place: int) -> None:
    frame = bytearray(CLAIM.hello(TOKEN))
    frame[place] ^= 1
    assert not CLAIM.is_proved_by(bytes(frame), TOKEN)


@given(st.binary(min_size=HELLO_BYTES, max_size=HELLO_BYTES))
def test_garbage_is_no_claim(frame: bytes) -> None:
    assert read_claim(frame) is None


def test_another_version_is_no_claim() -> None:
    frame = bytearray(CLAIM.hello(TOKEN))
    frame[8] += 1
    assert read_claim(bytes(frame)) is None
