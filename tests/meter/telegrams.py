"""Telegrams as meters send them, made up for tests: texts, and their checksum by another route than the parser's."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")
DUTCH_DEVICE, BELGIAN_DEVICE = "4530303331303033303031363939353135", "3153414733313031303037393133"


def crc16(data: bytes) -> int:
    """CRC-16/ARC bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def closed(body: str) -> bytes:
    """A telegram with its checksum; `body`: lines that end in LF, from / on."""
    data = body.replace("\n", "\r\n").encode("latin-1") + b"!"
    return data + f"{crc16(data):04X}\r\n".encode()


def kwh(watt_hours: int) -> str:
    return f"{watt_hours // 1000:06d}.{watt_hours % 1000:03d}*kWh"


def clock(at: int) -> str:
    """A P1 time stamp: local time with S or W."""
    local = datetime.fromtimestamp(at, UTC).astimezone(BRUSSELS)
    return local.strftime("%y%m%d%H%M%S") + ("S" if local.dst() else "W")


def dutch(at: int, imported: tuple[int, int], exported: tuple[int, int], device: str = DUTCH_DEVICE) -> bytes:
    return closed(
        f"""/XMX5LGBBFG1012345678

1-3:0.2.8(50)
0-0:1.0.0({clock(at)})
0-0:96.1.1({device})
1-0:1.8.1({kwh(imported[0])})
1-0:1.8.2({kwh(imported[1])})
1-0:2.8.1({kwh(exported[0])})
1-0:2.8.2({kwh(exported[1])})
0-0:96.14.0(0002)
1-0:1.7.0(00.428*kW)
1-0:2.7.0(00.000*kW)
0-0:96.7.21(00004)
1-0:99.97.0(1)(0-0:96.7.19)(190101000001W)(0000000300*s)
0-0:96.13.0()
1-0:32.7.0(231.0*V)
0-1:24.1.0(003)
0-1:96.1.0(4730303339303031373030343630313137)
0-1:24.2.1(210204163500W)(05290.211*m3)
"""
    )


def belgian(at: int, imported: tuple[int, int], exported: tuple[int, int], device: str = BELGIAN_DEVICE) -> bytes:
    return closed(
        f"""/FLU5\\253769484_A

0-0:96.1.4(50217)
0-0:96.1.1({device})
0-0:1.0.0({clock(at)})
1-0:1.8.1({kwh(imported[0])})
1-0:1.8.2({kwh(imported[1])})
1-0:2.8.1({kwh(exported[0])})
1-0:2.8.2({kwh(exported[1])})
0-0:96.14.0(0001)
1-0:1.4.0(02.351*kW)
1-0:1.6.0(200509134558S)(02.589*kW)
0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(200501000000S)(200423192538S)(03.695*kW)
1-0:1.7.0(00.000*kW)
1-0:2.7.0(00.000*kW)
0-0:96.3.10(1)
0-0:17.0.0(999.9*kW)
0-0:96.13.0()
0-1:24.1.0(003)
0-1:96.1.1(37464C4F32313139303333373333)
0-1:24.4.0(1)
0-1:24.2.3(200512134558S)(00112.384*m3)
"""
    )
