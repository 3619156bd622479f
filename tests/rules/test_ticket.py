"""Tickets (market.md §2)."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.encoding import RawEncoder
from nacl.hash import generichash

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.ticket import ticket, ticket_order
from tests.books import seeds

SEED = bytes(range(32))

order_ids = st.text(min_size=1, alphabet=st.characters(codec="utf-8"))


def test_known_answers():
    assert ticket(SEED, "m17").hex() == "1e59e413408e80319d255c17f9af643b"
    assert ticket(SEED, "métér").hex() == "fec66a10c4f27a409c89c3a3d6d39e97"


@given(seeds(), order_ids)
def test_is_the_keyed_blake2b_of_libsodium(seed, order_id):
    expected = generichash(order_id.encode(), digest_size=16, key=seed, encoder=RawEncoder)
    assert ticket(seed, order_id) == expected


def test_an_id_counts_byte_for_byte():
    ids = [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")] + ["E", "e", "e ", " e"]
    assert len({ticket(SEED, order_id) for order_id in ids}) == len(ids)


@given(seeds(), st.lists(order_ids, unique=True, max_size=20))
def test_the_smallest_ticket_is_earliest(seed, ids):
    sequence = ticket_order(seed, ids)
    assert sorted(sequence) == list(range(len(ids)))
    tickets = [ticket(seed, ids[i]) for i in sequence]
    assert all(earlier < later for earlier, later in pairwise(tickets))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(size):
    with pytest.raises(InvalidSettingsError, match=f"32 bytes, not {size}"):
        ticket(bytes(size), "m1")
