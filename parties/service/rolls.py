"""The roll at a compute party: read again when the file changes, every version kept, so that no restart is needed.

A round uses the lowest version that an opening names (`wire.opening`); a version that this party never had is fetched
from a peer, and believed for the registrar's signature alone; so is a newer one that a peer has opened a round with.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from mpc_market.wire.errors import WireError
from mpc_market.wire.roll import Roll, RollEntry, RollSupplier, read_roll
from mpc_market.wire.signing import SIGNATURE_BYTES
from parties.ledger import ContradictionError, Ledger
from parties.service.cache import Recent

_KEPT = 4
"""Versions kept unpacked in memory: rounds that overlap may use different ones."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One version of the roll, ready to be looked up in."""

    version: int
    digest: bytes
    meters: dict[str, RollEntry]
    suppliers: dict[str, RollSupplier]
    roll: Roll

    def __repr__(self) -> str:
        return f"Enrolled(version={self.version}, {len(self.meters)} meters)"

    @classmethod
    def of(cls, roll: Roll) -> "Enrolled":
        """Unpack a roll."""
        return cls(roll.version, roll.digest, roll.by_meter(), roll.by_supplier(), roll)


class Rolls:
    """All versions of one market's roll. `registrar`: the public key that must have signed them."""

    def __init__(self, ledger: Ledger, market: str, registrar: bytes) -> None:
        self._ledger = ledger
        self._market = market
        self.registrar = registrar
        self._unpacked: Recent[int, Enrolled] = Recent(_KEPT)
        self._seen: tuple[int, int, int] | None = None

    async def latest(self) -> Enrolled | None:
        """The newest version, or None if there has never been one."""
        version = await self._ledger.latest_roll_version(self._market)
        return await self.version(version)

    async def version(self, version: int) -> Enrolled | None:
        """A version, if this party has it."""
        known = self._unpacked.get(version)
        if known is None:
            data = await self._ledger.roll(self._market, version)
            if data is None:
                return None
            # It was checked when it was stored; the registrar's key may have been changed since.
            enrolled = await asyncio.to_thread(lambda: Enrolled.of(Roll.decode(data[:-SIGNATURE_BYTES])))
            known = self._unpacked.set(version, enrolled)
        return known

    async def back_from(self, version: int) -> AsyncIterator[Enrolled]:
        """A version and those before it that this party has, newest first.

        It need not have all: every change makes a version, and several may come in one file.
        """
        enrolled = await self.version(version)
        while enrolled is not None:
            yield enrolled
            before = await self._ledger.latest_roll_version(self._market, enrolled.version)
            enrolled = await self.version(before) if before < enrolled.version else None

    async def data(self, version: int) -> bytes | None:
        """A version as the registrar signed it."""
        return await self._ledger.roll(self._market, version)

    async def add(self, data: bytes) -> Enrolled:
        """Check and store a version, newer or older than the newest.

        Raises: WireError; ContradictionError if the registrar has signed another roll of this version; LedgerError.
        """
        roll = await asyncio.to_thread(read_roll, data, self._market, self.registrar)
        await self._ledger.put_roll(self._market, roll.version, data)
        return self._unpacked.set(roll.version, Enrolled.of(roll))

    async def look(self, path: Path) -> None:
        """Read the file if it has changed since it was last stored or refused. What is wrong with it is logged; the old
        one stays. Raises: LedgerError.
        """
        try:
            status = path.stat()
            seen = status.st_mtime_ns, status.st_size, status.st_ino
            if seen == self._seen:
                return
            data = path.read_bytes()
        except OSError as error:
            _log.warning("roll not read", reason=type(error).__name__)
            return
        try:
            enrolled = await self.add(data)
            _log.info("roll read", version=enrolled.version, meters=len(enrolled.meters))
        except (WireError, ContradictionError) as error:
            _log.error("roll refused", reason=str(error))
        self._seen = seen
