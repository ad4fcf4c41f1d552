"""Novelty: how the level in each band of a recording changes from one hundredth of a second to the next.

It is what two recordings of a programme share whatever became of their levels, polarity, channels, equalisation, sample
rate and codec, and it is small: an hour is 360,000 frames of eight bands.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy.fft import rfft
from scipy.ndimage import uniform_filter1d

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.gaps import lost_runs

FRAME_RATE = 100  # Hz
_RATE = 8000  # Hz: what a telephone, a codec and a worn tape all keep lies below half of this
_HOP = _RATE // FRAME_RATE
_WINDOW = 256  # samples
_EDGES = (100, 200, 330, 500, 740, 1080, 1550, 2250, 3300)  # Hz, near the ear's bands two by two
# A level falls no further below that of the four seconds around it: what is fainter differs between two recordings.
_FLOOR = 1e-3
_AROUND = 4 * FRAME_RATE
# Standard deviations to which a change is clipped, so that a few loud onsets do not decide all.
_LOUDEST = 3.0
# Samples at 8 kHz into which the resampler smears a lost one.
_SMEARED = 64


def novelty(sound: Sound) -> np.ndarray:
    """Return the changes of level of a recording, float32 (frame, band), of unit variance, zero where it is lost.

    Source: of changes of band levels as what copies of a recording share, Bello et al., 2005, "A tutorial on onset
    detection in music signals", section III.
    """
    levels, known = _band_powers(sound)
    same = np.zeros(len(known), bool)
    same[1:] = (known[1:] == known[:-1]).all(1) & known[1:].any(1)
    for band in levels.T:  # one by one, and in place: what is kept of an hour should be all that it takes
        floor = _FLOOR * uniform_filter1d(band, _AROUND, mode="nearest") + 1e-12
        change = np.diff(np.log(band + floor), prepend=np.float32(0)) * same
        spread = np.sqrt(np.square(change).sum() / max(1, same.sum())) or 1.0
        band[:] = np.clip(change / spread, -_LOUDEST, _LOUDEST)
    return levels


def _band_powers(sound: Sound) -> tuple[np.ndarray, np.ndarray]:
    """The mean power of the known channels in each band, (frame, band), and which are known, (frame, channel)."""
    frames = max(0, int(sound.seconds * _RATE - _WINDOW) // _HOP + 1)
    known = _known(sound, frames)
    powers = np.zeros((frames, len(_EDGES) - 1), np.float32)
    stream = soxr.ResampleStream(sound.sample_rate, _RATE, sound.channels, "float32", "LQ")
    left, done = np.zeros((sound.channels, 0), np.float32), 0
    for block in _with_last(sound):
        samples = stream.resample_chunk(*block)
        left = np.concatenate([left, samples.T], 1)
        count = min(frames - done, (left.shape[1] - _WINDOW) // _HOP + 1)
        if count < 1:
            continue
        bands = _powers(left, count)
        heard = known[done : done + count].T[..., None]
        powers[done : done + count] = (bands * heard).sum(0) / np.maximum(heard.sum(0), 1)
        left, done = left[:, count * _HOP :], done + count
    return powers, known


def _with_last(sound: Sound):
    """Yield the blocks of a recording as the resampler takes them, (time, channel), and whether each is the last."""
    rest = sound.length
    for block in sound.blocks():
        rest -= block.shape[-1]
        yield np.ascontiguousarray(block.numpy().T, np.float32), rest <= 0


def _powers(samples: np.ndarray, count: int) -> np.ndarray:
    """Power in each band of so many frames of samples (channel, time), (channel, frame, band)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW, axis=1)[:, : count * _HOP : _HOP]
    spectra = rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=-1)
    power = spectra.real**2 + spectra.imag**2
    edges = np.rint(np.array(_EDGES) * _WINDOW / _RATE).astype(int)
    return np.add.reduceat(power[..., : edges[-1]], edges[:-1], axis=-1)


def _known(sound: Sound, frames: int) -> np.ndarray:
    """Which channels are known in each frame, (frame, channel)."""
    known = np.ones((frames, sound.channels), bool)
    step = _RATE / sound.sample_rate
    for run in lost_runs(sound.gaps, sound.channels):
        first = max(0, int((run.start * step - _WINDOW - _SMEARED) // _HOP) + 1)
        last = max(0, int((run.stop * step + _SMEARED) // _HOP) + 1)
        known[first:last, slice(None) if run.channel is None else run.channel] = False
    return known
