"""TLS of the service, and its connections to the other parties, both shared by all its markets; brought up to date when
keys rotate, without a restart.
"""

import math
import ssl
import time
from dataclasses import dataclass

from parties.files.party_home import PartyHome
from parties.service.peers import PeerLink
from parties.tls import Identity, client_context, fingerprint, server_context

RETIRED_SECONDS = 60.0
"""This long after new ones were made the old connections are closed: nothing is waited for longer than that."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """All that contexts and clients are made of: as long as it is the same, they are."""

    identity: Identity
    urls: tuple[str, ...]
    certificates: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, home: PartyHome, now: int) -> "_Basis":
        parties = home.market.parties
        urls = tuple(_url(*party.control) for party in parties)
        return cls(home.identity(now), urls, tuple(party.certificates(now) for party in parties))


class Links:
    """`public`, `control`: contexts of the two servers; `peers`: clients of the others' control APIs, by number."""

    def __init__(self, home: PartyHome, now: int) -> None:
        """`now`: seconds since 1970. Raises: TlsError, InvalidSettingsError."""
        basis = self._basis = _Basis.of(home, now)
        self.public = server_context(basis.identity, None)
        self.control = server_context(basis.identity, _all_others(home.number, basis))
        self.peers: dict[int, PeerLink] = {}
        self._parties: dict[str, int] = {}
        self._retired: list[tuple[float, PeerLink]] = []
        self._connect(home)

    def party_of(self, shown: str) -> int | None:
        """The other party that is recognised by a certificate with this fingerprint."""
        return self._parties.get(shown)

    async def refresh(self, home: PartyHome, now: int) -> bool:
        """Take new keys and addresses into use; whether there were any. To be called every few seconds.

        What is being asked over the old connections is still answered: to close them would leave who asks waiting.
        Raises: TlsError, InvalidSettingsError; then everything is as before.
        """
        basis = _Basis.of(home, now)
        await self._close_retired(time.monotonic() - RETIRED_SECONDS)
        if basis == self._basis:
            return False
        for context in (self.public, self.control):
            _show(context, basis.identity)
        for certificate in _all_others(home.number, basis):
            # What is no longer recognised stays in the context, and is refused by its fingerprint.
            self.control.load_verify_locations(cadata=certificate)
        self._basis = basis
        self._retired += [(time.monotonic(), peer) for peer in self.peers.values()]
        self._connect(home)
        return True

    async def close(self) -> None:
        """Close the connections to the other parties."""
        await self._close_retired(math.inf)
        for peer in self.peers.values():
            await peer.close()

    async def _close_retired(self, before: float) -> None:
        """Close the connections that went out of use before this moment."""
        closing = [peer for since, peer in self._retired if since < before]
        self._retired = [(since, peer) for since, peer in self._retired if since >= before]
        for peer in closing:
            await peer.close()

    def _connect(self, home: PartyHome) -> None:
        basis = self._basis
        for number, url in enumerate(basis.urls):
            if number == home.number:
                continue
            for certificate in basis.certificates[number]:
                self._parties[fingerprint(certificate)] = number
            tls = client_context(basis.certificates[number], basis.identity)
            self.peers[number] = PeerLink(number, url, tls)
        recognised = {fingerprint(certificate) for certificate in _all_others(home.number, basis)}
        self._parties = {shown: number for shown, number in self._parties.items() if shown in recognised}


def _show(context: ssl.SSLContext, identity: Identity) -> None:
    context.load_cert_chain(identity.certificate, identity.key, password="")


def _all_others(own: int, basis: _Basis) -> list[str]:
    return [each for number, some in enumerate(basis.certificates) if number != own for each in some]


def _url(host: str, port: int) -> str:
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
