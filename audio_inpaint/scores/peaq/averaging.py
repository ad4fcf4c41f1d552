"""From values of frames to the eleven model output variables of a recording.

Source: ITU-R BS.1387-1, Annex 2, section 5.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from audio_inpaint.scores.peaq.ear import FRAME_RATE, smooth

_START_UP = int(np.ceil(0.5 * FRAME_RATE))  # frames at the beginning that variables with a memory leave out
_AFTER_ONSET = int(np.ceil(0.050 * FRAME_RATE))  # frames between the first loud one and the first whose noise counts
_LOUD = 0.1  # sone
_RECENT = int(0.1 * FRAME_RATE)  # frames of the windowed average


class FrameValues(NamedTuple):
    """What `variables` says of each frame: (channel, frame), or (frame,) for what both ears hear together."""

    bandwidth: np.ndarray  # (2, channel, frame), the reference before the test; -1 does not count
    noise_to_mask: np.ndarray  # mean over bands
    noise_to_mask_peak: np.ndarray  # maximum over bands
    modulation_first: np.ndarray
    modulation_second: np.ndarray
    modulation_weight: np.ndarray
    noise_loudness: np.ndarray
    loudness: np.ndarray  # (2, channel, frame), the reference before the test
    harmonic_structure: np.ndarray  # -1 does not count
    probability: np.ndarray  # (frame,)
    steps: np.ndarray  # (frame,)


def average(values: FrameValues, warm_up: int) -> np.ndarray:
    """The variables in the order of `network.NAMES`, (11,): means over channels of means over time.

    Args:
        values: of the frames that count.
        warm_up: frames before those, in which the ear model has already listened.
    """
    start = max(0, _START_UP - warm_up)
    loud = np.flatnonzero((values.loudness > _LOUD).all(0).any(0))
    onset = loud[0] if len(loud) else values.probability.shape[-1]
    noise = values.noise_loudness[:, max(onset + _AFTER_ONSET, start) :]
    first, second, weight = (
        x[:, start:] for x in (values.modulation_first, values.modulation_second, values.modulation_weight)
    )
    per_channel = {
        "BandwidthRefB": _mean_of_counted(values.bandwidth[0]),
        "BandwidthTestB": _mean_of_counted(values.bandwidth[1]),
        "TotalNMRB": 10 * np.log10(values.noise_to_mask.mean(-1)),
        "WinModDiff1B": _windowed(first),
        "ADBB": _distortion_of_detected(values.probability, values.steps),
        "EHSB": 1000 * _mean_of_counted(values.harmonic_structure),
        "AvgModDiff1B": _weighted(first, weight),
        "AvgModDiff2B": _weighted(second, weight),
        "RmsNoiseLoudB": np.sqrt(_mean(noise**2)),
        "MFPDB": smooth(values.probability[:, None], 0.9, 0.1).max(),
        "RelDistFramesB": (values.noise_to_mask_peak > 10**0.15).mean(-1),
    }
    return np.array([np.mean(variable) for variable in per_channel.values()])


def _mean(x: np.ndarray) -> np.ndarray:
    """Mean over time, 0 where no frame is left."""
    return x.sum(-1) / max(1, x.shape[-1])


def _mean_of_counted(x: np.ndarray) -> np.ndarray:
    counted = x >= 0
    return np.where(counted, x, 0).sum(-1) / counted.sum(-1).clip(min=1)


def _weighted(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return (weight * x).sum(-1) / weight.sum(-1) if x.shape[-1] else np.zeros(len(x))


def _windowed(x: np.ndarray) -> np.ndarray:
    """Root of the mean fourth power of the mean root over a tenth of a second."""
    if x.shape[-1] < _RECENT:
        return np.zeros(len(x))
    recent = sliding_window_view(np.sqrt(x), _RECENT, axis=-1).mean(-1)
    return np.sqrt((recent**4).mean(-1))


def _distortion_of_detected(probability: np.ndarray, steps: np.ndarray) -> float:
    """Logarithm of the mean number of audible steps in the frames whose difference is more likely heard than not."""
    detected = probability > 0.5
    if not detected.any():
        return 0.0
    total = steps[detected].sum()
    return float(np.log10(total / detected.sum())) if total > 0 else -0.5
