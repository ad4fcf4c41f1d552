"""Every score of a restored recording under the name that tables know it by: the one definition, pooling included.

Each takes one example and gives one number, for the protocol that it is marked with. It is NaN where the example has
no such score: there is no gap, the original is silent where it is scored, samples are not finite, the gap is shorter
than a window of SNR_MS, or PESQ or STOI finds too little speech.

Each channel is scored on its own lost samples. Channels are pooled: for SNR and NMSE their energies are added; for the
others the mean is taken over those channels that have the score. A channel that lost nothing has none, unless no
channel lost anything, and a silent one has none.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.columns import columns_stft
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import mask_gaps
from audio_inpaint.scores.columns import column_scores
from audio_inpaint.scores.level import band_levels
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.peaq import odg
from audio_inpaint.scores.snr import central_magnitudes, pooled_snr
from audio_inpaint.scores.speech import pesq, pesq_gain, require, stoi


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
    """What is scored: audio and gap (channel, time), audio in float64; sample rate in hertz."""

    preds: Tensor
    target: Tensor
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
        higher_is_better: whether the best restoration has the highest; None if the one nearest to zero is best.
        formula: the score of an example whose samples are finite.
        aggregate: one number of those of many examples, without those that have none.
        protocol: `time` or `columns`: how the example was damaged.
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool | None
    formula: Callable[[Example], float]
    aggregate: Callable[[Iterable[float]], float] = mean
    protocol: str = "time"

    def function(self, preds: Tensor, target: Tensor, damaged: Tensor, gap: Tensor, sample_rate: int) -> float:
        """Score one example.

        Args:
            preds: (channel, time).
            target: (channel, time).
            damaged: (channel, time), what was restored.
            gap: true = lost, (channel, time), or (time,) or (1, time) for all channels.
            sample_rate: hertz.

        Returns:
            the score, NaN where the example has none.

        Raises:
            InputError: shapes differ, there are no samples, or the score's package is missing.
        """
        shapes, full = [tuple(x.shape) for x in (preds, target, damaged, gap)], tuple(target.shape)
        fits = len(full) == 2 and shapes[:3] == [full] * 3 and shapes[3] in (full, full[1:], (1, *full[1:]))
        if not fits or not target.numel():
            raise InputError(
                f"an example is three times (channel, time), and a gap (time,) or (channel, time); these are {shapes}"
            )
        audio = [x.detach().double().cpu() for x in (preds, target, damaged)]
        finite = all(x.isfinite().all() for x in audio)
        return self.formula(Example(*audio, gap.cpu().expand(full), sample_rate)) if finite else math.nan


def _snr_td(of: Example) -> float:
    return float(pooled_snr(of.preds, of.target, of.gap)) if of.gap.any() else math.nan


def _snr_ms(of: Example) -> float:
    window = STFT.at(of.sample_rate, 512, 128)  # the context-encoder paper's 32 ms, at any rate
    pairs = []
    for channel, gap in enumerate(of.gap):
        try:
            pair = torch.stack([of.preds[channel], of.target[channel]])
            pairs.append(central_magnitudes(pair, gap, window.n_fft, window.hop_length).flatten(1))
        except InputError:  # no frame lies wholly in the gap
            continue
    return float(pooled_snr(*torch.cat(pairs, -1))) if pairs else math.nan


def _nmse_tot(of: Example) -> float:
    return -float(pooled_snr(of.preds, of.target))


def _nmse_miss(of: Example) -> float:
    return -_snr_td(of)


def _channels(of: Example) -> Iterator[Example]:
    """Yield each channel that is scored on its own, as an example of one channel."""
    scored = of.target.any(-1) & (of.gap.any(-1) if of.gap.any() else True)
    for row in scored.nonzero().flatten().tolist():
        place = slice(row, row + 1)
        yield Example(of.preds[place], of.target[place], of.damaged[place], of.gap[place], of.sample_rate)


def _lsd(of: Example) -> float:
    if not of.gap.any():
        return math.nan
    values = []
    for one in _channels(of):
        # from a channel that is silent at the gap, silence is as far as itself
        if lsd(torch.zeros_like(one.target), one.target, one.gap[0]).item() > 0:
            values.append(lsd(one.preds, one.target, one.gap[0]).item())
    return mean(values)


def _level_bias(of: Example) -> float:
    return _level(of, lambda levels: levels)


def _level_abs(of: Example) -> float:
    return _level(of, torch.abs)


def _level(of: Example, measure: Callable[[Tensor], Tensor]) -> float:
    """Mean over bands, then over the gaps of a channel, then over channels."""
    channels = []
    for one in _channels(of):
        gaps = []
        for gap in mask_gaps(one.gap):
            place = slice(gap.start, gap.stop)
            levels = band_levels(one.preds[0, place], one.target[0, place], one.sample_rate)
            gaps.append(measure(levels).nanmean().item())
        channels.append(mean(gaps))
    return mean(channels)


def _pesq(of: Example) -> float:
    return _of_channels(of, lambda one: pesq(one.preds, one.target, one.sample_rate), "pesq")


def _pesq_gain(of: Example) -> float:
    return _of_channels(of, lambda one: pesq_gain(one.preds, one.target, one.damaged, one.sample_rate), "pesq")


def _stoi(of: Example) -> float:
    return _of_channels(of, lambda one: stoi(one.preds, one.target, one.sample_rate), "pystoi")


def _of_channels(of: Example, function: Callable[[Example], Tensor], package: str) -> float:
    require(package)  # also where no channel has a score
    return mean(function(one).item() for one in _channels(of))


def _odg(of: Example) -> float:
    values = []
    for one in _channels(of):
        heard = excerpt(one.gap[0], one.sample_rate)
        values.append(odg(one.preds[:, heard], one.target[:, heard], one.sample_rate).item())
    return mean(values)


def _columns(of: Example) -> dict[str, float]:
    return column_scores(of.preds, of.target, of.gap, columns_stft(of.sample_rate))


def _snr_whole(of: Example) -> float:
    return _columns(of)["snr_whole"]


def _snr_affected(of: Example) -> float:
    return _columns(of)["snr_affected"]


def _snr_core(of: Example) -> float:
    return _columns(of)["snr_core"]


SCORES = {
    score.name: score
    for score in (
        Score("snr_td", "SNR_TD", "dB", True, _snr_td),
        Score("snr_ms", "SNR_MS", "dB", True, _snr_ms),
        Score("lsd", "LSD", "dB", False, _lsd),
        Score("nmse_tot", "NMSE_tot", "dB", False, _nmse_tot, level_of_mean_ratio),
        Score("nmse_miss", "NMSE_miss", "dB", False, _nmse_miss, level_of_mean_ratio),
        Score("level_bias", "level bias", "dB", None, _level_bias),
        Score("level_abs", "level error", "dB", False, _level_abs),
        Score("pesq", "PESQ", "MOS", True, _pesq),
        Score("pesq_gain", "PESQ gain", "MOS", True, _pesq_gain),
        Score("stoi", "STOI", "", True, _stoi),
        Score("odg", "ODG", "", True, _odg),
        Score("snr_whole", "SNR, whole file", "dB", True, _snr_whole, protocol="columns"),
        Score("snr_affected", "SNR, affected samples", "dB", True, _snr_affected, protocol="columns"),
        Score("snr_core", "SNR, core samples", "dB", True, _snr_core, protocol="columns"),
    )
}
BY_PROTOCOL = {
    protocol: {name: score for name, score in SCORES.items() if score.protocol == protocol}
    for protocol in ("time", "columns")
}
USUAL = {"time": ("snr_td", "snr_ms", "lsd", "nmse_miss", "nmse_tot"), "columns": tuple(BY_PROTOCOL["columns"])}


def score(names: Iterable[str], preds: Tensor, target: Tensor, gap: Tensor, sample_rate: int) -> dict[str, float]:
    """Return scores of audio whose lost samples were zeros, by name; see `Score.function`."""
    damaged = target.masked_fill(gap, 0)
    return {name: SCORES[name].function(preds, target, damaged, gap, sample_rate) for name in names}
