"""Confidence by the bootstrap, over calls.

Turns of one call are alike, so calls are what is drawn.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "bootstrap", "mean_of", "plain"]

RESAMPLES = 1000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A figure with its 95 % confidence interval (percentile bootstrap: Efron and Tibshirani 1993).

    Attributes:
        value: The figure; NaN where there is nothing to measure.
        low: The interval's lower end; NaN where none can be had.
        high: Its upper end.
        n: How many calls it is of.
    """

    value: float
    low: float
    high: float
    n: int


def bootstrap(
    n: int, statistic: Callable[[NDArray[np.int64]], float], resamples: int = RESAMPLES
) -> Interval:
    """Return a statistic of ``n`` calls with its interval.

    Args:
        n: How many calls there are.
        statistic: Takes numbers of calls, shape (n,), each once or more, and returns the figure for
            those.
        resamples: How often calls are drawn anew; the draws are the same each time (seed 0).
    """
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(n, size=n)) for _ in range(resamples)] if n > 1 else []
    low, high = (
        np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        if drawn
        else (np.nan, np.nan)
    )
    return Interval(float(statistic(np.arange(n))), float(low), float(high), n)


def mean_of(values: Sequence[float]) -> Interval:
    """Return the mean of one figure a call, with its interval.

    Calls without one (NaN) are left out.
    """
    kept = np.array([value for value in values if not np.isnan(value)])
    return bootstrap(len(kept), lambda rows: float(kept[rows].mean()))


def plain(value: Any) -> Any:
    """Return figures as JSON has them.

    An interval by its fields, what is not a number as ``None``.
    """
    if isinstance(value, Interval):
        return plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else round(float(value), 6)
    return value
