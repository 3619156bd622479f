"""The four set-ups of a local market: who runs the compute parties, and who speaks for the meters. Configuration alone.

    S1 direct-peers        prosumers run the compute parties among themselves; each party's host has its meters too
    S2 direct-customers    representatives run the compute parties, each submitting for its own users
    S3 indirect-customers  representatives submit for their users to compute parties that others run
    S4 indirect-peers      every prosumer's meter submits by itself to compute parties that others run

On one machine what differs is which client process holds which meters. `examples/` has each of them as a ready market
directory (`directory`), where parties and clients have names.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parties.meter.home import Home

REPRESENTATIVES = 2
"""In S3."""


class SetUp(StrEnum):
    """Who submits for whom."""

    DIRECT_PEERS = "direct-peers"
    DIRECT_CUSTOMERS = "direct-customers"
    INDIRECT_CUSTOMERS = "indirect-customers"
    INDIRECT_PEERS = "indirect-peers"


def clients(set_up: SetUp, homes: "Sequence[Home]", parties: int) -> "dict[str, Sequence[Home]]":
    """The client processes by name, each with the homes of its meters."""
    if set_up is SetUp.INDIRECT_PEERS:
        return {home.meter: [home] for home in homes}
    count = REPRESENTATIVES if set_up is SetUp.INDIRECT_CUSTOMERS else parties
    name = {
        SetUp.DIRECT_PEERS: "meters-of-party",
        SetUp.DIRECT_CUSTOMERS: "customers-of-party",
        SetUp.INDIRECT_CUSTOMERS: "representative",
    }[set_up]
    groups = {f"{name}-{number}": homes[number::count] for number in range(count)}
    return {name: group for name, group in groups.items() if group}
