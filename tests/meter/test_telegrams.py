"""Telegrams: read to the watt-hour, and refused with a reason where they are corrupt (parties.meter.telegrams)."""

import contextlib
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parties.meter.errors import TelegramError
from parties.meter.registers import Registers
from parties.meter.telegrams import TELEGRAM_BYTES_MAX, Splitter, registers_of
from tests.meter.telegrams import BELGIAN_DEVICE, DUTCH_DEVICE, belgian, clock, closed, crc16, dutch

NOON = 1_795_262_400  # 2026-11-21T12:00:00Z
KINDS = [(dutch, DUTCH_DEVICE), (belgian, BELGIAN_DEVICE)]

registers = st.integers(0, 999_999_999)


def test_the_checksum_is_that_of_the_catalogue():
    """CRC-16/ARC of "123456789" (Greg Cook's catalogue of parametrised CRC algorithms)."""
    assert crc16(b"123456789") == 0xBB3D


@pytest.mark.parametrize(("kind", "device"), KINDS)
@given(st.tuples(registers, registers), st.tuples(registers, registers))
def test_registers_of_both_tariffs_are_added(kind, device, imported, exported):
    assert registers_of(kind(NOON, imported, exported)) == Registers(NOON, device, sum(imported), sum(exported))


@given(st.integers(946_684_800, 3_124_220_399))  # 2000 to 2068: a time stamp has two digits of the year
def test_the_clock_is_read_in_summer_and_winter(at):
    assert registers_of(dutch(at, (1, 2), (3, 4))).at == at


def test_the_hour_that_comes_twice_is_told_apart():
    """2026-10-25: 02:30 local is 00:30 UTC in summer time and 01:30 UTC in winter time."""
    first = 1_792_888_200
    assert (clock(first), clock(first + 3600)) == ("261025023000S", "261025023000W")
    assert [registers_of(belgian(at, (0, 0), (0, 0))).at for at in (first, first + 3600)] == [first, first + 3600]


@pytest.mark.parametrize(("kind", "device"), KINDS)
def test_every_single_wrong_bit_is_noticed(kind, device):
    good = kind(NOON, (1_234_567, 89), (0, 4))
    for place in range(0, len(good) - 2, 3):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        with pytest.raises(TelegramError):
            registers_of(bytes(bad))


def with_line(old: str, new: str) -> bytes:
    """A good telegram with one line changed, and the checksum made to fit again."""
    text = dutch(NOON, (1000, 0), (0, 0)).decode()
    assert old in text
    return closed(text.replace(old, new).replace("\r\n", "\n").rpartition("!")[0])


@pytest.mark.parametrize(
    ("telegram", "reason"),
    [
        (dutch(NOON, (0, 0), (0, 0)).replace(b"231.0*V", b"232.0*V"), "checksum does not fit"),
        (dutch(NOON, (0, 0), (0, 0)).replace(b"\r\n", b"\n"), "do not end in CR LF"),
        (dutch(NOON, (0, 0), (0, 0))[:-6] + b"\r\n", "without a checksum"),
        (dutch(NOON, (0, 0), (0, 0))[40:], "parts are missing"),
        (dutch(NOON, (0, 0), (0, 0))[:200] + b"\r\n" + dutch(NOON, (0, 0), (0, 0)), "parts are missing"),
        (with_line("1-3:0.2.8(50)\r\n", ""), "neither a Dutch telegram"),
        (with_line(f"0-0:1.0.0({clock(NOON)})", "0-0:1.0.0(000000000000W)"), "no valid time"),
        (with_line(f"0-0:1.0.0({clock(NOON)})\r\n", ""), "no line 0-0:1.0.0"),
        (with_line("1-0:2.8.2(000000.000*kWh)\r\n", ""), "no line 1-0:2.8.2"),
        (with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(000001.000*kW)"), "does not hold kilowatt-hours"),
        (with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(NaN*kWh)"), "does not hold kilowatt-hours"),
        (with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(-00001.000*kWh)"), "does not hold kilowatt-hours"),
        (with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1()"), "does not hold kilowatt-hours"),
        (with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(1.0005*kWh)"), "more than three decimals"),
        (with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(1)(2)"), "not as DSMR has it"),
        (with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(xyz*kWh)"), "not as DSMR has it"),
        (b"", "parts are missing"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(telegram, reason):
    with pytest.raises(TelegramError, match=reason):
        registers_of(telegram)


@given(st.text(st.characters(max_codepoint=255), max_size=300), st.integers(0, 20))
def test_any_text_with_a_good_checksum_is_read_or_refused(text, place):
    lines = dutch(NOON, (1, 2), (3, 4)).decode().replace("\r\n", "\n").rpartition("!")[0].split("\n")
    lines[place % len(lines)] = text
    with contextlib.suppress(TelegramError):
        registers_of(closed("\n".join(lines)))


def test_no_reading_gets_into_the_log(caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(TelegramError) as caught:
        registers_of(with_line("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(7654321)(1234567)"))
    assert "7654321" not in caplog.text + str(caught.value)


# --- cutting ----------------------------------------------------------------------------------------------


@given(st.data(), st.lists(registers, min_size=1, max_size=4))
def test_a_stream_is_cut_alike_however_it_arrives(data, values):
    telegrams = [dutch(NOON + i, (value, 0), (0, 0)) for i, value in enumerate(values)]
    stream = b"".join(telegrams)
    splitter, found, at = Splitter(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, 2000))
        found += splitter.feed(stream[at : at + size])
        at += size
    lines = telegrams[0].count(b"\n")
    assert found == [(1 + lines * i, telegram) for i, telegram in enumerate(telegrams)]
    assert splitter.rest() == b""


def test_lines_are_counted_over_blank_ones():
    telegram = dutch(NOON, (1, 0), (0, 0))
    assert list(Splitter().feed(b"\r\n\r\n" + telegram)) == [(3, telegram)]


def test_a_stream_that_never_ends_a_telegram_is_noticed_and_forgotten():
    splitter = Splitter()
    with pytest.raises(TelegramError, match="is this a P1 port"):
        list(splitter.feed(b"\xff" * (TELEGRAM_BYTES_MAX + 1)))
    telegram = dutch(NOON, (1, 0), (0, 0))
    assert [piece for _, piece in splitter.feed(telegram)] == [telegram]
