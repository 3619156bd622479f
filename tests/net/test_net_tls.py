"""The place left for TLS: with a pair of contexts the same connections are made inside it."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from meeting import LOOPS, met, run, words


def contexts(folder: Path) -> dict[str, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "party")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "party.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=path)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=path)
    for context in (server, client):
        context.load_cert_chain(path)
    return {"tls_server": server, "tls_client": client}


@pytest.mark.parametrize("loop", LOOPS)
def test_messages_travel_inside_tls(tmp_path: Path, loop: str) -> None:
    settings = contexts(tmp_path)

    async def test() -> None:
        async with met(3, **settings) as networks:
            transport = networks[0]._runtime.exchangers[1].transport
            assert transport.get_extra_info("peercert") is not None
            for size in (1, 50_000):
                networks[0].send(1, size, words(size))
                networks[2].send(1, size, words(size, 2))
                await asyncio.gather(networks[0].flush(), networks[2].flush())
                assert np.array_equal(await networks[1].receive(0, size, size), words(size))
                assert np.array_equal(await networks[1].receive(2, size, size), words(size, 2))
            assert not any(network.failed.done() for network in networks)

    run(test, loop)
