"""Records of a CSV file: the same as the standard library's for what is well-formed, with physical lines."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parties.files.problems import Problems
from parties.files.records import records

FIELDS = st.text(alphabet='a,"\n\r; é', max_size=5)


def read(text: str) -> tuple[list[tuple[int, str, list[str]]], list[str]]:
    problems = Problems()
    return list(records(text, "f", problems)), problems.shown


@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=4), max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_what_the_csv_module_writes_comes_back(rows: list[list[str]], newline: str, quote: bool) -> None:
    buffer = io.StringIO()
    if not quote:  # the csv module does not quote a lone carriage return of its own accord
        rows = [[field.replace("\r", "") for field in row] for row in rows]
    quoting = csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL
    csv.writer(buffer, lineterminator=newline, quoting=quoting).writerows(rows)
    text = buffer.getvalue()
    found, problems = read(text)
    assert problems == []
    assert [fields for _, _, fields in found] == rows
    assert "".join(row + newline for _, row, _ in found) == text  # verbatim
    lines = text.split("\n")
    for line, row, _ in found:
        assert row.startswith(lines[line - 1].removesuffix("\r"))


@given(st.text(alphabet='a,"\n\r', max_size=30))
def test_anything_is_read_or_refused(text: str) -> None:
    found, problems = read(text)
    if not problems:
        # With nothing to complain of, the standard library's strict reader agrees.
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
        assert [fields for _, _, fields in found] == expected


def test_blank_lines_and_physical_lines() -> None:
    text = 'a,b\r\n\r\n"x\n\ny",1\r\n   \r\n2,3'
    assert read(text) == (
        [(1, "a,b", ["a", "b"]), (3, '"x\n\ny",1', ["x\n\ny", "1"]), (7, "2,3", ["2", "3"])],
        [],
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('a,b\n1,"x\n2,y\n', "f:2: a quoted field begins here or below and is never closed"),
        ('a,b\n1,x"y"\n', "f:2: a stray quote"),
        ('a,b\n"1"2,y\n', "f:2: a stray quote"),
        ('a,b\n1, "y"\n', "f:2: a stray quote"),
        ('a,b\n"1",y\rz\n', "f:2: a stray quote or carriage return"),
        ("a,b\n1\r2,y\n", "f:2: a carriage return within the line"),
        ("a,b\r1,2\r", "f:1: a carriage return within the line"),
    ],
)
def test_malformed(text: str, problem: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_reading_goes_on_behind_a_malformed_record() -> None:
    found, problems = read('a,b\n1,x"y"\n2,3\n4,"5""\n6,7')
    assert [line for line, _, _ in found] == [1, 3]
    assert [problem[:4] for problem in problems] == ["f:2:", "f:4:"]


def test_a_field_may_be_large() -> None:
    large = '""' * 10**6
    assert read(f'a,"{large}"\n')[0][0][2] == ["a", '"' * 10**6]
