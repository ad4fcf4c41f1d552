"""What each frame adds to the model output variables.

Patterns are (2, channel, frame, band), the reference before the test; results (channel, frame) unless it is said
otherwise. A result of -1 is of a frame that does not count.

Source: ITU-R BS.1387-1, Annex 2, section 4.
"""

import numpy as np

from audio_inpaint.scores.peaq.bands import BANDS, INTERNAL_NOISE, WIDTH
from audio_inpaint.scores.peaq.ear import HOP

_LAGS = 256  # of the error's autocorrelation, and terms in each of its sums
_QUIET = 8000  # energy of half a frame, in units of 16-bit integers, below which harmonics are not looked for

# Noise is masked this far below the excitation: 3 dB up to 12 Bark above the lowest band, then 0.25 dB for each Bark.
_MASKING = 10 ** (-np.maximum(3, 0.25 * WIDTH * np.arange(BANDS)) / 10)


def modulation_difference(modulation: np.ndarray, average: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two differences of modulation, and the weight of the frame in the averages of both (section 4.2).

    Args:
        modulation: of both signals.
        average: average loudness of the reference, (channel, frame, band).
    """
    reference, test = modulation
    difference = np.abs(test - reference)
    first = 100 * (difference / (1 + reference)).mean(-1)
    falling = np.where(test < reference, 0.1, 1.0)
    second = 100 * (falling * difference / (0.01 + reference)).mean(-1)
    return first, second, (average / (average + 100 * INTERNAL_NOISE**0.3)).sum(-1)


def noise_loudness(adapted: np.ndarray, modulation: np.ndarray) -> np.ndarray:
    """Loudness of what the test adds, partly masked by the reference (section 4.3)."""
    reference, test = adapted
    slope_reference, slope_test = 0.15 * modulation + 0.5
    beta = np.exp(-1.5 * (test - reference) / reference)
    added = (slope_test * test - slope_reference * reference).clip(min=0)
    partial = (1 + added / (INTERNAL_NOISE + slope_reference * reference * beta)) ** 0.23 - 1
    return 24 / BANDS * ((INTERNAL_NOISE / slope_test) ** 0.23 * partial).sum(-1)


def bandwidth(power: np.ndarray) -> np.ndarray:
    """Bins up to the highest one above the test's noise floor at 21.6 to 24 kHz, for both signals (section 4.4).

    Only frames count whose reference reaches beyond 8.1 kHz.

    Args:
        power: spectra without the ear's weight, (2, channel, frame, 1025).
    """
    reference, test = power[..., :921]
    floor = power[1, ..., 921:1024].max(-1, keepdims=True)
    above = reference >= 10 * floor
    above[..., :347] = False
    of_reference = _highest(above)
    of_test = _highest((test >= 10**0.5 * floor) & (np.arange(921) < of_reference[..., None]))
    return np.stack([of_reference, of_test])


def _highest(above: np.ndarray) -> np.ndarray:
    """One more than the index of the last true value, -1 where there is none."""
    return np.where(above.any(-1), above.shape[-1] - above[..., ::-1].argmax(-1), -1)


def noise_to_mask(noise: np.ndarray, excitation: np.ndarray) -> np.ndarray:
    """Energy of the error over the masking threshold in each band, (channel, frame, band) (sections 4.5 and 4.6).

    Args:
        noise: energy of the error in bands, (channel, frame, band).
        excitation: of the reference, (channel, frame, band).
    """
    return noise / (_MASKING * excitation)


def detection(excitation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability that the difference is heard, and by how many steps, at the better ear, (frame,) (section 4.7)."""
    reference, test = 10 * np.log10(excitation)
    error = reference - test
    louder = error > 0
    level = np.where(louder, 0.3 * reference + 0.7 * test, test)
    audible = np.where(level > 0, level, 1.0)
    growing = np.polyval([9.01033e-11, 5.05622e-6, -0.00102438, 0.0550197, -0.198719], audible)
    step = np.where(level > 0, growing + 5.95072 * (6.39468 / audible) ** 1.71332, 1e30)
    # A band's chance to stay unheard is 0.5 to this power: of all bands, 0.5 to the sum.
    exponent = np.abs(error / step) ** np.where(louder, 4, 6)
    probability = 1 - 0.5 ** exponent.max(0).sum(-1)
    return probability, (np.abs(np.trunc(error)) / step).max(0).sum(-1)


def harmonic_structure(power: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Strength of the harmonic structure of the error: the highest peak of its cepstrum-like spectrum (section 4.8).

    Args:
        power: spectra without the ear's weight, (2, channel, frame, 1025).
        frames: samples in units of 16-bit integers, (2, channel, frame, 2048).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.log(power[1, ..., : 2 * _LAGS - 1] / power[0, ..., : 2 * _LAGS - 1])
    finite = np.isfinite(difference).all(-1)  # one signal is digital silence: no error to find harmonics in
    difference[~finite] = 0
    shifted = np.lib.stride_tricks.sliding_window_view(difference, _LAGS, axis=-1)
    correlation = np.einsum("...lt,...t->...l", shifted, difference[..., :_LAGS])
    squares = difference**2
    # A running sum, as the reference program has it: it parts from direct sums where the error is all but rounding.
    steps = squares[..., _LAGS:] - squares[..., : _LAGS - 1]
    energy = np.concatenate([correlation[..., :1], steps], -1).cumsum(-1)
    scale = correlation[..., :1] * energy
    normalised = np.where(scale > 0, correlation / np.sqrt(np.where(scale > 0, scale, 1)), 1.0)
    normalised[..., 0] = 1
    window = np.hanning(_LAGS) * np.sqrt(8 / 3) / _LAGS
    spectrum = np.abs(np.fft.rfft(window * (normalised - normalised.mean(-1, keepdims=True)))) ** 2
    peak = np.where(spectrum > spectrum[..., :1], spectrum, 0).max(-1)
    loud = (frames[..., HOP:] ** 2).sum(-1) >= _QUIET
    return np.where(loud.any(0), np.where(finite, peak, 0), -1)
