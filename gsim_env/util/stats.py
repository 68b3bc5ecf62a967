"""Confidence intervals by the bootstrap, from ``scipy.stats``."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsim_env.util.extras import require

__all__ = ["Interval", "bootstrap", "mean_interval"]

RESAMPLES = 1000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A figure with its 95 % confidence interval (percentile bootstrap; Efron and Tibshirani 1993).

    Attributes:
        value: The figure; NaN where there is nothing to measure.
        low: The lower end; NaN where no interval can be computed.
        high: The upper end; likewise.
        n: The number of units (calls, contexts) that were resampled.
    """

    value: float
    low: float
    high: float
    n: int


def bootstrap(
    n: int, statistic: Callable[[NDArray[np.int64]], float], resamples: int = RESAMPLES
) -> Interval:
    """Return a statistic of ``n`` units with its interval; the same units give the same interval.

    Resample the independent unit: turns of one call are alike, so calls are drawn, not turns.

    Args:
        n: Number of units.
        statistic: Takes indices of units, shape (n,), and returns the figure for those.
        resamples: Number of resamples.
    """
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)

    value = float(statistic(np.arange(n)))
    if n == 1:
        return Interval(value, np.nan, np.nan, 1)

    def figure(indices: Any) -> float:
        return statistic(np.asarray(indices, dtype=np.int64))

    drawn: NDArray[np.float64] = (
        require("scipy.stats", "evaluation")
        .bootstrap(
            (np.arange(n),),
            figure,
            n_resamples=resamples,
            confidence_level=CONFIDENCE,
            method="percentile",
            vectorized=False,
            rng=np.random.default_rng(0),
        )
        .bootstrap_distribution
    )
    # Of the distribution rather than scipy's interval: a resample without a figure (NaN) is skipped.
    if np.isnan(drawn).all():
        return Interval(value, np.nan, np.nan, n)
    low, high = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high), n)


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the mean of one figure per unit with its interval; units without one (NaN) are left out."""
    kept = np.array([value for value in values if not np.isnan(value)])
    return bootstrap(len(kept), lambda rows: float(kept[rows].mean()))
