"""No secret is in any file of the repository: no private key, no token, no password, no file that keys are kept in."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written so that no pattern matches its own source.
SECRETS = {
    "PEM private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----",
    "OpenSSH or PuTTY key": rb"openssh-key-v[1]|PuTTY-User-Key-File-[23]",
    "DER private key in base64": rb"\bMI[GI][A-Za-z0-9+/]{3}IBA[DA]A[A-Za-z0-9+/=]{40,}|\bMC4CAQ[A]wBQYDK2V",
    "GitHub token": rb"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",
    "GitLab token": rb"\bglpat-[A-Za-z0-9_-]{20,}",
    "PyPI token": rb"\bpypi-AgE[A-Za-z0-9_-]{30,}",
    "npm token": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "AWS key": rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "Slack token": rb"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    "key of a language model's API": rb"\bsk-[A-Za-z0-9_-]{32,}",
    "JSON Web Token": rb"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}",
    "password in an address": rb"\b[a-z][a-z0-9+]{2,}://[^\s/:@\"'{}$<>]+:(?!(?:password|s3cret|hunter2)@)[^\s/:@\"'{}$<>]{3,}@[a-z0-9]",
    "authorization header": rb"(?i)authorization\W{1,4}(?:basic|bearer)\s+[A-Za-z0-9+/=._-]{16,}",
    "key file of ours": rb"\A[0-9a-f]{64}\r?\n?\Z",
}
"""`password`, `s3cret` and `hunter2` are the passwords of examples, and of tests that look for them in logs."""

NAMES = (
    r".*\.(?:key|pem|p12|pfx|jks|kdbx|ppk|crt|der|db|sqlite3?|pickle|pkl)"
    r"|\.env.*|id_[a-z0-9]+|\.(?:netrc|pgpass|pypirc)"
)


def files() -> list[str]:
    """All that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def found_in(data: bytes) -> list[str]:
    return [what for what, pattern in SECRETS.items() if re.search(pattern, data)]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no repository: a copy of its files")
def test_no_file_holds_a_secret() -> None:
    names = files()
    assert len(names) > 300
    held = {name: found_in((ROOT / name).read_bytes()) for name in names}
    assert {name: secrets for name, secrets in held.items() if secrets} == {}
    assert [name for name in names if re.fullmatch(NAMES, Path(name).name)] == []


@pytest.mark.parametrize(
    "held",
    [
        b"-----BEGIN %s-----\nMC4CAQ" % b"PRIVATE KEY",
        b"-----BEGIN %s-----" % b"EC PRIVATE KEY",
        b"token = 'gh%s'" % (b"p_" + b"a1B2" * 9),
        b"AKI%s" % b"AIOSFODNN7EXAMPLE",
        b"postgresql://party:%s@localhost/ledger" % b"correct-horse",
        b"0123456789abcdef" * 4 + b"\n",
        b"Authorization: %s" % b"Bearer abcdefghijklmnop",
        b"ey%s" % (b"JhbGciOiJIUzI1NiJ9" + b".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + b".dBjftJeZ4CVPmB92K27uhbUJU1p1r"),
    ],
)
def test_a_secret_is_noticed(held: bytes) -> None:
    assert len(found_in(b"x = 1\n" + held if not held[:1].isdigit() else held)) == 1


@pytest.mark.parametrize("name", ["signing.key", "tls.key", "party.db", ".env", "id_ed25519", "ca.pem"])
def test_a_file_that_keeps_secrets_is_noticed(name: str) -> None:
    assert re.fullmatch(NAMES, name)
