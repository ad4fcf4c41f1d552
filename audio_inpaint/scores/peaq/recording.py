"""Recordings as the standard wants them: 16 bits at 48 kHz, cut into frames, silence at both ends left out."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from audio_inpaint.scores.peaq.ear import FRAME, FULL_SCALE, HOP, SAMPLE_RATE

# A recording starts and ends where the magnitudes of this many samples sum up to more than this.
_RUN, _AUDIBLE = 5, 200
_STRETCH = 2044  # samples that the search for the start looks through in all channels before it goes on


def convert(audio: np.ndarray, sample_rate: float) -> np.ndarray:
    """Resample to 48 kHz and round to 16 bits, as whole numbers in float64.

    Args:
        audio: (channel, time), full scale is 1.
        sample_rate: hertz.
    """
    if sample_rate != SAMPLE_RATE:
        import soxr

        audio = soxr.resample(audio.T, sample_rate, SAMPLE_RATE, quality="VHQ").T
    return np.floor(FULL_SCALE * audio + 0.5).clip(-FULL_SCALE, FULL_SCALE - 1)


def scored_frames(reference: np.ndarray) -> tuple[int, int]:
    """First frame that counts and the one after the last: from where the reference becomes audible to where it ends.

    A reference that is silent, or too short for one frame in this sense, is scored as a whole.

    Args:
        reference: (channel, time), in units of 16-bit integers.

    Source: ITU-R BS.1387-1, Annex 2, section 5.2 (data boundary).
    """
    channels, length = reference.shape
    runs = sliding_window_view(np.abs(reference), _RUN, axis=-1).sum(-1) if length >= _RUN else np.zeros((channels, 1))
    audible = [np.flatnonzero(run > _AUDIBLE) for run in runs]
    starts = [indices[0] for indices in audible if len(indices)]
    if starts:
        # The search stops at the first stretch in which a channel starts; the latest start within it counts.
        stretch = min(starts) // _STRETCH
        first = max(start for start in starts if start // _STRETCH == stretch) // HOP
        end = max(indices[-1] for indices in audible if len(indices)) + _RUN
        last = (end - HOP) // HOP
        if last >= first:
            return int(first), int(last) + 1
    return 0, max(0, (length - HOP) // HOP) + 1


def frames(audio: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Frames `start` to `stop` of (..., time), zeros following its end: (..., frame, 2048)."""
    part = audio[..., HOP * start : HOP * (stop - 1) + FRAME]
    missing = HOP * (stop - start - 1) + FRAME - part.shape[-1]
    padded = np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, missing)])
    return sliding_window_view(padded, FRAME, axis=-1)[..., ::HOP, :]
