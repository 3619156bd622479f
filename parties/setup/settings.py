"""The settings of a new market: the defaults, or those of another market's file, and what is said otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import check_market_id
from parties.files.market import READERS, MarketFile, market_table
from parties.files.problems import Problems
from parties.files.running import Service, Settlement
from parties.files.running_toml import SERVICE, SETTLEMENT, service_table
from parties.files.toml import Document, read_document
from parties.files.values import shown


def new_settings(
    directory: Path, template: str | None, said: Mapping[str, str | None], problems: Problems
) -> tuple[MarketFile, Service] | None:
    """Settings and service of a new market; None if there is any problem.

    `template`: a market file of which [market], [service] and [settlement] are taken over. `said`: keys of these, each
    with its text or None. Where nothing is said, the id is the directory's name, and gate lead and deadline follow from
    the period, a third of it and four fifths of that: 5 and 4 minutes for quarter-hours.
    """
    before, document = problems.count, None
    settings: MarketFile | None = MarketFile()
    if template is not None:
        document = read_document(template, problems)
        settings = None if document is None else market_table(document, problems)
    market = _read(said, READERS, problems)
    if settings is None or problems.count > before:
        return None
    try:
        settings = replace(settings, **{"id": settings.id or _id(directory, market, problems), **market})
    except InvalidSettingsError as error:
        problems.add("init", str(error))
        return None
    service = _service(settings.period, document, said, problems)
    return None if service is None or problems.count > before else (settings, service)


def _service(
    period: timedelta, document: Document | None, said: Mapping[str, str | None], problems: Problems
) -> Service | None:
    settled = _read(said, SETTLEMENT, problems)
    chosen = _read(said, SERVICE, problems)
    given = None if document is None else service_table(document, problems)
    if document is not None and given is None:
        return None
    settlement = None if given is None else given.settlement
    if settled:
        settlement = replace(settlement or Settlement(), **settled)
    if given is not None and document is not None and "service" in document.content:
        return replace(given, **chosen, settlement=settlement)
    seconds = int(chosen["gate_lead"].total_seconds()) if "gate_lead" in chosen else int(period.total_seconds()) // 3
    lead = timedelta(seconds=max(seconds, 1))
    deadline = timedelta(seconds=max(int(lead.total_seconds()) * 4 // 5, 1))
    return Service(**{"gate_lead": lead, "deadline": deadline, **chosen}, settlement=settlement)


def _read(said: Mapping[str, str | None], readers: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """Those of the settings that belong to `readers`, read."""
    values = {}
    for key, text in said.items():
        if text is None or key not in readers:
            continue
        try:
            values[key] = readers[key](text)
        except InvalidSettingsError as error:
            problems.add(f"--{key.replace('_', '-')}", f"{shown(text)}: {error}")
    return values


def _id(directory: Path, market: Mapping[str, Any], problems: Problems) -> str | None:
    """The directory's name, if it will do and no other is said."""
    if "id" in market:
        return None
    name = directory.absolute().name.lower().replace(" ", "-")
    try:
        return check_market_id(name)
    except WireError as error:
        problems.add("--id", f"'{name}' will not do as the id of the market: {error}; say another")
        return None
