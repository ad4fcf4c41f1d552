"""An episode with three gaps, and another recording that plays what two of them lost."""

from pathlib import Path

import numpy as np
import soundfile
from programmes import RATE, programme

JINGLE = programme(3, 2, seed=2)
EPISODE = programme(12, 2, seed=1)
EPISODE[:, 5 * RATE : 8 * RATE] = JINGLE
OTHER = programme(20, 2, seed=3)
OTHER[:, 11 * RATE + 123 : 14 * RATE + 123] = 0.5 * JINGLE
GAPS = [(2 * RATE, 2 * RATE + 1024), (6 * RATE, 6 * RATE + 1024), (7 * RATE, 7 * RATE + 800)]
METHOD = "auto:refine=false"  # what is searched is the same
SPEC = ",".join(f"{start}:{stop}" for start, stop in GAPS)


def damaged(junk=0.0):
    audio = EPISODE.copy()
    for start, stop in GAPS:
        audio[:, start:stop] = junk
    return audio


def snr(repaired, start, stop):
    error = (repaired - EPISODE)[:, start:stop]
    return 10 * np.log10(np.square(EPISODE[:, start:stop]).sum() / np.square(error).sum())


def write_episodes(folder):
    """Write damaged.wav, and a folder `episodes` with the other recording."""
    soundfile.write(Path(folder, "damaged.wav"), damaged().T, RATE, "FLOAT")
    Path(folder, "episodes").mkdir()
    soundfile.write(Path(folder, "episodes", "two.flac"), OTHER.T, RATE)
