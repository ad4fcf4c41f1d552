"""Deliberate silence: gates, drum machines, stop-cuts and the pauses of speech synthesisers, which no one should fill.

A fault does not know what it hits: before and after it, the signal has any level that the recording has. A gate closes
where the signal is quiet; a drum machine or an arranger stops notes shortly before others begin. So the levels beside
all runs of zeros, as ranks among the levels of the whole recording, tell a population of faults (uniform ranks) from
one of pauses, where a single run does not. Cuts that keep time are meant wherever they fall, see `rhythm`. In a
recording with pauses, a run that is much louder on both sides than they are is a fault all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.rhythm import in_time

_EDGE_S = 0.01  # of signal beside a run, and each of the recording's levels
_FEWEST = 4
_SURE = 3.0  # standard deviations from uniform ranks
_IN_TIME = 0.7  # of the runs: these explain the silence of a recording
_PAUSE_S = 0.01
_SOFT = 1 / 3  # of the runs of that length and longer: of faults, hardly one lies between fades
_LOUDER = 12.0  # dB over the usual pause
_LOUD = 0.2  # rank
_BINS = np.arange(-140.0, 41.0)  # dB


@dataclass(frozen=True)
class Pause:
    """A run of zeros with the levels beside it, in dB, NaN where the recording begins or ends, and its extent in s."""

    detection: Detection
    before: float
    after: float
    start: float
    stop: float


class Levels:
    """How often each level occurs in a recording, in pieces of 10 ms; runs of zeros are left out."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(_BINS) - 1)

    def add(self, block: Block) -> None:
        """Count the levels of a block."""
        size = max(2, block.samples(_EDGE_S))
        for x in block.audio[:, block.first : block.last]:
            pieces = x[: len(x) // size * size].reshape(-1, size)
            levels = _level(np.einsum("ij,ij->i", pieces, pieces) / size)
            self._counts += np.histogram(levels, _BINS)[0]

    def rank(self, level: float) -> float:
        """Return the share of the recording that is below a level."""
        return float(np.interp(level, _BINS[1:], np.cumsum(self._counts)) / max(self._counts.sum(), 1.0))


def pauses(block: Block, found: Sequence[Detection]) -> list[Pause]:
    """Return the runs of zeros among detections of a block, with the levels beside them."""
    size = max(2, block.samples(_EDGE_S))
    listed = []
    for one in found:
        if one.kind == "zeros":
            x = block.audio[slice(None) if one.gap.channel is None else [one.gap.channel]]
            sides = x[:, max(one.gap.start - size, 0) : one.gap.start], x[:, one.gap.stop : one.gap.stop + size]
            levels = (_level(np.mean(side**2)) if side.shape[1] == size else np.nan for side in sides)
            whole = one.moved(block.offset)
            times = (place / block.sample_rate for place in (whole.gap.start, whole.gap.stop))
            listed.append(Pause(whole, *levels, *times))
    return listed


def pauses_meant(found: Sequence[Pause], levels: Levels) -> set[Detection]:
    """Return the runs of zeros that look meant.

    Args:
        found: all runs of zeros of a recording.
        levels: of the recording.
    """
    timed = _in_time(found, ("start", "stop"))
    meant = {pause.detection for pause, one in zip(found, timed, strict=True) if one}
    if len(meant) < _IN_TIME * len(found):
        return meant | _pauses(found, levels)
    at_ends = {pause.detection for pause in found if np.isnan(pause.before + pause.after)}
    return meant | at_ends | _pauses([pause for pause in found if pause.detection not in meant], levels)


def _in_time(found: Sequence[Pause], edges: Sequence[str]) -> np.ndarray:
    """Return which runs keep time with those edges, boolean (run,)."""
    times = np.array([[getattr(pause, edge) for edge in edges] for pause in found]).reshape(-1, len(edges))
    return in_time(times, np.array([pause.stop - pause.start for pause in found]))


def _pauses(found: Sequence[Pause], levels: Levels) -> set[Detection]:
    """Return the runs of zeros that are pauses by the levels beside them: none, or all but the loud ones."""
    within = [pause for pause in found if not np.isnan(pause.before + pause.after)]
    if len(within) < _FEWEST:
        return set()
    beside = np.array([[pause.before, pause.after] for pause in within])
    before, after = np.array([[levels.rank(level) for level in pair] for pair in beside]).T
    quieter, count = np.minimum(before, after), len(within)
    # Of two uniform ranks the smaller is 1/3 on average with a deviation of 0.236, their difference 0 with 0.408.
    gated = (1 / 3 - quieter.mean()) / (0.236 / count**0.5) > _SURE and quieter.mean() < 0.2
    stopped = (after - before).mean() / (0.408 / count**0.5) > _SURE and (after - before).mean() > 0.25
    long = [pause.detection.confidence for pause in within if pause.stop - pause.start >= _PAUSE_S]
    faded = len(long) >= _FEWEST and np.mean(np.array(long) < 0.5) > _SOFT
    if not gated and not stopped and not faded:
        return set()
    fault = (beside.min(axis=1) > np.median(beside.min(axis=1)) + _LOUDER) & (quieter > _LOUD)
    if stopped:
        on_beat = _in_time(within, ("stop",))  # where the next note begins
        fault = ~on_beat if on_beat.mean() > _IN_TIME else fault & (beside[:, 1] - beside[:, 0] < _LOUDER)
    return {pause.detection for pause in found} - {
        pause.detection for pause, one in zip(within, fault, strict=True) if one
    }


def _level(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-20))
