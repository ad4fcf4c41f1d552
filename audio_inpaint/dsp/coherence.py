"""How much of one sound is heard in another, band by band of the ear: a filter that keeps the bands that are.

A sum of segments that follows the melody of a gap's surroundings brings the noise of other places along. Noise that is
not the same noise makes a fill worse to the ear and in decibels, so it is left to be interpolated instead.
"""

import math

import numpy as np
import torch
from torch import Tensor

# Bands in equivalent rectangular bandwidths, the ear's resolution; the narrower, the less a short context says of each.
_BANDWIDTH = 2.8
# Coherence from which a band is kept whole.
_ENOUGH = 1 / 3
# Zeros that what the filter smears beyond the ends falls into, in seconds.
_PADDING = 0.064


def coherent(
    part: Tensor, whole: Tensor, beside: tuple[slice, slice], sample_rate: int, known: Tensor | None = None
) -> Tensor:
    """Attenuate the bands of a signal in which another does not contain it, without delay.

    Where nothing is compared nothing is kept. A band's gain is three times its coherence, at most 1: the real part of
    the cross-spectrum over both energies, squared, less what chance makes of as many values, and its root. All channels
    count together.

    Args:
        part: (channel, time).
        whole: (channel, time).
        beside: the stretches of time over which the two are compared.
        known: the samples in them that are, (time,); all if left out.
        sample_rate: Hz.

    Returns:
        the filtered part, (channel, time).

    Source: of the scale of bands, Glasberg and Moore, 1990, "Derivation of auditory filter shapes from notched-noise
    data", eq. 4.
    """
    longest = max(place.stop - place.start for place in beside)
    if not longest:
        return torch.zeros_like(part)
    size = 2 * longest
    bands = _bands(size, sample_rate)
    energies, values = torch.zeros(3, bands.max() + 1, dtype=torch.float64), torch.zeros(bands.max() + 1)
    compared = (part, whole) if known is None else (part * known, whole * known)
    for place in beside:
        length = place.stop - place.start
        if not length:
            continue
        window = torch.sin(math.pi * (torch.arange(length, dtype=torch.float64) + 0.5) / length)
        a, b = (torch.fft.rfft(window * x[:, place], size) for x in compared)
        products = torch.stack([a.abs().square(), b.abs().square(), (a * b.conj()).real]).sum(1)
        energies.index_add_(1, bands, products)
        values += torch.bincount(bands) * length / size * len(part)
    ours, theirs, both = energies
    likeness = both.clamp_min(0).square() / (ours * theirs)
    by_chance = 1 / values.clamp_min(1)
    coherence = ((likeness - by_chance) / (1 - by_chance)).nan_to_num(0).clamp(0, 1).sqrt()
    return _filtered(part, (coherence / _ENOUGH).clamp_max(1), sample_rate)


def _on_scale(size: int, sample_rate: int) -> np.ndarray:
    """Where the bins of a spectrum of `size` samples lie on the scale of bands: the first from 0 to 1, and so on."""
    erbs = 21.4 * np.log10(1 + 0.00437 * np.fft.rfftfreq(size, 1 / sample_rate))
    whole = 21.4 * math.log10(1 + 0.00437 * sample_rate / 2)
    return erbs / whole * max(1, round(whole / _BANDWIDTH))


def _bands(size: int, sample_rate: int) -> Tensor:
    """The band of every bin of a spectrum of `size` samples, the last bin being that of half the sample rate."""
    scale = _on_scale(size, sample_rate)
    return torch.from_numpy(np.minimum(scale.astype(int), round(scale[-1]) - 1))


def _filtered(x: Tensor, gains: Tensor, sample_rate: int) -> Tensor:
    """Give each band its gain, with straight lines from the middle of one to that of the next."""
    size = x.shape[-1] + round(_PADDING * sample_rate)
    response = np.interp(_on_scale(size, sample_rate), np.arange(len(gains)) + 0.5, gains.numpy())
    return torch.fft.irfft(torch.fft.rfft(x, size) * torch.from_numpy(response).to(x), size)[..., : x.shape[-1]]
