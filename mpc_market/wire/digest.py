"""The one hash of all messages: SHA-256 with a tag for what is hashed.

    digest(tag, part_1, …) = SHA-256(len(tag) ‖ tag ‖ len(part_1) ‖ part_1 ‖ …),  each length a u32, little-endian

Lengths make it injective: no two lists of parts, and no two uses, give the same input of SHA-256.
"""

from hashlib import sha256

DIGEST_BYTES = 32


def digest(tag: str, *parts: bytes) -> bytes:
    """32 bytes; `tag` says what is hashed, in ASCII."""
    state = sha256()
    for part in (tag.encode("ascii"), *parts):
        state.update(len(part).to_bytes(4, "little"))
        state.update(part)
    return state.digest()
