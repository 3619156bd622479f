"""Spoilt bytes for parsers: valid ones after a few changes, known troublemakers, and noise. Seeded by hypothesis."""

import pickle
import re
import string
from typing import Any

from hypothesis import strategies as st


class Marker:
    """Would be noticed if anyone unpickled it: `opened` counts."""

    opened = 0

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return (_opened, ())


def _opened() -> None:
    Marker.opened += 1


PICKLES = tuple(pickle.dumps(Marker(), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1))

TROUBLE = (
    b"",
    b"\0",
    b"\xff" * 64,
    b"\xef\xbb\xbf",
    b"\xff\xfe[\0",
    b"[" * 20_000,
    b'{"a":' * 20_000,
    b"{" * 5 + b"}" * 5,
    b"1" * 5_000,
    b'{"attempt": ' + b"9" * 400 + b"}",
    b'"\\ud800"',
    (60_000).to_bytes(4, "little") + b"[" * 60_000,
    b"\2\0\0\0[]",
    b"\2\0\0\0{}" + b"\xff" * 8,
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b"a = " + b"[" * 5_000,
    b"a = 1e999999999999999999",
    b"a = " + b"9" * 5_000,
    b"[market]\n[market]\n",
    b'"' * 4_001,
    b"," * 70_000,
    b"/" + b"!" * 30_000,
    b"\r\n" * 20_000,
    *PICKLES,
)

LITERALS = (
    b"true", b"-1", b"0", b"1e400", b"nan", b"inf", b"-0.0", b"9" * 30, b"9" * 400, b'""', b"[]", b"{}", b"null",
    b"[[1]]",
    b'"\\u0000"', b'"\xc3\xa9"', b'"\xf0\x9f\x8e\x88"', b"1979-05-27T07:32:00Z", b'"' + b"a" * 3_000 + b'"',
    b"'''x'''", b"0x10", b"1_000", b"\xe2\x80\x8f", b'"\xd9\xa3"', b"\xc2\xb2",
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, valid: bytes, other: bytes = b"") -> bytes:
    """What a parser may be given: most of it nearly valid."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.one_of(st.sampled_from(TROUBLE), st.binary(max_size=300)))
    if kind == 1:
        return draw(st.text(string.printable, max_size=200)).encode()
    data = valid
    for _ in range(draw(st.integers(1, 3))):
        data = draw(_changed(data, other or valid))
    return data


@st.composite
def _changed(draw: st.DrawFn, data: bytes, other: bytes) -> bytes:
    at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
    match draw(st.sampled_from(["bytes", "cut", "put", "end", "splice", "byte", "value", "swap", "twice"])):
        case "bytes":
            return data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[at + 8 :]
        case "cut":
            return data[:at] + data[at + length :]
        case "put":
            return data[:at] + draw(st.one_of(st.binary(max_size=40), st.sampled_from(LITERALS))) + data[at:]
        case "end":
            return data[:at]
        case "splice":
            return data[:at] + other[draw(st.integers(0, len(other))) :]
        case "byte":
            return data[:at] + bytes([draw(st.sampled_from([0, 1, 2, 3, 34, 44, 91, 127, 128, 255]))]) + data[at + 1 :]
        case "value":
            return draw(_with_other_value(data))
        case "swap":
            return data[:at] + data[at : at + length][::-1] + data[at + length :]
        case _:
            return data[:at] + data[at : at + length] * 2 + data[at + length :]


@st.composite
def _with_other_value(draw: st.DrawFn, data: bytes) -> bytes:
    """A number, a text in quotes or a word of a text format becomes another."""
    places = list(re.finditer(rb'"[^"\n]*"|[0-9.]+|(?<=[=,:] )[^\n,]+', data))
    if not places:
        return data
    place = draw(st.sampled_from(places))
    return data[: place.start()] + draw(st.sampled_from(LITERALS)) + data[place.end() :]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 70_000)
    | st.sampled_from([2**31, 2**32, 2**53, 2**63, 2**64, 10**400, -(10**400)])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["00", "0" * 64, "ff" * 32, "-----BEGIN CERTIFICATE-----", "PeerError", "InputError", "sort"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
"""Whatever JSON can hold, small."""


@st.composite
def spoilt_fields(draw: st.DrawFn, valid: dict[str, Any]) -> dict[str, Any]:
    """A valid JSON object with some fields replaced, left out or put in, at its top or one level below."""
    fields = dict(valid)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([*valid, "surplus"]))
        match draw(st.integers(0, 3)):
            case 0:
                fields.pop(name, None)
            case 1 if isinstance(fields.get(name), list):
                fields[name] = draw(st.permutations([*fields[name], draw(json_values)]))
            case 1 if isinstance(fields.get(name), dict):
                fields[name] = {**fields[name], draw(st.text(max_size=5)): draw(json_values)}
            case _:
                fields[name] = draw(json_values)
    return fields
