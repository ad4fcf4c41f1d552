"""Find the gaps of a damaged recording: zeroed, stuck and nearly silent stretches that begin and end abruptly."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.options import Range, allows, refusal

_BLOCK_S = 10.0
_CONTEXT_S = 0.1
_HOP_S = 0.0005  # half the shortest run that is looked for, so that every such run holds a whole hop
_NEAREST_S, _NEAR_S, _FAR_S = 0.0003, 0.002, 0.02  # levels beside an edge, each compared with the next
_SHORTEST_DROPOUT_S = 0.005
_LONGEST_CLIPPING_S = 0.02  # half a period at 25 Hz
_QUIET = 10 ** (-36 / 20)  # inside a dropout, against the 8 ms before it; lossy coders ring to about -40 dB
_LOSSY = {"VORBIS", "OPUS"}
_SMEAR_S = 0.006  # a lossy coder's shortest window, 256 samples at 44.1 kHz
_Threshold = Annotated[float, Range(0, 1)]
_Longest = Annotated[float, Range(1, 3.6e6)]  # stretches of that length are in memory at once
_AUDIBLE = 2e-3  # peak to peak: below -60 dBFS, near silence next to near silence is no dropout


@dataclass(frozen=True)
class Detection:
    """A stretch that looks lost: its gap, its kind ("zeros", "stuck" or "dropout") and a confidence from 0 to 1.

    >>> Detection(Gap(8000, 8500), "zeros", 0.9).gap
    Gap(start=8000, stop=8500, channel=None)
    """

    gap: Gap
    kind: str
    confidence: float


def detect(source: str | Path | Reader, threshold: float = 0.5, longest_ms: float = 2000.0) -> list[Detection]:
    """Find lost stretches of 1 ms to `longest_ms` in an audio file, read block by block.

    Three kinds are told apart: runs of exact zeros, runs of another constant value, and dropouts (from 5 ms), where the
    signal falls by 36 dB or more at once. Pauses that music fades into and out of, silence at the file's ends, clipping
    and the steps of coarsely quantised or square waves do not count: the signal has to keep its level up to both
    edges, and a run has to be long against the runs around it. Stretches at the same place in all channels become one
    detection with channel None. Gaps smeared by a lossy coder are mostly found in MP3 and Vorbis, seldom in
    Opus.

    Args:
        source: an audio file, or an open one.
        threshold: the least confidence reported, from 0 to 1. A gap with one edge in the file stays below 0.6.
        longest_ms: longer stretches are taken for pauses; from 1 ms to an hour.

    Raises:
        InputError: the file cannot be read, or a number is out of range.

    >>> import numpy as np, soundfile
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) / 2
    >>> soundfile.write("damaged.wav", np.where(np.arange(16000) // 500 == 16, 0, tone), 16000)
    >>> [(found.kind, found.gap) for found in detect("damaged.wav")]
    [('zeros', Gap(start=8000, stop=8500, channel=None))]
    """
    for name, kind, value in (("threshold", _Threshold, threshold), ("longest_ms", _Longest, longest_ms)):
        if not allows(kind, value):
            raise InputError(refusal(name, kind, value))
    if not isinstance(source, Reader):
        with Reader(source) as reader:
            return detect(reader, threshold, longest_ms)
    found = []
    for offset, audio, bounds, sample_rate in _windows(source, longest_ms / 1000):
        per_channel = [
            [
                replace(detection, gap=Gap(offset + gap.start, offset + gap.stop, gap.channel))
                for detection in _scan(samples, channel, sample_rate, bounds, longest_ms / 1000)
                if bounds.owns(gap := detection.gap)
            ]
            for channel, samples in enumerate(audio)
        ]
        found += _join_channels(per_channel, tolerance=max(2, round(0.001 * sample_rate)))
    return [detection for detection in found if detection.confidence >= threshold]


@dataclass(frozen=True)
class _Bounds:
    """Which starts a window answers for, whether it holds the file's first and last sample, and how it was coded."""

    first: int
    last: int
    at_start: bool
    at_end: bool
    lossy: bool

    def owns(self, gap: Gap) -> bool:
        return self.first <= gap.start < self.last


def _windows(reader: Reader, longest: float) -> Iterator[tuple[int, np.ndarray, _Bounds, int]]:
    """Overlapping (offset, (channel, time), bounds, sample_rate): each stretch, with context, lies whole in one."""
    rate, hop = reader.sample_rate, _hop(reader.sample_rate)
    block, context, tail = (
        -(-round(seconds * rate) // hop) * hop for seconds in (_BLOCK_S, _CONTEXT_S, longest + _CONTEXT_S)
    )
    lossy = reader.subtype in _LOSSY or reader.subtype.startswith("MPEG")

    def read(start: int, stop: int) -> np.ndarray:
        return reader.read(min(start, reader.length), min(stop, reader.length)).numpy().astype(np.float32)

    audio = read(0, block + tail)
    offset, first = 0, 0
    while True:
        at_end = audio.shape[1] < first + block + tail
        bounds = _Bounds(first, audio.shape[1] if at_end else first + block, offset == 0, at_end, lossy)
        yield offset, audio, bounds, rate
        if at_end:
            return
        kept, stop = audio[:, first + block - context :], offset + audio.shape[1]
        offset += first + block - context
        first = context
        audio = np.concatenate([kept, read(stop, stop + block)], axis=1)


def _scan(x: np.ndarray, channel: int, sample_rate: int, bounds: _Bounds, longest: float) -> list[Detection]:
    hop = _hop(sample_rate)
    hops = x[: len(x) // hop * hop].reshape(-1, hop)
    top, bottom = hops.max(axis=1, initial=-np.inf), hops.min(axis=1, initial=np.inf)
    runs = _constant_runs(x, top, bottom, hop)
    found: list[Detection] = []
    for start, stop in _quiet_runs(x, top - bottom, sample_rate, round(longest * sample_rate)):
        constant = max((run for run in runs if start <= run[0] + hop and run[1] <= stop + hop), key=_size, default=None)
        if constant is None or _size(constant) < 0.8 * (stop - start):
            runs = [run for run in runs if run[1] <= start or stop <= run[0]]
            found.append(Detection(Gap(start, stop, channel), "dropout", 0.0))
    found += [Detection(Gap(*run, channel), "stuck" if x[run[0]] else "zeros", 0.0) for run in runs]
    scored = []
    for detection in sorted(found, key=lambda detection: detection.gap.start):
        start, stop = detection.gap.start, detection.gap.stop
        whole = (stop < len(x) or bounds.at_end) and (start > 0 or bounds.at_start)
        if bounds.lossy:
            start, stop = _with_smear(x, start, stop, sample_rate)
        if whole and stop - start <= longest * sample_rate and stop - start < len(x):
            confidence = _confidence(x, start, stop, detection.kind, sample_rate)
            scored.append(Detection(Gap(start, stop, channel), detection.kind, confidence))
    return scored


def _constant_runs(x: np.ndarray, top: np.ndarray, bottom: np.ndarray, hop: int) -> list[tuple[int, int]]:
    """Runs [start, stop) of one value that hold at least one whole hop, to the sample."""
    flat = top == bottom
    if not flat.any():
        return []
    joins = flat[1:] & flat[:-1] & (top[1:] == top[:-1])
    begins = np.flatnonzero(flat & ~np.concatenate([[False], joins]))
    ends = np.flatnonzero(flat & ~np.concatenate([joins, [False]])) + 1
    # Where most of the neighbourhood stands still too, a short run is a quantisation step: do not look closer.
    share = np.concatenate([[0.0], np.cumsum(flat)])
    reach = round(_FAR_S / _HOP_S)
    before = (share[begins] - share[np.maximum(begins - reach, 0)]) / reach
    after = (share[np.minimum(ends + reach, len(flat))] - share[ends]) / reach
    worth = (np.minimum(before, after) < 0.3) | (ends - begins > reach)
    runs = []
    for begin, end in zip(begins[worth].tolist(), ends[worth].tolist(), strict=True):
        value, start, stop = x[begin * hop], begin * hop, end * hop
        while start > 0 and x[start - 1] == value:
            start -= 1
        while stop < len(x) and x[stop] == value:
            stop += 1
        if stop - start >= 2 * hop:
            runs.append((start, stop))
    return runs


def _quiet_runs(x: np.ndarray, spread: np.ndarray, sample_rate: int, longest: int) -> Iterator[tuple[int, int]]:
    """Stretches whose peak-to-peak falls at once to `_QUIET` of what it was in the 8 ms before, clicks included."""
    hop = _hop(sample_rate)
    loudest = spread
    for step in (1, 2, 4, 8):  # running maximum over 16 hops
        loudest = np.maximum(loudest, np.concatenate([np.zeros(step), loudest])[: len(loudest)])
    prior = np.concatenate([[0.0], loudest])[:-1]
    taken = 0
    for begin in np.flatnonzero((spread <= _QUIET * prior) & (prior > _AUDIBLE)).tolist():
        if begin < taken:
            continue
        limit = _QUIET * prior[begin]
        louder = np.flatnonzero(spread[begin : begin + longest // hop + 2] > limit)
        end = begin + int(louder[0]) if len(louder) else min(len(spread), begin + longest // hop + 2)
        taken = end
        middle = np.median(x[begin * hop : end * hop])
        first, last = max(begin - 2, 0) * hop, min((end + 2) * hop, len(x))
        before = np.flatnonzero(np.abs(x[first : begin * hop] - middle) > limit)
        after = np.flatnonzero(np.abs(x[end * hop : last] - middle) > limit)
        start = first + int(before[-1]) + 1 if len(before) else first
        stop = end * hop + int(after[0]) if len(after) else last
        if stop - start >= _SHORTEST_DROPOUT_S * sample_rate:
            yield _with_clicks(x, start, stop, sample_rate)


def _with_clicks(x: np.ndarray, start: int, stop: int, sample_rate: int) -> tuple[int, int]:
    """The stretch together with a click of up to 1 ms at either edge: it was not recorded either."""
    reach, far = round(0.001 * sample_rate), round(_FAR_S * sample_rate)
    widened = []
    for side in (x[max(start - far, 0) : start][::-1], x[stop : stop + far]):
        steps = np.abs(np.diff(side))
        loud = np.flatnonzero(steps[:reach] > 2.5 * steps[reach:].max(initial=0.0))
        widened.append(int(loud[-1]) + 1 if len(loud) and len(side) > 4 * reach else 0)
    return start - widened[0], stop + widened[1]


def _with_smear(x: np.ndarray, start: int, stop: int, sample_rate: int) -> tuple[int, int]:
    """The stretch together with the up to 6 ms at its edges over which a lossy coder spread the fall and the rise."""
    far, reach = (round(seconds * sample_rate) for seconds in (_NEAR_S + _FAR_S, _SMEAR_S))
    widened = []
    for side in (x[max(start - reach - far, 0) : start][::-1], x[stop : stop + reach + far]):
        loudest = np.abs(side).max(initial=0.0)
        shifts = range(0, min(reach, len(side)), _hop(sample_rate))
        whole = (n for n in shifts if (_abruptness(side[n : n + far], loudest, sample_rate) or 0.0) > 0.5)
        widened.append(next(whole, 0))
    return start - widened[0], stop + widened[1]


def _confidence(x: np.ndarray, start: int, stop: int, kind: str, sample_rate: int) -> float:
    """How little the edges and the length of [start, stop) look like music, from 0 to 1."""
    context, far = round(_CONTEXT_S * sample_rate), round((_NEAR_S + _FAR_S) * sample_rate)
    inside = x[start:stop]
    middle = np.median(inside)
    sides = [side - middle for side in (x[max(start - context, 0) : start][::-1], x[stop : stop + context])]
    loudest = max(np.abs(side).max(initial=0.0) for side in sides)
    edges = [_abruptness(side[:far], loudest, sample_rate) for side in sides]
    if None not in edges:
        evidence = (edges[0] * edges[1]) ** 0.5
    elif edges[0] is None:  # music often begins at once
        evidence = 0.45 * (edges[1] or 0.0)
    else:  # and seldom ends so, though coders add silence at the end
        evidence = (0.45 if kind == "dropout" else 0.6) * edges[0]
    milliseconds = 1000 * (stop - start) / sample_rate
    evidence *= min(1.0, 0.6 + milliseconds / 10)
    evidence *= 1 - 0.3 * min(max(np.log2(milliseconds / 300) / 3, 0.0), 1.0)  # long ones are more likely pauses
    steps = min((_typical_run(side[:far]) for side in sides if len(side) > far // 4), default=1.0)
    evidence *= _rise(np.log2((stop - start) / steps), 3.0, 0.4)
    peak = max(np.abs(side[:far] + middle).max(initial=0.0) for side in sides)
    if abs(middle) >= 0.98 * peak and stop - start <= _LONGEST_CLIPPING_S * sample_rate:
        return 0.0
    if kind == "dropout":
        floor = 1.5 * np.median(np.abs(inside - middle))  # clicks at the edges left out
        evidence *= _rise(_decibels(max(_rms(side[:far]) for side in sides), floor), 38.0, 2.0)
    return float(evidence)


def _abruptness(side: np.ndarray, loudest: float, sample_rate: int) -> float | None:
    """From 0 to 1: does the signal keep its level up to the edge at `side[0]`? None where too little of it is known."""
    near, nearest = round(_NEAR_S * sample_rate), max(4, round(_NEAREST_S * sample_rate))
    if len(side) < 3 * near:
        return None
    level = _rms(side[:near])
    # Each ratio alone has its blind spot (a low tone crossing zero, an onset). The mean of the six is above -9.5 dB at
    # 99.7 % of random cuts of music and speech, and at 2 % to 4 % of fades over 5 ms; one ratio errs in 5 % to 20 %.
    kept = [
        np.clip(_decibels(_rms(signal[:size]), _rms(signal[size : size + reach])), -30, 30)
        for signal in (side, np.diff(side), np.diff(side, 2))
        for size, reach in ((near, len(side)), (nearest, near))
    ]
    steps = np.abs(np.diff(side))
    quantum = steps[steps > 0].min(initial=1.0)
    return (
        _rise(np.mean(kept), -9.5, 0.7)
        * _rise(_decibels(level, loudest), -58.0, 2.0)  # a faint tail that a noise gate cut
        * _rise(_decibels(level, quantum), 8.0, 1.5)  # a fade's last steps
    )


def _typical_run(side: np.ndarray) -> float:
    """Length of the run of equal values that a random sample lies in."""
    ends = np.flatnonzero(np.concatenate([np.diff(side) != 0, [True]]))
    lengths = np.diff(ends, prepend=-1)
    return float((lengths**2).sum() / lengths.sum())


def _join_channels(per_channel: list[list[Detection]], tolerance: int) -> list[Detection]:
    """Detections sorted; those with the same edges, within `tolerance` samples, in all channels become one."""
    joined = []
    others = [list(detections) for detections in per_channel[1:]]
    for detection in per_channel[0]:
        gap = detection.gap
        twins = [next((d for d in channel if _apart(d.gap, gap) <= tolerance), None) for channel in others]
        if None in twins:
            joined.append(detection)
            continue
        for channel, twin in zip(others, twins, strict=True):
            channel.remove(twin)
        group = [detection, *twins]
        whole = Gap(min(d.gap.start for d in group), max(d.gap.stop for d in group))
        joined.append(replace(max(group, key=lambda d: d.confidence), gap=whole))
    joined += [detection for channel in others for detection in channel]
    return sorted(joined, key=lambda d: (d.gap.start, d.gap.stop, -1 if d.gap.channel is None else d.gap.channel))


def _apart(one: Gap, other: Gap) -> int:
    return max(abs(one.start - other.start), abs(one.stop - other.stop))


def _hop(sample_rate: int) -> int:
    return max(2, int(_HOP_S * sample_rate))


def _size(run: tuple[int, int]) -> int:
    return run[1] - run[0]


def _rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if len(x) else 0.0


def _decibels(level: float, reference: float) -> float:
    return float(20 * np.log10(max(level, 1e-12) / max(reference, 1e-12)))


def _rise(value: float, middle: float, width: float) -> float:
    """Logistic step from 0 to 1 about `middle`."""
    return float(1 / (1 + np.exp(-np.clip((value - middle) / width, -50, 50))))
