"""P1 telegrams of Dutch (DSMR 4 and 5) and Belgian (e-MUCS P1) meters: cut out of a stream of bytes, checked, and read.

    /XXX5…            the meter's make
    0-0:1.0.0(…)      its clock, with S for summer and W for winter time
    1-0:1.8.1(…)      registers: 1.8 imported, 2.8 exported; .1 and .2 are the two tariffs, which are added here
    !ABCD             checksum over everything before: CRC-16 with polynomial x^16 + x^15 + x^2 + 1, low bit first

A telegram whose checksum does not fit is an error: a register with a wrong digit would become a wrong order. Meters
before DSMR 4 send no checksum and are refused. `dsmr-parser` checks and reads; which lines are read is decided here.

Source: DSMR P1 companion standard 5.0.2; Fluvius e-MUCS P1 1.7.
"""

import logging
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from dsmr_parser.exceptions import InvalidChecksumError, ParseError
from dsmr_parser.objects import Telegram
from dsmr_parser.parsers import TelegramParser
from dsmr_parser.telegram_specifications import BELGIUM_FLUVIUS, V5

from parties.meter.errors import TelegramError
from parties.meter.registers import Registers

TELEGRAM_BYTES_MAX = 16_384
"""No telegram is longer (they have about 1,500 bytes, and a text message up to 2,048)."""

# It writes lines of a telegram that it cannot read to the log: readings have no place there.
logging.getLogger("dsmr_parser").setLevel(logging.CRITICAL + 1)

_DUTCH, _BELGIAN = "P1_MESSAGE_HEADER", "BELGIUM_VERSION_INFORMATION"
_CLOCK, _DEVICE = "P1_MESSAGE_TIMESTAMP", "BELGIUM_EQUIPMENT_IDENTIFIER"
_IMPORTED = ("ELECTRICITY_USED_TARIFF_1", "ELECTRICITY_USED_TARIFF_2")
_EXPORTED = ("ELECTRICITY_DELIVERED_TARIFF_1", "ELECTRICITY_DELIVERED_TARIFF_2")
_READ = (_DUTCH, _BELGIAN, _CLOCK, _DEVICE, *_IMPORTED, *_EXPORTED)

# The lines that are needed, by either standard; gas, voltages and messages are not looked at.
_LINES = {line["value_name"]: line for line in (*V5["objects"], *BELGIUM_FLUVIUS["objects"])}
_PARSER = TelegramParser({"checksum_support": True, "objects": [_LINES[name] for name in _READ]})
_END = re.compile(rb"!([0-9A-F]{4})\r\n\Z")


class Splitter:
    """Cuts a stream of bytes behind the `!` line of every telegram; `registers_of` judges what each piece is."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._lines = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces that are complete now, blank lines before them left out, each with the line on which it begins.

        Raises: TelegramError, after which it goes on with what is fed next, if more came without an end
        than a telegram can have.
        """
        self._pending += data
        while (end := self._end()) > 0:
            piece = bytes(self._pending[:end])
            del self._pending[:end]
            telegram = piece.lstrip()
            yield self._lines + piece[: len(piece) - len(telegram)].count(b"\n") + 1, telegram
            self._lines += piece.count(b"\n")
        if len(self._pending) > TELEGRAM_BYTES_MAX:
            self._lines += self._pending.count(b"\n")
            self._pending.clear()
            raise TelegramError(f"{TELEGRAM_BYTES_MAX} bytes without the end of a telegram: is this a P1 port?")

    def rest(self) -> bytes:
        """What is held of a telegram that is not complete."""
        return bytes(self._pending.lstrip())

    def _end(self) -> int:
        """Where the line of the first `!` ends, 0 if it is not there yet."""
        mark = self._pending.find(b"!")
        return self._pending.find(b"\n", mark) + 1 if mark >= 0 else 0


def registers_of(telegram: bytes) -> Registers:
    """Check a telegram and read its registers.

    Raises: TelegramError that says what is wrong and what may help.
    """
    text = _checked(telegram)
    try:
        lines = _PARSER.parse(text, throw_ex=True)
    except InvalidChecksumError:
        raise TelegramError(
            "the checksum does not fit the telegram: some bytes of it are wrong; check the cable, or the file"
        ) from None
    # ArithmeticError: digits that are no decimal; the others: groups in brackets that are missing or too many
    except (ParseError, ValueError, ArithmeticError, LookupError, TypeError):
        raise TelegramError("a line of the telegram is not as DSMR has it, although its checksum fits") from None
    if not hasattr(lines, _DUTCH) and not hasattr(lines, _BELGIAN):
        raise TelegramError("neither a Dutch telegram (line 1-3:0.2.8) nor a Belgian one (line 0-0:96.1.4)")
    moment, device = _value(lines, _CLOCK, "0-0:1.0.0"), _value(lines, _DEVICE, "0-0:96.1.1")
    if not isinstance(moment, datetime):
        raise TelegramError("the meter's clock (line 0-0:1.0.0) shows no valid time: wait until it has been set")
    imported, exported = _watt_hours(lines, _IMPORTED, "1.8"), _watt_hours(lines, _EXPORTED, "2.8")
    return Registers(int(moment.timestamp()), str(device), imported, exported)


def _checked(telegram: bytes) -> str:
    """What the parser takes for granted. Every byte becomes one character, so that the checksum sees them all."""
    if not telegram.startswith(b"/") or b"\n/" in telegram:
        raise TelegramError("a telegram begins with a line /, and there is no other such line in it: parts are missing")
    end = _END.search(telegram)
    if end is None:
        if re.search(rb"!\r?\n\Z", telegram):
            raise TelegramError("a telegram without a checksum: meters before DSMR 4 cannot be used")
        if not telegram.endswith(b"\r\n"):
            raise TelegramError("lines do not end in CR LF, as meters send them: the file's line ends were changed")
        raise TelegramError("a telegram must end in ! and a checksum of four hexadecimal digits")
    if telegram.count(b"!") != 1:
        raise TelegramError("a telegram ends at its first '!', and this one does not")
    return telegram.decode("latin-1")


def _value(lines: Telegram, name: str, code: str) -> Any:
    if not hasattr(lines, name):
        raise TelegramError(f"the telegram has no line {code}")
    return getattr(lines, name).value


def _watt_hours(lines: Telegram, names: tuple[str, ...], code: str) -> int:
    """The sum of the registers of both tariffs."""
    total = 0
    for tariff, name in enumerate(names, 1):
        value = _value(lines, name, f"1-0:{code}.{tariff}")
        usable = getattr(lines, name).unit == "kWh" and isinstance(value, Decimal) and value.is_finite()
        if not usable or not 0 <= value < 10**9:
            raise TelegramError(f"line 1-0:{code}.{tariff} does not hold kilowatt-hours")
        watt_hours = value * 1000
        if watt_hours != int(watt_hours):
            raise TelegramError(f"line 1-0:{code}.{tariff} has more than three decimals")
        total += int(watt_hours)
    return total
