"""The public file of a running market, `market.toml`: everything that those who take part must know of it.

    [market]           what is traded, as for `clear` (`market`), and the market's `id`
    [service]          gate_lead, deadline, retention: the life of a round, ISO 8601 durations
    [settlement]       reading_deadline, correction_deadline, settle_within, billing; left out where it only clears
    [registrar]        key: the public Ed25519 key that signs the roll
    [[party]]          one for each compute party, number 0 first: name, addresses,
    [[party.keys]]       and its public keys: signing_key, certificate with its fingerprint; later ones say `since` when
    [[supplier]]       suppliers that the market begins with: id, identity_key, sealing_key

Reading is strict: whatever is unknown, missing or contradictory is a problem with its line. What is written is read
back to the same market.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.errors import WireError
from parties.files import values
from parties.files.key_home import id_of
from parties.files.market import MarketFile, market_table
from parties.files.problems import Problems, printable
from parties.files.running import PORTS_MIN, Party, PartyKeys, RunningMarket, Service, Settlement, Supplier
from parties.files.toml import Document, Place, Readers, quoted, read_document
from parties.files.values import Address, address_text, duration_text, moment_text, ports_text
from parties.tls import TlsError, client_context, fingerprint


def read_running(path: str, problems: Problems) -> RunningMarket | None:
    """Read the whole file; None if there is any problem."""
    document = read_document(path, problems)
    return None if document is None else running_market(document, problems)


def running_market(document: Document, problems: Problems) -> RunningMarket | None:
    """The same of a document; None if there is any problem."""
    before = problems.count
    for key in document.content:
        if key not in _TABLES and isinstance(document.content[key], dict | list):
            where = document.where((), key)
            problems.add(where, f"unknown table '{printable(key)}': a market file has {', '.join(_TABLES.values())}")
    settings = market_table(document, problems)
    if settings is not None and settings.id is None:
        where = document.where(("market",))
        problems.add(where, 'id is missing in [market]: a running market has one, such as "oak-street"')
    service = service_table(document, problems)
    registrar = _read_table(document, ("registrar",), _REGISTRAR, problems)
    parties = [_party(document, i, table, problems) for i, table in document.array("party", problems)]
    suppliers = _suppliers(document, problems)
    if problems.count > before:
        return None
    assert settings is not None
    assert service is not None
    assert registrar is not None
    market = RunningMarket(
        settings,
        service,
        registrar["key"],
        tuple(party for party in parties if party is not None),
        tuple(suppliers),
    )
    _check_parties(document, market, problems)
    return market if problems.count == before else None


def read_suppliers(path: str, problems: Problems) -> list[Supplier]:
    """The `[[supplier]]` tables of a file that holds nothing else: suppliers introduce themselves so."""
    document = read_document(path, problems)
    if document is None:
        return []
    for key in document.content:
        if key != "supplier":
            problems.add(document.where((), key), f"'{printable(key)}': only [[supplier]] tables are expected here")
    if not document.content:
        problems.add(f"{path}:1", "there is no [[supplier]]")
    return _suppliers(document, problems)


# --- tables -----------------------------------------------------------------------------------------------


def _retention(value: object) -> timedelta:
    length = values.duration(value)
    if length < timedelta(days=1):
        raise InvalidSettingsError("at least P1D is expected: meters that were away fetch their results later")
    return length


def _certificate(value: object) -> str:
    if isinstance(value, str) and value.count("-----BEGIN ") == 1:
        try:
            client_context([value])
            fingerprint(value.strip())  # stricter: nothing stands before or behind it
            return value.strip() + "\n"
        except TlsError:
            pass
    raise InvalidSettingsError('a certificate in PEM, """-----BEGIN CERTIFICATE----- …""", is expected')


def _tables(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not value or not all(isinstance(table, dict) for table in value):
        raise InvalidSettingsError("tables [[party.keys]] are expected")
    return value


_TABLES = {"market": "[market]", "service": "[service]", "settlement": "[settlement]", "registrar": "[registrar]",
           "party": "[[party]]", "supplier": "[[supplier]]"}  # fmt: skip
SERVICE = {"gate_lead": values.duration, "deadline": values.duration, "retention": _retention}
SETTLEMENT = {
    "reading_deadline": values.duration,
    "correction_deadline": values.duration,
    "settle_within": values.duration,
    "billing": values.billing,
}
_REGISTRAR = {"key": values.octets(32)}
ADDRESSES = {
    "name": values.name,
    "api": values.api_url,
    "control": values.address,
    "mpc_host": values.host,
    "mpc_ports": values.ports,
}
_PARTY = {**ADDRESSES, "keys": _tables}
KEYS = {"signing_key": values.octets(32), "fingerprint": values.octets(32), "certificate": _certificate}
SUPPLIER = {"id": id_of("supplier"), "identity_key": values.octets(32), "sealing_key": values.sealing_key}


def _read_table(document: Document, place: tuple[str], readers: Readers, problems: Problems) -> dict[str, Any] | None:
    table = document.table(place[0], problems)
    return None if table is None else document.read(place, table, readers, problems, need=True)


def service_table(document: Document, problems: Problems) -> Service | None:
    """The tables `[service]` and `[settlement]`, which may be left out; None if there is any problem."""
    found = {}
    for name, readers in (("service", SERVICE), ("settlement", SETTLEMENT)):
        table = document.content.get(name, {})
        if not isinstance(table, dict):
            problems.add(document.where((), name), f"[{name}] is to be one table")
            return None
        found[name] = document.read((name,), table, readers, problems)
    service, settlement = found["service"], found["settlement"]
    if service is None or settlement is None:
        return None
    settled = Settlement(**settlement) if "settlement" in document.content else None
    return Service(**service, settlement=settled)


def _suppliers(document: Document, problems: Problems) -> list[Supplier]:
    found: list[Supplier] = []
    for i, table in document.array("supplier", problems):
        row = document.read(("supplier", i), table, SUPPLIER, problems, need=True)
        if row is not None and any(other.id == row["id"] for other in found):
            problems.add(document.where(("supplier", i), "id"), f"supplier '{printable(row['id'])}' is there twice")
        elif row is not None:
            found.append(Supplier(**row))
    return found


def _party(document: Document, i: int, table: dict[str, object], problems: Problems) -> Party | None:
    row = document.read(("party", i), table, _PARTY, problems, need=True)
    if row is None:
        return None
    keys = [_keys(document, ("party", i, "keys", k), each, problems) for k, each in enumerate(row["keys"])]
    row["keys"] = tuple(each for each in keys if each is not None)
    return Party(**row) if len(row["keys"]) == len(keys) else None


def _keys(document: Document, place: Place, table: dict[str, object], problems: Problems) -> PartyKeys | None:
    first = place[-1] == 0
    row = document.read(place, table, KEYS if first else {"since": values.moment, **KEYS}, problems)
    if row is None:
        return None
    before = problems.count
    for key in ("signing_key",) if first else ("since", "signing_key"):
        if key not in row:
            problems.add(document.where(place), f"{key} is missing in [[party.keys]]")
    if ("fingerprint" in row) != ("certificate" in row):
        problems.add(document.where(place), "fingerprint and certificate go together: write both, or neither any more")
    elif "certificate" in row:
        check_fingerprint(document, place, row, problems)
    if problems.count > before:
        return None
    return PartyKeys(row.get("since", 0), row["signing_key"], row.get("certificate"))


def check_fingerprint(document: Document, place: Place, row: dict[str, Any], problems: Problems) -> bool:
    """Whether the fingerprint in a table is that of the certificate in it."""
    actual = fingerprint(row["certificate"])
    if actual != row["fingerprint"].hex():
        where = document.where(place, "fingerprint")
        problems.add(where, f"the fingerprint is not that of the certificate, which is {actual}")
        return False
    return True


# --- what must hold among the tables ----------------------------------------------------------------------


def _check_parties(document: Document, market: RunningMarket, problems: Problems) -> None:
    before, parties = problems.count, market.parties
    owners: dict[bytes | str, int] = {}
    names = [party.name for party in parties]
    for i, party in enumerate(parties):
        place: Place = ("party", i)
        if names.index(party.name) != i:
            problems.add(document.where(place, "name"), f"name is that of party {names.index(party.name)} too")
        moments = [keys.since for keys in party.keys]
        if moments != sorted(set(moments)):
            problems.add(document.where(place, "keys"), "since is to be later in each [[party.keys]] of a party")
        if party.keys[-1].certificate is None:
            problems.add(document.where(place, "keys"), "the last [[party.keys]] of a party is to have a certificate")
        if len(party.mpc_ports) < PORTS_MIN:
            problems.add(document.where(place, "mpc_ports"), f"at least {PORTS_MIN} ports are needed")
        for keys in party.keys:
            for owned in (keys.signing_key, keys.fingerprint):
                if owned is not None and owners.setdefault(owned, i) != i:
                    other = owners[owned]
                    problems.add(document.where(place), f"a key or certificate of party {other}: each has its own")
    _check_ports(document, parties, problems)
    _check_settlement(document, market, problems)
    if problems.count > before:
        return
    try:
        for start in sorted({keys.since for party in parties for keys in party.keys} | {0}):
            market.committee(start)
    except WireError as error:
        problems.add(document.where(("party", 0)), str(error))


def _check_settlement(document: Document, market: RunningMarket, problems: Problems) -> None:
    """Its moments must follow one another, its sums must fit into the field, and nothing be erased that it needs."""
    place: Place = ("settlement",)
    try:
        calendar = market.calendar
    except InvalidSettingsError as error:
        problems.add(document.where(place), str(error))
        return
    if calendar is None:
        return
    if calendar.longest_ms > 1000 * market.service.retention.total_seconds():
        days = -(-calendar.longest_ms // 86_400_000)
        reason = f"a period's shares are needed for {days} days, until its correction is billed: keep them that long"
        problems.add(document.where(("service",), "retention"), reason)


def _check_ports(document: Document, parties: Sequence[Party], problems: Problems) -> None:
    """No two things may listen at one address."""
    taken: dict[Address, str] = {}
    for i, party in enumerate(parties):
        uses = [(*values.address(party.api.removeprefix("https://")), "api"), (*party.control, "control")]
        uses += [(party.mpc_host, port, "mpc_ports") for port in party.mpc_ports]
        for host, port, key in uses:
            other = taken.setdefault((host, port), f"{key} of party {i}")
            if other != f"{key} of party {i}":
                problems.add(
                    document.where(("party", i), key), f"{address_text((host, port))} is taken: it is {other} already"
                )
                break


# --- writing ----------------------------------------------------------------------------------------------


def running_text(market: RunningMarket) -> str:
    """The whole file."""
    pieces = [
        "# The public file of a market: hand it to everyone who takes part. It holds no secret.\n",
        _market_text(market.settings),
        _service_text(market.service),
        f"\n# signs the roll of meters and suppliers\n[registrar]\nkey = {quoted(market.registrar.hex())}\n",
    ]
    pieces += [party_text(party) for party in market.parties]
    pieces += [supplier_text(supplier) for supplier in market.suppliers]
    return "".join(pieces)


def party_text(party: Party) -> str:
    """One `[[party]]` with its keys."""
    lines = ["", "[[party]]", *address_lines(party)]
    for keys in party.keys:
        lines += ["", "[[party.keys]]", *key_lines(keys)]
    return "\n".join(lines) + "\n"


def address_lines(party: Party) -> Iterator[str]:
    """Name and addresses of a party."""
    yield f"name = {quoted(party.name)}"
    yield f"api = {quoted(party.api)}"
    yield f"control = {quoted(address_text(party.control))}"
    yield f"mpc_host = {quoted(party.mpc_host)}"
    yield f"mpc_ports = {quoted(ports_text(party.mpc_ports))}"


def key_lines(keys: PartyKeys) -> Iterator[str]:
    """The public keys of a party."""
    if keys.since:
        yield f"since = {moment_text(keys.since)}"
    yield f"signing_key = {quoted(keys.signing_key.hex())}"
    if keys.certificate is not None:
        yield f"fingerprint = {quoted(keys.fingerprint or '')}"
        yield f'certificate = """\n{keys.certificate.strip()}\n"""'


def supplier_text(supplier: Supplier) -> str:
    """One `[[supplier]]`."""
    rows = (
        ("id", supplier.id),
        ("identity_key", supplier.identity_key.hex()),
        ("sealing_key", supplier.sealing_key.hex()),
    )
    return "\n[[supplier]]\n" + "".join(f"{key} = {quoted(value)}\n" for key, value in rows)


def _market_text(settings: MarketFile) -> str:
    largest = 2**settings.quantity_bits - 1
    rows: list[tuple[str, str, str]] = [
        ("id", quoted(settings.id or ""), ""),
        ("currency", quoted(settings.currency), ""),
        ("timezone", quoted(settings.timezone), "for billing months and what people read; periods are keyed in UTC"),
        ("price_tick", quoted(f"{settings.price_tick:f}"), "smallest price step, currency per kWh"),
        ("price_min", quoted(f"{settings.price_min:f}"), "price of tick 0"),
        ("price_bits", str(settings.price_bits), f"prices up to {settings.price_text(2**settings.price_bits - 1)}"),
        ("lot", quoted(f"{settings.lot:f}"), "smallest quantity, kWh"),
        ("quantity_bits", str(settings.quantity_bits), f"quantities up to {settings.quantity_text(largest)} kWh"),
        ("period", quoted(duration_text(settings.period)), ""),
        ("rationing", quoted(settings.rationing.value), ""),
        ("orders_per_submission", str(settings.orders_per_submission), ""),
        ("minimum_group", str(settings.minimum_group), "totals are shown only over at least this many users"),
    ]
    return "\n[market]\n" + _lines(rows)


def _service_text(service: Service) -> str:
    rows = [
        ("gate_lead", quoted(duration_text(service.gate_lead)), "this long before a period its gate closes"),
        ("deadline", quoted(duration_text(service.deadline)), "this long after the gate a round is published, or void"),
        ("retention", quoted(duration_text(service.retention)), "this long parties keep submissions and shares"),
    ]
    text = "\n[service]\n" + _lines(rows)
    return text if service.settlement is None else text + _settlement_text(service.settlement)


def _settlement_text(settlement: Settlement) -> str:
    billing = "month" if settlement.billing is None else duration_text(settlement.billing)
    rows = [
        ("reading_deadline", quoted(duration_text(settlement.reading_deadline)), "after a period, for its readings"),
        ("correction_deadline", quoted(duration_text(settlement.correction_deadline)), "after its month: the last one"),
        ("settle_within", quoted(duration_text(settlement.settle_within)), "after a deadline it is settled, or void"),
        ("billing", quoted(billing), "what is billed at once"),
    ]
    return "\n[settlement]\n" + _lines(rows)


def _lines(rows: list[tuple[str, str, str]]) -> str:
    lines = (
        f"{key} = {value}".ljust(38) + f"# {comment}" if comment else f"{key} = {value}" for key, value, comment in rows
    )
    return "\n".join(lines) + "\n"
