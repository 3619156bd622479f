"""Types that many modules of the engine have in common."""

from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]
"""Public numbers of rows: an index array, a permutation, or which of several each row belongs to."""

OnStage = Callable[[str], None]
"""Called with the name of a stage when it begins."""

Verdicts = NDArray[np.uint8]
"""One `validity.Verdict` for each submission, in the sequence of the set; public."""

OnVerdicts = Callable[[Verdicts], Awaitable[None]]
"""Called with new verdicts; returns when all parties have signed and stored the same ones, and raises if they have
not."""
