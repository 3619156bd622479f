"""The file of a running market: written and read back; everything that can be wrong with it, with its line."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mpc_market.rules.model import Rationing
from parties.files.market import MarketFile, read_market
from parties.files.problems import Problems
from parties.files.running import CHANGE_OVER, PartyKeys, RunningMarket, Service, Settlement
from parties.files.running_toml import read_running, read_suppliers, running_text, supplier_text
from parties.files.values import address, address_text, duration, duration_text, moment_of, moment_text
from parties.tls import fingerprint
from tests.files.running_markets import SINCE, certificate, market, party


def read(path: Path, text: str) -> tuple[RunningMarket | None, list[str]]:
    path.write_text(text, "utf-8")
    problems = Problems()
    found = read_running(str(path), problems)
    assert (found is None) == bool(problems.shown)
    return found, [problem.removeprefix(str(path)) for problem in problems.shown]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert read(tmp_path / "m.toml", running_text(market())) == (market(), [])
    other = replace(
        market(),
        settings=MarketFile(id="x", period=timedelta(seconds=10), rationing=Rationing.LOTTERY, minimum_group=2),
        service=Service(timedelta(days=1, hours=2), timedelta(seconds=61), timedelta(days=400)),
        suppliers=(),
    )
    assert read(tmp_path / "m.toml", running_text(other)) == (other, [])


def test_five_and_seven_parties(tmp_path: Path) -> None:
    for letters in ("abcde", "abcdefg"):
        some = replace(market(), parties=tuple(party(letter) for letter in letters))
        assert read(tmp_path / "m.toml", running_text(some)) == (some, [])


def test_clearing_ignores_the_further_tables(tmp_path: Path) -> None:
    path, problems = tmp_path / "m.toml", Problems()
    path.write_text(running_text(market()) + "\n[whatever]\nx = 1\n", "utf-8")
    assert read_market(str(path), problems) == market().settings
    assert problems.count == 0


def test_a_market_that_is_settled_is_read_back(tmp_path: Path) -> None:
    for billing in (None, timedelta(minutes=30)):
        settlement = Settlement(timedelta(seconds=20), timedelta(minutes=5), timedelta(minutes=1), billing)
        settled = replace(market(), service=Service(settlement=settlement))
        found, problems = read(tmp_path / "m.toml", running_text(settled))
        assert problems == []
        assert found == settled
        assert found.calendar.reading_deadline(900) == 1_820_000
    assert market().calendar is None


def test_service_may_be_left_out(tmp_path: Path) -> None:
    text = running_text(market())
    begin, end = text.index("[service]"), text.index("# signs the roll")
    found, _ = read(tmp_path / "m.toml", text[:begin] + text[end:])
    assert found is not None
    assert found.service == Service(timedelta(minutes=5), timedelta(minutes=4), timedelta(days=90))


def put(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def line_of(text: str, piece: str, nth: int = 1) -> int:
    position = -1
    for _ in range(nth):
        position = text.index(piece, position + 1)
    return text.count("\n", 0, position) + 1


FINGERPRINT = fingerprint(certificate("a"))

# name → change of the text, what stands on the line to be named (for the how manieth time), message
WRONG: dict[str, tuple[Callable[[str], str], str, int, str]] = {
    "no id": (put('id = "oak-street"\n', ""), "[market]", 1, "id is missing in [market]: a running market has one"),
    "an id in capitals": (put("oak-street", "Oak"), "id =", 1, 'id = "Oak": a market id is 1 to 64 of a-z'),
    "an id that is a number": (put('"oak-street"', "7"), "id =", 1, "id = 7: a market id is"),
    "a slip in a table's name": (
        put("[service]", "[servce]"),
        "[servce]",
        1,
        "unknown table 'servce': a market file has",
    ),
    "a slip in a key": (
        put("gate_lead", "gatelead"),
        "gatelead",
        1,
        "unknown key 'gatelead': [service] has gate_lead,",
    ),
    "a period in minutes": (put('"PT4M"', '"4m"'), "deadline", 1, 'deadline = "4m": an ISO 8601 duration'),
    "no gate lead": (put('"PT5M"', '"PT0S"'), "gate_lead", 1, 'gate_lead = "PT0S": an ISO 8601 duration greater'),
    "two services": (put("[service]", "[[service]]"), "[[service]]", 1, "[service] is to be one table"),
    "no registrar": (
        lambda text: text[: text.index("[registrar]")] + text[text.index("\n[[party]]") :],
        "# The public",
        1,
        "there is no table [registrar]",
    ),
    "no key of the registrar": (
        put("[registrar]\nkey", "[registrar]\n# key"),
        "[registrar]",
        1,
        "key is missing in [reg",
    ),
    "half a key": (put("7272", "72"), "key =", 1, f'key = "{"72" * 20}…": 64 hexadecimal digits are expected'),
    "a key that is a number": (put(f'key = "{"72" * 32}"', "key = 72"), "key =", 1, "key = 72: 64 hexadecimal digits"),
    "one bracket": (
        lambda text: text[: text.index("\n[[party]]")] + '\n[party]\nname = "a"\n',
        *("[party]", 1, "[[party]] with two brackets is expected"),
    ),
    "two parties": (
        lambda text: text[: text.rindex("\n[[party]]")],
        *("[[party]]", 1, "2 compute parties: a market has 3, 5, 7"),
    ),
    "no parties": (lambda text: text[: text.index("\n[[party]]")], "# The public", 1, "0 compute parties"),
    "no port": (
        put("https://b.example:8443", "https://b.example"),
        "https://b.example",
        1,
        'such as "https://a.example:8443"',
    ),
    "a port too high": (
        put("https://b.example:8443", "https://b.example:99999"),
        *("https://b.example", 1, "an address such as"),
    ),
    "a path in the address": (
        put("https://b.example:8443", "https://b.example:8443/v1"),
        *("https://b.example", 1, "an address such as"),
    ),
    "plain HTTP": (put("https://b", "http://b"), "http://b", 1, "api ="),
    "port 0": (put("b.example:8444", "b.example:0"), "b.example:0", 1, 'control = "b.example:0": a host and a port'),
    "port 65536": (put("b.example:8444", "b.example:65536"), "b.example:65536", 1, "a host and a port"),
    "a blank in a host": (put('mpc_host = "b', 'mpc_host = "b b'), 'mpc_host = "b', 1, "a host name or IP address"),
    "ports backwards": (put("8450-8489", "8489-8450"), "mpc_ports", 1, 'mpc_ports = "8489-8450": a range of ports'),
    "one port": (put("8450-8489", "8450-8450"), "mpc_ports", 1, "at least 2 ports are needed"),
    "no name": (put('name = "b.example"\n', ""), "[[party]]", 2, "name is missing in [[party]]"),
    "a name with a control character": (put('name = "b.', 'name = "\\u001b'), 'name = "\\u001b', 1, r'name = "\x1b'),
    "one name twice": (
        put('name = "b.', 'name = "a.'),
        'name = "a.',
        2,
        "name is that of party 0 too",
    ),
    "one address twice": (put("//b.", "//a."), "//a.", 2, "a.example:8443 is taken: it is api of party 0 already"),
    "one port for two things": (
        put('control = "b.example:8444"', 'control = "b.example:8443"'),
        *('control = "b', 1, "b.example:8443 is taken: it is api of party 1 already"),
    ),
    "the MPC on a port of the API": (
        put('mpc_ports = "8450-8489"', 'mpc_ports = "8440-8489"'),
        *("mpc_ports", 1, "a.example:8443 is taken: it is api of party 0 already"),
    ),
    "the MPC of another party": (
        put('mpc_host = "b.example"', 'mpc_host = "a.example"'),
        *("mpc_ports", 2, "a.example:8450 is taken: it is mpc_ports of party 0 already"),
    ),
    "no keys": (
        lambda text: text[: text.rindex("\n[[party.keys]]")] + text[text.index("\n[[supplier]]") :],
        *("[[party]]", 3, "keys is missing in [[party]]"),
    ),
    "keys that are none": (
        lambda text: text[: text.rindex("\n[[party.keys]]")] + "keys = 1\n" + text[text.index("\n[[supplier]]") :],
        *("keys = 1", 1, "keys = 1: tables [[party.keys]] are expected"),
    ),
    "no signing key": (put("signing_key", "# "), "[[party.keys]]", 1, "signing_key is missing in [[party.keys]]"),
    "no certificate": (
        lambda text: (
            text[: text.index("certificate =")] + text[text.index("\n[[party]]", text.index("certificate =")) :]
        ),
        *("[[party.keys]]", 1, "fingerprint and certificate go together"),
    ),
    "no moment": (put("since", "# "), "[[party.keys]]", 3, "since is missing in [[party.keys]]"),
    "a moment of the first keys": (
        put("[[party.keys]]", "[[party.keys]]\nsince = 2026-12-01T00:00:00Z"),
        *("since", 1, "unknown key 'since': [[party.keys]] has signing_key"),
    ),
    "a moment without offset": (
        put("since = 2027-01-15T08:00:00Z", "since = 2027-01-15T08:00:00"),
        "since",
        1,
        "a moment",
    ),
    "a moment in quotes": (put("since = 2027-01-15T08:00:00Z", 'since = "2027-01-15"'), "since", 1, "without quotes"),
    "two keys from one moment": (
        put("since = 2027-01-15T08:00:00Z", "since = 1970-01-01T00:00:00Z"),
        *("[[party.keys]]", 2, "since is to be later in each [[party.keys]] of a party"),
    ),
    "another fingerprint": (put(FINGERPRINT, "0" * 64), "fingerprint", 1, f"which is {FINGERPRINT}"),
    "no PEM": (
        put("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATES-----"),
        *("certificate =", 1, "a certificate in PEM"),
    ),
    "no certificate within the PEM": (
        lambda text: text.replace(certificate("a").split("\n")[1], "AAAA" * 16, 1),
        *("certificate =", 1, "a certificate in PEM"),
    ),
    "one certificate twice": (
        lambda text: text.replace(certificate("c"), certificate("a")).replace(
            fingerprint(certificate("c")), FINGERPRINT
        ),
        *("[[party]]", 3, "a key or certificate of party 0: each has its own"),
    ),
    "one signing key twice": (put("63" * 32, "61" * 32), "[[party]]", 3, "a key or certificate of party 0"),
    "a signing key of another party's past": (
        put("63" * 32, "62" * 32),
        "[[party]]",
        3,
        "a key or certificate of party 1",
    ),
    "a supplier with a slash": (
        put('id = "green"', 'id = "g/n"'),
        'id = "g/n"',
        1,
        "the id of a supplier holds a character",
    ),
    "a supplier without a key": (put("sealing_key", "# "), "[[supplier]]", 1, "sealing_key is missing in [[supplier]]"),
    "a key outside any table": (put("[market]", "x = 1\n[market]"), "x = 1", 1, "key 'x' stands outside any table"),
    "billing by what is no length": (
        put("[registrar]", '[settlement]\nbilling = "week"\n[registrar]'),
        *("billing =", 1, '"month", or an ISO 8601 duration such as "P7D", is expected'),
    ),
    "readings after the last deadline": (
        put("[registrar]", '[settlement]\nreading_deadline = "P11D"\n[registrar]'),
        *("[settlement]", 1, "correction_deadline is before the reading_deadline"),
    ),
    "shares that are erased before they are billed": (
        lambda text: text.replace("P90D", "P30D").replace("[registrar]", "[settlement]\n[registrar]"),
        *("retention", 1, "shares are needed for 68 days"),
    ),
    "no TOML": (put("[registrar]", "[registrar"), "[registrar", 1, "not TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    change, piece, nth, message = WRONG[name]
    text = change(running_text(market()))
    found, problems = read(tmp_path / "m.toml", text)
    assert found is None
    assert len(problems) == 1
    assert problems[0].startswith(f":{line_of(text, piece, nth)}: ")
    assert message in problems[0]
    assert len(problems[0]) < 400


def test_a_supplier_twice(tmp_path: Path) -> None:
    text = running_text(market()) + supplier_text(market().suppliers[0])
    _, problems = read(tmp_path / "m.toml", text)
    line = line_of(text, 'id = "green"', 2)
    assert problems == [f":{line}: supplier 'green' is there twice"]


def test_every_problem_is_told(tmp_path: Path) -> None:
    text = (
        running_text(market())
        .replace('currency = "EUR"', "currency = 1")
        .replace("8450-8489", "1")
        .replace("PT4M", "4")
    )
    _, problems = read(tmp_path / "m.toml", text)
    assert [problem.split(" ")[1] for problem in problems] == ["currency", "deadline", *["mpc_ports"] * 3]


def test_the_certificate_is_shown_by_nothing() -> None:
    assert "CERTIFICATE" not in repr(market())


# --- keys over time ---------------------------------------------------------------------------------------


def test_signing_keys_change_with_the_period() -> None:
    before, after = market().committee(SINCE - 1), market().committee(SINCE)
    assert before.keys == (b"a" * 32, b"b" * 32, b"c" * 32)
    assert after.keys == (b"a" * 32, b"B" * 32, b"c" * 32)
    assert before.market == "oak-street"
    assert market().period_seconds == 900


def test_certificates_overlap() -> None:
    _, rotated, _ = market().parties
    old, new, end = certificate("b"), certificate("B"), SINCE + int(CHANGE_OVER.total_seconds())
    assert rotated.certificates(0) == (old, new)
    assert rotated.keys_at(SINCE - 1).certificate == old
    assert rotated.keys_at(SINCE).certificate == new
    assert rotated.certificates(end - 1) == (old, new)
    assert rotated.certificates(end) == (new,)


def test_an_old_certificate_can_be_taken_out(tmp_path: Path) -> None:
    stolen = market()
    _, rotated, _ = stolen.parties
    keys = (replace(rotated.keys[0], certificate=None), rotated.keys[1])
    parties = (stolen.parties[0], replace(rotated, keys=keys), stolen.parties[2])
    found, problems = read(tmp_path / "m.toml", running_text(replace(stolen, parties=parties)))
    assert problems == []
    assert found is not None
    assert found.parties[1].certificates(SINCE) == (certificate("B"),)
    assert found.committee(0) == market().committee(0)


def test_the_newest_keys_have_a_certificate(tmp_path: Path) -> None:
    bare = PartyKeys(SINCE, b"B" * 32, None)
    parties = (party("a"), party("b", bare), party("c"))
    text = running_text(replace(market(), parties=parties))
    _, problems = read(tmp_path / "m.toml", text)
    assert problems == [
        f":{line_of(text, '[[party.keys]]', 2)}: the last [[party.keys]] of a party is to have a certificate"
    ]


# --- suppliers' own files, and single values --------------------------------------------------------------


def test_a_suppliers_introduction(tmp_path: Path) -> None:
    path, problems = tmp_path / "green.toml", Problems()
    path.write_text(supplier_text(market().suppliers[1]), "utf-8")
    assert read_suppliers(str(path), problems) == [market().suppliers[1]]
    assert problems.count == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: there is no [[supplier]]"),
        ("[supplier]\nid = 'x'\n", ":1: [[supplier]] with two brackets"),
        ("[[supplier]]\nid = 'x'\nidentity_key = 'aa'\n", ':3: identity_key = "aa": 64 hexadecimal digits'),
        ("x = 1\n", ":1: 'x': only [[supplier]] tables are expected here"),
        (
            f"[[supplier]]\nid = 'x'\nidentity_key = '{'aa' * 32}'\nsealing_key = '{'00' * 32}'\n",
            f':4: sealing_key = "{"00" * 20}…": a public X25519 key is expected, no point of small order',
        ),
    ],
)
def test_wrong_introductions_of_suppliers(tmp_path: Path, text: str, message: str) -> None:
    path, problems = tmp_path / "green.toml", Problems()
    path.write_text(text, "utf-8")
    assert read_suppliers(str(path), problems) == []
    assert problems.shown[0].removeprefix(str(path)).startswith(message)


@pytest.mark.parametrize("text", ["PT1S", "PT15M", "P1D", "PT1H", "P1DT1H1M1S", "P400D", "PT23H59M59S"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    assert duration_text(duration(text)) == text


def test_moments_are_written_as_they_are_read() -> None:
    assert moment_of(moment_text(SINCE)) == SINCE
    assert moment_of("2027-01-15T09:00:00+01:00") == SINCE
    for wrong in ("", "2027-01-15", "2027-01-15T08:00:00", "1969-12-31T00:00:00Z", "2027-01-15T08:00:00.5Z"):
        with pytest.raises(ValueError, match="a moment such as"):
            moment_of(wrong)


def test_addresses_of_all_kinds() -> None:
    for text, place in {
        "a.example:1": ("a.example", 1),
        "10.0.0.1:65535": ("10.0.0.1", 65535),
        "[::1]:8": ("::1", 8),
    }.items():
        assert address(text) == place
        assert address_text(place) == text
    for wrong in ("a.example", ":1", "::1:8", "a:99999", "a:١", "a b:1", "", "a.example:1/", "user@a:1"):
        with pytest.raises(ValueError, match="a host and a port"):
            address(wrong)
