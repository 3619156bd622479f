"""How much processor time an order costs at the meter, and how much memory: `python -m tests.meter.measure_cpu`.

The client is a process of its own against HTTPS stand-ins of three parties. An order is made, stored, sent, its
receipts checked, its result fetched and verified. What start-up costs is what a run of one round costs less; JSON on
standard output.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from tests.meter.https_parties import https_parties

ROOT = Path(__file__).parents[2]
PERIOD = timedelta(seconds=10)

MEASURED = """
import json, re, sys, time
from parties.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({"code": code, "cpu": time.process_time(), "peak_kb": peak}), file=sys.stderr)
"""


def watch(homes: Path, meters: str, rounds: int) -> dict:
    """Processor seconds and peak memory of a `watch`."""
    command = [
        sys.executable,
        "-c",
        MEASURED,
        "meter",
        "watch",
        "--homes",
        str(homes / meters),
        "--rounds",
        str(rounds),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stderr.splitlines()[-1])
    assert figures["code"] == 0, done.stdout
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, https_parties(Path(folder), PERIOD) as served:
        for i in range(100):
            served.home(f"m{i:02}")
        homes = Path(folder) / "homes"
        served.wait_for_a_round()
        one = watch(homes, "m00", 1)
        served.wait_for_a_round()
        more = watch(homes, "m00", 4)
        served.wait_for_a_round()
        hundred = watch(homes, "*", 2)
    print(
        json.dumps(
            {
                "start_up_and_first_order_cpu_seconds": round(one["cpu"], 3),
                "cpu_seconds_per_order": round((more["cpu"] - one["cpu"]) / 3, 4),
                "cpu_seconds_per_order_of_a_representative": round((hundred["cpu"] - one["cpu"]) / 199, 4),
                "peak_kb": one["peak_kb"],
                "peak_kb_of_a_representative_of_100": hundred["peak_kb"],
            }
        )
    )


if __name__ == "__main__":
    main()
