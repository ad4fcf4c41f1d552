"""Deliberate silence: gates, drum machines, stop-cuts and the pauses of speech synthesisers, which no one should fill.

A fault does not know what it hits: before and after it, the signal has any level that the recording has. A gate closes
where the signal is quiet; a drum machine or an arranger stops notes shortly before others begin. So the levels beside
all runs of zeros, as ranks among the levels of the whole recording, tell a population of faults (uniform ranks) from
one of pauses, where a single run does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection

_EDGE_S = 0.005  # of signal beside a run, and each of the recording's levels
_FEWEST = 4
_SURE = 3.0  # standard deviations from uniform ranks
_BINS = np.arange(-140.0, 41.0)  # dB


@dataclass(frozen=True)
class Pause:
    """A run of zeros with the levels beside it, in dB, NaN where the recording begins or ends."""

    detection: Detection
    before: float
    after: float


class Levels:
    """How often each level occurs in a recording, in runs of 5 ms; runs of zeros are left out."""

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
            listed.append(Pause(one.moved(block.offset), *levels))
    return listed


def deliberate(found: Sequence[Pause], levels: Levels) -> set[Detection]:
    """Return the runs of zeros that look meant; none, or nearly all of them.

    Args:
        found: all runs of zeros of a recording.
        levels: of the recording.
    """
    within = [pause for pause in found if not np.isnan(pause.before + pause.after)]
    if len(within) < _FEWEST:
        return set()
    before, after = np.array([[levels.rank(pause.before), levels.rank(pause.after)] for pause in within]).T
    quieter, count = np.minimum(before, after), len(within)
    # Of two uniform ranks the smaller is 1/3 on average with a deviation of 0.236, their difference 0 with 0.408.
    gated = (1 / 3 - quieter.mean()) / (0.236 / count**0.5) > _SURE and quieter.mean() < 0.2
    stopped = (after - before).mean() / (0.408 / count**0.5) > _SURE and (after - before).mean() > 0.25
    if not gated and not stopped:
        return set()
    loud = {pause.detection for pause, rank in zip(within, quieter, strict=True) if rank >= 0.5 and not stopped}
    return {pause.detection for pause in found} - loud


def _level(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-20))
