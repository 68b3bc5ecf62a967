"""Bootstrap intervals."""

import math

import numpy as np

from gsim_env.util.stats import ConfidenceInterval, bootstrap_interval, mean_confidence_interval


def is_nan(*values):
    return all(map(math.isnan, values))


def test_the_interval_of_a_mean_is_close_to_the_normal_one():
    values = np.random.default_rng(1).normal(size=400)
    interval = mean_confidence_interval(values.tolist())
    error = values.std() / math.sqrt(len(values))
    assert interval.value == values.mean()
    assert abs(interval.low - (interval.value - 1.96 * error)) < 0.25 * error
    assert abs(interval.high - (interval.value + 1.96 * error)) < 0.25 * error
    assert interval.n == 400


def test_equal_units_give_equal_intervals():
    values = [1.0, 2.0, 4.0, 8.0]
    assert mean_confidence_interval(values) == mean_confidence_interval(values)


def test_missing_values_are_left_out():
    assert mean_confidence_interval([1.0, math.nan, 3.0]) == mean_confidence_interval([1.0, 3.0])


def test_no_units_and_one_unit_have_no_interval():
    none = mean_confidence_interval([])
    assert is_nan(none.value, none.low, none.high)
    assert none.n == 0
    one = mean_confidence_interval([2.0])
    assert (one.value, one.n) == (2.0, 1)
    assert is_nan(one.low, one.high)


def test_resamples_without_a_value_are_skipped():
    values = np.array([0.0, 1.0, 1.0, 1.0])

    def mean_of_positive(rows):
        positive = values[rows][values[rows] > 0]
        return float(positive.mean()) if len(positive) else math.nan

    assert bootstrap_interval(4, mean_of_positive) == ConfidenceInterval(1.0, 1.0, 1.0, 4)
    never = bootstrap_interval(4, lambda _: math.nan)
    assert is_nan(never.value, never.low, never.high)


def test_confidence_covers_the_true_mean():
    rng = np.random.default_rng(0)
    intervals = [mean_confidence_interval(rng.normal(size=30).tolist()) for _ in range(100)]
    covered = sum(interval.low <= 0.0 <= interval.high for interval in intervals)
    assert 86 <= covered <= 100
