"""Linear prediction of short pieces: the residual shows what a piece of sound does not expect of itself."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import LinAlgError, solve_toeplitz
from scipy.ndimage import maximum_filter1d, median_filter, percentile_filter
from scipy.signal import lfilter

_FRAMES = 64
_LOUD = 5.0  # usual deviations from which on a peak is looked at
_MORE = 1.4  # times the peaks around
_AROUND = 41  # cells of 2 ms, within which clicks of the sound itself (a voice's, a reed's) come again
_AUDIBLE = 3e-5  # of full scale: what a 16-bit file rounds is no click
_BELONGS = 0.2  # of a peak: samples with as large an error are left out with it
_NEAR_S = 0.0001  # and those as near, into which the filter spreads
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
        often: the ratio of both that one cell of seven within 82 ms reaches, as a voice's pulses do, (cell,).
        first: the ratio of peak and usual deviation while the predictors still saw what stands out, (cell,).
        cell: samples in a cell, 2 ms.
    """

    error: np.ndarray
    usual: np.ndarray
    peaks: np.ndarray
    often: np.ndarray
    first: np.ndarray
    cell: int

    def stands_out(self) -> np.ndarray:
        """Return which cells have a peak that is far over the usual deviation and over the peaks around, (cell,)."""
        ratio = self.peaks / self.usual
        return (ratio > _LOUD) & (ratio > _MORE * self.often)


def surprise(x: np.ndarray, sample_rate: int, order: int = 24, again: bool = True) -> Surprise:
    """Predict a signal from both sides, frame by frame, and return what is left.

    Each frame of 25 ms has the predictor of the 50 ms around it. Its residual goes through the same filter backwards,
    which gives the error of the best interpolation from both sides: a click stands out of it by the energy of the
    predictor more than out of the residual (a matched filter). The usual deviation is a median of medians, which
    clicks do not raise.

    A loud click is much of what its predictor sees, which then predicts it. So frames with something that stands out
    get a second predictor, of the signal with a straight line in the place of that.

    Args:
        x: samples (time,).
        sample_rate: Hz.
        order: of the predictors.
        again: whether there is a second predictor.

    Source: Vaseghi, 1988, "Algorithms for restoration of archived gramophone recordings", ch. 5; Godsill and Rayner,
    1998, "Digital Audio Restoration", sec. 5.2 and 5.3.
    """
    step, cell = max(4 * order, round(0.025 * sample_rate)), max(8, round(0.002 * sample_rate))
    count = -(-len(x) // step)
    error = _errors(x, x, np.arange(count), step, order).ravel()
    first = _surprise(error[: len(x) // cell * cell], cell)
    clean, changed = _without(x, first, sample_rate) if again else (x, np.arange(0))
    if not len(changed):
        return first
    halves = np.unique(2 * changed // step)  # of frames: a predictor sees half a frame on both sides
    again = np.unique(np.concatenate([(halves - 1) // 2, (halves + 1) // 2]).clip(0, count - 1))
    error.reshape(count, step)[again] = _errors(clean, x, again, step, order)
    return _surprise(error[: len(x) // cell * cell], cell)._replace(first=first.first)


def _errors(known: np.ndarray, x: np.ndarray, frames: np.ndarray, step: int, order: int) -> np.ndarray:
    """Return the error of interpolation of frames of a signal by the predictors of another, (frame, step).

    Args:
        known: samples (time,) that give the predictors.
        x: samples (time,) that are predicted.
        frames: numbers of the frames.
        step: samples in a frame.
        order: of the predictors.
    """
    margin = 2 * order
    lead = max(step // 2, margin)  # before the first sample
    padded = np.zeros((2, lead + (-(-len(x) // step) + 1) * step + 2 * margin))
    padded[:, lead : lead + len(x)] = known, x
    wide = sliding_window_view(padded[0, lead - step // 2 :], 2 * step)[::step]
    pieces = sliding_window_view(padded[1, lead - margin :], step + 2 * margin)[::step]
    window, size = np.hanning(2 * step), next_fast_len(step + 2 * margin, real=True)
    errors = np.zeros((len(frames), step))
    for first in range(0, len(frames), _FRAMES):  # few at once: they stay in a processor's cache
        few = frames[first : first + _FRAMES]
        heard = wide[few] * window
        correlation = np.stack(
            [np.einsum("ij,ij->i", heard[:, lag:], heard[:, : 2 * step - lag]) for lag in range(order + 1)]
        )
        filters = np.abs(rfft(_levinson(correlation).T, size, axis=1)) ** 2
        whole = irfft(rfft(pieces[few], size, axis=1) * filters, size, axis=1)
        errors[first : first + _FRAMES] = whole[:, margin : margin + step]
    return errors


def _surprise(error: np.ndarray, cell: int) -> Surprise:
    size_of = np.abs(error.reshape(-1, cell))
    usual = median_filter(np.median(size_of, axis=1), 9, mode="nearest") / 0.6745 + 1e-7
    peaks, floor = size_of.max(axis=1), np.maximum(usual, _AUDIBLE)
    often = percentile_filter(peaks / floor, 85, _AROUND, mode="nearest")
    return Surprise(error, floor, peaks, often, peaks / floor, cell)


def _without(x: np.ndarray, said: Surprise, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a signal with straight lines in the place of what stands out, and the places of the samples changed."""
    loud = np.flatnonzero(said.stands_out())
    if not len(loud):
        return x, loud
    limit = np.full(len(said.peaks), np.inf)
    limit[loud] = np.maximum(_LOUD * said.usual[loud], said.peaks[loud] * _BELONGS)
    lost = np.abs(said.error) > np.repeat(limit, said.cell)
    near = 2 * max(1, round(_NEAR_S * sample_rate)) + 1
    lost = maximum_filter1d(lost, near)
    places, known = np.flatnonzero(lost), np.flatnonzero(~lost)
    clean = np.array(x, np.float64)
    clean[places] = np.interp(places, known, x[known])
    return clean, places


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
