"""Dips of the level: where they are, and what tells a fault of the medium from a pause of the sound."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d
from scipy.signal import lfilter

_HOP_S = 0.001
_WINDOW_S = 0.005
_LOWEST = 2000  # Hz, of a rate: below it there are no bands to compare
_CLOSED_S = (0.025, 0.05, 0.1, 0.2, 0.3)  # dips up to these lengths are looked at
_DEEP = (12.0, 24.0, 36.0)  # dB: a dropout beside a quiet sound is the deepest part of a dip
_DEEP_BASS = (16.0, 28.0)  # dB, of the level that bass makes; fewer closings and depths, since most dips are known
_CLOSED_BASS_S = (0.035, 0.1, 0.3)
_RUMBLE = 60.0  # Hz, below which there is no voice
_SIDE = 70  # hops beside a dip that are described
_FAR = 300  # hops beside a dip whose quietest moments count
_FLOOR = 1e-5  # of full scale, -100 dBFS
_BANDS = 8
# Of each edge: how far the level falls, dB; how far it falls in the bands: in the least of the loud ones, on average,
# the deviation, and the slope over the bands, dB; how long it takes, log ms, to within 3 dB of both sides, in the
# second half, and of the smoothed level; how far apart in time the bands fall, log ms, and what share of them does; how
# the level and the bands, on average and at least, approach the edge, dB; and how much faster the level falls there
# than elsewhere beside it, dB in 12 ms.
_OF_AN_EDGE = (
    "depth",
    "least",
    "mean",
    "unevenness",
    "slope",
    "time",
    "second half",
    "smooth time",
    "bands apart",
    "bands fallen",
    "approach",
    "bands' approach",
    "least approach",
    "steepness",
)
# Of the whole: its length, log ms; how restless it is inside, log dB, and its loudest moment, dB; how its end differs
# from its beginning, dB; how far the quietest moments around are above it, on average and at the worse side, dB; how
# far it is above percentiles of the level of the block, dB; how far its sides are above the block's loud quarter, and
# how its edges compare with the block's steepest, dB; and how the spectra of its sides, and the falls of both edges,
# differ, log dB; how far the other of the two levels, that of the sound and that of its difference, falls and rises,
# dB; and whether the dip was seen in the sound itself.
FEATURES = (
    *(f"{edge}: {name}" for edge in ("fall", "rise") for name in _OF_AN_EDGE),
    "length",
    "unrest",
    "loudest",
    "inclination",
    "steadiness",
    "least steadiness",
    "over 2 %",
    "over 10 %",
    "over 25 %",
    "over 50 %",
    "sides over 75 %",
    "steps over 90 %",
    "steps over 99.5 %",
    "spectra",
    "edges",
    "fall of the other",
    "rise of the other",
    "bass",
)


class Dip(NamedTuple):
    """A stretch [start, stop) of samples with a low level, and what speaks for a fault, in the order of `FEATURES`."""

    start: int
    stop: int
    features: tuple[float, ...]


class _Levels(NamedTuple):
    """Levels of a block in dB, a hop apart, and what is usual in it, apart from lost samples, that stand still.

    Attributes:
        fine: over 3 ms, (hop,).
        smooth: over 10 ms, (hop,).
        percentiles: of the smooth level, (4 + 1,).
        steps: percentiles of the changes of the smooth level in 12 ms, (2,).
    """

    fine: np.ndarray
    smooth: np.ndarray
    percentiles: np.ndarray
    steps: np.ndarray


class _Edge(NamedTuple):
    """What is measured at one edge of a dip: levels outside and inside, of all and of bands, and the features."""

    outside: float
    inside: float
    bands: np.ndarray
    drops: np.ndarray
    features: tuple[float, ...]


def dips(x: np.ndarray, sample_rate: int) -> Iterator[Dip]:
    """Yield the dips of a channel that are at least 12 dB deep and at most 0.3 s long; deep ones may hold others.

    Args:
        x: samples (time,).
        sample_rate: Hz.
    """
    hop = max(2, round(_HOP_S * sample_rate))
    count = len(x) // hop
    if count < 200 or sample_rate < _LOWEST:
        return
    heard = ~maximum_filter1d(np.ptp(x[: count * hop].reshape(count, hop), axis=1) == 0, 25)
    if np.count_nonzero(heard) < 200:
        heard[:] = True
    x = _dithered(x, hop)
    # The difference weighs what is heard of a tone: bass alone would hide that all else is lost. But where there is
    # little else, as in a voice behind closed lips, hiss hides the loss of bass.
    bright = np.diff(x[: count * hop], prepend=x[:1]) + np.float32(0.05) * x[: count * hop]
    pole = np.exp(-2 * np.pi * _RUMBLE / sample_rate)
    deep = lfilter(np.float32([1, -1]), np.float32([1, -pole]), x[: count * hop])
    views = [_levels(each, hop, heard) for each in (bright, deep)]
    known: list[tuple[int, int]] = []
    for bass, (closed, depths) in enumerate(((_CLOSED_S, _DEEP), (_CLOSED_BASS_S, _DEEP_BASS))):
        levels, other = views[bass], views[1 - bass].fine
        for begin, end in _places(levels.fine, closed, depths):
            if begin < _SIDE or end + _SIDE > count or (placed := _edges(levels.fine, begin, end)) is None:
                continue
            start, stop = placed
            if start < _SIDE or stop + _SIDE > count:
                continue
            if bass and any(abs(start - one[0]) <= 4 and abs(stop - one[1]) <= 4 for one in known):
                continue
            known.append(placed)
            bands = _bands(x, (start - _SIDE) * hop, (stop + _SIDE) * hop, hop, sample_rate)
            features = (*_features(levels, bands, start, stop), *_depths(other, start, stop), float(bass))
            yield Dip(start * hop, stop * hop, features)


def _dithered(x: np.ndarray, shortest: int) -> np.ndarray:
    """Return a signal with noise of one step of its words, uniform, where it stands still.

    A sound that fell below the last bit has no level, where the same fault in a finer recording has one.

    Args:
        x: samples (time,).
        shortest: length of the runs of one value that count.
    """
    steps = np.abs(np.diff(x))
    bounds = np.concatenate([[0], np.flatnonzero(steps) + 1, [len(x)]])
    lengths = np.diff(bounds)
    still = np.repeat(lengths >= shortest, lengths)
    if not still.any() or len(lengths) == 1:
        return x
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, np.count_nonzero(still)) * steps[steps > 0].min()
    x = x.copy()
    x[still] += noise.astype(x.dtype)
    return x


def _levels(x: np.ndarray, hop: int, heard: np.ndarray) -> _Levels:
    """Return the levels of a signal of whole hops, and what is usual where it is heard, boolean (hop,)."""
    power = (np.einsum("ij,ij->i", *(2 * [x.reshape(-1, hop)])) / hop).astype(np.float64)
    fine, smooth = (10 * np.log10(uniform_filter1d(power, size) + _FLOOR**2 / 100) for size in (3, 10))
    steps = np.abs(smooth[12:] - smooth[:-12])
    usual = np.percentile(smooth[heard], [2, 10, 25, 50, 75]), np.percentile(steps[heard[6:-6]], [90, 99.5])
    return _Levels(fine, smooth, *usual)


def _depths(level: np.ndarray, start: int, stop: int) -> tuple[float, float]:
    """Return by how much a level falls at the start of a dip, in hops, and rises at its end, in dB."""
    reach = max(3, min(18, (stop - start) // 2 + 1))
    inner = min(6, reach - 2)
    inside = np.median(level[start + inner : start + reach]), np.median(level[stop - reach : stop - inner])
    outside = _mean(level[start - 15 : start - 5]), _mean(level[stop + 5 : stop + 15])
    return tuple(float(min(out - within, 40)) for out, within in zip(outside, inside, strict=True))


def _places(level: np.ndarray, closed: tuple[float, ...], depths: tuple[float, ...]) -> list[tuple[int, int]]:
    """Return [begin, end) of dips, in hops: where closing the level (the morphological filter) lifts it.

    A short closing finds dips in a sound that dies away, where a long one would see the whole decay as one.

    Args:
        level: dB, (hop,).
        closed: seconds of each closing.
        depths: dB by which each has to lift it.
    """
    places: list[tuple[int, int]] = []
    for length in closed:
        size = round(length / _HOP_S)
        lifted = minimum_filter1d(maximum_filter1d(level, size), size) - level
        for depth in depths:
            deep = np.concatenate([[False], lifted > depth, [False]])
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


def _edges(level: np.ndarray, begin: int, end: int) -> tuple[int, int] | None:
    """Return where the level has fallen, and will have risen, by 6 dB; None if a dip has no sides."""
    before, after = np.median(level[begin - 28 : begin - 4]), np.median(level[end + 4 : end + 28])
    if min(before, after) - np.median(level[begin:end]) < 0.6 * _DEEP[0]:
        return None
    fall = _fallen(level[begin - 40 : begin + 15], before - 3, before - 6)
    rise = _fallen(level[end - 15 : end + 40][::-1], after - 3, after - 6)
    start, stop = begin - 40 + fall, end + 40 - rise
    return (start, stop) if stop - start >= 3 else None


def _fallen(level: np.ndarray, high: float, low: float) -> int:
    """Return the first place below `low` after the last place above `high`, or that one."""
    above = np.flatnonzero(level > high)
    last = int(above[-1]) if len(above) else 0
    below = np.flatnonzero(level[last:] < low)
    return last + (int(below[0]) if len(below) else 0)


def _features(levels: _Levels, bands: np.ndarray, start: int, stop: int) -> tuple[float, ...]:
    """Describe a dip [start, stop), in hops, by `FEATURES`; the bands are of it and of `_SIDE` hops on each side."""
    length, around = stop - start, slice(start - _SIDE, stop + _SIDE)
    fine, smooth = levels.fine[around], levels.smooth[around]
    fall = _described(fine, smooth, bands, length)
    rise = _described(fine[::-1], smooth[::-1], bands[:, ::-1], length)
    inside = float(np.median(fine[_SIDE:-_SIDE]))
    far = levels.fine[max(0, start - _FAR) : start - 10], levels.fine[stop + 10 : stop + _FAR]
    steady = [float(np.percentile(part, 10)) - inside for part in far]
    middle = fine[_SIDE + 5 : -_SIDE - 5]
    drop = min(fall.outside - fall.inside, rise.outside - rise.inside)
    whole = (
        np.log(length),
        np.log1p(np.std(middle)) if length > 16 else np.log1p(3.0),
        middle.max() - np.median(middle) if length > 12 else 5.0,
        rise.inside - fall.inside,
        np.clip(np.mean(steady), -10, 40),
        np.clip(min(steady), -10, 40),
        *np.clip(inside - levels.percentiles[:4], -40, 40),
        min(fall.outside, rise.outside) - levels.percentiles[4],
        *np.clip(drop - levels.steps, -40, 40),
        np.log1p(np.std(fall.bands - rise.bands)),
        np.log1p(np.abs(fall.drops - rise.drops).mean()),
    )
    return tuple(float(value) for value in (*fall.features, *rise.features, *whole))


def _described(fine: np.ndarray, smooth: np.ndarray, bands: np.ndarray, length: int) -> _Edge:
    """Describe the edge at `_SIDE`, before which is the outside.

    Args:
        fine: the level over 3 ms, (hop,).
        smooth: the level over 10 ms, (hop,).
        bands: the levels of bands, (band, hop).
        length: of the dip, hops.
    """
    half = max(3, min(18, length // 2 + 1))
    beyond = slice(_SIDE + min(6, half - 2), _SIDE + half)
    outside, before = _mean(fine[_SIDE - 15 : _SIDE - 5]), _mean(fine[_SIDE - 28 : _SIDE - 14])
    inside = float(np.median(fine[beyond]))
    near, far, within = (
        _mean(bands[:, part]) for part in (slice(_SIDE - 15, _SIDE - 5), slice(_SIDE - 45, _SIDE - 18), beyond)
    )
    drops = near - within
    loud = near > near.max() - 30
    moments = [
        _last(band[_SIDE - 30 : _SIDE + 20] > level - min(6, drop / 2))
        for band, level, drop in zip(bands, near, drops, strict=True)
        if drop > 10
    ]
    elsewhere = smooth[: _SIDE - 20] - smooth[12 : _SIDE - 8]
    features = (
        min(outside - inside, 40),
        drops[loud].min(),
        min(drops.mean(), 40),
        drops[loud].std(),
        np.polyfit(np.arange(len(drops)), drops, 1)[0],
        _duration(fine, outside - 3, inside + 3),
        _duration(fine, outside - 6, (outside + inside) / 2),
        _duration(smooth, outside - 4, inside + 4),
        np.log1p(np.std(moments) if len(moments) > 1 else 8.0),
        len(moments) / len(bands),
        outside - before,
        (near - far).mean(),
        (near - far)[loud].min(),
        outside - inside - elsewhere.max(initial=0),
    )
    return _Edge(outside, inside, near, drops, features)


def _mean(levels: np.ndarray) -> np.ndarray:
    """Return the level of the mean power over the last axis."""
    return 10 * np.log10((10 ** (levels / 10)).mean(axis=-1))


def _last(true: np.ndarray) -> int:
    places = np.flatnonzero(true)
    return int(places[-1]) if len(places) else 0


def _duration(level: np.ndarray, high: float, low: float) -> float:
    """Return the log of the hops from the last level above `high` outside to the first below `low`."""
    around = level[_SIDE - 40 : _SIDE + 40]
    last = _last(around[:48] > high)
    below = np.flatnonzero(around[last:] < low)
    return float(np.log1p(below[0] if len(below) else len(around) - last))


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
