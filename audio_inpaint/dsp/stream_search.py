"""Where in an hour of sound the surroundings of gaps are heard: one pass over it, block by block, for many gaps.

The scores are those of `template_search`; what is found is a place to look at, at the search rate, not a match.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.dsp.template_scores import normalised, peaks
from audio_inpaint.dsp.template_search import COMPARED, FAINTEST, SEARCH_RATE, Template, template_of
from audio_inpaint.gaps import Gap, mask_gaps

# Samples of the search rate beside a lost one that the resampler has smeared too much to compare.
_SPREAD = 8
# Templates whose spectra are held at once.
_AT_ONCE = 32
_BLOCK = 2**16


class Place(NamedTuple):
    """Where a template is heard.

    Attributes:
        start: of its first sample, at the search rate.
        score: its normalised correlation, at most 1.
    """

    start: int
    score: float


def surroundings(audio: Tensor, gap: Tensor, run: Gap, side: int, sample_rate: int) -> tuple[Template, float] | None:
    """Return what surrounds a gap as a template of one channel at the search rate.

    Args:
        audio: (channel, time), lost samples zero.
        gap: true = lost, (time,).
        run: the gap, whether the mask counts it as lost or not.
        side: samples on each side.
        sample_rate: Hz.

    Returns:
        The template, and the seconds from its start to the gap's; None where it is silent.
    """
    start, stop = max(0, run.start - side), min(len(gap), run.stop + side)
    lost = gap[start:stop].clone()
    lost[run.start - start : run.stop - start] = True
    samples = audio[:, start:stop].double().masked_fill(lost, 0).mean(0, keepdim=True)
    samples = resampled(samples, sample_rate, SEARCH_RATE).numpy().astype(np.float32)
    ratio = SEARCH_RATE / sample_rate
    smeared = [
        (max(0, int(one.start * ratio) - _SPREAD), min(samples.shape[-1], int(one.stop * ratio) + _SPREAD + 1))
        for one in mask_gaps(lost)
    ]
    hole = Gap(int((run.start - start) * ratio), max(1, int((run.stop - start) * ratio)))
    template = template_of(samples, hole, np.array(smeared).reshape(-1, 2))
    return (template, (run.start - start) / sample_rate) if template.energy[-1] > 0 else None


def best_places(signal: np.ndarray, templates: Sequence[Template], count: int, spacing: int) -> list[list[Place]]:
    """Find where a long signal is most like each template.

    Args:
        signal: (time,), of any floating-point type, read block by block.
        templates: of one channel.
        count: of places for each, at most.
        spacing: samples between two places, at least.

    Returns:
        For each template its places, the best first.
    """
    found = []
    for first in range(0, len(templates), _AT_ONCE):
        found += _best_places(signal, templates[first : first + _AT_ONCE], count, spacing)
    return found


def likeness(signal: np.ndarray, template: Template, start: int, most: int) -> float:
    """Return the best normalised correlation of a template with a signal from a place up to `most` samples off.

    Args:
        signal: (time,).
        template: of one channel.
        start: where its first sample is about.
        most: samples.
    """
    samples, known = template.samples[0], np.zeros(template.samples.shape[-1])
    for first, last in template.known:
        known[first:last] = 1
    first, last = start - most, start + most + len(samples)
    part = np.zeros(last - first)
    inside = slice(max(0, first), max(0, min(last, len(signal))))
    part[inside.start - first : inside.stop - first] = signal[inside]
    energy = np.correlate(part**2, known) * template.energy[-1]
    return float((np.correlate(part, samples) / np.sqrt(energy.clip(1e-30))).max())


def _best_places(signal: np.ndarray, templates: Sequence[Template], count: int, spacing: int) -> list[list[Place]]:
    size = max(one.samples.shape[-1] for one in templates)
    n_fft = next_fast_len(max(_BLOCK, 4 * size), real=True)
    spectra = [torch.fft.rfft(torch.from_numpy(one.samples[0].astype(np.float32)), n_fft).conj() for one in templates]
    found: list[list[Place]] = [[] for _ in templates]
    for start in range(0, len(signal), n_fft - size - 2):  # a maximum is higher than its neighbours: two overlap
        block = np.asarray(signal[start : start + n_fft], np.float32)
        if not block.any():
            continue
        energy = np.zeros(n_fft + 1)
        np.cumsum(np.square(block, dtype=np.float64), out=energy[1 : len(block) + 1])
        energy[len(block) + 1 :] = energy[len(block)]
        spectrum = torch.fft.rfft(torch.from_numpy(block), n_fft)
        for own, template, places in zip(spectra, templates, found, strict=True):
            length = template.samples.shape[-1]
            segments = min(n_fft - size, len(block) - length + 1)
            if segments < 3:
                continue
            scores = torch.fft.irfft(spectrum * own, n_fft)[:segments].numpy()
            hole = template.hole.start, template.hole.stop
            nothing = np.zeros((0, 2), np.int64)
            normalised(scores, energy, template.energy, template.known, nothing, hole, COMPARED, FAINTEST)
            places += [Place(start + int(one), float(scores[one])) for one in peaks(scores, spacing, count)]
            if len(places) > 16 * count:
                places[:] = _apart(places, count, spacing)
    return [_apart(places, count, spacing) for places in found]


def _apart(places: list[Place], count: int, spacing: int) -> list[Place]:
    kept: list[Place] = []
    for place in sorted(places, key=lambda place: (-place.score, place.start)):
        if len(kept) < count and all(abs(place.start - other.start) >= spacing for other in kept):
            kept.append(place)
    return kept
