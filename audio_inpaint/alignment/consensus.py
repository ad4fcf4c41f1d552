"""The rough place of one recording in another: the straight line that most stretches of it agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from audio_inpaint.alignment.novelty import FRAME_RATE

DRIFT = 1e-3  # the fastest that two clocks run apart; the least that is promised is half of it
_STRETCH = 30 * FRAME_RATE  # frames that are looked for at once: at 500 ppm they drift apart by 1.5
_FEWEST = 4 * FRAME_RATE  # and the least of them
_STRETCHES = 40
_PLACES = 5  # where a stretch may belong
_APART = 5  # frames between two of these
_NEAR = 3.0  # frames from the line at which a stretch agrees with it
# Standard deviations by which a correlation stands above those at other lags: the best alone, the second best, or the
# third. The third best is under 4 for 99 of 100 unrelated pairs of clips; what music repeats stands out less.
_CERTAIN = 7.5, 5.5, 5.0


@dataclass(frozen=True)
class Line:
    """Where the other recording plays the same: at `offset + (1 + drift) * t` seconds, for the time t of this one.

    >>> Line(5.3, 200e-6).at(10.0)
    15.302
    """

    offset: float
    drift: float

    def at(self, seconds):
        """Return the time in the other recording, in seconds."""
        return self.offset + (1 + self.drift) * seconds

    def inverse(self) -> Line:
        """Return the line that leads back."""
        return Line(-self.offset / (1 + self.drift), 1 / (1 + self.drift) - 1)


def consensus(ours: np.ndarray, theirs: np.ndarray) -> Line | None:
    """Find one recording in another by the changes of their levels.

    Stretches of the shorter are correlated with all of the longer, which gives each some places; the line through two
    of them that most others lie near wins, as by the Hough transform (Duda and Hart, 1972). So neither a stretch that
    is missing nor one that the programme repeats misleads it.

    Args:
        ours: novelty of the recording, (frame, band).
        theirs: novelty of the other.

    Returns:
        The line, None where nothing sure is found.
    """
    if len(ours) > len(theirs):
        line = consensus(theirs, ours)
        return None if line is None else line.inverse()
    size = min(_STRETCH, max(_FEWEST, len(ours) // 4), len(ours))
    count = min(_STRETCHES, max(1, 2 * len(ours) // size - 1))
    starts = np.unique(np.linspace(0, len(ours) - size, count).astype(int))
    found = zip(starts, _places(ours, starts, size, theirs), strict=True)
    places = [(start, *place) for start, own in found for place in own]
    if not places:
        return None
    middles, lags, scores = np.array(places).T
    middles = middles + size / 2
    return _best_line(middles, lags, scores)


def _best_line(middles: np.ndarray, lags: np.ndarray, scores: np.ndarray) -> Line | None:
    """The line through the places of stretches, of which each counts by its best place near it."""
    best, line = 0.0, None
    for one in range(len(middles)):
        apart = middles - middles[one]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.where(apart != 0, (lags - lags[one]) / apart, np.inf)
        slopes = np.append(slopes[np.abs(slopes) <= DRIFT], 0.0)
        off = np.abs(lags - lags[one] - slopes[:, None] * apart)
        near = np.where(off <= _NEAR, scores, 0.0)
        total = sum(near[:, middles == middle].max(1) for middle in np.unique(middles))
        top = int(total.argmax())
        if total[top] > best:
            best, line = float(total[top]), (slopes[top], lags[one] - slopes[top] * middles[one], off[top] <= _NEAR)
    if line is None:
        return None
    slope, lag, agree = line
    heard = sorted((scores[agree & (middles == m)].max() for m in np.unique(middles[agree])), reverse=True)
    if all(score < least for score, least in zip(heard, _CERTAIN, strict=False)):
        return None
    if len(np.unique(middles[agree])) > 2:  # a finer line through all that agree
        slope, lag = np.polyfit(middles[agree], lags[agree], 1, w=scores[agree])
    return Line(lag / FRAME_RATE, float(np.clip(slope, -DRIFT, DRIFT)))


def _places(ours: np.ndarray, starts: np.ndarray, size: int, theirs: np.ndarray) -> list[list[tuple[float, float]]]:
    """Where each stretch may belong: its lag in frames, and by how much its correlation stands out."""
    n_fft = next_fast_len(max(2**14, 4 * size), real=True)
    hop, found = n_fft - size + 1, [[] for _ in starts]
    stretches = np.stack([ours[start : start + size] for start in starts])
    energies = np.square(stretches).sum((1, 2))
    spectra = rfft(stretches, n_fft, axis=1)
    np.conjugate(spectra, out=spectra)
    moments = np.zeros((3, len(starts)))
    # a stretch may reach over either end by half of it
    padded = np.pad(theirs, ((size // 2, size // 2), (0, 0)))
    for first in range(0, len(padded) - size + 1, hop):
        block = padded[first : first + n_fft]
        count = min(hop, len(block) - size + 1)
        energy = np.concatenate([[0], np.cumsum(np.square(block).sum(1), dtype=np.float64)])
        energy = energy[size : size + count] - energy[:count]
        spectrum = rfft(block, n_fft, axis=0)
        for number, own in enumerate(spectra):
            scores = irfft((own * spectrum).sum(1), n_fft)[:count]
            # what is nearly empty there says nothing
            scores /= np.sqrt(energies[number] * np.maximum(energy, 0.3 * energies[number]) + 1e-9)
            moments[:, number] += count, scores.sum(), np.square(scores).sum()
            found[number] += [(first + lag, score) for lag, score in _peaks(scores)]
    number, total, squares = moments
    spread = np.sqrt(np.maximum(squares / number - (total / number) ** 2, 1e-12))
    return [
        [(lag - size // 2 - start, score / sigma) for lag, score in sorted(own, key=lambda one: -one[1])[:_PLACES]]
        for own, start, sigma in zip(found, starts, spread, strict=True)
    ]


def _peaks(scores: np.ndarray) -> list[tuple[float, float]]:
    """The highest local maxima of a block, each to a fraction of a frame by the parabola through it."""
    kept: list[tuple[float, float]] = []
    for place in np.argsort(scores)[::-1][: 20 * _PLACES]:
        if len(kept) == _PLACES:
            break
        if any(abs(place - lag) < _APART for lag, _ in kept):
            continue
        fraction = 0.0
        if 0 < place < len(scores) - 1:
            before, here, after = scores[place - 1 : place + 2]
            bend = 2 * here - before - after
            fraction = float(np.clip((after - before) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0
        kept.append((place + fraction, float(scores[place])))
    return kept
