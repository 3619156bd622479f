"""The values of settings: each function takes what stands in a TOML file and gives what it means.

Raises: InvalidSettingsError saying what is expected, without saying what stands there: the caller does.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.checks import require_sealing_key
from mpc_market.wire.errors import WireError
from parties.files.grid import NUMBER
from parties.files.problems import printable

DIGITS_MAX = 15
"""A setting has at most this many digits before and after the decimal point."""

Address = tuple[str, int]
"""A host (name or IP address, without brackets) and a port."""


def shown(value: object) -> str:
    """A value of a file for a message: short, and safe on a terminal."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{printable(value)}"'
    if isinstance(value, int) and value.bit_length() > 64:
        return f"(an integer of {value.bit_length()} bits)"
    # str() of a Decimal keeps the exponent: 1e9999 must not become ten thousand digits
    return printable(str(value)) if isinstance(value, int | Decimal) else f"({type(value).__name__})"


# --- numbers ----------------------------------------------------------------------------------------------


def decimal(value: object) -> Decimal:
    """A number, or a string that is one, exactly."""
    written = isinstance(value, str) and NUMBER.fullmatch(value) and len(value) <= 2 * DIGITS_MAX + 2
    if isinstance(value, str | int) and (written or type(value) is int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidSettingsError(f'a decimal number of at most 2 × {DIGITS_MAX} digits such as "0.0001" is expected')
    exponent = value.as_tuple().exponent
    if value.adjusted() >= DIGITS_MAX or (isinstance(exponent, int) and exponent < -DIGITS_MAX):
        raise InvalidSettingsError(f"at most {DIGITS_MAX} digits before and after the decimal point are possible")
    return value


def positive(value: object) -> Decimal:
    """A number greater than 0."""
    number = decimal(value)
    if number <= 0:
        raise InvalidSettingsError("it must be greater than 0")
    return number


def integer(least: int, most: int) -> Callable[[object], int]:
    """A whole number in a range."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidSettingsError(f"a whole number from {least} to {most} is expected")
        return value

    return read


# --- times ------------------------------------------------------------------------------------------------

_DURATION = re.compile(r"P(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,5})S)?)?", re.ASCII)


def duration(value: object) -> timedelta:
    """An ISO 8601 duration greater than 0, of days, hours, minutes and seconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not length:
        raise InvalidSettingsError('an ISO 8601 duration greater than 0 such as "PT15M" is expected')
    return length


def billing(value: object) -> timedelta | None:
    """A billing month: "month" for calendar months (None), or an ISO 8601 duration."""
    if value == "month":
        return None
    try:
        return duration(value)
    except InvalidSettingsError:
        raise InvalidSettingsError('"month", or an ISO 8601 duration such as "P7D", is expected') from None


def duration_text(length: timedelta) -> str:
    """A duration of whole seconds in ISO 8601."""
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if number]
    day = f"{length.days}D" if length.days else ""
    return f"P{day}{'T' if parts else ''}{''.join(parts)}"


def moment(value: object) -> int:
    """A moment with its offset from UTC, in whole seconds since 1970."""
    if isinstance(value, datetime) and value.tzinfo is not None and value.microsecond == 0:
        seconds = int(value.timestamp())
        if seconds >= 0:
            return seconds
    raise InvalidSettingsError("a moment such as 2026-12-01T00:00:00Z, without quotes, is expected")


def moment_text(seconds: int) -> str:
    """The same as TOML and people write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str) -> int:
    """The inverse of `moment_text`, for what people give on the command line."""
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:  # InvalidSettingsError among them
        raise InvalidSettingsError("a moment such as 2026-12-01T00:00:00Z is expected") from None


# --- names, keys, addresses -------------------------------------------------------------------------------

NAME_MAX = 64
PORT_MAX = 2**16 - 1

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


def name(value: object) -> str:
    """A name for people: 1 to 64 printable characters."""
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= NAME_MAX
        or not value.isprintable()
        or value != value.strip()
    ):
        raise InvalidSettingsError(f"a name of 1 to {NAME_MAX} printable characters is expected")
    return value


def path(value: object) -> str:
    """The path of a file."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidSettingsError("the path of a file is expected")
    return value


def octets(size: int) -> Callable[[object], bytes]:
    """`size` bytes in hexadecimal."""

    def read(value: object) -> bytes:
        if not isinstance(value, str) or re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", value) is None:
            raise InvalidSettingsError(f"{2 * size} hexadecimal digits are expected")
        return bytes.fromhex(value)

    return read


def sealing_key(value: object) -> bytes:
    """A public X25519 key to which something can be sealed."""
    key = octets(32)(value)
    try:
        require_sealing_key("a sealing key", key)
    except WireError:
        raise InvalidSettingsError("a public X25519 key is expected, no point of small order") from None
    return key


def host(value: object) -> str:
    """A host name or IP address; of IPv6 with or without brackets, given back without."""
    if isinstance(value, str) and (_HOST.fullmatch(value) or _HOST.fullmatch(f"[{value}]")):
        return value.strip("[]")
    raise InvalidSettingsError('a host name or IP address such as "a.example" is expected')


def address(value: object) -> Address:
    """`host:port`."""
    if isinstance(value, str):
        before, colon, port = value.rpartition(":")
        if colon and _HOST.fullmatch(before) and re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= PORT_MAX:
            return before.strip("[]"), int(port)
    raise InvalidSettingsError('a host and a port such as "a.example:8443" are expected')


def address_text(place: Address) -> str:
    """`host:port`, with brackets around IPv6."""
    return f"{_bracketed(place[0])}:{place[1]}"


def api_url(value: object) -> str:
    """`https://host:port`, nothing behind it."""
    if isinstance(value, str) and value.startswith("https://") and not urlsplit(value).path:
        try:
            return url_text(address(value.removeprefix("https://")))
        except InvalidSettingsError:
            pass
    raise InvalidSettingsError('an address such as "https://a.example:8443", with its port, is expected')


def url_text(place: Address) -> str:
    """The URL of an API at an address."""
    return f"https://{address_text(place)}"


def ports(value: object) -> range:
    """A range of ports, `first-last`."""
    match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value) if isinstance(value, str) else None
    if match and 1 <= int(match[1]) <= int(match[2]) <= PORT_MAX:
        return range(int(match[1]), int(match[2]) + 1)
    raise InvalidSettingsError('a range of ports such as "8450-8489" is expected')


def ports_text(among: range) -> str:
    """The same as it is written."""
    return f"{among[0]}-{among[-1]}"


def _bracketed(name_or_ip: str) -> str:
    return f"[{name_or_ip}]" if ":" in name_or_ip else name_or_ip
