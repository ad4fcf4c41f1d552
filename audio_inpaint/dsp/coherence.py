"""How much of one sound is heard in another, band by band of the ear: a filter that keeps the bands that are.

A sum of segments that follows the melody of a gap's surroundings brings the noise of other places along. Noise that is
not the same noise makes a fill worse to the ear and in decibels, so it is left to be interpolated instead.
"""

import math
from functools import lru_cache

import torch
from scipy.fft import next_fast_len
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
        part: (..., channel, time), each by itself.
        whole: (channel, time).
        beside: the stretches of time over which the two are compared.
        known: the samples in them that are, (time,); all if left out.
        sample_rate: Hz.

    Returns:
        the filtered part, (..., channel, time).

    Source: of the scale of bands, Glasberg and Moore, 1990, "Derivation of auditory filter shapes from notched-noise
    data", eq. 4.
    """
    longest = max(place.stop - place.start for place in beside)
    if not longest:
        return torch.zeros_like(part)
    size = next_fast_len(2 * longest, real=True)
    bands = _bands(size, sample_rate)
    shape = (*part.shape[:-2], int(bands.max()) + 1)
    ours, theirs, both = (torch.zeros(shape, dtype=torch.float64) for _ in range(3))
    values = torch.zeros(shape[-1])
    compared = (part, whole) if known is None else (part * known, whole * known)
    for place in beside:
        length = place.stop - place.start
        if not length:
            continue
        window = torch.sin(math.pi * (torch.arange(length, dtype=torch.float64) + 0.5) / length)
        a, b = (torch.fft.rfft(window * x[..., place], size) for x in compared)
        for total, product in ((ours, a * a.conj()), (theirs, b * b.conj()), (both, a * b.conj())):
            total.index_add_(-1, bands, product.real.sum(-2).expand(*shape[:-1], -1))
        values += torch.bincount(bands) * length / size * part.shape[-2]
    likeness = both.clamp_min(0).square() / (ours * theirs)
    by_chance = 1 / values.clamp_min(1)
    coherence = ((likeness - by_chance) / (1 - by_chance)).nan_to_num(0).clamp(0, 1).sqrt()
    return _filtered(part, (coherence / _ENOUGH).clamp_max(1), sample_rate)


@lru_cache(maxsize=8)
def _on_scale(size: int, sample_rate: int) -> Tensor:
    """Where the bins of a spectrum of `size` samples lie on the scale of bands: the first from 0 to 1, and so on."""
    frequencies = torch.fft.rfftfreq(size, 1 / sample_rate, dtype=torch.float64)
    whole = 21.4 * math.log10(1 + 0.00437 * sample_rate / 2)
    return 21.4 * (1 + 0.00437 * frequencies).log10() / whole * max(1, round(whole / _BANDWIDTH))


def _bands(size: int, sample_rate: int) -> Tensor:
    """The band of every bin of a spectrum of `size` samples, half the sample rate belonging to the last one."""
    scale = _on_scale(size, sample_rate)
    return scale.long().clamp_max(round(float(scale[-1])) - 1)


def _filtered(x: Tensor, gains: Tensor, sample_rate: int) -> Tensor:
    """Give each band of x (..., channel, time) its gain (..., band), with straight lines between their middles."""
    size = next_fast_len(x.shape[-1] + round(_PADDING * sample_rate), real=True)
    place = (_on_scale(size, sample_rate) - 0.5).clamp(0, gains.shape[-1] - 1)
    below = place.long().clamp_max(max(0, gains.shape[-1] - 2))
    above = (below + 1).clamp_max(gains.shape[-1] - 1)
    response = torch.lerp(gains[..., below], gains[..., above], place - below)
    return torch.fft.irfft(torch.fft.rfft(x, size) * response[..., None, :], size)[..., : x.shape[-1]]
