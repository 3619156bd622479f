"""Settlement by compute parties on this machine: readings dealt to them, and their answers put together.

As in a running market each party is handed its own share words and nothing of another's; what it keeps from the
clearing it adds up for itself (`parties.settling`), in whoever stands for its service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from mpc_market.errors import ProtocolError, ShareError
from mpc_market.field.mersenne import GF
from mpc_market.field.shamir import recombine, share, threshold
from mpc_market.network import Vector
from mpc_market.rules.model import VOLUMES, Market
from parties.compute.channel import Header
from parties.compute.messages import VERDICTS, Effort, FoundVerdicts, kind
from parties.compute.settlement_messages import CLOSED, SETTLED, TOTAL_WORDS, ClosingDone, SettlementDone
from parties.worker import ClosingInput, ClosingResult, GroupTotal, SettlementInput, SettlementResult
from parties.worker.settlement import check_closed, check_settled

Job = SettlementInput | ClosingInput

_R = TypeVar("_R", SettlementResult, ClosingResult)


@dataclass(frozen=True)
class Settled:
    """What each party holds afterwards, in order of party number; seconds of handing over, and from the last share
    handed over until all have answered.
    """

    results: Sequence[SettlementResult] = field(repr=False)
    input_seconds: float
    compute_seconds: float

    @classmethod
    def of(cls, given: Sequence[SettlementInput], replies: Sequence[tuple[Header, bytes]], times: _Times) -> Settled:
        """From what the parties have answered."""
        answers = zip(given, replies, strict=True)
        return cls([SettlementResult.of(job, SettlementDone.read(head), raw) for job, (head, raw) in answers], *times)

    @property
    def efforts(self) -> list[Effort]:
        """What it took, by party."""
        return [result.effort for result in self.results]

    def totals(self) -> list[tuple[GroupTotal, tuple[int, int]]]:
        """Every total that may be shown, opened: import and export in lots. (The shares in it are party 0's.)

        Raises: ProtocolError if the results do not fit together.
        """
        first = self.results[0].totals
        opened = _opened([[each.shares for each in result.totals] for result in self.results], TOTAL_WORDS)
        return [(group, (int(row[0]), int(row[1]))) for group, row in zip(first, opened, strict=True)]


@dataclass(frozen=True)
class Closed:
    """The same of a month."""

    results: Sequence[ClosingResult] = field(repr=False)
    input_seconds: float
    compute_seconds: float

    @classmethod
    def of(cls, replies: Sequence[tuple[Header, bytes]], times: _Times) -> Closed:
        """From what the parties have answered."""
        return cls([ClosingResult.of(ClosingDone.read(head), raw) for head, raw in replies], *times)

    @property
    def efforts(self) -> list[Effort]:
        """What it took, by party."""
        return [result.effort for result in self.results]

    def due(self) -> list[int]:
        """The amount due of each account in cents, as its supplier opens it; negative: due to the user.

        Raises: ProtocolError if the results do not fit together.
        """
        return [row[0] for row in _signed(_opened([[(word,) for word in result.due] for result in self.results], 1))]

    def volumes(self) -> list[list[int]]:
        """The volumes of each line (`rules.settlement.Volumes`), as its user opens them. Raises: as `due`."""
        return _signed(_opened([result.volumes for result in self.results], VOLUMES))


_Times = tuple[float, float]


def announced(given: Job | None, header: Header) -> int:
    """How many bytes are behind a party's message about its job.

    Raises: ProtocolError if it does not answer what was asked.
    """
    what = kind(header)
    if what == VERDICTS:
        found = FoundVerdicts.read(header).submissions
        if not isinstance(given, SettlementInput) or found != given.checked:
            raise ProtocolError("verdicts")
        return found
    if what == SETTLED:
        return check_settled(given, SettlementDone.read(header))
    return check_closed(given, ClosingDone.read(header)) if what == CLOSED else 0


def share_readings(
    imported: Vector, exported: Vector, maxima: Vector, market: Market, parties: int
) -> list[list[bytes]]:
    """Deal readings, each (n,) in lots, as n meters do: for every party the words of each reading
    (`mpc_market.secure.readings`), little-endian.
    """
    places = np.arange(market.quantity_bits, dtype=np.uint64)
    quantities = np.stack([imported, maxima - imported, exported, maxima - exported], axis=1)
    bits = (quantities[:, :, None] >> places) & np.uint64(1)
    return [[row.tobytes() for row in held.astype("<u8", copy=False)] for held in share(bits, parties)]


def _opened(shares: Sequence[Sequence[tuple[int, ...]]], width: int) -> Vector:
    """Rows of `width` words from the shares of all parties."""
    try:
        return recombine([np.array(rows, np.uint64).reshape(-1, width) for rows in shares], threshold(len(shares)))
    except ShareError as error:
        raise ProtocolError(f"the parties' results do not fit together: {error}") from None


def _signed(words: Vector) -> list[list[int]]:
    """Residues as the signed integers that they stand for."""
    return [[GF.centred(word) for word in row] for row in words.tolist()]
