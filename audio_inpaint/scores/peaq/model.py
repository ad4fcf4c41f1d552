"""The ear listening to both recordings: from samples to what every frame says of their difference."""

import numpy as np

from audio_inpaint.scores.peaq.averaging import FrameValues, average
from audio_inpaint.scores.peaq.ear import EAR, band_energy, excitation, power_spectrum
from audio_inpaint.scores.peaq.patterns import adapt, loudness, modulation
from audio_inpaint.scores.peaq.recording import frames, scored_frames
from audio_inpaint.scores.peaq.variables import (
    bandwidth,
    detection,
    harmonic_structure,
    modulation_difference,
    noise_loudness,
    noise_to_mask,
)

_BLOCK = 128  # frames whose spectra are held at once


def model_output_variables(reference: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The eleven variables in the order of `network.NAMES`, (11,).

    Args:
        reference: (channel, time) with one channel or two, at 48 kHz and in units of 16-bit integers.
        test: the same of what is compared with it.
    """
    first, end = scored_frames(reference)
    values = listen(np.stack([reference, test]), end)
    # The frames before the first one count for nothing, but the ear's memories have heard them.
    return average(FrameValues(*(value[..., first:] for value in values)), warm_up=first)


def listen(pair: np.ndarray, count: int) -> FrameValues:
    """Values of the first frames of reference and test.

    Args:
        pair: (2, channel, time), the reference before the test.
        count: frames.
    """
    blocks = (_spectral(pair, start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))
    energies, noises, edges, harmonics = zip(*blocks, strict=True)
    unsmeared, smeared = excitation(np.concatenate(energies, -2))
    modulated, envelope = modulation(unsmeared)
    first, second, weight = modulation_difference(modulated, envelope[0])
    audible = noise_to_mask(np.concatenate(noises, -2), smeared[0])
    probability, steps = detection(smeared)
    return FrameValues(
        bandwidth=np.concatenate(edges, -1),
        noise_to_mask=audible.mean(-1),
        noise_to_mask_peak=audible.max(-1),
        modulation_first=first,
        modulation_second=second,
        modulation_weight=weight,
        noise_loudness=noise_loudness(adapt(smeared), modulated),
        loudness=loudness(smeared),
        harmonic_structure=np.concatenate(harmonics, -1),
        probability=probability,
        steps=steps,
    )


def _spectral(pair: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, ...]:
    """What needs whole spectra: energy in bands of both signals and of the error, bandwidths, harmonic structure."""
    samples = frames(pair, start, stop)
    power = power_spectrum(samples)
    heard = EAR * power
    error = (np.sqrt(heard[0]) - np.sqrt(heard[1])) ** 2
    return band_energy(heard), band_energy(error), bandwidth(power), harmonic_structure(power, samples)
