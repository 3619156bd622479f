"""A compute party whose data connections go through the relay: `python -m benchmarks.relayed_party PORT`.

It is `parties.compute`, but told that its peers listen at the relay. Proofs of identity pass through unchanged.
"""

import asyncio
import json
import runpy
import sys
from dataclasses import replace

from parties.compute import service
from parties.net import Peering
from parties.net.network import PartyNetwork, connect


async def connect_through_relay(peering: Peering) -> PartyNetwork:
    """As `connect`, by way of the relay to every peer that this party calls."""
    addresses = list(peering.addresses)
    for peer in peering.called:
        port = await ask_way(peering.party, peer, addresses[peer].host, addresses[peer].port)
        addresses[peer] = replace(addresses[peer], host="127.0.0.1", port=port)
    return await connect(replace(peering, addresses=addresses))


async def ask_way(caller: int, called: int, host: str, port: int) -> int:
    """The port of the relay that leads to a peer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    asked = {"caller": caller, "called": called, "host": host, "port": port}
    writer.write(json.dumps(asked).encode() + b"\n")
    answer = await reader.readline()
    writer.close()
    return int(json.loads(answer))


if __name__ == "__main__":
    service.connect = connect_through_relay  # type: ignore[attr-defined]
    runpy.run_module("parties.compute", run_name="__main__")
