"""Audio with one gap, and a method that fills it with a quarter of full scale."""

import numpy as np

from audio_inpaint.gaps import Gap

RATE = 8000
LENGTH = 4000
GAP = Gap(1000, 1200)


def noise(channels=2, dtype=np.float64):
    return np.random.default_rng(3).uniform(0.1, 0.9, (channels, LENGTH)).astype(dtype)


def quarter(audio, gap, sample_rate):
    return audio.masked_fill(gap, 0.25)
