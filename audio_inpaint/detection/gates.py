"""Deliberate silence: gates, drum machines, stop-cuts and the pauses of speech synthesisers, which no one should fill.

A fault does not know what it hits: before and after it, the signal has any level that the recording has, and the ranks
of these levels among those of the whole recording are uniform. A gate closes where the signal is quiet; a synthesiser
pauses where it is rather quiet, between fades; a drum machine or an arranger stops until something loud begins. Each
run of zeros speaks for faults or one of these three, and all together say how probable each is for the recording
(Bayes' rule). Faults occur in the other three as well, and are told from the silence that is meant one by one. Cuts
that keep time are meant wherever they fall, see `rhythm`. All three silence every channel of a sound: a run in one
channel, while another goes on with the sound of both, speaks for faults.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_inpaint.detection.agreement import ONE_SILENT, another_plays_on
from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.rhythm import in_time

_PIECE_S = 0.01  # of signal before a run, and each of the recording's levels
_ATTACK_S = 0.02  # of signal after a run, that begins
_SEEN = 0.06  # of recordings with runs of zeros: these have a gate, as many pauses, and as many cuts
_IN_TIME = 0.7  # of the runs: these explain the silence of a recording
_FAULTS = 0.1  # of the runs in those
_GATED, _PAUSED = 0.08, 0.15  # the mean rank beside a gate's, and a speech synthesiser's, pauses, on the quieter side
_FADED = 0.7, 0.03  # of a synthesiser's pauses and of faults: these lie between fades
_BEGINS = 8.0  # the density of the rank after a cut is this power's derivative: 8/9 on average
_LENGTHS_S, _LENGTHS = (0.003, 0.02), (-2.0, 0.0)  # log odds that a run of that length or a longer one is meant
_BINS = np.arange(-140.0, 41.0)  # dB


@dataclass(frozen=True)
class Pause:
    """A run of zeros.

    Attributes:
        detection: of it.
        before: the level before it, dB, NaN where the recording begins.
        after: the level after it, dB, NaN where the recording ends.
        start: s.
        stop: s.
        one_silent: whether another channel plays on.
    """

    detection: Detection
    before: float
    after: float
    start: float
    stop: float
    one_silent: bool


class Levels:
    """How often each level occurs in each channel of a recording, in pieces of 10 ms; runs of zeros are left out.

    Args:
        channels: of the recording.
    """

    def __init__(self, channels: int) -> None:
        self._counts = np.zeros((channels, len(_BINS) - 1))

    def add(self, block: Block) -> None:
        """Count the levels of a block."""
        size = max(2, block.samples(_PIECE_S))
        for channel, x in enumerate(_bright(block.audio[:, block.first : block.last])):
            pieces = x[: len(x) // size * size].reshape(-1, size)
            levels = _level(np.einsum("ij,ij->i", pieces, pieces) / size)
            self._counts[channel] += np.histogram(levels, _BINS)[0]

    def rank(self, level: float, channel: int | None) -> float:
        """Return the share of a channel, or of all for None, that is below a level."""
        counts = self._counts.sum(axis=0) if channel is None else self._counts[channel]
        return float(np.interp(level, _BINS[1:], np.cumsum(counts)) / max(counts.sum(), 1.0))


def pauses(block: Block, found: Sequence[Detection]) -> list[Pause]:
    """Return the runs of zeros among detections of a block, with the levels beside them."""
    size, attack = (max(2, block.samples(seconds)) for seconds in (_PIECE_S, _ATTACK_S))
    listed = []
    for one in found:
        if one.kind == "zeros":
            x = block.audio[slice(None) if one.gap.channel is None else [one.gap.channel]]
            sides = x[:, max(one.gap.start - size, 0) : one.gap.start], x[:, one.gap.stop : one.gap.stop + attack]
            levels = (_level(np.mean(_bright(side) ** 2)) if side.shape[1] >= size else np.nan for side in sides)
            whole = one.moved(block.offset)
            times = (place / block.sample_rate for place in (whole.gap.start, whole.gap.stop))
            listed.append(Pause(whole, *levels, *times, another_plays_on(block, one.gap)))
    return listed


def pauses_meant(found: Sequence[Pause], levels: Levels) -> dict[Detection, float]:
    """Return how probable it is that each run of zeros is meant.

    Args:
        found: all runs of zeros of a recording, in the order of time.
        levels: of the recording.
    """
    edges = np.array([[pause.start, pause.stop] for pause in found]).reshape(-1, 2)
    timed = in_time(edges, np.diff(edges)[:, 0])
    at_end = np.array([np.isnan(pause.before + pause.after) for pause in found], bool)
    meant = np.where(timed, 1.0, 0.0)
    rest = ~timed & ~at_end
    meant[rest], deliberate = _meant([pause for pause, one in zip(found, rest, strict=True) if one], levels)
    meant[at_end & ~timed] = max(deliberate, float(timed.any() and timed.mean() >= _IN_TIME))
    return {pause.detection: float(one) for pause, one in zip(found, meant, strict=True)}


def _meant(found: Sequence[Pause], levels: Levels) -> tuple[np.ndarray, float]:
    """Return how probable it is that each run is meant, (run,), and that the recording has silence that is."""
    before, after = (
        np.array([levels.rank(getattr(pause, side), pause.detection.gap.channel) for pause in found])
        for side in ("before", "after")
    )
    lengths = np.array([pause.stop - pause.start for pause in found])
    faded = np.array([pause.detection.confidence < 0.5 for pause in found], bool)
    # Densities over those of faults: of two uniform ranks the smaller has 2 (1 - rank), each alone has 1.
    quieter = np.minimum(before, after)
    gated, paused = (np.exp(-quieter / mean) / mean / (2 * (1 - quieter).clip(0.01)) for mean in (_GATED, _PAUSED))
    paused *= np.where(faded, _FADED[0] / _FADED[1], (1 - _FADED[0]) / (1 - _FADED[1]))
    cut = _BEGINS * after ** (_BEGINS - 1)
    length = np.interp(np.log(lengths), np.log(_LENGTHS_S), _LENGTHS)
    one_silent = np.array([pause.one_silent for pause in found], bool)
    ratios = (1 - _FAULTS) * np.exp(length - ONE_SILENT * one_silent) * np.stack([gated, paused, cut])
    odds = _SEEN * np.exp(np.log(_FAULTS + ratios).sum(axis=1).clip(None, 100))
    probable = odds / (1 + odds.sum())
    ends_in_time = in_time(np.array([[pause.stop] for pause in found]).reshape(-1, 1), lengths)
    ratios[2] = np.where(ends_in_time & ~one_silent, np.maximum(ratios[2], _BEGINS), ratios[2])
    return probable @ (ratios / (_FAULTS + ratios)), float(probable.sum())


def _bright(x: np.ndarray) -> np.ndarray:
    """Return what is heard of samples (channel, time): bass alone would hide that a sound has died away."""
    return np.diff(x, prepend=x[:, :1]) + np.float32(0.05) * x


def _level(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-20))
