"""Bursts: noise at a steady level in the place of the sound, as when a file's bytes are lost or out of step."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.levels import rise
from audio_inpaint.gaps import Gap

_HOP_S = 0.001
_FEWEST = 16  # samples in a hop
_AVERAGED = 44  # samples whose level tells whether noise is steady: that of 16 moves by 2 dB, by chance by 6
_SHORT_S = 0.003  # that is averaged at most: over 6 ms, a voice is steady, too
_SIDE = 10  # hops that are compared on each side
_AROUND_S = 0.3  # within which the sound is more quiet, too
_LONGEST_S = 1.2
_STEP = 10.0  # dB
_BRIEF_S, _BRIEF_STEP = 0.008, 12.0  # dB; a consonant of 5 to 7 ms is 10 to 12 dB over its sides
_STEADY = 2.2, 2.5  # dB, of hops that are long enough alone, and of shorter ones
_UNLIKELY = 0.01


def find(block: Block, channel: int) -> list[Detection]:
    """Find noise of 4 ms to 1.2 s that begins and ends within a millisecond, at a level that does not move between.

    A cymbal begins as suddenly, but dies away; a consonant ends as suddenly, but grows. Of the first difference, in
    which noise is louder than most sound, the level has to be 10 dB above both sides, 12 dB if it is shorter than 8 ms,
    above what is usual around, and steady to about 2 dB.

    Args:
        block: of the recording.
        channel: to look at.
    """
    hop = max(_FEWEST, block.samples(_HOP_S))
    steps = np.diff(block.audio[channel])
    steps = steps[: len(steps) // hop * hop].reshape(-1, hop)
    if len(steps) < 3 * _SIDE:
        return []
    longest, around = (block.samples(seconds) // hop for seconds in (_LONGEST_S, _AROUND_S))
    power = np.einsum("ij,ij->i", steps, steps) / hop
    level = 10 * np.log10(power + 1e-10)
    still = np.cumsum(np.append(0, ~steps.any(axis=1)))
    width = max(1, min(-(-_AVERAGED // hop), block.samples(_SHORT_S) // hop))
    mean = uniform_filter1d(power, width, origin=-(width // 2), mode="nearest")
    smooth = 10 * np.log10(mean + 1e-10)  # of a hop and those that follow
    louder = np.maximum(smooth, np.append(smooth[1:], -np.inf))  # of a hop and the next: noise falls below once
    windows = np.lib.stride_tricks.sliding_window_view(level, _SIDE).max(axis=1)
    # level[k] against the ten hops before the one that may hold the edge
    risen = level[_SIDE + 1 :] - windows[: len(level) - _SIDE - 1]
    found, taken = [], 0
    for begin in (np.flatnonzero(risen > _STEP) + _SIDE + 1).tolist():
        if begin < taken or not block.owns(begin * hop):
            continue
        inside = np.median(smooth[begin : begin + 3 + width])
        low = np.flatnonzero(louder[begin : begin + longest] < inside - _STEP / 2)
        end = begin + int(low[0]) if len(low) else 0
        loud = np.flatnonzero(level[end : end + width - 1] > inside - _STEP)  # the last of a burst, among what follows
        end += int(loud[-1]) + 1 if len(loud) else 0
        if (
            min(smooth[begin], level[begin] + _STEP / 2) < inside - _STEP / 2
            or end - begin < 4
            or end + 1 + _SIDE > len(level)
        ):
            continue
        before, after = (still[first + _SIDE] - still[first] for first in (begin - 1 - _SIDE, end + 1))
        if max(before, after) > _SIDE // 2:  # sound between gaps
            continue
        usual = np.percentile(np.append(level[max(0, begin - around) : begin - 1], level[end + 1 : end + around]), 75)
        steady = float(np.std(level[begin : end - 1]))
        middle = float(np.median(level[begin:end]))
        fallen = middle - windows[end + 1]
        if middle < usual + _STEP / 2:  # sound between dropouts
            continue
        step = _BRIEF_STEP if (end - begin) * hop < _BRIEF_S * block.sample_rate else _STEP
        confidence = rise(min(risen[begin - _SIDE - 1], fallen), step, 1.0) * rise(-steady, -_STEADY[width > 1], 0.2)
        if confidence > _UNLIKELY:  # a rise that is none may come shortly before one that is
            taken = end
            found.append(Detection(Gap(_edge(steps, begin, hop), (end + 1) * hop, channel), "bursts", confidence))
    return found


def _edge(steps: np.ndarray, begin: int, hop: int) -> int:
    """Return the first sample, in the hop before `begin` or in it, of steps as large as those that follow."""
    usual = np.sqrt(np.median(np.mean(steps[begin : begin + 4] ** 2, axis=1)))
    loud = np.flatnonzero(np.abs(steps[begin - 1 : begin + 1].ravel()) > usual / 2)
    return (begin - 1) * hop + int(loud[0]) if len(loud) else begin * hop
