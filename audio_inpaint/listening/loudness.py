"""Loudness of programmes by ITU-R BS.1770-4, for mono and stereo at any sample rate."""

import numpy as np
from scipy.signal import sosfilt

BLOCK, STEP = 0.4, 0.1  # s: momentary loudness is that of 400 ms, taken every 100 ms


def k_weighting(sample_rate: int) -> np.ndarray:
    """Design the two filters that stand for the head and for the ear's weaker hearing of low notes.

    The recommendation prints coefficients for 48 kHz only; these analogue prototypes give the same ones there.

    Args:
        sample_rate: Hz.

    Returns:
        Second-order sections (2, 6), as scipy has them.

    Source: ITU-R BS.1770-4, annex 1, tables 1 and 2.
    """
    frequency, quality, gain = 1681.974450955533, 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    k = np.tan(np.pi * frequency / sample_rate)
    middle = gain**0.4996667741545416
    shelf = [gain + middle * k / quality + k**2, 2 * (k**2 - gain), gain - middle * k / quality + k**2]
    shelf_poles = [1 + k / quality + k**2, 2 * (k**2 - 1), 1 - k / quality + k**2]
    frequency, quality = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * frequency / sample_rate)
    poles = np.array([1 + k / quality + k**2, 2 * (k**2 - 1), 1 - k / quality + k**2])
    head = np.array([*shelf, *shelf_poles]) / shelf_poles[0]
    return np.stack([head, [1, -2, 1, *(poles / poles[0])]])


def momentary(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Measure the loudness of every 400 ms; a shorter signal is one block.

    Args:
        audio: (channel, time), full scale 1; every channel weighs 1, so no surround.
        sample_rate: Hz.

    Returns:
        LUFS (block,), -inf for silence; the blocks begin every 100 ms.
    """
    size, step = round(BLOCK * sample_rate), round(STEP * sample_rate)
    energy = np.square(sosfilt(k_weighting(sample_rate), audio)).sum(0)
    if len(energy) < size:
        return _lufs(energy.mean(keepdims=True))
    total = np.concatenate([[0.0], np.cumsum(energy)])
    return _lufs(np.maximum(total[size:] - total[:-size], 0.0)[::step] / size)


def integrated(audio: np.ndarray, sample_rate: int) -> float:
    """Measure the loudness of a whole programme, its silent and quiet parts left out.

    Args:
        audio: (channel, time), full scale 1.
        sample_rate: Hz.

    Returns:
        LUFS; -inf where no block is louder than -70 LUFS.

    Source: ITU-R BS.1770-4, annex 1, eq. 3 to 7.
    """
    blocks = momentary(audio, sample_rate)
    blocks = blocks[blocks > -70]
    if not len(blocks):
        return -np.inf
    return float(_mean(blocks[blocks > _mean(blocks) - 10]))


def _lufs(power: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -0.691 + 10 * np.log10(power)


def _mean(blocks: np.ndarray) -> float:
    """The loudness of the mean power, not the mean of the loudness."""
    return 10 * np.log10(np.mean(10 ** (blocks / 10)))
