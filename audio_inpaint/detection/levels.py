"""Levels and odds: decibels, smooth steps, and what a sensitivity does to a probability."""

import numpy as np


def rms(x: np.ndarray) -> float:
    """Return the root mean square, 0 of nothing."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if len(x) else 0.0


def decibels(level: float, reference: float) -> float:
    """Return a level in decibels over another; both are at least -240 dB."""
    return float(20 * np.log10(max(level, 1e-12) / max(reference, 1e-12)))


def rise(value: float, middle: float, width: float) -> float:
    """Logistic step from 0 to 1 about `middle`."""
    return float(1 / (1 + np.exp(-np.clip((value - middle) / width, -50, 50))))


def log_odds(probability: float) -> float:
    """Return the logarithm of the odds, at most 30."""
    return float(np.clip(np.log(max(probability, 1e-13) / max(1 - probability, 1e-13)), -30, 30))


def weighed(confidence: float, sensitivity: float) -> float:
    """Return the probability of damage where more or less damage is expected than usual.

    Args:
        confidence: the probability at the sensitivity 0.5.
        sensitivity: from 0 to 1; each 0.1 more makes the odds of damage three times as large (Bayes' rule).

    >>> round(weighed(0.5, 0.6), 2)
    0.75
    """
    odds = 3.0 ** (10 * (sensitivity - 0.5))
    return float(confidence * odds / (confidence * odds + 1 - confidence))
