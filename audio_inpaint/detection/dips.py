"""Dips of the level: where they are, and what tells a fault of the medium from a pause of the sound."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

_HOP_S = 0.001
_WINDOW_S = 0.005
_LOWEST = 2000  # Hz, of a rate: below it there are no bands to compare
_CLOSED_S = (0.025, 0.05, 0.1, 0.2, 0.3)  # dips up to these lengths are looked at
_DEEP = 12.0  # dB
_SIDE_S = 0.02
_FLOOR = 1e-5  # of full scale, -100 dBFS
_BANDS = 8
# What is measured of a dip: its depth, dB; how its sides differ, log dB; the slower and the faster edge, log ms; how
# little bands fall or rise at once, log ms, at the worse and the better edge; how the spectra of its sides differ, log
# dB; its length, log ms; how steadily the recording stays above it, dB; how restless its sides
# and its inside are, log dB; how differently bands fall, dB, and how little the least of them falls, dB, at the worse
# and the better edge; and how the falls of both edges differ, log dB.
FEATURES = (
    "depth",
    "sides",
    "slower edge",
    "faster edge",
    "bands apart",
    "bands together",
    "spectra",
    "length",
    "steadiness",
    "unrest",
    "unrest inside",
    "uneven",
    "even",
    "most",
    "least",
    "edges",
)


class Dip(NamedTuple):
    """A stretch [start, stop) of samples with a low level, and what speaks for a fault; times in ms, levels in dB."""

    start: int
    stop: int
    features: tuple[float, ...]


def dips(x: np.ndarray, sample_rate: int) -> Iterator[Dip]:
    """Yield the dips of a channel that are at least 12 dB deep and at most 0.3 s long.

    Args:
        x: samples (time,).
        sample_rate: Hz.
    """
    hop = max(2, round(_HOP_S * sample_rate))
    count = len(x) // hop
    if count < 200 or sample_rate < _LOWEST:
        return
    # The difference weighs what is heard of a tone: bass alone would hide that all else is lost.
    bright = np.diff(x[: count * hop], prepend=x[:1]) + np.float32(0.05) * x[: count * hop]
    power = np.einsum("ij,ij->i", *(2 * [bright.reshape(count, hop)])) / hop
    level = 10 * np.log10(uniform_filter1d(power.astype(np.float64), 3) + _FLOOR**2 / 100)
    places = _places(level)
    for begin, end in places:
        within = begin > 60 and end + 60 < count
        if within and (dip := _described(x, level, begin, end, hop, sample_rate)) is not None:
            yield dip


def _places(level: np.ndarray) -> list[tuple[int, int]]:
    """Return [begin, end) of dips, in hops: where closing the level (the morphological filter) lifts it.

    A short closing finds dips in a sound that dies away, where a long one would see the whole decay as one.
    """
    places: list[tuple[int, int]] = []
    for length in _CLOSED_S:
        size = round(length / _HOP_S)
        lifted = minimum_filter1d(maximum_filter1d(level, size), size) - level
        deep = np.concatenate([[False], lifted > _DEEP, [False]])
        edges = np.flatnonzero(deep[1:] != deep[:-1])
        joined: list[list[int]] = []
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if joined and begin - joined[-1][1] <= 3:
                joined[-1][1] = end
            else:
                joined.append([begin, end])
        places += [(begin, end) for begin, end in joined if end - begin >= 3]
    places.sort()
    distinct: list[tuple[int, int]] = []
    for begin, end in places:
        if all(abs(begin - one[0]) > 4 or abs(end - one[1]) > 4 for one in distinct[-8:]):
            distinct.append((begin, end))
    return distinct


def _described(x: np.ndarray, level: np.ndarray, begin: int, end: int, hop: int, sample_rate: int) -> Dip | None:
    """Place the edges of a dip half-way down, and describe them; None if it has no sides."""
    side = round(_SIDE_S / _HOP_S)
    before, after = (np.median(part) for part in (level[begin - side - 8 : begin - 4], level[end + 4 : end + side + 8]))
    inside = float(np.median(level[begin:end]))
    depth = min(before, after) - inside
    if depth < 0.6 * _DEEP:
        return None
    fall, start = _edge(level[begin - 40 : begin + 15], before, inside)
    rise, stop = _edge(level[end - 15 : end + 40][::-1], after, inside)
    start, stop = begin - 40 + start, end + 40 - stop
    if stop - start < 3:
        return None
    bands = _bands(x, (start - 60) * hop, (stop + 60) * hop, hop, sample_rate)
    first, last = 60, 60 + stop - start
    outer = bands[:, first - 8 - side : first - 8], bands[:, last + 8 : last + 8 + side]
    means = [10 * np.log10((10 ** (part / 10)).mean(axis=1)) for part in outer]
    distance = float(np.std(means[0] - means[1]))
    spreads = [
        _simultaneity(part, mean, bands[:, (first + last) // 2])
        for part, mean in (
            (bands[:, first - 25 : first + 25], means[0]),
            (bands[:, last - 25 : last + 25][:, ::-1], means[1]),
        )
    ]
    half = min(14, max(6, (stop - start) // 2))
    drops = [
        bands[:, first - 14 : first - 5].mean(axis=1) - bands[:, first + min(5, half - 3) : first + half].mean(axis=1),
        bands[:, last + 5 : last + 14].mean(axis=1) - bands[:, last - half : last - min(5, half - 3)].mean(axis=1),
    ]
    around = level[max(0, start - 300) : start - 10], level[stop + 10 : stop + 300]
    steady = float(np.mean([np.percentile(part, 10) - inside for part in around]))
    unrest = float(np.mean([np.std(part[-60:] if place == 0 else part[:60]) for place, part in enumerate(around)]))
    spread = [float(np.std(drop)) for drop in drops]
    least = [float(np.min(drop)) for drop in drops]
    features = (
        min(depth, 40.0),
        np.log1p(abs(before - after)),
        max(fall, rise),
        min(fall, rise),
        max(spreads),
        min(spreads),
        np.log1p(distance),
        np.log(stop - start),
        np.clip(steady, -10.0, 40.0),
        np.log(unrest + 0.5),
        np.log1p(np.std(level[start + 6 : stop - 6])) if stop - start > 16 else np.log1p(3.0),
        max(spread),
        min(spread),
        max(least),
        min(least),
        np.log1p(abs(np.mean(drops[0] - drops[1]))),
    )
    return Dip(start * hop, stop * hop, tuple(float(value) for value in features))


def _edge(part: np.ndarray, outside: float, inside: float) -> tuple[float, int]:
    """Return the log of the ms from 3 dB below outside to 3 dB above inside, and where the level has fallen by 6 dB."""
    high = np.flatnonzero(part > outside - 3)
    first = int(high[-1]) if len(high) else 0
    low = np.flatnonzero(part[first:] < inside + 3)
    last = first + (int(low[0]) if len(low) else len(part) - first)
    half = np.flatnonzero(part[first:] < outside - 6)
    return float(np.log1p(last - first)), first + (int(half[0]) if len(half) else 0)


def _bands(x: np.ndarray, start: int, stop: int, hop: int, sample_rate: int) -> np.ndarray:
    """Return the levels of bands between 200 Hz and 8 kHz, (band, hop), in dB."""
    size = max(8, round(_WINDOW_S * sample_rate))
    first = start - (size - hop) // 2
    piece = np.zeros((stop - start) // hop * hop + size, np.float32)
    known = x[max(first, 0) : first + len(piece)]
    piece[max(-first, 0) : max(-first, 0) + len(known)] = known
    frames = np.lib.stride_tricks.sliding_window_view(piece, size)[: (stop - start) // hop * hop : hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size).astype(np.float32), axis=1)) ** 2 / size
    limits = np.geomspace(200, min(8000, 0.45 * sample_rate), _BANDS + 1) * size / sample_rate
    bins = np.unique(np.round(limits).astype(int))
    sums = np.add.reduceat(power, bins, axis=1)[:, :-1] / np.diff(bins)
    return 10 * np.log10(sums.T + _FLOOR**2)


def _simultaneity(bands: np.ndarray, outside: np.ndarray, inside: np.ndarray) -> float:
    """Return the log of the deviation, in ms, of the moments at which bands that fall by 12 dB have fallen by 6 dB."""
    moments = []
    for band, level, low in zip(bands, outside, inside, strict=True):
        if level - low > 12:
            high = np.flatnonzero(band > level - 6)
            moments.append(float(high[-1]) if len(high) else 0.0)
    return float(np.log1p(np.std(moments))) if len(moments) > 1 else float(np.log1p(8.0))
