"""Small recordings for benchmarks, and cases on them."""

import math

import numpy as np
import soundfile

RATE = 16000


def tone(path, frequency=440.0, seconds=1.0, rate=RATE, noise=0.01, seed=0):
    """A tone in a little noise, in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    audio = 0.3 * np.sin(2 * math.pi * frequency * time)
    audio += noise * np.random.default_rng(seed).standard_normal(len(time))
    soundfile.write(path, audio, rate, subtype="PCM_16")
    return path


def folder(place, kinds=("music", "speech"), each=2):
    """A folder with a sub-folder for each kind of sound."""
    for k, kind in enumerate(kinds):
        for n in range(each):
            tone(place / kind / f"clip_{n}.wav", 300 + 100 * k + 37 * n, seed=10 * k + n)
    return place
