"""Sixty or so synthetic households in Leuven: what they consume, what their roofs make, and what their meters say.

The chance in here is a plain seeded generator, so that everyone sees the same street. It is synthetic
data, not cryptography: nothing secret is drawn from it, and the parties never use it.

Sources: BDEW standard load profile H0 with its dynamic factor (`demandlib`); clear-sky irradiance after
Ineichen and Perez 2002 with the Linke turbidities that `pvlib` carries along (no network access).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from demandlib.bdew import ElecSlp
from pvlib.irradiance import get_total_irradiance
from pvlib.location import Location

from parties.demo.calendar import QUARTER_HOUR, local
from parties.demo.forecast import metered, sun_error
from parties.demo.orders import Limits, draw_limits
from parties.demo.tariffs import SUPPLIERS, Supplier

SEED = 2602
PLACE = "Leuven"
LOCATION = Location(50.879, 4.701, tz="UTC", altitude=28)

SHARE_WITH_ROOF = 0.4
MARKET_SHARES = (0, 1, 0, 2, 0, 1, 0, 1, 2, 0)
"""The suppliers of ten households in a row: half are with the first one."""

HOURS = QUARTER_HOUR.total_seconds() / 3600

Series = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Household:
    """One household through a day, in Wh of quarter-hour i, negative where it is short: `surplus[i]` as it expects it
    and orders, `metered[i]` as its meter reads it afterwards.
    """

    name: str
    limits: Limits
    supplier: Supplier
    surplus: tuple[int, ...]
    metered: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sky:
    """The sun over the street, per quarter-hour: irradiance in W/m², angles in degrees."""

    irradiance: Any  # pandas.DataFrame with columns ghi, dni, dhi
    position: Any  # pandas.DataFrame with columns apparent_zenith, azimuth


def make_households(number: int, day: date, periods: Sequence[datetime]) -> list[Household]:
    """The street on one day. Household i is the same one whatever `number` and `day`."""
    with warnings.catch_warnings():  # demandlib changes the filters of the whole process
        warnings.simplefilter("ignore")
        profile = _standard_profile(periods)
        sky = _clear_sky(periods)
        error = sun_error(day, len(periods))
        return [_make_household(i, day, profile, sky, error) for i in range(1, number + 1)]


def _standard_profile(periods: Sequence[datetime]) -> Series:
    """The share of a year's consumption that falls on each quarter-hour: the mean of many households."""
    clock = [local(start).replace(tzinfo=None) for start in periods]  # habits follow the clock on the wall
    profile = ElecSlp(clock[0].year).get_profiles("h0_dyn")["h0_dyn"]
    return np.asarray(profile.loc[clock], dtype=np.float64)


def _clear_sky(periods: Sequence[datetime]) -> Sky:
    middles = pd.DatetimeIndex([start + QUARTER_HOUR / 2 for start in periods])
    position = LOCATION.get_solarposition(middles)
    return Sky(LOCATION.get_clearsky(middles, model="ineichen", solar_position=position), position)


def _make_household(number: int, day: date, profile: Series, sky: Sky, error: Series) -> Household:
    traits = np.random.default_rng([SEED, number])
    limits = draw_limits(traits)
    annual_wh = 1000 * np.clip(traits.lognormal(np.log(3300), 0.4), 1200, 9000)
    habit = round(traits.normal(0, 3))  # rises and eats this many quarter-hours later than the mean
    has_roof = traits.random() < SHARE_WITH_ROOF
    made = _production(traits, sky) if has_roof else np.zeros(len(profile))

    # The profile is a mean; one household switches things on and off. The factor has mean 1.
    today = np.random.default_rng([SEED, number, day.toordinal()])
    bursts = today.gamma(2.5, 1 / 2.5, len(profile))
    used = annual_wh * np.roll(profile, habit) * bursts

    surplus = np.rint(made - used).astype(int).tolist()
    supplier = SUPPLIERS[MARKET_SHARES[number % len(MARKET_SHARES)]]
    return Household(f"house-{number:02d}", limits, supplier, tuple(surplus), metered(number, day, made, used, error))


def _production(traits: np.random.Generator, sky: Sky) -> Series:
    """What one roof makes, in Wh per quarter-hour."""
    peak_watts = 1000 * traits.uniform(1.5, 5.0)
    efficiency = traits.uniform(0.72, 0.88)  # inverter, cables, heat, dust, a chimney's shade
    irradiance = get_total_irradiance(
        surface_tilt=traits.uniform(15, 45),
        surface_azimuth=np.clip(traits.normal(180, 50), 80, 280),
        solar_zenith=sky.position["apparent_zenith"],
        solar_azimuth=sky.position["azimuth"],
        dni=sky.irradiance["dni"],
        ghi=sky.irradiance["ghi"],
        dhi=sky.irradiance["dhi"],
    )["poa_global"]
    # Peak power is stated at 1000 W/m².
    return peak_watts * efficiency * np.asarray(irradiance, dtype=np.float64) / 1000 * HOURS
