"""What every entry point refuses of its input, before anything is sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.field.mersenne import GF, Vector


def check_range(what: str, numbers: NDArray[np.integer], stop: int) -> None:
    """Public numbers must be from 0 to `stop` − 1. Raises: InvalidSettingsError naming the first place."""
    outside = np.flatnonzero((numbers < 0) | (numbers >= stop))
    if outside.size:
        raise InvalidSettingsError(f"{what} must be from 0 to {stop - 1}: that in place {outside[0]} is not")


def check_shares(*words: Vector) -> None:
    """Share words must be field elements. Raises: ShareError."""
    if not all(GF.is_canonical(each) for each in words):
        raise ShareError("a share is not below 2^61 − 1")
