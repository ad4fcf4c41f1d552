"""Clicks and crackle: samples that those around them do not lead one to expect."""

import numpy as np

from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.levels import rms
from audio_inpaint.detection.network import probability
from audio_inpaint.detection.prediction import Surprise, surprise
from audio_inpaint.gaps import Gap

_PART = 2.5  # usual deviations of the samples that belong to a peak,
_SPREAD = 1 / 10  # or this share of the peak, since the filter spreads a click over its neighbours
_APART_S = 0.0005  # clicks that are nearer are one
_LONGEST_S = 0.008
_NEAR_S = 0.001
# In dB but for the length, log ms: the peak over the usual deviation, over the usual peaks around, and over the block's
# largest; over the nearer and over the quieter side; its length; over the level of the sound; how the sound goes on,
# and rings on, after it; log of how many peaks in the block are half as high; by how much it stands out more once the
# predictor does not see it; and how much of the error within 1 ms on both sides is in its largest sample.
FEATURES = (
    "peak",
    "against usual peaks",
    "against the block's",
    "against the nearer side",
    "against the quieter side",
    "length",
    "loudness",
    "goes on",
    "rings on",
    "others",
    "unseen",
    "sharpness",
)


def find(block: Block, channel: int) -> list[Detection]:
    """Find clicks of up to 8 ms, also those of a cable and of a place where samples were left out.

    A click stands out of the error of prediction from both sides, out of its usual peaks, such as those of a voice,
    and out of what comes immediately before and after, unlike a drum, which sounds on.

    Args:
        block: of the recording.
        channel: to look at.

    Source: Vaseghi, 1988, "Algorithms for restoration of archived gramophone recordings", ch. 5; Godsill and Rayner,
    1998, "Digital Audio Restoration", ch. 5.
    """
    x = block.audio[channel]
    found = []
    for start, stop, features in candidates(x, block.sample_rate):
        if block.owns(start) and (confidence := probability("clicks", features)) > 0.01:
            found.append(Detection(Gap(start, stop, channel), "clicks", confidence))
    return found


def candidates(x: np.ndarray, sample_rate: int, again: bool = True) -> list[tuple[int, int, tuple[float, ...]]]:
    """Return [start, stop) of all that stands out, and by how much, as `FEATURES` has it, in dB and log ms.

    Args:
        x: samples (time,).
        sample_rate: Hz.
        again: whether what stands out is kept from the predictor that judges it, as `surprise` has it.
    """
    said = surprise(x, sample_rate, again=again)
    if not len(said.peaks):  # too short for a cell
        return []
    usual, often = said.usual, said.often
    ratio = said.peaks / usual
    block, order = float(np.percentile(ratio, 99.5)), np.sort(ratio)
    near = round(_NEAR_S * sample_rate)
    found, taken = [], 0
    for cell in np.flatnonzero(said.stands_out()).tolist():
        peak = cell * said.cell + int(np.abs(said.error[cell * said.cell : (cell + 1) * said.cell]).argmax())
        if peak < taken:
            continue
        start, stop = _extent(said, peak, usual[cell] * max(_PART, ratio[cell] * _SPREAD), sample_rate)
        taken = stop + round(_APART_S * sample_rate)
        first, last = start // said.cell, (stop - 1) // said.cell
        sides = ratio[max(0, first - 10) : max(first - 1, 0)], ratio[last + 2 : last + 11]
        if not len(sides[0]) or not len(sides[1]):
            continue
        inside = ratio[first : last + 1].max()
        nearer, quieter = sorted(_decibels(inside / max(side.max(), 1e-9)) for side in sides)
        around = np.sqrt(np.mean(x[max(0, start - 500) : stop + 500] ** 2)) + 1e-7
        beside = [usual[max(0, first - 12) : max(first - 1, 1)], usual[last + 2 : last + 13]]
        apart = x[max(0, start - 500) : max(0, start - 8)], x[stop + 8 : stop + 508]
        ringing = [rms(part) + 1e-7 for part in apart]
        features = (
            min(_decibels(inside), 45.0),
            min(_decibels(inside / often[cell]), 35.0),
            min(_decibels(inside / block), 35.0),
            min(nearer, 35.0),
            min(quieter, 35.0),
            np.log(1000 * (stop - start) / sample_rate),
            np.clip(_decibels(inside * usual[cell] / around), -20.0, 20.0),
            np.clip(_decibels(np.median(beside[1]) / np.median(beside[0])), -20.0, 20.0),
            np.clip(_decibels(ringing[1] / ringing[0]), -20.0, 20.0),
            np.log1p(len(order) - np.searchsorted(order, inside / 2)),
            np.clip(_decibels(inside / said.first[first : last + 1].max()), -10.0, 30.0),
            _decibels(said.error[peak] ** 2 / (said.error[max(0, peak - near) : peak + near + 1] ** 2).sum()) / 2,
        )
        found.append((start, stop, tuple(float(value) for value in features)))
    return found


def _extent(said: Surprise, peak: int, limit: float, sample_rate: int) -> tuple[int, int]:
    """Return [start, stop) of the samples beyond a limit around a peak, with no longer pause between than allowed."""
    apart, longest = max(1, round(_APART_S * sample_rate)), round(_LONGEST_S * sample_rate)
    begin = max(0, peak - longest)
    loud = begin + np.flatnonzero(np.abs(said.error[begin : peak + longest]) > limit)
    place = int(np.searchsorted(loud, peak))
    pauses = np.diff(loud) > apart
    before, after = np.flatnonzero(pauses[:place]), np.flatnonzero(pauses[place:])
    first = int(before[-1]) + 1 if len(before) else 0
    last = place + int(after[0]) if len(after) else len(loud) - 1
    return int(loud[first]), int(loud[last]) + 1


def _decibels(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-6)))
