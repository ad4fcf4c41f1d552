"""Four sounds that are unlike each other, for what must be found, or left alone, in any."""

from functools import lru_cache

import numpy as np
import soundfile
from scipy.signal import lfilter

from audio_inpaint.detection import detect

RATE = 32000
SECONDS = 8


def pad(rng):
    """Chords of detuned harmonics that swell."""
    time = np.arange(SECONDS * RATE) / RATE
    signal = np.zeros(len(time))
    for pitch in 110 * 2 ** (rng.integers(0, 30, 4) / 12):
        for harmonic in range(1, 9):
            detuned = pitch * harmonic * (1 + 0.002 * rng.standard_normal())
            signal += np.sin(2 * np.pi * detuned * time + rng.uniform(0, 6)) / harmonic
    return signal * (1 + 0.3 * np.sin(2 * np.pi * 0.7 * time))


def plucks(rng):
    """Notes that are struck four times a second over a bass."""
    time = np.arange(SECONDS * RATE) / RATE
    signal = 0.5 * np.sin(2 * np.pi * 82 * time)
    for onset in np.arange(0, SECONDS, 0.25):
        since = time[round(onset * RATE) :] - onset
        envelope = np.clip(since / 0.004, 0, 1) * np.exp(-3 * since)
        pitch = 150 * 2 ** (rng.integers(0, 30) / 12)
        for harmonic in range(1, 8):
            signal[-len(since) :] += envelope * np.sin(2 * np.pi * pitch * harmonic * since) / harmonic
    return signal


def voice(rng):
    """A buzz through three formants that glide, with breath."""
    pitch = 110 + 20 * np.cumsum(rng.standard_normal(SECONDS * RATE)) / np.sqrt(SECONDS * RATE)
    buzz = (np.diff(np.cumsum(pitch) / RATE % 1, prepend=0) < -0.5) + 0.01 * rng.standard_normal(SECONDS * RATE)
    signal = buzz
    for formant, width in ((600, 80), (1300, 110), (2600, 160)):
        pole = np.exp(-np.pi * width / RATE) * np.exp(2j * np.pi * formant / RATE)
        signal = lfilter([1.0], np.real(np.poly([pole, pole.conj()])), signal)
    return signal


def surf(rng):
    """Coloured noise."""
    return lfilter([1.0], [1.0, -1.5, 0.7], rng.standard_normal(SECONDS * RATE))


SOUNDS = {"pad": pad, "plucks": plucks, "voice": voice, "surf": surf}


def sound(name, seed):
    """Return a sound and a little noise, (time,)."""
    return _made(name, seed).copy()


@lru_cache(maxsize=16)
def _made(name, seed):
    rng = np.random.default_rng(seed)
    signal = SOUNDS[name](rng)
    return 0.4 * signal / np.abs(signal).max() + 3e-5 * rng.standard_normal(len(signal))


def found(folder, audio, subtype="PCM_16", **options):
    path = folder / "damaged.wav"
    soundfile.write(path, np.clip(np.atleast_2d(audio), -1, 1).T, RATE, subtype=subtype)
    return detect(path, **options)
