"""By how much one excerpt is later than another: coarsely by its correlation, finely by how a filtered one errs."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import convolve1d
from scipy.signal import oaconvolve

_WHITENED = 0.8  # the power of the magnitudes that the correlation is divided by: 1 would trust empty bands like others
_TAPS = 16  # on each side, of the filter that makes one excerpt like the other
_ROWS = 24_000  # samples to which it is fitted, at most
_RIDGE = 1e-4
_DERIVATIVE = np.array([-1, 9, -45, 0, 45, -9, 1])[::-1] / 60.0


def delay(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Return by how many samples an excerpt is found later than in the middle of a longer one, and how sure this is.

    Every channel is correlated with every other, whitened; the squares are added, so that neither polarity nor the
    number of channels matters.

    Args:
        ours: (channel, time).
        theirs: (channel, time + 2 * most), where `most` is the longest delay.

    Returns:
        Samples, to a fraction; and the height of the peak over the root of the mean square.

    Source: Knapp and Carter, 1976, "The generalized correlation method for estimation of time delay", table 1 (PHAT).
    """
    n_fft = next_fast_len(theirs.shape[-1], real=True)
    count = theirs.shape[-1] - ours.shape[-1] + 1
    a, b = (rfft(x * np.hanning(x.shape[-1]), n_fft) for x in (ours, theirs))
    cross = b[None] * a[:, None].conj()
    size = np.abs(cross)
    cross /= (size + 1e-3 * size.mean() + 1e-30) ** _WHITENED
    scores = np.square(irfft(cross, n_fft)[..., :count]).sum((0, 1))
    best = int(scores.argmax())
    fraction = 0.0
    if 0 < best < count - 1:
        before, here, after = np.sqrt(scores[best - 1 : best + 2])
        bend = 2 * here - before - after
        fraction = float(np.clip((after - before) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0
    sure = float(np.sqrt(scores[best] / (scores.mean() + 1e-30)))
    return best + fraction - (count - 1) / 2, sure


def likened(ours: np.ndarray, theirs: np.ndarray, known: np.ndarray, taps: int = _TAPS) -> np.ndarray:
    """Filter one recording so that it is as like another as can be, by least squares.

    Args:
        ours: (channel, time).
        theirs: (other channel, time).
        known: of which samples both are, (time,).
        taps: of the filters, on each side of the middle one; 0 fits gains.

    Returns:
        What of ours is heard in theirs, (channel, time).
    """
    rows = np.flatnonzero(known)
    rows = rows[(rows >= taps) & (rows < len(known) - taps)]
    if not len(rows):
        return np.zeros_like(ours)
    if len(rows) > _ROWS:  # in runs, spread over all
        runs = np.array_split(rows, 24)
        rows = np.concatenate([run[: _ROWS // 24] for run in runs])
    shifts = np.arange(-taps, taps + 1)
    design = np.concatenate([channel[rows[:, None] - shifts] for channel in theirs], 1)
    gram = design.T @ design
    gram[np.diag_indices(len(gram))] += _RIDGE * np.trace(gram) / len(gram) + 1e-20
    response = np.linalg.solve(gram, design.T @ ours[:, rows].T).T.reshape(len(ours), len(theirs), -1)
    # in full, since "same" would keep but one of the channels that the first argument is spread over
    full = sum(
        oaconvolve(other[None], own, "full", axes=-1)
        for other, own in zip(theirs, response.swapaxes(0, 1), strict=True)
    )
    return full[:, taps : taps + ours.shape[-1]]


def creeping(
    ours: np.ndarray, like: np.ndarray, known: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure how much later than a likeness of it a recording plays, window by window: one Gauss-Newton step each.

    Args:
        ours: (channel, time).
        like: the same, nearly, (channel, time).
        known: of which samples both are, (time,).
        size: samples of a window.

    Returns:
        The middle of each window, the delay and its standard deviation, all in samples.
    """
    slope = convolve1d(like, _DERIVATIVE, axis=-1) * known
    error = (ours - like) * known
    places = np.arange(0, ours.shape[-1] - size + 1, size)
    both, own, left = (
        np.add.reduceat(x.sum(0), places)[: len(places)] for x in (error * slope, slope * slope, error * error)
    )
    counts = np.add.reduceat(known, places)[: len(places)]
    usable = (counts > size // 2) & (own > 1e-3 * np.median(own[own > 0])) if (own > 0).any() else counts < 0
    places, both, own, left = places[usable], both[usable], own[usable], left[usable]
    delays = -both / own
    # neighbouring samples of an error are alike, so there are fewer than they seem
    variances = 4 * (left - both**2 / own).clip(0) / counts[usable] / own / max(1, len(ours))
    return places + size / 2, delays, np.sqrt(variances) + 1e-4
