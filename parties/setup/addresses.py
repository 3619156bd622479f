"""Where a compute party is found, derived from one address: the host, and the port of its public API.

port         public API: meters, suppliers, auditors
port + 1     control API: the other parties
port + 2     private API: health and metrics, for the operator alone
port + 7 … port + 46      the MPC
"""

import ipaddress
from dataclasses import dataclass

from mpc_market.errors import InvalidSettingsError
from parties.files.party_home import Listen
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
