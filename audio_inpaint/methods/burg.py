"""Burg extrapolation: each side of a gap is continued into it by linear prediction, and both are cross-faded.

It is the reference of the context-encoder paper. Source: Kauppinen and Roth, 2002, "Audio signal extrapolation -
theory and applications".
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from audio_inpaint.dsp.autoregressive import burg, predict
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.contract import channels_alike, damaged, repaired
from audio_inpaint.methods.options import Count, Seconds, checked

# Fewer known samples than these say nothing about a spectrum.
SHORTEST = 32
# A side this much quieter than the other (-80 dB) is silent: music that starts or stops in the gap.
_SILENT = 1e-4
# A fill may be this much louder, at its peak, than the audio it was made from.
_LOUDEST = 2.0


@checked
@dataclass(frozen=True)
class Burg:
    """Restore each gap from the audio on its two sides, continued and cross-faded by cos^2 over the whole gap.

    Args:
        order: of the predictors; None takes `default_order` of the sample rate. Half the context is the most.
        context: audio used on each side in seconds, but no more than four orders of samples.
    """

    order: Count | None = None
    context: Seconds = 0.128

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return channels_alike(self.restore, audio, gap, sample_rate)

    def restore(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore channels that lost the same samples, gap (time,)."""
        filled = damaged(audio, gap)
        order, width = model_size(self.order, self.context, sample_rate)
        runs = mask_gaps(gap)
        inner = [run for run in runs if run.start > 0 and run.stop < len(gap)]
        fills = [fill_from_sides(filled, gap, run, order, width) for run in inner]
        for run, fill in zip(inner, fills, strict=True):
            filled[:, run.start : run.stop] = fill
        for run in runs:
            if run.start == 0 or run.stop == len(gap):
                filled[:, run.start : run.stop] = fill_edge(filled, run, order, width)
        return repaired(audio, gap, filled)


def default_order(sample_rate: int) -> int:
    """Choose a model order: 32 ms up to 16 kHz (512 there), then with the rate to the power 0.684 (1024 at 44.1 kHz).

    The upper octaves of a faster recording hold little that is predictable, so the order need not keep pace.
    """
    ratio = sample_rate / 16000
    exponent = math.log(2) / math.log(44100 / 16000) if ratio > 1 else 1.0
    return max(1, round(512 * ratio**exponent))


def model_size(order: int | None, context: float, sample_rate: int) -> tuple[int, int]:
    """Choose the order and the samples of context on each side: `context` seconds, at most four orders."""
    order = order or default_order(sample_rate)
    return order, max(1, min(round(context * sample_rate), 4 * order))


def known_run(gap: Tensor, limit: int) -> int:
    """Count the known samples at the end of a mask, up to `limit`."""
    lost = gap[max(0, len(gap) - limit) :].flip(0).nonzero()
    return int(lost[0]) if len(lost) else min(limit, len(gap))


def known_beside(gap: Tensor, run: Gap, limit: int) -> tuple[int, int]:
    """Count the known samples next to a gap in a mask (time,), before and after it, up to `limit` each."""
    return known_run(gap[: run.start], limit), known_run(gap[run.stop : run.stop + limit].flip(0), limit)


def fill_from_sides(audio: Tensor, gap: Tensor, run: Gap, order: int, width: int) -> Tensor:
    """Fill one gap inside a recording from the known samples beside it.

    A side that is silent, or shorter than 32 samples, leaves the gap to the other side; where both are too short, a
    straight line joins the two neighbouring samples.

    Args:
        audio: (channel, time), lost samples zero.
        gap: true = lost, (time,).
        run: the gap, touching neither end.
        order: of the predictors, at most.
        width: samples of context on each side, at most.

    Returns:
        the fill, (channel, run length).
    """
    steps = run.stop - run.start
    before, after = known_beside(gap, run, width)
    left, right = audio[:, run.start - before : run.start], audio[:, run.stop : run.stop + after].flip(-1)
    enough = [side.shape[-1] >= SHORTEST for side in (left, right)]
    if not any(enough):
        weight = torch.arange(1, steps + 1, dtype=audio.dtype) / (steps + 1)
        return torch.lerp(left[:, -1:], right[:, -1:], weight)
    if not all(enough):
        return extrapolate(left, order, steps) if enough[0] else extrapolate(right, order, steps).flip(-1)
    half_pi = torch.linspace(0, math.pi / 2, steps, dtype=audio.dtype) if steps > 1 else torch.tensor([math.pi / 4])
    weight = half_pi.cos().square().expand(len(audio), -1)
    loudness = [side.square().mean(-1, keepdim=True).sqrt() for side in (left, right)]
    weight = weight.masked_fill(loudness[1] <= _SILENT * loudness[0], 1)
    weight = weight.masked_fill(loudness[0] <= _SILENT * loudness[1], 0)
    forward, backward = extrapolate(left, order, steps), extrapolate(right, order, steps).flip(-1)
    return weight * forward + (1 - weight) * backward


def fill_edge(audio: Tensor, run: Gap, order: int, width: int) -> Tensor:
    """Fill a gap at the start or end of a recording from its one side, whose own gaps are filled already.

    Args:
        audio: (channel, time).
        run: the gap; one that covers everything is filled with zeros.
        order: of the predictor, at most.
        width: samples of context, at most.
    """
    steps = run.stop - run.start
    if run.start > 0:
        return extrapolate(audio[:, max(0, run.start - width) : run.start], order, steps)
    if run.stop < audio.shape[-1]:
        return extrapolate(audio[:, run.stop : run.stop + width].flip(-1), order, steps).flip(-1)
    return torch.zeros_like(audio)


def extrapolate(context: Tensor, order: int, steps: int) -> Tensor:
    """Continue audio (channel, time) by `steps` samples about its mean, by a model of at most half its length.

    An exploding continuation is damped exponentially, just so much that it keeps below twice the context's peak.
    """
    mean = context.mean(-1, keepdim=True)
    centred = context - mean
    a, _ = burg(centred, min(order, context.shape[-1] // 2))
    return _damped(predict(centred, a, steps), loudest(centred)) + mean


def loudest(context: Tensor) -> Tensor:
    """Give the highest peak, (channel, 1), that a fill made from this audio (channel, time) may have: twice its own."""
    return _LOUDEST * context.abs().amax(-1, keepdim=True)


def _damped(continuation: Tensor, limit: Tensor) -> Tensor:
    """Multiply by the largest gamma^t, gamma <= 1, that keeps to the limit: the model's poles moved towards zero."""
    continuation = continuation.nan_to_num(0, 0, 0)
    t = torch.arange(1, continuation.shape[-1] + 1, dtype=continuation.dtype)
    excess = torch.where(continuation.abs() > limit, (continuation.abs() / limit).log() / t, 0.0)
    return continuation * (-excess.amax(-1, keepdim=True) * t).exp()
