"""Keystreams: both holders draw alike, and what they draw is uniform."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from mpc_market.field.keystream import KEY_BYTES, Keystream
from mpc_market.field.mersenne import GF, Field
from tests.secure.uniformity import assert_uniform, cells_of, ranks

KEY = bytes(range(KEY_BYTES))
SIZES = [0, 1, 2, 3, 8191, 8192, 8193, 16385, 0, 5]


def draws(stream: Keystream) -> list[list[int]]:
    """Some of everything, at sizes around the cipher's blocks."""
    drawn = []
    for size in SIZES:
        drawn += [stream.words(size), stream.bits(size), stream.raw(size), stream.permutation(size)]
    return [array.tolist() for array in drawn]


def test_both_holders_draw_alike():
    assert draws(Keystream(KEY)) == draws(Keystream(KEY))


def test_other_keys_draw_something_else():
    other = bytes([KEY[0] ^ 1, *KEY[1:]])
    assert not set(Keystream(KEY).words(1000).tolist()) & set(Keystream(other).words(1000).tolist())


def test_a_stream_never_repeats_itself():
    stream = Keystream(KEY)
    drawn = np.concatenate([stream.raw(size) for size in SIZES for _ in range(3)])
    assert np.unique(drawn).size == drawn.size


def test_it_is_aes_in_counter_mode():
    encryptor = Cipher(AES(KEY), CTR(bytes(16))).encryptor()
    expected = np.frombuffer(encryptor.update(bytes(8 * 20_000)), "<u8")
    stream = Keystream(KEY)
    drawn = np.concatenate([stream.raw(9_999), stream.raw(1), stream.raw(10_000)])
    assert drawn.tolist() == expected.tolist()


def test_words_are_field_elements():
    words = Keystream(KEY).words(100_000)
    assert GF.is_canonical(words)
    assert_uniform(cells_of(words, 256), 256)
    assert_uniform(words % np.uint64(257), 257)


@pytest.mark.parametrize("exponent", [5, 7])
def test_words_equal_to_p_are_drawn_again(exponent):
    """One word in 2^e is p: it must neither appear nor become 0, and both ends redraw it alike."""
    field = Field(exponent)
    streams = Keystream(KEY, field), Keystream(KEY, field)
    for size in (1, 2, 500, 100_000):
        words, same = (stream.words(size) for stream in streams)
        assert words.tolist() == same.tolist()
        assert field.is_canonical(words)
    assert_uniform(words, field.modulus)
    raw = Keystream(KEY).raw(1000) & np.uint64(field.modulus)
    assert np.count_nonzero(raw == field.modulus) > 0, "this key never makes it draw again"


@pytest.mark.parametrize("exponent", [5, 61])
def test_how_a_stream_is_cut_does_not_matter(exponent):
    """Into calls, or into stretches for several threads: also where words are drawn again."""
    field = Field(exponent)
    expected = Keystream(KEY, field).words(30_000).tolist()
    calls = Keystream(KEY, field)
    assert [word for size in (1, 2, 9_997, 20_000) for word in calls.words(size).tolist()] == expected
    split = Keystream(KEY, field)
    head = split.words(3)
    parts = split.split([10_000, 1, 9_996])
    late = split.words(10_000)
    middle = [part.words(size) for part, size in reversed([*zip(parts, (10_000, 1, 9_996), strict=True)])]
    assert np.concatenate([head, *reversed(middle), late]).tolist() == expected


def test_bits_are_fair_and_independent():
    bits = Keystream(KEY).bits(400_000)
    assert set(bits.tolist()) == {0, 1}
    assert_uniform(bits.reshape(-1, 8) @ (2 ** np.arange(8, dtype=np.uint64)), 256)


def test_permutations_are_permutations():
    stream = Keystream(KEY)
    for size in (0, 1, 2, 3, 1000):
        assert sorted(stream.permutation(size).tolist()) == list(range(size))


@pytest.mark.parametrize(("size", "cells"), [(2, 2), (4, 24), (5, 120)])
def test_permutations_are_uniform(size, cells):
    stream = Keystream(KEY)
    assert_uniform(ranks(np.array([stream.permutation(size) for _ in range(6_000)])), cells)


def test_a_tie_is_drawn_again(monkeypatch):
    """Equal words would be sorted by their places: not uniform."""
    rows = [[7, 3, 7], [5, 5, 5], [30, 10, 20]]
    monkeypatch.setattr(Keystream, "raw", lambda self, count: np.array(rows.pop(0), np.uint64))
    assert Keystream(KEY).permutation(3).tolist() == [1, 2, 0]
    assert not rows


def test_a_key_is_not_shown():
    shown = repr(Keystream(KEY))
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown
    assert not hasattr(Keystream(KEY), "__dict__")
