"""How far a measured figure may be off: 90 % intervals by the bootstrap (Efron 1979).

What was drawn independently is drawn again, with replacement, from what was drawn: answers made
from z, or prompts with all their answers. The interval holds the middle 90 % of what would then
have been measured.

Letters: N units, S resamples, K figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RESAMPLES = 400
COVERAGE = 0.9


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], Array],
    count: int,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Any, Any]:
    """Lower and upper end of the interval of a statistic.

    Args:
        statistic: Takes the units of each resample, indices (S, N), and gives a figure for each,
            (S,) or (S, K).
        count: N.

    Returns:
        Both ends, of the shape of one figure.
    """
    index = np.random.default_rng(seed).integers(count, size=(resamples, count))
    values = statistic(index)
    ends = np.quantile(values, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    return ends[0], ends[1]


def ratio_interval(above: Array, below: Array, seed: int = 0) -> tuple[float, float]:
    """Of `sum(above) / sum(below)`, which are (N,) each and drawn together."""
    low, high = bootstrap(lambda i: above[i].sum(1) / below[i].sum(1), len(above), seed)
    return float(low), float(high)


def correlation_intervals(a: Array, b: Array, seed: int = 0) -> list[tuple[float, float]]:
    """Of Pearson's correlation of each column of `a` with the same column of `b`, (N, K) each."""

    def correlations(index: npt.NDArray[np.int64]) -> Array:
        found = np.empty((len(index), a.shape[1]))
        for row, drawn in enumerate(index):
            x, y = a[drawn] - a[drawn].mean(0), b[drawn] - b[drawn].mean(0)
            norm = np.sqrt((x * x).sum(0) * (y * y).sum(0))
            found[row] = (x * y).sum(0) / np.maximum(norm, 1e-12)
        return found

    low, high = bootstrap(correlations, len(a), seed)
    return [(float(x), float(y)) for x, y in zip(low, high, strict=True)]
