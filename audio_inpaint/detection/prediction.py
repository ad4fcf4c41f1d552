"""Linear prediction of short pieces: the residual shows what a piece of sound does not expect of itself."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import LinAlgError, solve_toeplitz
from scipy.ndimage import median_filter
from scipy.signal import lfilter

_FRAMES = 64
_LOADING = 1e-7  # of the autocorrelation at lag 0, as if there were noise 70 dB down


def predictor(x: np.ndarray, order: int) -> np.ndarray:
    """Return the prediction filter [1, a1 .. ap] of a piece by the autocorrelation method.

    Args:
        x: samples (time,), more than `order`.
        order: p.

    Source: Makhoul, 1975, "Linear prediction: a tutorial review", eqs. 15-17.
    """
    windowed = (x - x.mean(dtype=np.float64)) * np.hanning(len(x))
    spectrum = np.abs(np.fft.rfft(windowed, 2 * len(x))) ** 2
    correlation = np.fft.irfft(spectrum)[: order + 1]
    correlation[0] = correlation[0] * (1 + _LOADING) + 1e-20
    try:
        return np.concatenate([[1.0], -solve_toeplitz(correlation[:-1], correlation[1:])])
    except LinAlgError:
        return np.concatenate([[1.0], np.zeros(order)])


def breaks(x: np.ndarray, position: int, sample_rate: int, order: int = 16) -> float:
    """Return by how many dB the residual at a position is above that around it.

    Args:
        x: samples (time,).
        position: of the first sample that may not follow from those before.
        sample_rate: Hz.
        order: of the prediction.
    """
    width = max(4 * order, round(0.012 * sample_rate))
    first, last = max(position - width, 0), min(position + width, len(x))
    if position - first < 2 * order or last - position < 2 * order:
        return 0.0
    piece = x[first:last].astype(np.float64)
    power = lfilter(predictor(piece, order), [1.0], piece)[order:] ** 2
    place = position - first - order
    at, around = power[place : place + 4].max(), np.median(power) / 0.455  # of a chi-squared variable
    return float(10 * np.log10((at + 1e-14) / (around + 1e-14)))


class Surprise(NamedTuple):
    """How far the samples of a signal are from what is around them.

    Attributes:
        error: of the best prediction from both sides, float64 (time,).
        usual: the deviation of that error around each cell, (cell,).
        peaks: the largest magnitude of the error in each cell, (cell,).
        cell: samples in a cell, 2 ms.
    """

    error: np.ndarray
    usual: np.ndarray
    peaks: np.ndarray
    cell: int


def surprise(x: np.ndarray, sample_rate: int, order: int = 24) -> Surprise:
    """Predict a signal from both sides, frame by frame, and return what is left.

    Each frame of 25 ms has the predictor of the 50 ms around it. Its residual goes through the same filter backwards,
    which gives the error of the best interpolation from both sides: a click stands out of it by the energy of the
    predictor more than out of the residual (a matched filter). The usual deviation is a median of medians, which
    clicks do not raise.

    Args:
        x: samples (time,).
        sample_rate: Hz.
        order: of the predictors.

    Source: Vaseghi, 1988, "Algorithms for restoration of archived gramophone recordings", ch. 5; Godsill and Rayner,
    1998, "Digital Audio Restoration", sec. 5.2 and 5.3.
    """
    step, cell = max(4 * order, round(0.025 * sample_rate)), max(8, round(0.002 * sample_rate))
    count = -(-len(x) // step)
    margin = 2 * order
    lead = max(step // 2, margin)  # before the first sample
    padded = np.zeros(lead + (count + 1) * step + 2 * margin)
    padded[lead : lead + len(x)] = x
    error = np.zeros(count * step)
    window = np.hanning(2 * step)
    size = next_fast_len(step + 2 * margin, real=True)
    for first in range(0, count, _FRAMES):  # few at once: they stay in a processor's cache
        number = min(_FRAMES, count - first)
        start = lead + first * step
        wide = sliding_window_view(padded[start - step // 2 :], 2 * step)[: number * step : step] * window
        correlation = np.stack(
            [np.einsum("ij,ij->i", wide[:, lag:], wide[:, : 2 * step - lag]) for lag in range(order + 1)]
        )
        filters = np.abs(rfft(_levinson(correlation).T, size, axis=1)) ** 2
        pieces = sliding_window_view(padded[start - margin :], step + 2 * margin)[: number * step : step]
        whole = irfft(rfft(pieces, size, axis=1) * filters, size, axis=1)[:, margin : margin + step]
        error[first * step : (first + number) * step] = whole.ravel()
    error = error[: len(x) // cell * cell]
    size_of = np.abs(error.reshape(-1, cell))
    usual = median_filter(np.median(size_of, axis=1), 9, mode="nearest") / 0.6745 + 1e-7
    return Surprise(error, usual, size_of.max(axis=1), cell)


def _levinson(correlation: np.ndarray) -> np.ndarray:
    """Return prediction filters (order + 1, frame) from autocorrelations (order + 1, frame), all frames at once."""
    order = len(correlation) - 1
    filters = np.zeros_like(correlation)
    filters[0] = 1
    power = correlation[0] * (1 + _LOADING) + 1e-12
    for n in range(1, order + 1):
        reflection = -(filters[:n] * correlation[n:0:-1]).sum(axis=0) / power
        filters[1 : n + 1] += reflection * filters[n - 1 :: -1][:n] if n > 1 else reflection * filters[:1]
        power = power * (1 - reflection**2).clip(1e-9)
    return filters
