"""How two clocks run apart, from delays that were measured here and there, none of them exactly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

# What is expected of a deviation before it is measured: a constant, a slope and a wander of some size, in seconds, and
# how fast it wanders, as a share of the time over which it was measured. The likeliest of them is taken.
_CONSTANT = 3e-4
_SLOPES = (1e-7, 3e-6, 1e-4)
_WANDERS = (3e-7, 3e-6, 3e-5, 3e-4, 3e-3)
_PACES = (0.06, 0.2, 0.6)
# How much less exact the measurements may be than they say they are: what a codec does to a sound is no white noise.
_INEXACT = (1.0, 3.0, 10.0)
_FINE = 24  # points of a curve in the time in which it changes


@dataclass(frozen=True)
class Deviation:
    """A smooth curve of time, zero where nothing is known.

    Args:
        centre: seconds around which the slope turns.
        times: where it was measured, (place,).
        weights: of the kernel at each of them, (place,).
        kernel: constant, slope, wander (s), pace (s).
        factor: Cholesky's, lower, of the covariance of what was measured, (place, place).
    """

    centre: float
    times: np.ndarray
    weights: np.ndarray
    kernel: tuple[float, float, float, float]
    factor: np.ndarray

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Return the deviation in seconds."""
        constant, slope, wander, pace = self.kernel
        tilt = slope**2 * float((self.times - self.centre) @ self.weights)
        line = constant**2 * float(self.weights.sum()) + tilt * (np.asarray(seconds) - self.centre)
        if not wander or not np.size(seconds):
            return line
        # the curve is smooth, so that a cubic through some of its points is exact to a thousandth of a sample
        points = np.arange(np.min(seconds) - pace, np.max(seconds) + pace, pace / _FINE)
        curve = wander**2 * np.exp(-0.5 * ((points[:, None] - self.times) / pace) ** 2) @ self.weights
        return line + CubicSpline(points, curve)(seconds)

    def doubt(self, seconds: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the curve in seconds; that of a mere line counts as none."""
        constant, slope, wander, pace = self.kernel
        if not wander or not np.size(seconds):
            return np.zeros(np.shape(seconds))
        points = np.linspace(np.min(seconds), np.max(seconds), 2 + int(_FINE * np.ptp(seconds) / pace))
        seen = _covariance(points, self.times, self.centre, self.kernel)
        known = np.square(solve_triangular(self.factor, seen.T, lower=True)).sum(0)
        before = constant**2 + slope**2 * (points - self.centre) ** 2 + wander**2
        return np.interp(seconds, points, np.sqrt((before - known).clip(0)))


def smooth(times: np.ndarray, values: np.ndarray, deviations: np.ndarray) -> Deviation:
    """Draw a smooth curve through measured values by the Gaussian process that makes them likeliest.

    Args:
        times: seconds, (place,).
        values: seconds, (place,).
        deviations: standard deviation of each value, seconds, (place,), or a fraction of it, the same for all.

    Source: Rasmussen and Williams, 2006, "Gaussian Processes for Machine Learning", algorithm 2.1.
    """
    if not len(times):
        return Deviation(0.0, np.zeros(0), np.zeros(0), (0.0, 0.0, 0.0, 1.0), np.zeros((0, 0)))
    centre, extent = float(np.mean(times)), float(np.ptp(times)) or 1.0
    best = (-np.inf, np.zeros(len(times)), (0.0, 0.0, 0.0, 1.0), np.eye(len(times)))
    settings = [(slope, 0.0, 1.0) for slope in _SLOPES]
    # A curve much larger than anything measured would swing wherever nothing was, as in a gap.
    wanders = [wander for wander in _WANDERS if wander <= np.ptp(values)]
    settings += [(_SLOPES[1], wander, pace * extent) for wander, pace in product(wanders, _PACES)]
    kernels = [(_CONSTANT, *setting) for setting in settings]
    covariances = ((kernel, _covariance(times, times, centre, kernel)) for kernel in kernels)
    for (kernel, covariance), inexact in product(covariances, _INEXACT):
        try:
            factor = cho_factor(covariance + np.diag(np.square(inexact * deviations)), lower=True)
        except LinAlgError:
            continue
        weights = cho_solve(factor, values)
        likelihood = -0.5 * values @ weights - np.log(np.diag(factor[0])).sum()
        if likelihood > best[0]:
            best = (likelihood, weights, kernel, np.tril(factor[0]))
    return Deviation(centre, np.asarray(times), *best[1:])


def _covariance(ones: np.ndarray, others: np.ndarray, centre: float, kernel: tuple[float, ...]) -> np.ndarray:
    constant, slope, wander, pace = kernel
    lines = constant**2 + slope**2 * (ones - centre)[:, None] * (others - centre)
    if not wander:
        return lines
    return lines + wander**2 * np.exp(-0.5 * ((ones[:, None] - others) / pace) ** 2)
