"""Run the soak: python -m soak [--minutes 30] [--seed TEXT] [--only PART …] [--json FILE]

Every part has its share of the time, one after the other. A table says what was done of what is due, and what was
found. The exit code is 1 if anything failed; 2 if nothing failed, but a part is incomplete: its time was over before
all was done that it is there to do. With the seed that it prints, a run does the same things to the market again,
though at other moments: a real market is no clockwork.
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
from functools import partial
from pathlib import Path

from soak.lanes import side_by_side
from soak.part import Part, Play, SkippedError
from soak.parts import all_parts


@dataclass(frozen=True)
class Outcome:
    """What came of one part. `verdict`: "holds", "FAILS", "incomplete" or "skipped". `due`: how much of what is counted
    there must be for it to hold.
    """

    part: str
    verdict: str
    seconds: float
    counts: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
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
    if verdict != "skipped" and (play.failures or not play.complete):
        verdict = "FAILS" if play.failures else "incomplete"
    seconds = round(time.monotonic() - begun, 1)
    return Outcome(part.name, verdict, seconds, dict(play.counts), play.due, play.failures)


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """The summary, for people."""
    lines = [f"{'part':<20} {'verdict':<10} {'seconds':>8}  what was done"]
    for each in outcomes:
        done = [f"{each.counts.get(what, 0):,} of {number:,} {what}" for what, number in each.due.items()]
        done += [f"{number:,} {what}" for what, number in each.counts.items() if what not in each.due]
        lines.append(f"{each.part:<20} {each.verdict:<10} {each.seconds:>8,.0f}  {', '.join(done)}")
        lines += [f"    {line}" for failure in each.failures for line in failure.rstrip().splitlines()]
    return lines


def _side_by_side(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts one after the other, each with those that are run at its side. One is run alone without its partner."""
    names = {part.name for part in parts}
    first = [part for part in parts if part.beside not in names]
    return [[part, *(other for other in parts if other.beside == part.name)] for part in first]


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
    groups = _side_by_side(running)
    whole = sum(group[0].share for group in groups)
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, parts: {', '.join(part.name for part in running)}")
    outcomes: list[Outcome] = []
    with contextlib.suppress(KeyboardInterrupt):
        for group in groups:
            seconds = 60 * chosen.minutes * group[0].share / whole
            print(f"{' and '.join(part.name for part in group)}: {seconds:.0f} s", flush=True)
            outcomes += side_by_side([partial(run_part, part, chosen.seed, seconds) for part in group])
    print("\n".join(table(outcomes)))
    if chosen.json is not None:
        summary = {"seed": chosen.seed, "minutes": chosen.minutes, "parts": [asdict(each) for each in outcomes]}
        chosen.json.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    verdicts = {each.verdict for each in outcomes}
    if "FAILS" in verdicts or len(outcomes) < len(running):
        return 1
    return 2 if "incomplete" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
