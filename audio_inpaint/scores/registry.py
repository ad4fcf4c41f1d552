"""Every score of a restored recording under the name that tables know it by; for the protocol `time`.

Each takes one example and gives one number. It is NaN where the example has no such score: there is no gap, the
original is silent where it is scored, samples are not finite, the gap is shorter than a window of SNR_MS, or PESQ or
STOI finds too little speech. Channels are pooled: for SNR and NMSE their energies are added, for the others the mean is
taken over those channels that have the score.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import mask_gaps
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.peaq import odg
from audio_inpaint.scores.snr import central_magnitudes, snr
from audio_inpaint.scores.speech import pesq, pesq_gain, stoi


def mean(values: Iterable[float]) -> float:
    """Mean of the finite values, NaN if there are none."""
    values = np.fromiter(values, float)
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan


def level_of_mean_ratio(values: Iterable[float]) -> float:
    """Mean of energy ratios in dB, taken of the ratios themselves, in dB; -infinity is a ratio of 0.

    Source: "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural networks", eq. 16.
    """
    ratio = mean(10 ** (np.fromiter(values, float) / 10))
    return 10 * math.log10(ratio) if ratio else -math.inf


def excerpt(gap: Tensor, sample_rate: int) -> slice:
    """What ODG hears: two seconds with the gap at 0.5 s, moved to lie in the recording; all of it for several gaps.

    Around a gap of more than a second, half a second on either side.

    Args:
        gap: (time,) boolean.
        sample_rate: hertz.

    Source: Marafioti et al., 2019, "A context encoder for audio inpainting", section 3.3.
    """
    gaps = mask_gaps(gap)
    if len(gaps) != 1:
        return slice(0, len(gap))
    length = max(2 * sample_rate, gaps[0].stop - gaps[0].start + sample_rate)
    start = max(0, min(gaps[0].start - sample_rate // 2, len(gap) - length))
    return slice(start, start + length)


@dataclass(frozen=True)
class Example:
    """What is scored: audio (channel, time) float64, gap (time,), sample rate in hertz."""

    restored: Tensor
    original: Tensor
    damaged: Tensor
    gap: Tensor
    sample_rate: int


@dataclass(frozen=True)
class Score:
    """A score of restored audio.

    Args:
        name: key in `SCORES`, and in files.
        label: head of a column.
        unit: of the number, empty if it has none.
        higher_is_better: whether the best restoration has the highest.
        formula: the score of an example whose samples are finite.
        aggregate: one number of those of many examples, without those that have none.
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool
    formula: Callable[[Example], float]
    aggregate: Callable[[Iterable[float]], float] = mean

    def function(self, restored: Tensor, original: Tensor, damaged: Tensor, gap: Tensor, sample_rate: int) -> float:
        """Score one example.

        Args:
            restored: (channel, time).
            original: (channel, time).
            damaged: (channel, time), what was restored.
            gap: true = lost, (time,).
            sample_rate: hertz.

        Returns:
            the score, NaN where the example has none.

        Raises:
            InputError: shapes differ, there are no samples, or the score's package is missing.
        """
        shapes = [tuple(x.shape) for x in (restored, original, damaged, gap)]
        if len(set(shapes[:3])) > 1 or original.dim() != 2 or not original.numel() or gap.shape != original.shape[1:]:
            raise InputError(f"an example is three times (channel, time), and a gap (time,); these are {shapes}")
        audio = [x.detach().double().cpu() for x in (restored, original, damaged)]
        finite = all(x.isfinite().all() for x in audio)
        return self.formula(Example(*audio, gap.cpu(), sample_rate)) if finite else math.nan


def _pooled_snr(restored: Tensor, original: Tensor) -> float:
    return float(snr(restored.flatten(), original.flatten())) if original.any() else math.nan


def _snr_td(of: Example) -> float:
    return _pooled_snr(of.restored[:, of.gap], of.original[:, of.gap])


def _snr_ms(of: Example) -> float:
    window = STFT.at(of.sample_rate, 512, 128)  # the context-encoder paper's 32 ms, at any rate
    try:
        pair = central_magnitudes(torch.stack([of.restored, of.original]), of.gap, window.n_fft, window.hop_length)
    except InputError:  # no frame lies wholly in the gap
        return math.nan
    return _pooled_snr(*pair)


def _nmse_tot(of: Example) -> float:
    return -_pooled_snr(of.restored, of.original)


def _nmse_miss(of: Example) -> float:
    return -_snr_td(of)


def _lsd(of: Example) -> float:
    if not of.gap.any():
        return math.nan
    # from a channel that is silent at the gap, silence is as far as itself
    sounding = lsd(torch.zeros_like(of.original), of.original, of.gap) > 0
    return mean(lsd(of.restored, of.original, of.gap)[sounding])


def _pesq(of: Example) -> float:
    return mean(pesq(of.restored, of.original, of.sample_rate))


def _pesq_gain(of: Example) -> float:
    return mean(pesq_gain(of.restored, of.damaged, of.original, of.sample_rate))


def _stoi(of: Example) -> float:
    return mean(stoi(of.restored, of.original, of.sample_rate))


def _odg(of: Example) -> float:
    heard, sounding = excerpt(of.gap, of.sample_rate), of.original.any(-1)
    if not sounding.any():
        return math.nan
    return mean(odg(of.restored[sounding, heard], of.original[sounding, heard], of.sample_rate))


SCORES = {
    score.name: score
    for score in (
        Score("snr_td", "SNR_TD", "dB", True, _snr_td),
        Score("snr_ms", "SNR_MS", "dB", True, _snr_ms),
        Score("lsd", "LSD", "dB", False, _lsd),
        Score("nmse_tot", "NMSE_tot", "dB", False, _nmse_tot, level_of_mean_ratio),
        Score("nmse_miss", "NMSE_miss", "dB", False, _nmse_miss, level_of_mean_ratio),
        Score("pesq", "PESQ", "MOS", True, _pesq),
        Score("pesq_gain", "PESQ gain", "MOS", True, _pesq_gain),
        Score("stoi", "STOI", "", True, _stoi),
        Score("odg", "ODG", "", True, _odg),
    )
}
