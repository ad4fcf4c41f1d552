"""What the ear makes of excitation patterns: adaptation to level and timbre, modulation, and loudness.

Patterns are (2, channel, frame, band), the reference before the test.

Source: ITU-R BS.1387-1, Annex 2, section 3.
"""

import numpy as np

from audio_inpaint.scores.peaq.bands import BANDS, CENTRE, LOUDNESS_THRESHOLD, decay
from audio_inpaint.scores.peaq.ear import FRAME_RATE, smooth

_KEEP = decay(0.050, FRAME_RATE)


def _neighbours() -> np.ndarray:
    """Matrix of the mean over the bands from three below to four above, fewer at both ends."""
    above = np.arange(BANDS)[:, None] - np.arange(BANDS)
    near = ((above >= -3) & (above <= 4)).astype(np.float64)
    return near / near.sum(0)


_NEIGHBOURS = _neighbours()


def adapt(excitation: np.ndarray) -> np.ndarray:
    """Bring reference and test to each other's level and spectral shape, as a listener does in time (section 3.1)."""
    reference, test = smooth(excitation, _KEEP, 1 - _KEEP)
    level = (np.sqrt(test * reference).sum(-1, keepdims=True) / test.sum(-1, keepdims=True)) ** 2
    reference, test = levelled = excitation / np.stack([level.clip(min=1), 1 / level.clip(max=1)])
    both, own = smooth(test * reference, _KEEP, 1), smooth(reference**2, _KEEP, 1)
    ratio = np.stack([both / own, own / both]).clip(max=1)
    return levelled * smooth(ratio @ _NEIGHBOURS, _KEEP, 1 - _KEEP)


def modulation(unsmeared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modulation of the envelope in each band, and the average loudness that it is relative to (section 3.2)."""
    loudness = unsmeared**0.3
    change = FRAME_RATE * np.abs(np.diff(loudness, axis=-2, prepend=0))
    average = smooth(loudness, _KEEP, 1 - _KEEP)
    return smooth(change, _KEEP, 1 - _KEEP) / (1 + average / 0.3), average


def loudness(excitation: np.ndarray) -> np.ndarray:
    """Total loudness of each frame in sone, (..., frame) (section 3.3)."""
    decibel = -2 - 2.05 * np.arctan(CENTRE / 4000) - 0.75 * np.arctan((CENTRE / 1600) ** 2)
    index = 10 ** (decibel / 10)
    growth = (1 - index + index * excitation / LOUDNESS_THRESHOLD) ** 0.23 - 1
    specific = 1.07664 * (LOUDNESS_THRESHOLD / (index * 1e4)) ** 0.23 * growth
    return 24 / BANDS * specific.clip(min=0).sum(-1)
