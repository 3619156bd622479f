"""How far a party is with attempts at the computation: what it tells the others, who all must be at the same one.

    begun       it has stored the number a, and waits for its turn to compute
    offered     it takes part in attempt a now: its worker listens at this address, and this is the hello token for you
    done        it has stored its shares of the result of attempt a, durably; and what the result is

Numbers of attempts only go up, and one is used up as soon as it is stored, whatever becomes of it. A party goes up by
one when its attempt has failed or it was restarted, else to where another one is, but not by much at once
(`following`). A party that is done with attempt a begins a + 1 only if another has begun it, which has then lost
attempt a and will never be done with it. So if all m are done with a, none begins another, all hold shares that fit
together, and only then the result is signed. Sent over mutual TLS, and not signed: it proves nothing afterwards.
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from mpc_market.wire.errors import WireError
from mpc_market.wire.outcome import Result
from parties.net import TOKEN_BYTES, Address

ATTEMPT_MAX = 2**31 - 1
"""What the ledger's column holds."""
PROGRESS_BYTES_MAX = 4096
_PORT_MAX = 2**16 - 1


@dataclass(frozen=True, slots=True)
class Progress:
    """`address`, `token`: of an attempt that is offered. `verdicts`: digest of the verdicts that the party has stored.

    `done`: the result of the attempt. At most one of `address` and `done` is there. Raises: WireError.
    """

    attempt: int
    address: Address | None = None
    token: bytes | None = field(default=None, repr=False)
    verdicts: bytes | None = None
    done: Result | None = None

    def __post_init__(self) -> None:
        if (self.address is not None and self.done is not None) or not 0 <= self.attempt <= ATTEMPT_MAX:
            raise WireError("malformed progress: an attempt is begun, offered or done")

    @property
    def waiting(self) -> bool:
        """Begun, and neither offered nor done."""
        return self.address is None and self.done is None

    def encode(self) -> bytes:
        """As it is sent: JSON."""
        fields: dict[str, Any] = {"attempt": self.attempt}
        if self.address is not None:
            fields["address"] = [self.address.host, self.address.port, self.address.pulse_port]
        if self.token is not None:
            fields["token"] = self.token.hex()
        if self.verdicts is not None:
            fields["verdicts"] = self.verdicts.hex()
        if self.done is not None:
            done = self.done
            counts = list(done.verdict_counts)
            fields["done"] = [done.set_digest.hex(), done.verdicts_digest.hex(), counts, done.price_word]
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def decode(cls, data: bytes) -> "Progress":
        """Raises: WireError."""
        if len(data) > PROGRESS_BYTES_MAX:
            raise WireError(f"progress of {len(data)} bytes: at most {PROGRESS_BYTES_MAX} are possible")
        try:
            fields = json.loads(data)
            known = {"attempt", "address", "token", "verdicts", "done"}
            if not isinstance(fields, dict) or not set(fields) <= known or type(fields["attempt"]) is not int:
                raise WireError("malformed progress: its fields")
            return cls(
                fields["attempt"],
                _address(fields["address"]) if "address" in fields else None,
                _bytes(fields["token"], TOKEN_BYTES) if "token" in fields else None,
                _bytes(fields["verdicts"], 32) if "verdicts" in fields else None,
                _result(fields["done"]) if "done" in fields else None,
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise WireError("malformed progress") from None


def tag(data: bytes) -> str:
    """A short name of what a party last heard, for asking whether there is something new."""
    return sha256(data).hexdigest()[:16]


def _address(value: Any) -> Address:
    host, port, pulse_port = value
    if type(host) is not str or any(type(each) is not int or not 0 < each <= _PORT_MAX for each in (port, pulse_port)):
        raise WireError("malformed progress: address")
    return Address(host, port, pulse_port)


def _bytes(value: Any, size: int) -> bytes:
    data = bytes.fromhex(value)
    if len(data) != size:
        raise WireError(f"malformed progress: {len(data)} bytes where there must be {size}")
    return data


def _result(value: Any) -> Result:
    set_digest, verdicts_digest, counts, price_word = value
    return Result(_bytes(set_digest, 32), _bytes(verdicts_digest, 32), tuple(counts), price_word)
