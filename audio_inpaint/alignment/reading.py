"""Reading a recording between its samples, at the moments that another one's clock names."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.dsp.resampling import resampled

_FINER = 4  # times the sample rate: there six points suffice, -59 dB at half the rate and -70 dB at 0.4 of it
_POINTS = range(-2, 4)
_MARGIN = 256  # samples of the recording, beside what is read, that the resampler wants


def read_at(sound: Sound, seconds: np.ndarray, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Read a recording at moments that follow each other at nearly this rate, band-limited to half of it.

    It is resampled to four times the rate, and there interpolated by the polynomial through six points.

    Args:
        sound: the recording, of any rate.
        seconds: moments in it, rising, (time,); they may lie outside.
        sample_rate: Hz.

    Returns:
        Audio (channel, time) in double precision, and where it is missing or digitally silent (channel, time).

    Source: of oversampling before a polynomial, Niemitalo, 2001, "Polynomial interpolators for high-quality resampling
    of oversampled audio".
    """
    places = seconds * sound.sample_rate
    whole = round(places[0]) + np.arange(len(places))
    if sound.sample_rate == sample_rate and np.abs(places - whole).max() < 1e-4:
        return sound.heard(int(whole[0]), int(whole[-1]) + 1)
    first, last = int(places[0]) - _MARGIN, int(places[-1]) + _MARGIN
    audio, lost = sound.heard(first, last)
    fine_rate = _FINER * sample_rate
    fine = resampled(resampled(audio, sound.sample_rate, sample_rate), sample_rate, fine_rate).numpy()
    places = (seconds - first / sound.sample_rate) * fine_rate
    whole = np.floor(places).astype(int)
    fraction = places - whole
    values = np.zeros((len(fine), len(seconds)))
    for point in _POINTS:
        others = [other for other in _POINTS if other != point]
        weight = np.prod([(fraction - other) / (point - other) for other in others], axis=0)
        values += weight * fine[:, np.clip(whole + point, 0, fine.shape[1] - 1)]
    near = np.clip(np.rint(seconds * sound.sample_rate).astype(int) - first, 0, lost.shape[1] - 1)
    missing = _spread(lost, 32)[:, torch.from_numpy(near)]
    return torch.from_numpy(values).masked_fill_(missing, 0), missing


def _spread(lost: Tensor, by: int) -> Tensor:
    """Count as lost what lies within so many samples of it."""
    if not bool(lost.any()):
        return lost
    return torch.nn.functional.max_pool1d(lost.float()[None], 2 * by + 1, 1, by)[0] > 0
