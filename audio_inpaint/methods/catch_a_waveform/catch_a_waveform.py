"""Catch-A-Waveform: a pyramid of small adversarial networks, fitted to the known part of one recording.

Each scale is a sampling rate. The lowest turns noise into a low-passed signal, and every further one adds what its rate
can hold. It is one of the two rivals in the deep-prior paper, whose scales these are.

Source: Greshler, Shaham and Michaeli, 2021, "Catch-A-Waveform: Learning to generate audio from a single short example".
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import StepLR
from tqdm import tqdm

from audio_inpaint.gaps import mask_gaps
from audio_inpaint.methods.contract import channels_alike, damaged, repaired
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.options import Context, Count, Range, Seconds, checked
from audio_inpaint.methods.progress import advanced
from audio_inpaint.methods.transplant import edge_fade
from audio_inpaint.nn.catch_a_waveform import Critic, Generator, fields, judged

RATES = (1000, 1600, 2500, 8000, 12000, 16000)  # Hz, the deep-prior paper's
_FIRST_WIDTH = 16  # channels at the first scale, at most
_NOISE = 0.01  # of the root of the power that a scale adds
_PENALTY = 0.01  # weight of the gradient penalty
_RECONSTRUCTION = 10.0  # weight of the reconstruction's mean squared error
_LEARNING_RATE, _BETAS = 0.0015, (0.5, 0.999)
_DROP = 2 / 3  # of the epochs, after which the learning rate is a tenth
_FADE = 0.005  # seconds at both edges of a gap in which Janssen's fill leads over to the reconstruction


@checked
@dataclass(frozen=True)
class CatchAWaveform:
    """Fit the networks of all scales to a recording, one scale after the other, and fill with their reconstruction.

    Faster recordings are worked on at 16 kHz, and what they hold above 8 kHz is Janssen's fill. At a scale where no
    2041 samples in a row are known (two seconds at 1 kHz) there is nothing real to show to a critic, and the
    reconstruction alone is fitted.

    Every step goes over all samples: a second at 16 kHz takes 1 GB, and five seconds take a processor more than a day.
    With `epochs=40` and `width=16`, one core fits five seconds in three minutes and 2 GB.

    Args:
        epochs: steps of each scale.
        width: channels inside the networks; the first scale has 16 at most.
        seed: of the networks' weights and of all noise.
        context: seconds on each side of a gap that are fitted.
        longest: seconds from the first to the last gap of one fit.

    Raises:
        ValueError: an option is out of range.
    """

    epochs: Count = 2000
    width: Count = 96
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0
    context: Context = 2.5
    longest: Seconds = 5.0

    gpu = True

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return channels_alike(self.restore, audio, gap, sample_rate)

    def restore(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore channels that lost the same samples, gap (time,)."""
        device, audio, gap = audio.device, audio.cpu(), gap.cpu()
        known = damaged(audio, gap)
        if not gap.any() or not known.any():
            return repaired(audio, gap, known)
        filled, level, length = Janssen().restore(known, gap, sample_rate), known.abs().max(), len(gap)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)  # all that is random is drawn there
            scales = pyramid((filled / level).float().to(device), gap.to(device), sample_rate)
            low = level * reconstruction(scales, self.width, self.epochs).to(filled)
        output = filled + resampled(low, length) - resampled(resampled(filled, low.shape[-1]), length)
        for run in mask_gaps(gap):
            weight = edge_fade(run.stop - run.start, round(_FADE * sample_rate)).to(filled)
            filled[:, run.start : run.stop].lerp_(output[:, run.start : run.stop], weight)
        return repaired(audio, gap, filled)


@dataclass(frozen=True)
class Scale:
    """The recording at one rate.

    Attributes:
        rate: Hz.
        real: (1, channel, time).
        known: (time,) boolean.
        judged: (time - 2040,) boolean: the critic's scores of `real` that see no lost sample.
        noise: standard deviation of the generator's noise.
        fixed: the noise of the reconstruction, (1, channel, time).
    """

    rate: int
    real: Tensor
    known: Tensor
    judged: Tensor
    noise: float
    fixed: Tensor


def pyramid(audio: Tensor, gap: Tensor, sample_rate: int) -> list[Scale]:
    """Prepare the scales: the paper's rates below the recording's own, then that one or 16 kHz.

    Args:
        audio: (channel, time), its gaps filled with what does no harm to the samples beside them.
        gap: true = lost, (time,).
        sample_rate: Hz.
    """
    top = min(sample_rate, RATES[-1])
    scales, before = [], 0.0
    for rate in [*(rate for rate in RATES if rate < top), top]:
        length = math.ceil(len(gap) * rate / sample_rate)
        real, lost = resampled(audio, length)[None], gap_at(gap, length)
        power = float(real[..., ~lost].square().mean()) if not lost.all() else before
        noise = _NOISE * math.sqrt(max(0.0, power - before))
        fixed = drawn(real, noise) * (lost if scales else 1)
        scales.append(Scale(rate, real, ~lost, judged(lost), noise, fixed))
        before = power
    return scales


