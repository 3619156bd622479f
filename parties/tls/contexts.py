"""Contexts for both ends of a TLS connection, and what tells the certificates in them apart: their fingerprints."""

import asyncio
import hashlib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mpc_market.errors import MarketError


class TlsError(MarketError):
    """A key or a certificate cannot be used."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The files (PEM) with one's own certificate and its private key."""

    certificate: Path
    key: Path


def server_context(identity: Identity, callers: Iterable[str] | None) -> ssl.SSLContext:
    """For connections that are accepted. `callers`: the certificates (PEM) of those who may connect; None: anybody.

    Raises: TlsError.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, identity)
    context.num_tickets = 0  # every connection makes the whole handshake, with the certificate of the caller in it
    if callers is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, callers)
    return context


def client_context(servers: Iterable[str], identity: Identity | None = None) -> ssl.SSLContext:
    """For connections that are made. `servers`: the certificates (PEM) of those who may answer.

    `identity`: what to show a server that asks who is calling. The name in the certificate is not looked at.
    Raises: TlsError.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, identity)
    context.check_hostname = False  # the certificate is the one that is pinned: its name adds nothing
    context.verify_mode = ssl.CERT_REQUIRED
    _trust(context, servers)
    return context


def fingerprint(certificate: str | bytes) -> str:
    """SHA-256 of a certificate, given as PEM text or as DER bytes; 64 hexadecimal digits.

    Raises: TlsError.
    """
    if isinstance(certificate, str):
        try:
            certificate = ssl.PEM_cert_to_DER_cert(certificate)
        except ValueError:
            raise TlsError("what should be a certificate is none in PEM") from None
    return hashlib.sha256(certificate).hexdigest()


@dataclass(frozen=True, slots=True)
class MutualTls:
    """TLS between one compute party and its peers, in which both ends show who they are.

    `fingerprints`: those of the peers' certificates, by number of the party.
    """

    server: ssl.SSLContext
    client: ssl.SSLContext
    fingerprints: Mapping[int, str]

    def is_peer(self, peer: int, transport: asyncio.BaseTransport) -> bool:
        """Whether the other end of a connection has shown the certificate of the party with this number."""
        tls = transport.get_extra_info("ssl_object")
        shown = None if tls is None else tls.getpeercert(binary_form=True)
        return shown is not None and self.fingerprints.get(peer) == fingerprint(shown)


def mutual_tls(identity: Identity, peers: Mapping[int, str]) -> MutualTls:
    """What a compute party needs to speak with its peers. `peers`: their certificates (PEM), by number.

    Raises: TlsError, also if two parties have the same certificate: it could not tell them apart.
    """
    server = server_context(identity, peers.values())
    client = client_context(peers.values(), identity)
    fingerprints = {peer: fingerprint(certificate) for peer, certificate in peers.items()}
    own = fingerprint(identity.certificate.read_text("ascii"))
    for peer, each in fingerprints.items():
        if each == own or list(fingerprints.values()).count(each) > 1:
            raise TlsError(f"the certificate of party {peer} is that of another party too")
    return MutualTls(server, client, fingerprints)


def _context(protocol: int, identity: Identity | None) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if identity is not None:
        try:
            # Without a password given here, that of an encrypted key would be asked for on the terminal.
            context.load_cert_chain(identity.certificate, identity.key, password="")
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
            raise TlsError(f"cannot use {identity.certificate} with {identity.key}: {reason}") from None
    return context


def _trust(context: ssl.SSLContext, certificates: Iterable[str]) -> None:
    for certificate in certificates:
        try:
            context.load_verify_locations(cadata=certificate)
        except (ssl.SSLError, ValueError, TypeError):  # TypeError: not ASCII
            raise TlsError("what should be a certificate is none in PEM") from None
