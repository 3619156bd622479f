"""What a party must be told about its peers before it can connect: numbers, addresses, tokens, certificates."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mpc_market.errors import ProtocolError
from parties.net.hello import TOKEN_BYTES
from parties.tls import MutualTls

PARTIES = (3, 5, 7)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a party listens: for data, and for heartbeats."""

    host: str
    port: int
    pulse_port: int


@dataclass(frozen=True, slots=True)
class Doors:
    """The listening sockets of a party, bound before anyone is told where: there is no race for ports."""

    data: socket.socket
    pulse: socket.socket

    @classmethod
    def bind(cls, host: str = "127.0.0.1", ports: Iterable[int] = (0, 0)) -> "Doors":
        """Bind and listen on the first two of these ports that are free; 0 means any free one.

        Raises: ProtocolError if there are no two, or `host` is no address of this machine.
        """
        bound: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        problem = "no two ports were given"
        for port in ports:
            try:
                bound.append(socket.create_server((host, port), family=family))
            except OSError as error:
                problem = error.strerror or type(error).__name__
            if len(bound) == 2:
                return cls(*bound)
        for each in bound:
            each.close()
        raise ProtocolError(f"no two free ports to listen on at {host}: {problem}")

    @property
    def address(self) -> Address:
        """Where these sockets listen."""
        host, port = self.data.getsockname()[:2]
        return Address(host, port, self.pulse.getsockname()[1])

    def close(self) -> None:
        """Close both."""
        self.data.close()
        self.pulse.close()


@dataclass(frozen=True, slots=True)
class Peering:
    """One party's view of who takes part.

    `addresses`: of all parties, by number. `tokens`: for every peer the 32 bytes that only it and this
    party know. `tls`: the certificates that everyone must show (None: plain TCP, on one machine).

    Raises: ProtocolError if it does not fit together.
    """

    party: int
    addresses: Sequence[Address]
    tokens: Mapping[int, bytes] = field(repr=False)
    doors: Doors
    connect_seconds: float = 8.0
    stall_seconds: float = 5.0
    tls: MutualTls | None = None

    def __post_init__(self) -> None:
        if self.parties not in PARTIES:
            raise ProtocolError(f"{self.parties} compute parties: there must be 3, 5 or 7")
        if not 0 <= self.party < self.parties:
            raise ProtocolError(f"there is no party {self.party} among {self.parties}")
        peers = [peer for peer in range(self.parties) if peer != self.party]
        if sorted(self.tokens) != peers or any(len(token) != TOKEN_BYTES for token in self.tokens.values()):
            raise ProtocolError(f"party {self.party}: there must be a token of {TOKEN_BYTES} bytes for every peer")
        if self.tls is not None and sorted(self.tls.fingerprints) != peers:
            raise ProtocolError(f"party {self.party}: there must be a certificate of every peer")

    @property
    def parties(self) -> int:
        """The number of compute parties, m."""
        return len(self.addresses)

    @property
    def called(self) -> range:
        """The peers that this party calls: lower numbers call higher ones, as in MPyC."""
        return range(self.party + 1, self.parties)

    @property
    def tokens_of_callers(self) -> dict[int, bytes]:
        """The tokens of the peers that call this party."""
        return {peer: token for peer, token in self.tokens.items() if peer < self.party}
