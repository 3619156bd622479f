"""`python -m benchmarks`: all questions about the clearing, one after the other; twelve minutes on two idle cores.

What was interrupted goes on where it stopped, if neither code nor machine have changed; `--fresh` begins again.
The questions are also modules of their own: `python -m benchmarks.delay`.
"""

import sys

from benchmarks import check, clearing, delay, kernels, preparation, tables, validity
from benchmarks.record import RESULTS, forget_partial, say


def main() -> None:
    """Ask them all; print the tables."""
    if "--fresh" in sys.argv[1:]:
        forget_partial()
    for ask in (
        kernels.main,
        check.write,
        clearing.main,
        preparation.main,
        delay.main,
        validity.main,
    ):
        ask(resume=True)
    forget_partial()
    say(f"all figures are in {RESULTS.parent.name}/{RESULTS.name}")
    print()
    print(tables.all_tables())


if __name__ == "__main__":
    main()
