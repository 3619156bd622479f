"""Where a compute party is found, derived from one address: the host, and the port of its public API.

port         public API: meters, suppliers, auditors
port + 1     control API: the other parties
port + 2     private API: health and metrics, for the operator alone
port + 7 … port + 46      the MPC
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpc_market.errors import InvalidSettingsError
from parties.files import values
from parties.files.party_home import Listen
from parties.files.problems import Problems, printable
from parties.files.running import PORTS_MIN
from parties.files.values import PORT_MAX, Address

CONTROL, PRIVATE, MPC_FIRST, MPC_LAST = 1, 2, 7, 46
_LOOPBACK = "127.0.0.1"
_ANYWHERE = "0.0.0.0"  # noqa: S104  (a party is a server)


@dataclass(frozen=True, slots=True)
class Addresses:
    """All addresses of a party: `listen` where it listens, the rest where others find it."""

    api: Address
    control: Address
    mpc_host: str
    mpc_ports: range
    listen: Listen


def addresses_from(place: Address) -> Addresses:
    """Those of the party at `host:port`.

    A host that is an IP address is listened on alone, so several parties fit on one machine; a name, everywhere.
    Raises: InvalidSettingsError if there are not enough ports above it.
    """
    host, port = place
    if port + MPC_LAST > PORT_MAX:
        raise InvalidSettingsError(
            f"a party takes {MPC_LAST} ports above its own: choose one up to {PORT_MAX - MPC_LAST}"
        )
    here, private = _ANYWHERE, _LOOPBACK
    try:
        ip = ipaddress.ip_address(host)
        here, private = host, host if ip.is_loopback else _LOOPBACK
    except ValueError:
        pass
    control = port + CONTROL
    return Addresses(
        api=place,
        control=(host, control),
        mpc_host=host,
        mpc_ports=range(port + MPC_FIRST, port + MPC_LAST + 1),
        listen=Listen((here, port), (here, control), here, (private, port + PRIVATE)),
    )


_FOUND: dict[str, Callable[[object], Any]] = {
    "api": values.address,
    "control": values.address,
    "mpc_host": values.host,
    "mpc_ports": values.ports,
}


def found_at(addresses: Addresses, told: Mapping[str, str | None], problems: Problems) -> Addresses:
    """The same, where others find a party elsewhere than it listens, behind a proxy or a balancer; its `mpc_ports` are
    both. `told`: of the fields that others need, as text; None leaves one as it is.
    """
    found: dict[str, Any] = {}
    for field, text in told.items():
        if text is not None:
            try:
                found[field] = _FOUND[field](text)
            except InvalidSettingsError as error:
                problems.add(_option(field), f"'{printable(text)}': {error}")
    moved = replace(addresses, **found)
    if len(moved.mpc_ports) < PORTS_MIN:
        problems.add(_option("mpc_ports"), f"at least {PORTS_MIN} ports are needed")
    elif moved.api == moved.control:
        problems.add(_option("control"), "it is that of the public API already")
    elif any(host == moved.mpc_host and port in moved.mpc_ports for host, port in (moved.api, moved.control)):
        problems.add(_option("mpc_ports"), "the public or the control API is among them")
    elif any(port in moved.mpc_ports for _, port in (moved.listen.api, moved.listen.control, moved.listen.private)):
        problems.add(_option("mpc_ports"), "the party listens on one of them for something else")
    return moved


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"
