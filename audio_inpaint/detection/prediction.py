"""Linear prediction of short pieces: the residual shows what a piece of sound does not expect of itself."""

import numpy as np
from scipy.linalg import LinAlgError, solve_toeplitz
from scipy.signal import lfilter

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
