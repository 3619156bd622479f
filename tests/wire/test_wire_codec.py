"""Bytes of messages: writer and reader are inverse, every value has one encoding, and nothing is left over."""

from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.wire.checks import require_ascending, require_bytes, require_int, require_tuple
from mpc_market.wire.codec import P, Reader, Writer, bytes_words, words_bytes
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import ContextError, DeliveryError, PolynomialError, WireError

FIELDS = st.lists(
    st.one_of(
        st.tuples(st.just("u8"), st.integers(0, 2**8 - 1)),
        st.tuples(st.just("u16"), st.integers(0, 2**16 - 1)),
        st.tuples(st.just("u32"), st.integers(0, 2**32 - 1)),
        st.tuples(st.just("u64"), st.integers(0, 2**64 - 1)),
        st.tuples(st.just("text"), st.text(st.characters(exclude_categories=["Cs"]))),
        st.tuples(st.just("blob"), st.binary(max_size=40)),
    )
)


@given(FIELDS)
def test_a_reader_takes_what_a_writer_wrote(fields):
    writer = Writer()
    for name, value in fields:
        getattr(writer, name)(value)
    reader = Reader(writer.data())
    assert [(name, getattr(reader, name)()) for name, _ in fields] == fields
    reader.end()


def test_integers_are_little_endian():
    data = Writer().u16(0x0102).u32(3).u64(2**56).data()
    assert data == bytes([2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])


def test_texts_and_blobs_have_their_length_in_front():
    assert Writer().text("é").blob(b"xyz").data() == b"\x02\x00\xc3\xa9\x03\x00\x00\x00xyz"


@pytest.mark.parametrize(("name", "value"), [("u8", 256), ("u16", 2**16), ("u32", 2**32), ("u64", 2**64), ("u8", -1)])
def test_bad_integer_is_not_written(name, value):
    with pytest.raises(WireError, match="does not fit"):
        getattr(Writer(), name)(value)


def test_bad_text_is_not_written():
    with pytest.raises(WireError, match="UTF-8"):
        Writer().text("\ud800")
    with pytest.raises(WireError, match="2 bytes"):
        Writer().text("x" * 2**16)


def test_bad_length_is_not_written():
    with pytest.raises(WireError, match="31 bytes where there must be 32"):
        Writer().fixed(bytes(31), 32)


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (lambda r: r.u8(), b""),
        (lambda r: r.u64(), bytes(7)),
        (lambda r: r.fixed(3), bytes(2)),
        (lambda r: r.text(), b"\x05\x00abc"),
        (lambda r: r.text(), b"\x02\x00\xc3\x28"),
        (lambda r: r.text(), b"\x03\x00\xed\xa0\x80"),  # a surrogate
        (lambda r: r.blob(), b"\xff\xff\xff\xffabc"),
        (lambda r: r.words(2), bytes(15)),
        (lambda r: r.version(), b"\x00"),
        (lambda r: r.version(), b"\x02"),
        (lambda r: r.end(), b"x"),
    ],
)
def test_bad_bytes_are_refused(read, data):
    with pytest.raises(WireError):
        read(Reader(data))


def test_words_below_p_and_no_others():
    assert bytes_words(words_bytes([0, 1, P - 1])) == (0, 1, P - 1)
    assert bytes_words(b"") == ()
    for word in (P, 2**64 - 1):
        with pytest.raises(WireError, match="residue"):
            bytes_words(word.to_bytes(8, "little"))
    for word in (P, -1):
        with pytest.raises(WireError, match="residue"):
            words_bytes([word])
    with pytest.raises(WireError, match="whole number"):
        bytes_words(bytes(9))


def test_a_refused_word_is_not_repeated():
    with pytest.raises(WireError) as caught:
        bytes_words((P + 123_456).to_bytes(8, "little"))
    assert str(P + 123_456) not in str(caught.value)


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_digests_of_different_lists_differ(first, second):
    assert (digest("t", *first) == digest("t", *second)) == (first == second)


def test_the_tag_is_part_of_the_digest():
    assert len({digest("ab", b"c"), digest("a", b"bc"), digest("a", b"b", b"c"), digest("abc"), digest("")}) == 5


@pytest.mark.parametrize("value", [True, 1.0, "1", -1, 11, None])
def test_bad_integer_field(value):
    require_int("field", 10, 0, 10)
    with pytest.raises(WireError, match="field is not an integer from 0 to 10"):
        require_int("field", value, 0, 10)


@pytest.mark.parametrize("value", [bytes(31), bytearray(32), "0" * 32, None])
def test_bad_bytes_field(value):
    with pytest.raises(WireError, match="field is not 32 bytes"):
        require_bytes("field", value, 32)


def test_lists_are_tuples_in_strictly_ascending_sequence():
    require_tuple("field", (1, 2), 1, 2)
    for value in ([1], (), (1, 2, 3)):
        with pytest.raises(WireError):
            require_tuple("field", value, 1, 2)
    require_ascending("field", [1, 2, 3])
    for keys in ([1, 1], [2, 1]):
        with pytest.raises(WireError, match="ascending"):
            require_ascending("field", keys)


@pytest.mark.parametrize(
    "error",
    [ContextError("period", "a reason"), PolynomialError("a reason", 3), DeliveryError("path", "a reason", 2)],
)
def test_errors_say_their_reason_and_can_be_copied(error):
    again = copy(error)
    assert (str(again), vars(again)) == (str(error), vars(error))
    assert str(error).startswith("a reason")
    assert str(DeliveryError("path", "a reason", 2)) == "a reason (party 2)"


def test_a_writer_and_a_reader_show_no_bytes():
    assert (repr(Writer().u32(5)), repr(Reader(b"secret"))) == ("Writer(4 bytes)", "Reader(0 of 6 bytes)")
