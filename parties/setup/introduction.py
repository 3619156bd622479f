"""What a compute party tells of itself to whoever puts the market file together: name, addresses, public keys.

It is a TOML file that people can read, with one table `[introduction]`: what stands in `[[party]]` and in its first
`[[party.keys]]`, and a signature with that signing key. The signature shows that whoever made the file holds the key,
and that nothing was changed on the way; that it is from the right party is for people to make sure of, by comparing
fingerprints.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mpc_market.wire.codec import Writer
from mpc_market.wire.errors import SignatureError
from mpc_market.wire.signing import SIGNATURE_BYTES, SigningKey, verify
from parties.files import values
from parties.files.problems import Problems
from parties.files.running import Party, PartyKeys
from parties.files.running_toml import ADDRESSES, KEYS, address_lines, check_fingerprint, key_lines
from parties.files.toml import quoted, read_document
from parties.files.values import address_text, ports_text

KIND = "introduction"
_PLACE = ("introduction",)
_READERS: dict[str, Any] = {**ADDRESSES, **KEYS, "signature": values.octets(SIGNATURE_BYTES)}


def introduction_text(party: Party, key: SigningKey) -> str:
    """The introduction of a party with its one set of keys, signed. Run by the party itself."""
    (keys,) = party.keys
    signature = key.sign(KIND, _signed_bytes(party))
    lines = (
        "# A compute party introduces itself, to whoever puts the market file together. No secret is in it.",
        "[introduction]",
        *address_lines(party),
        *key_lines(keys),
        f"signature = {quoted(signature.hex())}",
    )
    return "\n".join(lines) + "\n"


def read_introduction(path: str, problems: Problems) -> Party | None:
    """Read an introduction and check its signature; None if there is any problem."""
    document = read_document(path, problems)
    table = None if document is None else document.table("introduction", problems)
    if document is None or table is None:
        return None
    row = document.read(_PLACE, table, _READERS, problems, need=True)
    if row is None or not check_fingerprint(document, _PLACE, row, problems):
        return None
    keys = PartyKeys(0, row["signing_key"], row["certificate"])
    party = Party(**{key: row[key] for key in ADDRESSES}, keys=(keys,))
    try:
        verify(keys.signing_key, KIND, _signed_bytes(party), row["signature"])
    except SignatureError:
        problems.add(document.where(_PLACE, "signature"), "the signature does not verify: the file was changed")
        return None
    return party


def introductions(paths: Sequence[Path], problems: Problems) -> list[Party]:
    """The parties of several files, in their sequence, as far as they can be read."""
    found = [read_introduction(str(path), problems) for path in paths]
    return [party for party in found if party is not None]


def _signed_bytes(party: Party) -> bytes:
    (keys,) = party.keys
    writer = Writer().version().text(party.name).text(party.api).text(address_text(party.control))
    writer.text(party.mpc_host).text(ports_text(party.mpc_ports))
    return writer.fixed(keys.signing_key, 32).text(keys.certificate or "").data()
