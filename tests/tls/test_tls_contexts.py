"""Contexts that trust the given certificates and nothing else. In memory: two ends, no sockets."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from parties.tls import Identity, TlsError, client_context, fingerprint, mutual_tls, server_context
from parties.tls.certificate import make_key_pair

Made = tuple[Identity, str]
Make = Callable[[str], Made]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def one(name: str) -> Made:
        (tmp_path / name).mkdir()
        made = make_key_pair(name, ["127.0.0.1"])
        return made.write(tmp_path / name), made.certificate

    return one


def shake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """The handshake of two ends, to its end. Raises what either end raises."""
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(here, there, server_hostname="any.example"),
        server.wrap_bio(there, here, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    with pytest.raises(ssl.SSLWantReadError):
        ends[0].read()  # an alert of the server, or a ticket, would be here
    return ends


def test_both_ends_know_each_other(make: Make) -> None:
    (a, a_certificate), (b, b_certificate) = make("a"), make("b")
    client, server = shake(server_context(a, [b_certificate]), client_context([a_certificate], b))
    assert client.version() == server.version() == "TLSv1.3"
    for end, certificate in ((client, a_certificate), (server, b_certificate)):
        shown = end.getpeercert(binary_form=True)
        assert shown is not None
        assert fingerprint(shown) == fingerprint(certificate)


def test_anybody_may_call_a_server_that_does_not_ask(make: Make) -> None:
    a, certificate = make("a")
    _, server = shake(server_context(a, None), client_context([certificate]))
    assert server.getpeercert(binary_form=True) is None


def test_another_server_is_refused(make: Make) -> None:
    (a, _), (_, b_certificate) = make("a"), make("b")
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        shake(server_context(a, None), client_context([b_certificate]))


@pytest.mark.parametrize("shows", ["nothing", "another", "the same name"])
def test_another_caller_is_refused(make: Make, shows: str, tmp_path: Path) -> None:
    (a, a_certificate), (_, b_certificate) = make("a"), make("b")
    who = None
    if shows == "another":
        who, _ = make("c")
    elif shows == "the same name":
        (tmp_path / "d").mkdir()
        who = make_key_pair("b", ["127.0.0.1"]).write(tmp_path / "d")
    with pytest.raises(ssl.SSLError, match=r"did not return a certificate|verify failed"):
        shake(server_context(a, [b_certificate]), client_context([a_certificate], who))


def test_nobody_is_let_in_where_nobody_is_pinned(make: Make) -> None:
    (a, a_certificate), (b, _) = make("a"), make("b")
    with pytest.raises(ssl.SSLError, match="verify failed"):
        shake(server_context(a, []), client_context([a_certificate], b))
    with pytest.raises(ssl.SSLError, match="verify failed"):
        shake(server_context(a, None), client_context([]))


def test_a_party_cannot_vouch_for_another_certificate(make: Make, tmp_path: Path) -> None:
    """A pinned certificate is no authority: what its key has signed is worth nothing."""
    (a, a_certificate), (b, b_certificate) = make("a"), make("b")
    issuer = x509.load_pem_x509_certificate(b_certificate.encode())
    signer = serialization.load_pem_private_key(b.key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    child = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "child")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(issuer.not_valid_after_utc)
        .sign(signer, SHA256())
    )
    files = Identity(tmp_path / "child.crt", tmp_path / "child.key")
    files.certificate.write_bytes(child.public_bytes(serialization.Encoding.PEM) + b_certificate.encode())
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(ssl.SSLError, match="verify failed"):
        shake(server_context(a, [b_certificate]), client_context([a_certificate], files))


def test_nothing_older_than_tls_1_3_is_spoken(make: Make) -> None:
    (a, a_certificate) = make("a")
    old = client_context([a_certificate])
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="unsupported protocol"):
        shake(server_context(a, None), old)


def test_files_that_cannot_be_used_are_named(make: Make, tmp_path: Path) -> None:
    (a, certificate), (b, _) = make("a"), make("b")
    with pytest.raises(TlsError, match=r"a/tls.crt with .*b/tls.key: KEY_VALUES_MISMATCH"):
        server_context(Identity(a.certificate, b.key), None)
    with pytest.raises(TlsError, match="nowhere: No such file"):
        client_context([certificate], Identity(a.certificate, tmp_path / "nowhere"))
    locked = tmp_path / "locked.key"
    key = serialization.load_pem_private_key(a.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    with pytest.raises(TlsError, match=r"locked\.key"):  # and nobody is asked for the password
        server_context(Identity(a.certificate, locked), None)


@pytest.mark.parametrize(
    "text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused(make: Make, text: str) -> None:
    a, _ = make("a")
    with pytest.raises(TlsError, match="none in PEM"):
        client_context([text])
    with pytest.raises(TlsError, match="none in PEM"):
        mutual_tls(a, {1: text})


def test_two_parties_with_one_certificate_are_refused(make: Make) -> None:
    (a, a_certificate), (_, b_certificate) = make("a"), make("b")
    assert mutual_tls(a, {1: b_certificate}).fingerprints == {1: fingerprint(b_certificate)}
    with pytest.raises(TlsError, match="party 1"):
        mutual_tls(a, {1: b_certificate, 2: b_certificate})
    with pytest.raises(TlsError, match="party 1"):
        mutual_tls(a, {1: a_certificate})
