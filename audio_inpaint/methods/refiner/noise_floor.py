"""The noise floor of a fill: hiss and room tone that no prediction continues go on through a gap.

Both sides of a gap have a floor, band by band, if they are noise-like there. Where a fill lies under it, shaped noise
from a seed fills up. It is far below the music, so the signal-to-noise ratio stays what it was.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

from audio_inpaint.dsp.stft import STFT, overlap_add
from audio_inpaint.gaps import Gap

# Seconds on each side in which the floor is measured.
_BESIDE = 0.25
# The part of time and frequency that is quieter than this quantile lies between tones and strokes: it tells the floor.
_QUANTILE = 0.35
# Rows of the shortest band, and octaves of one higher up.
_ROWS, _OCTAVES = 8, 1 / 3
# dB from the floor to the mean of a band. Noise has 0; below the first it counts in part, below the second not at all.
_NOISY, _TONAL = -1.0, -2.0
# dB that a row varies by in time: noise by more than the second, the partials of a steady sound by less than the first.
_FIRM, _LOOSE = 0.7, 1.3
# dB from one side's floor to the other's. Room tone has less than the first.
_STEADY, _UNSTEADY = 1.5, 3.0
# Power of what 16 bits make of silence, and 10 dB more, to full scale.
_INAUDIBLE = 1e-9
# Of the floor.
_ENOUGH = 0.5
# Fewer samples of a fill have no spectrum.
_SHORTEST = 16


def floor_noise(
    audio: Tensor, hole: Gap, sample_rate: int, seed: int = 0, most: Callable[[], Tensor] | None = None
) -> Tensor:
    """Make the noise that a fill lacks, (channel, lost), zeros where it lacks none.

    What the channels have in common beside the gap, band by band, their noise has in common too.

    Args:
        audio: known samples with the fill between them, (channel, time); 0.25 s on each side are looked at.
        hole: the gap.
        sample_rate: Hz.
        seed: of the noise.
        most: asked, if noise is lacking, for the power that it may have, noise of variance 1 having 1, in each bin of
            windows of 32 ms, (bin,).
    """
    lost, stft = hole.stop - hole.start, STFT.at(sample_rate, 512, 128)
    reach = round(_BESIDE * sample_rate)
    audio = audio.double()
    sides = audio[:, max(0, hole.start - reach) : hole.start], audio[:, hole.stop : hole.stop + reach]
    none = audio.new_zeros(len(audio), lost)
    if lost < _SHORTEST or min(side.shape[-1] for side in sides) < stft.n_fft:
        return none
    spectra = [inner(side, stft.n_fft, stft.hop_length) for side in sides]
    edges = band_edges(stft.n_fft // 2 + 1)
    floors, noisy = zip(*(_floor(x.abs().square(), edges) for x in spectra), strict=True)
    steady = _smooth(_decibels(floors[0] / floors[1].clamp_min(1e-30))).abs()
    likeness = torch.minimum(*noisy) * ((_UNSTEADY - steady) / (_UNSTEADY - _STEADY)).clamp(0, 1)
    floor = torch.minimum(*floors) * likeness
    floor = floor * (floor >= _INAUDIBLE)
    if not floor.any():
        return none
    size = min(stft.n_fft, 2 * (lost // 2))
    hop = max(1, size // 4)
    places = [(a * sample_rate / stft.n_fft, b * sample_rate / stft.n_fft) for a, b in pairwise(edges)]
    fill = _levels(inner(audio[:, hole.start : hole.stop], size, hop).abs().square(), places, size / sample_rate)
    # A fill that has nearly enough has enough: its level is an estimate of few rows.
    lacking = torch.where(fill < _ENOUGH * floor.unsqueeze(-1), floor.unsqueeze(-1) - fill, 0.0)
    rows = torch.arange(size // 2 + 1, dtype=torch.float64) * sample_rate / size
    power = _interpolated(lacking, places, rows)
    if most is not None:
        power = power.minimum(most()[(rows * stft.n_fft / sample_rate).round().long()].unsqueeze(-1))
    shape = power.sqrt()
    roots = _interpolated(_roots(spectra, edges).permute(1, 0, 2), places, rows)
    return _noise(shape, roots, lost, size, hop, seed)


def inner(x: Tensor, size: int, hop: int) -> Tensor:
    """Transform the windows that lie wholly in x (..., time) to (..., freq, frame); noise of variance 1 has power 1."""
    window = torch.hann_window(size, dtype=x.dtype)
    frames = x.unfold(-1, size, hop) * window
    return torch.fft.rfft(frames).mT / window.square().sum().sqrt()


def band_edges(rows: int) -> list[int]:
    """Rows at which bands begin and end: of 8 rows at least, and a third of an octave."""
    edges = [0]
    while edges[-1] < rows:
        edges.append(max(edges[-1] + _ROWS, math.floor(edges[-1] * 2**_OCTAVES)))
    if len(edges) > 2 and edges[-1] > rows:
        edges.pop()
    return [*edges[:-1], rows]


def _quantiles(power: Tensor, bands: Sequence[tuple[int, int]]) -> Tensor:
    """Mean that noise would have in bands of power (x, row, y), from what is quieter than most of it, (x, band)."""
    found = power.new_empty(len(power), len(bands))
    for band, (first, last) in enumerate(bands):
        values = power[:, first:last].flatten(1).numpy()
        place = _QUANTILE * (values.shape[1] - 1)
        below, above = math.floor(place), math.ceil(place)
        values = np.partition(values, (below, above), axis=1)
        values = values[:, below] + (place - below) * (values[:, above] - values[:, below])
        found[:, band] = torch.from_numpy(values)
    return found / -math.log(1 - _QUANTILE)


def _floor(power: Tensor, edges: list[int]) -> tuple[Tensor, Tensor]:
    """Floor of each band and how noise-like it is, from 0 to 1, (channel, band) both."""
    bands = list(pairwise(edges))
    floor = _quantiles(power, bands)
    rows = torch.stack([power.mean(-1), _variation(power)])
    mean, varying = torch.stack([rows[..., a:b].mean(-1) for a, b in bands], -1)
    ratio = _smooth(_decibels(floor / mean.clamp_min(1e-30)))
    noisy = ((ratio - _TONAL) / (_NOISY - _TONAL)).clamp(0, 1)
    return floor, noisy * ((_smooth(varying) - _FIRM) / (_LOOSE - _FIRM)).clamp(0, 1)


def _variation(power: Tensor) -> Tensor:
    """dB from the geometric mean of each row to its mean over time, of power (..., row, frame)."""
    power = power.clamp_min(1e-30)
    return _decibels(power.mean(-1) / power.log().mean(-1).exp())


def _decibels(ratio: Tensor) -> Tensor:
    return 10 * ratio.clamp_min(1e-12).log10()


def _smooth(values: Tensor) -> Tensor:
    """Average each band with its neighbours, (channel, band): one of few rows is an estimate."""
    return avg_pool1d(pad(values, (1, 1), mode="replicate"), 3, 1)


def _levels(power: Tensor, bands: list[tuple[float, float]], seconds: float) -> Tensor:
    """Level between the tones of a fill in each band and frame, (channel, band, frame).

    Args:
        power: of the fill, (channel, row, frame).
        bands: first and last frequency of each, Hz.
        seconds: of its windows.
    """
    rows, places = power.shape[-2], []
    for low, high in bands:
        first, last = math.floor(low * seconds), math.ceil(high * seconds)
        spare = max(0, _ROWS - (last - first))
        first = max(0, min(first - spare // 2, rows - _ROWS))
        places.append((first, min(rows, max(last, first + _ROWS))))
    found = _quantiles(power.mT.flatten(0, 1)[..., None], places)
    return found.unflatten(0, (len(power), -1)).mT


def _interpolated(values: Tensor, bands: list[tuple[float, float]], frequencies: Tensor) -> Tensor:
    """Read values (x, band, y) between the middles of the bands at frequencies in Hz, (x, frequency, y)."""
    middles = torch.tensor([(low + high) / 2 for low, high in bands], dtype=torch.float64)
    right = torch.searchsorted(middles, frequencies).clamp(1, max(1, len(middles) - 1))
    if len(middles) == 1:
        return values.expand(-1, len(frequencies), -1)
    share = ((frequencies - middles[right - 1]) / (middles[right] - middles[right - 1])).clamp(0, 1)
    return torch.lerp(values[:, right - 1], values[:, right], share.unsqueeze(-1).to(values.dtype))


def _noise(shape: Tensor, roots: Tensor, lost: int, size: int, hop: int, seed: int) -> Tensor:
    """Shape white noise, (channel, lost).

    Args:
        shape: magnitudes of frames that lie in the gap, (channel, row, frame); those at its edges go on beyond it.
        roots: of what the channels have in common, (channel, row, channel) complex: they mix independent noises.
        lost: samples.
        size: of the window.
        hop: between frames.
        seed: of the noise.
    """
    beside = size // hop
    frames = 2 * beside + -(-lost // hop)
    white = torch.randn(len(shape), (frames - 1) * hop + size, generator=torch.Generator().manual_seed(seed)).double()
    spectra = torch.einsum("crd,drf->crf", roots, inner(white, size, hop).to(roots.dtype))
    place = (torch.arange(frames) - beside).clamp(0, shape.shape[-1] - 1)
    window = torch.hann_window(size, dtype=torch.float64)
    pieces = torch.fft.irfft((spectra * shape[..., place]).mT, size) * window
    weights = overlap_add(window.square().expand(frames, -1), hop)
    noise = overlap_add(pieces, hop) * window.square().sum().sqrt() / weights.clamp_min(1e-9)
    first = beside * hop
    return noise[:, first : first + lost]


def _roots(spectra: tuple[Tensor, ...] | list[Tensor], edges: list[int]) -> Tensor:
    """Square root of the coherence of the channels in each band, (band, channel, channel) complex."""
    bands = [torch.cat([x[:, a:b].flatten(1) for x in spectra], -1) for a, b in pairwise(edges)]
    shared = torch.stack([band @ band.mH for band in bands])
    level = shared.diagonal(dim1=-2, dim2=-1).real.clamp_min(1e-30).sqrt()
    values, vectors = torch.linalg.eigh(shared / (level[..., None] * level[..., None, :]))
    return vectors * values.clamp_min(0).sqrt()[..., None, :] @ vectors.mH
