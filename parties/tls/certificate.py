"""Making a private key and the self-signed certificate for it. Run by whoever sets a party up, on its own host."""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from parties.tls.contexts import Identity, TlsError

KEY_FILE, CERTIFICATE_FILE = "tls.key", "tls.crt"

_VALID = timedelta(days=3653)
"""Ten years: a pinned certificate is replaced by pinning another one, its end is only a reminder."""
_CLOCKS_DIFFER = timedelta(days=1)
_NAME_BYTES = 64


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its certificate, both PEM."""

    key: bytes = field(repr=False)
    certificate: str

    def write(self, folder: Path) -> Identity:
        """Write both into a folder; the key is readable by its owner only. Existing files are not replaced.

        Raises: OSError, FileExistsError among them.
        """
        identity = Identity(folder / CERTIFICATE_FILE, folder / KEY_FILE)
        for path, content in ((identity.key, self.key), (identity.certificate, self.certificate.encode("ascii"))):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
        return identity


def make_key_pair(name: str, hosts: Sequence[str]) -> KeyPair:
    """A fresh key (ECDSA on P-256, which every TLS library knows) and a certificate for it, signed by itself.

    `name`: of the party, for people who look at the certificate. `hosts`: the host names and IP addresses where the
    party is found; our own software does not look at them, the software of others may.
    Raises: TlsError for a host that a certificate cannot hold.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = name.encode()[:_NAME_BYTES].decode(errors="ignore")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    roles = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(roles), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
    )
    certificate = builder.sign(key, SHA256())
    return KeyPair(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM).decode("ascii"),
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise TlsError(f"host {host!r}: a certificate holds names in ASCII only") from None
