"""Keys and certificates as they are made: fit for pinning, private, and good for nothing else."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import parties
from parties.tls import TlsError, fingerprint
from parties.tls.certificate import make_key_pair


def test_what_is_in_a_certificate() -> None:
    made = make_key_pair("Party A", ["a.example", "192.0.2.1", "2001:db8::1"])
    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    certificate.verify_directly_issued_by(certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.1"), ip_address("2001:db8::1")]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now - timedelta(hours=23)
    assert certificate.not_valid_after_utc > now + timedelta(days=3650)
    assert fingerprint(made.certificate) == certificate.fingerprint(hashes.SHA256()).hex()


def test_every_key_is_another_one_and_is_not_shown() -> None:
    one, two = make_key_pair("A", []), make_key_pair("A", [])
    assert one.key != two.key
    assert fingerprint(one.certificate) != fingerprint(two.certificate)
    assert "PRIVATE" not in repr(one)


def test_a_long_name_is_cut() -> None:
    certificate = x509.load_pem_x509_certificate(make_key_pair("ñ" * 200, []).certificate.encode())
    assert certificate.subject.rfc4514_string() == "CN=" + "ñ" * 32


def test_a_host_that_is_no_ascii_is_refused() -> None:
    with pytest.raises(TlsError, match=r"'büro\.example'"):
        make_key_pair("A", ["büro.example"])


def test_files_are_private_and_never_replaced(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        identity = make_key_pair("A", []).write(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(identity.key.stat().st_mode) == 0o600
    assert identity.key.name == "tls.key"
    assert identity.certificate.name == "tls.crt"
    with pytest.raises(FileExistsError):
        make_key_pair("A", []).write(tmp_path)


def test_pinning_needs_the_standard_library_only() -> None:
    code = "import sys, parties.tls; print(*{'cryptography', 'numpy', 'mpyc', 'nacl'} & {*sys.modules})"
    root = str(Path(parties.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": root}, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "\n"
