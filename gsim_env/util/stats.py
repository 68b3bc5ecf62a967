"""Bootstrap confidence intervals, by ``scipy.stats.bootstrap``."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsim_env.util.extras import import_optional_module

__all__ = ["ConfidenceInterval", "bootstrap_interval", "mean_confidence_interval"]

RESAMPLES = 1000
CONFIDENCE = 0.95


class ConfidenceInterval(NamedTuple):
    """An estimate with its 95 % confidence interval (percentile bootstrap).

    Source: Efron and Tibshirani (1993).

    Attributes:
        value: The estimate; NaN without units.
        low: The lower bound; NaN with fewer than two units.
        high: The upper bound; NaN with fewer than two units.
        n: The number of resampled units (calls, contexts).
    """

    value: float
    low: float
    high: float
    n: int


def bootstrap_interval(
    n: int, statistic: Callable[[NDArray[np.int64]], float], resamples: int = RESAMPLES
) -> ConfidenceInterval:
    """Return a statistic of ``n`` units with its bootstrap confidence interval.

    Deterministic: equal units give equal intervals.

    Pass independent units: turns of one call depend on each other, so resample calls.

    Args:
        n: Number of units.
        statistic: Takes indices of units, shape (n,), and returns the statistic of those units.
        resamples: Number of resamples.
    """
    if n == 0:
        return ConfidenceInterval(np.nan, np.nan, np.nan, 0)

    value = float(statistic(np.arange(n)))
    if n == 1:
        return ConfidenceInterval(value, np.nan, np.nan, 1)

    # The distribution, not scipy's interval: that is NaN if one resample has no value (NaN).
    values = _resample(n, statistic, resamples)
    if np.isnan(values).all():
        return ConfidenceInterval(value, np.nan, np.nan, n)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return ConfidenceInterval(value, float(low), float(high), n)


def _resample(
    n: int, statistic: Callable[[NDArray[np.int64]], float], resamples: int
) -> NDArray[np.float64]:
    """Return the statistic of each resample, shape (resamples,)."""
    stats = import_optional_module("scipy.stats", "evaluation")

    def of_indices(indices: Any) -> float:
        return statistic(np.asarray(indices, dtype=np.int64))

    with warnings.catch_warnings():
        # Raised for resamples without a value, which are skipped.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        result = stats.bootstrap(
            (np.arange(n),),
            of_indices,
            n_resamples=resamples,
            confidence_level=CONFIDENCE,
            method="percentile",
            vectorized=False,
            rng=np.random.default_rng(0),
        )
    return np.asarray(result.bootstrap_distribution)


def mean_confidence_interval(values: Sequence[float]) -> ConfidenceInterval:
    """Return the mean of values with its bootstrap confidence interval; NaN is left out."""
    kept = np.array([value for value in values if not np.isnan(value)])
    return bootstrap_interval(len(kept), lambda rows: float(kept[rows].mean()))