def gap_at(gap: Tensor, length: int) -> Tensor:
    """Carry a mask (time,) to another rate, (length,): a sample there is lost if one within a step of it is."""
    if length == len(gap):
        return gap
    lost, ratio = torch.zeros(length, dtype=torch.bool, device=gap.device), length / len(gap)
    for run in mask_gaps(gap):
        lost[max(0, math.floor(run.start * ratio) - 1) : math.ceil(run.stop * ratio) + 1] = True
    return lost


def resampled(x: Tensor, length: int) -> Tensor:
    """Resample x (..., time) to `length` samples by its Fourier series."""
    if length == x.shape[-1]:
        return x
    return torch.fft.irfft(torch.fft.rfft(x)[..., : length // 2 + 1], length) * (length / x.shape[-1])


def drawn(like: Tensor, deviation: float) -> Tensor:
    """Draw noise of a signal's shape; from the processor's generator, so that all devices get the same."""
    return deviation * torch.randn(like.shape).to(like)


def reconstruction(scales: list[Scale], width: int, epochs: int) -> Tensor:
    """Fit all scales in turn, and give what the last generator makes of the fixed noise, (channel, time).

    From the third scale on, the networks start from those of the scale before.
    """
    channels = scales[0].real.shape[1]
    start = output = scales[0].real.new_zeros(1, channels, 1)
    generators: list[Generator] = []

    def sample() -> Tensor:
        made = start
        for scale, generator in zip(scales, generators, strict=False):
            made = generator(drawn(scale.real, scale.noise), resampled(made, len(scale.known)))
        return made

    for index, scale in enumerate(scales):
        if index < 2:
            size = width if index else min(width, _FIRST_WIDTH)
            generator, critic = (kind(channels, size).to(start.device) for kind in (Generator, Critic))
        else:
            generator, critic = copy.deepcopy(generator), copy.deepcopy(critic)
        output = resampled(output, len(scale.known))
        output = fit(scale, generator, critic, output, sample, epochs, _share(scales, index))
        generators.append(generator)
    return output[0]


def _share(scales: list[Scale], index: int) -> tuple[float, float]:
    """Return the shares of all work before a scale and after it, by samples."""
    ends = list(accumulate((len(scale.known) for scale in scales), initial=0))
    return ends[index] / ends[-1], ends[index + 1] / ends[-1]


def fit(
    scale: Scale,
    generator: Generator,
    critic: Critic,
    previous: Tensor,
    sample: Callable[[], Tensor],
    epochs: int,
    share: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """Fit one scale, and give its reconstruction, (1, channel, time).

    Args:
        scale: the recording at its rate.
        generator: fitted in place.
        critic: fitted in place, if it has something real to judge.
        previous: the reconstruction of the scale before, upsampled, (1, channel, time).
        sample: makes a random signal of the scale before, (1, channel, time) at its rate.
        epochs: steps of either network.
        share: of all work that is done before this scale and after it.
    """
    make, judge = (_stepper(net, epochs) for net in (generator, critic))
    real, chosen = scale.real, scale.judged
    seen = fields(chosen)
    for epoch in tqdm(range(epochs), f"{scale.rate} Hz", unit="epoch", leave=False, disable=None):
        loss = 0.0
        if chosen.any():
            with torch.no_grad():
                base = resampled(sample(), len(scale.known))
            fake = generator(drawn(real, scale.noise), base)
            critic.requires_grad_(True)
            distance = critic(fake.detach()).mean() - critic(real)[..., chosen].mean()
            penalty = gradient_penalty(critic, real, fake.detach(), chosen, seen)
            judge(distance + _PENALTY * penalty)
            critic.requires_grad_(False)
            loss = -critic(fake).mean()
        error = reconstruction_error(generator(scale.fixed, previous), scale)
        make(loss + _RECONSTRUCTION * error)
        advanced(share[0] + (share[1] - share[0]) * (epoch + 1) / epochs)
    with torch.no_grad():
        return generator(scale.fixed, previous)


def reconstruction_error(output: Tensor, scale: Scale) -> Tensor:
    """Mean squared error of a generator's output on the known samples."""
    return (output - scale.real)[..., scale.known].square().mean() if scale.known.any() else 0 * output.sum()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, chosen: Tensor, seen: Tensor) -> Tensor:
    """Ask for gradients of norm 1 at each sample, between the real and the generated signal.

    Args:
        critic: the network.
        real: (1, channel, time).
        fake: (1, channel, time).
        chosen: the scores that count, (time - 2040,) boolean.
        seen: the samples in their receptive fields, (time,) boolean.

    Source: Gulrajani et al., 2017, "Improved training of Wasserstein GANs", eq. 3, sample by sample.
    """
    between = torch.lerp(fake, real, float(torch.rand(()))).requires_grad_(True)
    scores = critic(between)[..., chosen]
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    return (torch.linalg.vector_norm(gradient, dim=1)[..., seen] - 1).square().mean()


def _stepper(net: nn.Module, epochs: int) -> Callable[[Tensor], None]:
    """Make what takes one step down a loss, with a tenth of the learning rate in the last third of the epochs."""
    optimizer = Adam(net.parameters(), _LEARNING_RATE, _BETAS)
    schedule = StepLR(optimizer, max(1, round(_DROP * epochs)))

    def step(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    return step
