"""Forecasts are never quite right: what a household's meter reads differs from what it expected and ordered.

Three errors, each a factor with mean 1, from plain seeded generators like the rest of the street:

    the sun      the same for all roofs; a cloud stays for a while: from one quarter-hour to the next it changes slowly
    a roof       a little of its own
    a household  somebody comes home late, or cooks: a quarter of its use, at any moment anew
"""

from datetime import date

import numpy as np
import numpy.typing as npt

SEED = 2603
SUN, ROOF, USE = 0.15, 0.05, 0.25
"""Standard deviations."""
PERSISTENCE = 0.9
"""Correlation of the sun's error from one quarter-hour to the next."""

Series = npt.NDArray[np.float64]


def sun_error(day: date, periods: int) -> Series:
    """The factor between the sun that came and the sun that was expected, for every quarter-hour of a day."""
    steps = np.random.default_rng([SEED, day.toordinal()]).normal(0, 1, periods)
    error = np.empty(periods)
    error[0] = steps[0]
    for i in range(1, periods):
        # of standard deviation 1 at any time
        error[i] = PERSISTENCE * error[i - 1] + np.sqrt(1 - PERSISTENCE**2) * steps[i]
    return np.clip(1 + SUN * error, 0, None)


def metered(number: int, day: date, made: Series, used: Series, sun: Series) -> tuple[int, ...]:
    """Export less import of one household in Wh per quarter-hour, as its meter reads it.

    A meter has a register for each; within a quarter-hour one of them stands still here.
    """
    chance = np.random.default_rng([SEED, number, day.toordinal()])
    roof = np.clip(chance.normal(1, ROOF, len(made)), 0, None)
    use = chance.gamma(1 / USE**2, USE**2, len(used))
    return tuple(np.rint(made * sun * roof - used * use).astype(int).tolist())
