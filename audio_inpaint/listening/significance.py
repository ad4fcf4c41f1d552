"""Confidence intervals and tests for what a handful of listeners said."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEVEL = 0.95


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Average independent values.

    Args:
        values: one for each listener.

    Returns:
        The mean and its 95 % confidence interval by Student's t; the interval of a single value is NaN.

    Source: ITU-R BS.1534-3, on the calculation of mean scores.
    """
    values = np.asarray(values, dtype=float)
    mean = values.mean()
    if len(values) < 2:
        return mean, np.nan, np.nan
    reach = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return mean, mean - reach, mean + reach


def wilcoxon(first: Sequence[float], second: Sequence[float]) -> float:
    """Compare two conditions that the same listeners rated.

    Args:
        first: one value for each listener.
        second: theirs, in the same order.

    Returns:
        p of the two-sided signed-rank test; 1 where nobody hears a difference.

    Source: Wilcoxon, 1945.
    """
    difference = np.subtract(first, second)
    return float(stats.wilcoxon(difference).pvalue) if difference.any() else 1.0


def holm(p: Sequence[float]) -> np.ndarray:
    """Correct p values for their number, step by step from the smallest.

    Args:
        p: of all tests of one family.

    Returns:
        Corrected values, at most 1, in the order of `p`.

    Source: Holm, 1979.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    return np.minimum(corrected, 1.0)
