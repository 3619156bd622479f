"""The yardstick: stock MPyC sorts the prices, and does nothing else. A script of MPyC's own kind.

    python benchmarks/stock.py -M3 --no-log N BITS REPETITIONS

starts three processes; the first prints one line of JSON. `benchmarks.clearing` runs it (`measure`). It is used as
MPyC's documentation shows it: `SecInt`, a secure array, `mpc.np_sort`; the time is from when every party holds its
shares of the prices to when every party holds its shares of the sorted prices.
"""

import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PRICE_BITS = 12
_TIMEOUT_SECONDS = 600


def measure(m: int, n: int, bits: int, repetitions: int) -> dict[str, Any]:
    """Run the script in m processes of its own. Raises: RuntimeError if it fails."""
    script = [sys.executable, str(Path(__file__)), f"-M{m}", f"-B{_free_ports(m)}", "--no-log"]
    # A session of its own: MPyC's first process starts the others, and all of them must end with it.
    process = subprocess.Popen(
        [*script, str(n), str(bits), str(repetitions)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=_TIMEOUT_SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"stock MPyC ended with exit status {process.returncode}")
    row: dict[str, Any] = json.loads(output.splitlines()[-1])
    return row


def _free_ports(count: int) -> int:
    """The first of this many ports in a row that are free now."""
    for first in range(21_000, 30_000, count):
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.create_server(("localhost", port)))
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()
        return first
    raise RuntimeError("no free ports")


async def sort_prices(mpc: Any, n: int, bits: int, repetitions: int) -> dict[str, Any]:
    """What one MPyC party does: sort n prices this many times, after a sort of a few that is not counted."""
    import numpy as np  # noqa: PLC0415

    rng = random.Random(n)  # noqa: S311  (prices of a benchmark are no secret)
    prices = np.array([rng.getrandbits(PRICE_BITS) for _ in range(n)], dtype=object)
    secint = mpc.SecInt(bits)
    await mpc.start()
    runs, cpu, sent = [], [], []
    for count in (min(n, 16), *[n] * repetitions):
        shares = mpc.input(secint.array(prices[:count]), senders=0)
        await mpc.gather(shares)
        await mpc.barrier()
        before, cpu_before, sent_before = time.perf_counter(), time.process_time(), _bytes_sent(mpc)
        result = mpc.np_sort(shares)
        await mpc.gather(result)
        runs.append(time.perf_counter() - before)
        cpu.append(time.process_time() - cpu_before)
        sent.append(_bytes_sent(mpc) - sent_before)
        if list(await mpc.output(result)) != sorted(prices[:count]):
            raise RuntimeError("stock MPyC did not sort")
    await mpc.shutdown()
    return {
        "m": len(mpc.parties),
        "n": n,
        "key_bits": bits,
        "compute_seconds": round(statistics.median(runs[1:]), 4),
        "runs": [round(seconds, 4) for seconds in runs[1:]],
        "cpu_seconds": [round(statistics.median(cpu[1:]), 4)],
        "bytes_sent": [sent[-1]],
    }


def _bytes_sent(mpc: Any) -> int:
    return sum(party.protocol.nbytes_sent for party in mpc.parties if party.pid != mpc.pid)


def main() -> None:
    """One party's process. Importing MPyC's runtime takes its own options out of the command line."""
    from mpyc.runtime import mpc  # noqa: PLC0415

    n, bits, repetitions = map(int, sys.argv[1:])
    row = mpc.run(sort_prices(mpc, n, bits, repetitions))
    if mpc.pid == 0:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        from benchmarks.machine import peak_memory  # noqa: PLC0415

        print(json.dumps({**row, "peak_memory": [peak_memory()]}))


if __name__ == "__main__":
    main()
