"""Concealment: packets that a receiver played again, often more quietly, in the place of lost ones."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import uniform_filter1d

from audio_inpaint.detection.levels import decibels, rise
from audio_inpaint.gaps import Gap, mask_gaps

_PACKETS_S = (0.01, 0.02, 0.03, 0.04, 0.06)  # of the usual speech coders
_FRAMES = (512, 576, 1024, 1152, 2048)  # samples, of the usual music coders
_LONGEST_S = 0.1
_HOP_S = 0.001
_UNLIKE = 1e-3  # of a hop's energy: what a gain leaves of a copy is rounding
_QUIET = 3e-3  # of the energy around: a hop that says little
_SAID = 0.5  # of the hops, at least
_AUDIBLE = 1e-3  # root mean square: below -60 dBFS everything is alike
_GAINS = (0.1, 1.1)
_STEADY = 0.05  # by which the gain may differ from one hop to the next; it may fade
_WHOLE = 0.03  # of a packet, by which a copy may be longer or shorter than whole ones
_MOST = 12  # packets in a row
_EXACT = -50.0  # dB that remain of a hop, or as much as rounding to 16 bit leaves: sound that repeats leaves -45 dB
_ROUNDING = 4.0  # dB over that


def replayed(x: np.ndarray, sample_rate: int) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, lag) of packets that are the one before but for a gain, which may fade.

    Each hop of a copy is a multiple of the one a packet before. How exactly tells a copy from a sound that repeats
    itself, and that this begins and ends a whole number of packets apart.

    Args:
        x: samples (time,).
        sample_rate: Hz.

    Source: ITU-T G.711 Appendix I, 1999, "A high quality low-complexity algorithm for packet loss concealment", for
    the gains; RFC 3551, sec. 4.2, for the packets.
    """
    hop = max(4, round(_HOP_S * sample_rate))
    power = np.square(x, dtype=np.float64)
    energy = np.concatenate([[0.0], np.cumsum(power)])
    packets = {round(seconds * sample_rate) for seconds in _PACKETS_S} | set(_FRAMES)
    for lag in sorted(lag for lag in packets if 8 * hop < lag < _LONGEST_S * sample_rate):
        count = (len(x) - lag) // hop
        if count < 3:
            continue
        ends = lag + hop * np.arange(count + 1)
        later, earlier = np.diff(energy[ends]), np.diff(energy[ends - lag])
        product = np.einsum("ij,ij->i", x[lag : ends[-1]].reshape(count, hop), x[: count * hop].reshape(count, hop))
        product = product.astype(np.float64)
        gain = product / np.maximum(earlier, 1e-20)
        quiet = later < _QUIET * uniform_filter1d(later, max(3, lag // hop)) + 1e-12
        alike = (later - gain * product < _UNLIKE * later) & (gain > _GAINS[0]) & (gain < _GAINS[1])
        for run in _runs(alike, quiet, lag, hop):
            loud = later[run.start : run.stop].sum() > len(run) * hop * _AUDIBLE**2
            heard = alike[run.start : run.stop] & ~quiet[run.start : run.stop]
            gains = gain[run.start : run.stop][heard]
            if loud and heard.mean() > _SAID and np.median(np.abs(np.diff(gains))) < _STEADY:
                placed = _edges(x, int(ends[run.start]), int(ends[run.stop]), lag, hop, (gains[:3], gains[-3:]))
                if placed is not None and _off(placed[1] - placed[0], lag) <= max(4, _WHOLE * lag):
                    yield *placed, lag


def _runs(alike: np.ndarray, quiet: np.ndarray, lag: int, hop: int) -> list[Gap]:
    """Return runs of hops that are alike, as long as a whole number of packets; the gain may change between these."""
    joined: list[Gap] = []
    for gap in mask_gaps(alike | quiet):
        inside = np.flatnonzero(alike[gap.start : gap.stop])
        if len(inside):
            gap = Gap(gap.start + int(inside[0]), gap.start + int(inside[-1]) + 1)
        if len(inside) and _whole(len(gap), lag, hop):
            if joined and gap.start - joined[-1].stop <= 2:
                gap = Gap(joined.pop().start, gap.stop)
            joined.append(gap)
    return joined


def _whole(hops: int, lag: int, hop: int) -> bool:
    packets = round((hops + 1) * hop / lag)  # a hop in which the gain changes is like none
    return 1 <= packets <= _MOST and packets * lag - 3 * hop <= hops * hop <= packets * lag + hop


def _off(length: int, lag: int) -> int:
    return abs(length - max(1, round(length / lag)) * lag)


def _edges(
    x: np.ndarray, first: int, last: int, lag: int, hop: int, gains: tuple[np.ndarray, np.ndarray]
) -> tuple[int, int] | None:
    """Return [start, stop) of a copy to the sample, None where it does not end: then the sound repeats itself.

    Args:
        x: samples (time,).
        first: the first sample that is certainly one of the copy.
        last: the end of these.
        lag: from the original to the copy.
        hop: samples; edges are looked for within two.
        gains: of the copy's first and last hops.
    """
    begin, end = max(lag, first - 2 * hop), min(last + 2 * hop, len(x))
    off = [np.abs(x[begin:end] - np.median(each) * x[begin - lag : end - lag]) for each in gains]
    inside = slice(first - begin, last - begin)
    limits = [6 * np.sqrt(np.mean(part**2)) + 1e-9 for part in (off[0][inside][: 2 * hop], off[1][inside][-2 * hop :])]
    before = np.flatnonzero(off[0][: first - begin] > limits[0])
    after = np.flatnonzero(off[1][last - begin :] > limits[1])
    return (begin + int(before[-1]) + 1, last + int(after[0])) if len(before) and len(after) else None


def exactness(x: np.ndarray, start: int, stop: int, lag: int, sample_rate: int) -> float:
    """Say from 0 to 1 how exactly a gain that may fade makes the copy [start, stop) of what was `lag` before.

    Args:
        x: samples (time,).
        start: of the copy.
        stop: of the copy.
        lag: from the original to the copy.
        sample_rate: Hz.
    """
    hop = max(8, round(_HOP_S * sample_rate))
    count = (stop - start) // hop
    later, earlier = (x[at : at + count * hop].reshape(count, hop).astype(np.float64) for at in (start, start - lag))
    fading = earlier * np.linspace(-1, 1, hop)
    energy, faded, both = (np.einsum("ij,ij->i", *pair) for pair in ((earlier,) * 2, (fading,) * 2, (earlier, fading)))
    product, ramp = (np.einsum("ij,ij->i", later, each) for each in (earlier, fading))
    slope = (ramp * energy - product * both) / np.maximum(faded * energy - both**2, 1e-20)
    gain = (product - slope * both) / np.maximum(energy, 1e-20)
    left = later - gain[:, None] * earlier - slope[:, None] * fading
    remains, whole = np.mean(left**2, axis=1), np.mean(later**2, axis=1)
    share = decibels(float(np.median(remains / (whole + 1e-20))) ** 0.5, 1.0)
    over = decibels(float(np.median(remains)) ** 0.5, 2.0**-15 / 12**0.5)
    return rise(max(_EXACT - share, _ROUNDING - over), -1.0, 0.7)
