"""Run the soak: python -m soak [--minutes 30] [--seed TEXT] [--only PART …] [--json FILE]

Every part has its share of the time, one after the other. A table says what was done and what was found; the exit code
is 1 if anything failed. With the seed that it prints, a run does the same things to the market again, though at other
moments: a real market is no clockwork.
"""

import argparse
import contextlib
import json
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from soak.part import Part, Play, SkippedError
from soak.parts import all_parts


@dataclass(frozen=True)
class Outcome:
    """What came of one part. `verdict`: "holds", "FAILS" or "skipped"."""

    part: str
    verdict: str
    seconds: float
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def run_part(part: Part, seed: str, seconds: float) -> Outcome:
    """Run one part in a directory of its own; whatever it raises is a failure of that part alone."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mpc-market-soak-", ignore_cleanup_errors=True) as directory:
        play = Play(Path(directory), f"{seed}/{part.name}", seconds)
        verdict = "holds"
        try:
            part.run(play)
        except SkippedError as reason:
            verdict = "skipped"
            play.failures.append(str(reason))
        except Exception:  # noqa: BLE001  (the other parts still run)
            play.failures.append(traceback.format_exc())
    if play.failures and verdict != "skipped":
        verdict = "FAILS"
    return Outcome(part.name, verdict, round(time.monotonic() - begun, 1), dict(play.counts), play.failures)


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """The summary, for people."""
    lines = [f"{'part':<20} {'verdict':<8} {'seconds':>8}  what was done"]
    for each in outcomes:
        done = ", ".join(f"{number:,} {what}" for what, number in each.counts.items())
        lines.append(f"{each.part:<20} {each.verdict:<8} {each.seconds:>8,.0f}  {done}")
        lines += [f"    {line}" for failure in each.failures for line in failure.rstrip().splitlines()]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit code."""
    parts = {part.name: part for part in all_parts()}
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", default=secrets.token_hex(8))
    parser.add_argument("--only", nargs="+", choices=sorted(parts), default=list(parts), metavar="PART")
    parser.add_argument("--json", type=Path, metavar="FILE")
    chosen = parser.parse_args(arguments)
    running = [parts[name] for name in chosen.only]
    whole = sum(part.share for part in running)
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, parts: {', '.join(part.name for part in running)}")
    outcomes: list[Outcome] = []
    with contextlib.suppress(KeyboardInterrupt):
        for part in running:
            seconds = 60 * chosen.minutes * part.share / whole
            print(f"{part.name}: {seconds:.0f} s", flush=True)
            outcomes.append(run_part(part, chosen.seed, seconds))
    print("\n".join(table(outcomes)))
    if chosen.json is not None:
        summary = {"seed": chosen.seed, "minutes": chosen.minutes, "parts": [asdict(each) for each in outcomes]}
        chosen.json.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    complete = len(outcomes) == len(running)
    return 0 if complete and all(each.verdict != "FAILS" for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
