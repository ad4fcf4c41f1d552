"""The FFT-based ear model: from frames of samples to the excitation along the basilar membrane.

Arrays are (..., frame, band) with any leading dimensions; energies are powers, 1 = 0 dB SPL.

Source: ITU-R BS.1387-1, Annex 2, section 2.1.
"""

import numpy as np

from audio_inpaint.scores.peaq.bands import BANDS, CENTRE, INTERNAL_NOISE, WIDTH, decay, shares

SAMPLE_RATE = 48000
FRAME = 2048
HOP = 1024
FRAME_RATE = SAMPLE_RATE / HOP

FULL_SCALE = 32768  # samples are in units of 16-bit integers
_LEVEL, _TONE = 92, 1019.5  # a sine of full scale and this frequency (Hz) is played at this level (dB SPL)
_COMPRESSION = 0.4  # exponent at which the contributions of bands add up in spreading
_LEAST = 1e-12  # energy of a band


def _window() -> np.ndarray:
    bin_ = _TONE * FRAME / SAMPLE_RATE
    off = min(bin_ % 1, 1 - bin_ % 1) * (FRAME - 1) / FRAME
    main_lobe = np.sin(np.pi * off) / (np.pi * off * (1 - off**2))
    gain = 10 ** (_LEVEL / 20) / (main_lobe * FULL_SCALE / 4 * (FRAME - 1))
    return gain * np.hanning(FRAME)


def _outer_and_middle_ear() -> np.ndarray:
    """Power gain of each bin; none at 0 Hz, where the formula has a pole."""
    frequency = np.arange(1, FRAME // 2 + 1) * SAMPLE_RATE / FRAME / 1000
    decibel = -2.184 * frequency**-0.8 + 6.5 * np.exp(-0.6 * (frequency - 3.3) ** 2) - 0.001 * frequency**3.6
    return np.append(0, 10 ** (decibel / 10))


_WINDOW = _window()
EAR = _outer_and_middle_ear()
_SHARES = shares(FRAME, SAMPLE_RATE)


def power_spectrum(frames: np.ndarray) -> np.ndarray:
    """Power of each bin at the level of playback, (..., frame, 2048) to (..., frame, 1025)."""
    spectrum = np.fft.rfft(_WINDOW * frames)
    return spectrum.real**2 + spectrum.imag**2


def band_energy(heard: np.ndarray) -> np.ndarray:
    """Energy in critical bands of a power spectrum weighted by the ear, (..., frame, 1025) to (..., frame, 109)."""
    return (heard @ _SHARES).clip(min=_LEAST)


def spread(energy: np.ndarray) -> np.ndarray:
    """What all bands excite in each: 27 dB per Bark downwards, upwards the less steep the louder the band is."""
    down = 10 ** (-2.7 * WIDTH)
    up = 10 ** ((-2.4 - 23 / CENTRE) * WIDTH) * energy ** (0.2 * WIDTH)
    band = np.arange(BANDS)
    # Sums of both geometric series: the energy of one band stays the same when it is spread.
    total = (1 - down ** (band + 1)) / (1 - down) + (1 - up ** (BANDS - band)) / (1 - up) - 1
    own = (energy / total) ** _COMPRESSION
    distance = band[:, None] - band
    downwards = np.where(distance >= 0, down ** (_COMPRESSION * distance.clip(min=0)), 0)
    excited = own @ downwards
    step, travelling = up**_COMPRESSION, own
    for away in range(1, BANDS):
        travelling = travelling[..., :-1] * step[..., : BANDS - away]
        excited[..., away:] += travelling
    return excited ** (1 / _COMPRESSION)


_SPREAD_OF_ONES = spread(np.ones(BANDS))


def smooth(values: np.ndarray, keep: np.ndarray | float, take: np.ndarray | float) -> np.ndarray:
    """First-order recursion over frames from silence, `y[n] = keep y[n - 1] + take x[n]`, along (..., frame, band)."""
    out = take * values
    for n in range(1, values.shape[-2]):
        out[..., n, :] += keep * out[..., n - 1, :]
    return out


def excitation(energy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Excitation patterns before and after smearing in time (forward masking), both (..., frame, band)."""
    unsmeared = spread(energy + INTERNAL_NOISE) / _SPREAD_OF_ONES
    keep = decay(0.030, FRAME_RATE)
    return unsmeared, np.maximum(smooth(unsmeared, keep, 1 - keep), unsmeared)
