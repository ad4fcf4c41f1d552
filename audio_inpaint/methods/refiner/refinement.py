"""What a refiner's network says of a fill, applied to it: magnitudes change, phases stay."""

import math

import torch
from torch import Tensor, nn

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.refiner.evidence import Evidence
from audio_inpaint.methods.refiner.observation import Observation, observed, with_floor
from audio_inpaint.methods.refiner.rows import to_bins, to_rows

# Nepers that a fill's magnitude may change by, and how much of the interpolated one may be added.
_GAIN, _SHARE = 2.0, 1.0
# A fill this far below its surroundings (-40 dB) has no phase to keep: it gets that of noise.
_DEAD = 0.01
# Power that is nothing beside any other.
_TINY = 1e-18
# Seconds in which a change begins and ends, so that a fill joins what is beside it.
_FADE = 0.001


def changed(answer: Tensor, observation: Observation, natural: Tensor | float, noise: Tensor) -> Tensor:
    """Change a spectrum as the network says, and within the limits of the evidence.

    Args:
        answer: of the network, (..., 2, row, frame).
        observation: its spectrum may be (..., channel, bin, frame).
        natural: 0 changes nothing, 1 all that the network says.
        noise: complex, of power 1, shaped like the spectrum: phases of what has none.

    Returns:
        what is to be added to the spectrum.
    """
    spectrum, interpolated = observation.spectrum, observation.interpolated
    magnitude = spectrum.abs()
    gain, share = (_GAIN * answer[..., 0, :, :].tanh()).exp() - 1, _SHARE * answer[..., 1, :, :].tanh()
    fill, sides = (to_rows(x.square().sum(-3)).sqrt() for x in (magnitude, interpolated))
    wanted = gain * fill + share * sides
    held = natural * observation.limit * (observation.limit.square() + wanted.square() + _TINY).rsqrt()
    gain, share = (to_bins(held * x, spectrum.shape[-2]).unsqueeze(-3) for x in (gain, share))
    louder = (gain * magnitude + share * interpolated).maximum(-magnitude)
    direction = spectrum + _DEAD * interpolated * noise
    return louder * direction / direction.abs().clamp_min(1e-20)


def in_time(change: Tensor, weights: Tensor, sample_rate: int) -> Tensor:
    """Transform the change of a spectrum (..., bin, frame) back to that of the lost samples, (..., time).

    Args:
        change: complex.
        weights: how much of it each sample takes, as `fade` has it.
        sample_rate: Hz.
    """
    return STFT.at(sample_rate, 512, 128).inverse(change, weights.shape[-1]) * weights


def fade(hole: Gap, length: int, sample_rate: int) -> Tensor:
    """Zero outside a gap, one inside, with a slope of 1 ms within its ends, (time,)."""
    lost = hole.stop - hole.start
    slope = max(1, min(round(_FADE * sample_rate), lost // 4))
    inside = torch.arange(lost, dtype=torch.float32)
    rise = (torch.minimum(inside, inside.flip(0)) + 0.5) / slope
    weights = torch.zeros(length)
    weights[hole.start : hole.stop] = 0.5 - 0.5 * (math.pi * rise.clamp(0, 1)).cos()
    return weights


def white(shape: torch.Size | tuple[int, ...], seed: int) -> Tensor:
    """Complex noise of power 1 from a seed; channels, the third dimension from the end, have the same."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape[:-3], 1, *shape[-2:], dtype=torch.complex64, generator=generator)


def doubt(expected: float) -> float:
    """Say how much of a change a fill gets of which so many dB are expected: all up to 15, a tenth from 24 on."""
    return min(1.0, max(0.1, (25 - expected) / 10))


@torch.no_grad()
def refined(evidence: Evidence, net: nn.Module | None, natural: float = 1.0, seed: int = 0) -> Tensor:
    """Refine a fill, (channel, lost).

    Args:
        evidence: of the gap.
        net: trained; None fills up to the noise floor alone.
        natural: 0 changes nothing but that, 1 all that the network says.
        seed: of noise and phases.
    """
    if net is None:
        return with_floor(evidence, seed)
    whole = observed(evidence, seed)
    hole, audio, observation = whole.hole, whole.audio, whole.float()
    answer = net(observation.maps.unsqueeze(0))[0]
    noise = white(observation.spectrum.shape, seed + 1)
    change = changed(answer, observation, natural * doubt(evidence.expected), noise)
    audio = audio + in_time(change, fade(hole, audio.shape[-1], whole.sample_rate), whole.sample_rate).double()
    return audio[:, hole.start : hole.stop]
