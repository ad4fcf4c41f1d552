"""Repetitions: samples that were played a second time, by a drive that read them twice or to conceal a lost packet."""

import numpy as np

from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.concealment import exactness, replayed
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.levels import rise
from audio_inpaint.detection.prediction import breaks
from audio_inpaint.gaps import Gap, mask_gaps

_SHORTEST_S, _LONGEST_S = 0.003, 0.5
_DOUBLINGS = 5  # words of 32 samples must be equal before a copy is looked at
_ONE_IN = 4  # bits: of 16 words one is compared, the same in a passage and in its copy
_WHOLE = 5.0  # dB that a copy as long as its distance, or a multiple of it, is worth
_ALONE = 9.0  # dB that a replayed packet is worth beside which nothing is one, less what an onset is above
_ONSET = 6.0  # dB
_UNLIKE = -6.0  # dB that a gain of what was before leaves of what is beside such a packet
_NOVEL = 20.0  # dB that the original's first sample may stand out: more is an onset, and a copy of it another
_VALUES = 16  # of one copy: coarse steps are alike by chance
_MULTIPLIER = 0x9E3779B97F4A7C15


def find(block: Block, channel: int) -> list[Detection]:
    """Find stretches that are, sample for sample, what was played immediately before them.

    Words of samples are told by a rolling hash, as for content-defined chunks (Rabin, 1981, "Fingerprinting by random
    polynomials"); of equal ones, the copy is followed to both sides. Sound that repeats of itself, a synthesiser's or
    a loop's, is periodic before and after too and has no seam: where the copy begins, a fault breaks the waveform.

    Args:
        block: of the recording.
        channel: to look at.
    """
    x = block.audio[channel]
    copies, taken = [], 0
    for first, second in _equal_words(x, round(_LONGEST_S * block.sample_rate)):
        if second < taken:
            continue
        lag = second - first
        start, stop = _extent(x, second, lag)
        taken = stop
        long_enough = stop - start >= _SHORTEST_S * block.sample_rate
        if (
            long_enough
            and len(np.unique(x[start:stop])) >= _VALUES
            and block.owns(start)
            and start > lag
            and stop < len(x)
        ):
            copies.append((start, stop, lag))
    found = [
        Detection(Gap(start, stop, channel), "repeats", _confidence(x, start, stop, lag, block.sample_rate))
        for start, stop, lag in copies
        if not _comes_again(x, start, stop, lag, round(_SHORTEST_S * block.sample_rate))
    ]
    return found + [
        Detection(Gap(start, stop, channel), "repeats", _replayed(x, start, stop, lag, block.sample_rate))
        for start, stop, lag in replayed(x, block.sample_rate)
        if block.owns(start)
    ]


def _comes_again(x: np.ndarray, start: int, stop: int, lag: int, length: int) -> bool:
    """Whether something beside a copy is one too: the sound repeats of itself, and other damage lies between."""
    sides = (max(lag, start - 2 * lag), start), (stop, min(stop + 2 * lag, len(x)))
    equal = (x[first:last] == x[first - lag : last - lag] for first, last in sides)
    return any(len(gap) >= length for side in equal for gap in mask_gaps(side))


def _equal_words(x: np.ndarray, longest: int) -> list[tuple[int, int]]:
    """Pairs of positions, at most `longest` samples apart, at which equal words begin, in the order of the second."""
    words = x.view(np.uint32).astype(np.uint64)
    words *= np.uint64(_MULTIPLIER)
    for doubling in range(_DOUBLINGS):
        step = 1 << doubling
        factor = np.uint64(pow(_MULTIPLIER, step, 1 << 64))
        words = words[:-step] * factor + words[step:]
    chosen = np.flatnonzero(words >> np.uint64(64 - _ONE_IN) == 0)
    chosen = chosen[(x[chosen] != x[chosen + 1]) | (x[chosen] != x[chosen + 2]) | (x[chosen] != x[chosen + 15])]
    order = chosen[np.argsort(words[chosen], kind="stable")]
    equal = (words[order[1:]] == words[order[:-1]]) & (order[1:] - order[:-1] <= longest)
    pairs = np.stack([order[:-1][equal], order[1:][equal]], axis=1)
    return pairs[np.argsort(pairs[:, 1])].tolist()


def _extent(x: np.ndarray, position: int, lag: int) -> tuple[int, int]:
    """Return [start, stop) around a position in which every sample equals the one `lag` before."""
    return position - _equal(x[:position][::-1], x[: position - lag][::-1]), position + _equal(
        x[position:], x[position - lag :]
    )


def _equal(one: np.ndarray, other: np.ndarray) -> int:
    """Return how many samples are equal from the first on."""
    size, step = min(len(one), len(other)), 1024
    for begin in range(0, size, step):
        differs = np.flatnonzero(one[begin : min(begin + step, size)] != other[begin : min(begin + step, size)])
        if len(differs):
            return begin + int(differs[0])
    return size


def _confidence(x: np.ndarray, start: int, stop: int, lag: int, sample_rate: int) -> float:
    """How little a copy looks like sound that repeats of itself, from 0 to 1.

    Where a fault repeats, the waveform breaks; where a drum or a period of a tone comes again, it does now what it did
    before. A fault repeats what it has just played, so that the copy is as long as its distance from the original,
    which begins anywhere; a sequencer's begins with an onset.
    """
    onset = breaks(x, start - lag, sample_rate)
    seam = breaks(x, start, sample_rate) - onset
    whole = abs(stop - start - lag) <= max(2, round(0.02 * lag))
    return rise(seam + (_WHOLE if whole else 0.0), 8.0, 1.5) * rise(_NOVEL - onset, 0.0, 1.0)


def _replayed(x: np.ndarray, start: int, stop: int, lag: int, sample_rate: int) -> float:
    """How little packets that are multiples of the one before look like sound that repeats of itself, from 0 to 1.

    They are exact multiples, beside them nothing is one, or the waveform breaks where they begin.
    """
    onset = breaks(x, start - lag, sample_rate)
    seam = breaks(x, start, sample_rate) - onset
    alone = min(_unlike(x, start - lag, start, lag), _unlike(x, stop, stop + lag, lag))
    evidence = seam + _WHOLE + max(0.0, _ALONE - max(0.0, onset - _ONSET))
    apart = rise(alone + max(0.0, seam - _ONSET) / 2, _UNLIKE, 1.0)
    return (
        rise(evidence, 8.0, 1.5) * apart * rise(_NOVEL - onset, 0.0, 1.0) * exactness(x, start, stop, lag, sample_rate)
    )


def _unlike(x: np.ndarray, start: int, stop: int, lag: int) -> float:
    """Return the level of what no gain of the samples `lag` before explains of a stretch, in dB below the whole."""
    start, stop = max(start, lag), min(stop, len(x))
    here, before = x[start:stop].astype(np.float64), x[start - lag : stop - lag].astype(np.float64)
    alike = max(here @ before, 0.0) ** 2 / ((here @ here) * (before @ before) + 1e-20)
    return float(10 * np.log10(max(1 - alike, 1e-6)))
