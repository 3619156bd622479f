"""MPyC's runtime for one compute party, with a start-up and a shutdown of our own.

MPyC numbers the parties, holds m and the threshold, and keeps the message exchanger of every peer. What is
replaced: `start` (MPyC's believes the party number that a caller sends) and everything that would unpickle
bytes from a peer (`transfer`, on which array I/O and `shutdown` rest): those fail before they touch the
network.
"""

import asyncio
import socket
from argparse import Namespace
from typing import NoReturn

from parties.net.door import Door, call
from parties.net.exchanger import Exchanger, Round
from parties.net.hello import Claim, Kind
from parties.net.mpyc_guard import Party, Runtime
from parties.net.peering import Peering
from parties.net.watch import Watch

SEND_BUFFER_BYTES = 2**24


class PartyRuntime(Runtime):  # type: ignore[misc]
    """An MPyC runtime whose connections carry vectors between proved parties."""

    def __init__(self, peering: Peering, watch: Watch, current: Round) -> None:
        options = Namespace(
            threshold=(peering.parties - 1) // 2,
            no_prss=True,
            no_log=True,
            no_async=False,
            no_barrier=False,
            ssl=False,
            bit_length=32,
            sec_param=30,
        )
        parties = [Party(number, address.host, address.port) for number, address in enumerate(peering.addresses)]
        loop = asyncio.get_running_loop()
        handler = loop.get_exception_handler()
        super().__init__(peering.party, parties, options)
        loop.set_exception_handler(handler)  # MPyC has put its own there, which is for its coroutines
        self._peering = peering
        self._watch = watch
        self._round = current

    async def start(self) -> None:
        """Connect with every peer; the caller sets the time limit."""
        peering = self._peering
        # MPyC marks its own party with a future that `set_protocol` resolves when all the others are there.
        self.parties[self.pid].protocol = asyncio.get_running_loop().create_future()
        door = Door(Kind.DATA, self.pid, peering.tokens_of_callers, self._admit, peering.tls)
        try:
            door.open(peering.doors.data)
            await asyncio.gather(*(self._call(peer) for peer in peering.called))
            await self.parties[self.pid].protocol
        finally:
            door.close()

    async def _call(self, peer: int) -> None:
        peering = self._peering
        where = peering.addresses[peer].host, peering.addresses[peer].port
        claim = Claim(Kind.DATA, peering.party, peer)
        await call(claim, peering.tokens[peer], where, self._admit, peering.tls, self._watch.refused)

    def _admit(self, peer: int, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=SEND_BUFFER_BYTES)
        # A round trip must not wait for more to send. (The event loops see to it; a protocol should not rely on that.)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Exchanger(self, peer, self._watch, self._round).connection_made(transport)

    @property
    def exchangers(self) -> dict[int, Exchanger]:
        """The exchanger of every connected peer."""
        return {
            party.pid: party.protocol for party in self.parties if party.pid != self.pid and party.protocol is not None
        }

    def _refuse(self) -> NoReturn:
        raise NotImplementedError("this method of MPyC unpickles what peers send: it is closed here")

    async def shutdown(self) -> None:
        """MPyC's shutdown: closed, see `PartyNetwork.close`."""
        self._refuse()

    def transfer(self, *_args: object, **_kwargs: object) -> NoReturn:
        """MPyC's transfer of pickled objects: closed."""
        self._refuse()

    def _send_message(self, peer_pid: int, data: bytes) -> NoReturn:  # noqa: ARG002
        self._refuse()

    def _receive_message(self, peer_pid: int) -> NoReturn:  # noqa: ARG002
        self._refuse()
