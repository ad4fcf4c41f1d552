"""A programme that never repeats itself, and what becomes of it in other recordings."""

import numpy as np
import soxr
import torch
from scipy.signal import butter, lfilter, sosfilt

from audio_inpaint.alignment.sound import Sound

RATE = 16000


def programme(seconds, channels=1, seed=0, sample_rate=RATE):
    """Return chords struck at random moments, panned at random, and a little noise, (channel, time)."""
    random = np.random.default_rng(seed)
    length = round(seconds * sample_rate)
    audio = 1e-4 * random.standard_normal((channels, length))
    for start in np.cumsum(random.uniform(0.05, 0.4, int(8 * seconds))):
        place = round(start * sample_rate)
        if place >= length:
            break
        time = np.arange(min(sample_rate // 2, length - place)) / sample_rate
        pitch, decay = random.uniform(80, 1200), random.uniform(4, 20)
        note = sum(np.sin(2 * np.pi * pitch * h * time + h) / h for h in range(1, 6) if pitch * h < 0.4 * sample_rate)
        note = (note + 0.3 * random.standard_normal(len(time))) * np.exp(-decay * time) * np.minimum(1, 200 * time)
        audio[:, place : place + len(time)] += random.uniform(0.05, 0.2) * random.uniform(0.3, 1, (channels, 1)) * note
    return sosfilt(butter(12, 0.4 * sample_rate, fs=sample_rate, output="sos"), audio)  # as converters leave it


def drifted(audio, ppm):
    """Return audio as a clock that is so many millionths slower plays it."""
    return soxr.resample(np.ascontiguousarray(audio.T), 1, 1 + 1e-6 * ppm, quality="VHQ").T.reshape(len(audio), -1)


def later(audio, seconds, sample_rate=RATE):
    """Return audio after so many seconds of faint noise."""
    before = 1e-4 * np.random.default_rng(9).standard_normal((len(audio), round(seconds * sample_rate)))
    return np.concatenate([before, audio], 1)


def equalised(audio, sample_rate=RATE):
    """Return audio with less treble and more bass."""
    low, high = butter(1, 300, fs=sample_rate, output="sos"), butter(1, 4000, fs=sample_rate)
    return lfilter(*high, audio) + 0.5 * sosfilt(low, audio)


def warped(audio, depth, pace, sample_rate=RATE):
    """Return audio with wow: a time that swings by `depth` seconds, `pace` times a second."""
    time = np.arange(audio.shape[-1]) / sample_rate
    fine = soxr.resample(np.ascontiguousarray(audio.T), 1, 8, quality="VHQ").T
    moments = 8 * sample_rate * (time + depth * np.sin(2 * np.pi * pace * time))
    return np.stack([np.interp(moments, np.arange(fine.shape[-1]), row) for row in fine])


def sound(audio, sample_rate=RATE, gaps=()):
    """Return audio in memory as alignment reads it."""
    samples = torch.from_numpy(np.ascontiguousarray(audio))
    return Sound(lambda start, stop: samples[:, start:stop], *samples.shape, sample_rate, gaps)
