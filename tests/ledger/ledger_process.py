"""A process that stores submissions and says which were acknowledged: `ledger_process.py URL COUNT [FILE_SIZE]`.

Tests kill it, or limit the size of its files. One line on stdout for each acknowledged submission: the meter.
With COUNT 0 it stores until it is killed. With FILE_SIZE it stores until the ledger is full, says `full: ERROR`, waits
for a line on stdin, lifts the limit, stores ten more and ends.
"""

import asyncio
import itertools
import resource
import sys

from parties.ledger import Ledger, LedgerError, Storing
from tests.ledger.ledger_support import PARTY, create, submission

CLIENTS = 20


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def store(ledger: Ledger, name: str) -> None:
    row = submission(name)
    answer = await ledger.store_submission(row)
    assert answer.storing is Storing.NEW
    assert answer.receipt == row.receipt
    say(name)


async def client(ledger: Ledger, names: "itertools.count[int]", stop: int) -> str | None:
    """Store until there is enough, or until the ledger refuses: then why."""
    for number in names:
        if stop and number >= stop:
            return None
        try:
            await store(ledger, f"m{number}")
        except LedgerError as error:
            return f"{type(error).__name__}: {error}"
    return None


async def main(url: str, count: int, size: int | None) -> None:
    ledger = await Ledger.open(url, PARTY)
    await create(ledger)
    if size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    names = itertools.count()
    errors = await asyncio.gather(*(client(ledger, names, count) for _ in range(CLIENTS)))
    if size is not None:
        say(f"full: {errors[0]}")
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for i in range(10):
            await store(ledger, f"later{i}")
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
