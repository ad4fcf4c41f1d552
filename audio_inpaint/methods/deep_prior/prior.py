"""Deep prior audio inpainting (Miotello et al., 2023): the network, its noise, its loss and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.losses import MultiScaleSpectrogram, mean_squared_error
from audio_inpaint.methods.deep_prior.signal import Signal

# Four halvings of fewer columns end in a single one, and oneDNN, as torch 2.11 has it, gives wrong values for strided
# convolutions to one column in bfloat16 on processors with AMX. What is more than the signal has is cut off.
FEWEST_COLUMNS = 17
_CHECKED = 100  # steps between two looks at a GPU's loss, which make the processor wait for it


@dataclass(frozen=True)
class Target:
    """What the loss compares the network's output with; the same at every step, where the signal is.

    Attributes:
        signal: that it is of.
        known: (channel or 1, frame) boolean, columns that the fit may see.
        spectrum: (channel, freq, frame) complex, at the network's level.
        audio: (channel, time), at the network's level; in the `columns` form that of the known columns.
        gap: (time,) boolean, samples of `audio` that say nothing; None in the `columns` form.
        scales: of the multi-scale term, as `MultiScaleSpectrogram.observed` has them.
    """

    signal: Signal
    known: Tensor
    spectrum: Tensor
    audio: Tensor
    gap: Tensor | None
    scales: list[tuple[Tensor, Tensor | None]]


class Prior(nn.Module):
    """`net(noise)`, to be fitted to the known part of one signal; the net's structure fills the rest.

    Two problem forms, never mixed; the signal says which:

    - `time`: samples are lost. The loss compares the known samples, in incomplete frames too, and the frames that no
      lost sample touches, at the net's STFT and at every scale of Table II. Nothing else is computed from the signal.
    - `columns`: columns of the spectrogram are lost (eq. 3), those centred in a gap; the other columns are the
      undamaged signal's. They still hold samples of the gap, so its scores say little about lost samples.

    One network makes all channels of the signal together. Batch statistics stay in use when it is judged, as the
    paper's code has it.

    Args:
        net: maps noise (1, in_channels, rows, columns) to (1, parts, rows, columns), where rows and columns are the
            spectrogram's bins and frames, and the parts are each channel's real and imaginary part, more if the
            spectrogram is folded; its layer `output` is made to fit.
        n_fft: of the spectrogram, samples at 16 kHz (kept in seconds at other rates); the top bin is left out.
        hop_length: likewise.
        fold: frames that one column of the network stands for.
        band: Hz that its rows span: the spectrogram is cut into bands of about that width, stacked as parts, so that
            a higher rate costs no more; None for all in one.
        spectrogram_weight: alpha_1 of eq. (9).
        multi_scale_weight: alpha_2 of eq. (9); 0 leaves the term out.
        sample_weight: weight of the known samples' error in the `time` form, on the spectrogram error's scale.
        phase: the phase term of eq. (15): "printed", "wrapped" or "none".
        mean_over_bins: average the magnitude terms over bins (published code) or sum them as printed.
        level: the known part is scaled so that its spectrogram's mean power is level squared; None leaves it as it is.
        noise: the input is uniform in [0, noise).
        perturbation: standard deviation of the noise added to the input, fresh at each step.
        learning_rate: of Adam, constant.
        averaging: decay of an exponential average of the outputs, which is then the result; 0 takes the last output.
        enough: the fit ends early where the loss falls below this share of silence's; 0 never.
        seed: of the input and of its perturbations.
    """

    def __init__(
        self,
        net: nn.Module,
        n_fft: int = 2048,
        hop_length: int = 512,
        fold: int = 1,
        band: float | None = None,
        spectrogram_weight: float = 1.0,
        multi_scale_weight: float = 0.1,
        sample_weight: float = 1.0,
        phase: Literal["printed", "wrapped", "none"] = "printed",
        mean_over_bins: bool = True,
        level: float | None = None,
        noise: float = 0.1,
        perturbation: float = 0.03,
        learning_rate: float = 0.01,
        averaging: float = 0.0,
        enough: float = 0.0,
        seed: int = 0,
    ):
        super().__init__()
        STFT(n_fft, hop_length)  # refuses impossible sizes before any work
        self.net = net.to(memory_format=torch.channels_last)
        self.n_fft, self.hop_length, self.fold, self.band = n_fft, hop_length, fold, band
        self.spectrogram_weight, self.multi_scale_weight = spectrogram_weight, multi_scale_weight
        self.sample_weight, self.phase, self.mean_over_bins = sample_weight, phase, mean_over_bins
        self.level, self.noise_range, self.perturbation = level, noise, perturbation
        self.learning_rate, self.averaging, self.enough, self.seed = learning_rate, averaging, enough, seed

    def take(self, signal: Signal) -> None:
        """Make everything that depends on a signal's size, rate and level, from its known part alone.

        The layer `output` is drawn from torch's generator; prior and signal are in the processor's memory.
        """
        self.length = signal.audio.shape[-1]
        self.stft = STFT.at(signal.sample_rate, self.n_fft, self.hop_length)
        self.multi_scale = MultiScaleSpectrogram(
            signal.sample_rate, phase=self.phase, mean_over_bins=self.mean_over_bins
        )
        self.bands = max(1, round(signal.sample_rate / 2 / self.band)) if self.band else 1
        parts = 2 * self.fold * self.bands * len(signal.audio)
        self.net.output = nn.Conv2d(self.net.output.in_channels, parts, 1)
        rows, columns = -(-self.stft.n_fft // 2 // self.bands), -(-self.stft.frames(self.length) // self.fold)
        shape = (1, self.net.in_channels, rows, max(columns, FEWEST_COLUMNS))
        noise = self.noise_range * torch.rand(shape, generator=torch.Generator().manual_seed(self.seed))
        self.register_buffer("noise", noise.contiguous(memory_format=torch.channels_last), persistent=False)
        self.scale = 1.0
        if self.level is not None and (power := self._known_power(signal)) > 0:
            self.scale = self.level / power**0.5
        self.average: Tensor | None = None
        self.averaged = 0  # outputs in the average
        self._target: Target | None = None
        silence = torch.zeros(len(signal.audio), self.stft.n_fft // 2 + 1, self.stft.frames(self.length))
        self.good_enough = self.enough * self.loss(silence.to(torch.complex64), signal)["total"].mean().item()

    def _known_power(self, signal: Signal) -> float:
        """Mean power of a bin of the spectrogram, from the known part."""
        if signal.form == "columns":
            return self.stft(signal.audio)[..., ~self.lost_frames(signal)].abs().square().mean().item()
        return (signal.audio[:, ~signal.lost].square().mean() * self.stft.window_energy).item()

    def lost_frames(self, signal: Signal) -> Tensor:
        """(frame,) boolean: the columns that the fit must not see."""
        return self.stft.touched(signal.lost) if signal.form == "time" else self.stft.centred(signal.lost)

    def perturbed(self, step: int) -> Tensor:
        """The input of a step, counted from 0: the very same in a resumed fit and on any device."""
        fresh = torch.randn(self.noise.shape, generator=torch.Generator().manual_seed(self.seed * 1_000_003 + step))
        if self.noise.is_cuda:
            fresh = fresh.pin_memory()  # a copy that nobody waits for
        return self.noise.add(fresh.to(self.noise.device, non_blocking=True), alpha=self.perturbation)

    def forward(self, noise: Tensor) -> Tensor:
        """Map noise (1, in_channels, row, column) to a complex spectrogram (channel, freq, frame)."""
        folded = "1 (channel band fold part) f l -> channel (band f) (l fold) part"
        output = rearrange(self.net(noise).float(), folded, part=2, band=self.bands, fold=self.fold)[
            :, : self.stft.n_fft // 2, : self.stft.frames(self.length)
        ]
        return nn.functional.pad(torch.view_as_complex(output.contiguous()), (0, 0, 0, 1))

    def loss(self, spectrum: Tensor, signal: Signal) -> dict[str, Tensor]:
        """Eq. (9) as `total`, and its terms, (channel,) each.

        Args:
            spectrum: (channel, freq, frame) complex, the network's.
            signal: the damaged signal, on the same device; one and the same object at every step.
        """
        target = self._target
        if target is None or target.signal is not signal:
            target = self._target = self.target(signal)
        squared = [
            mean_squared_error(part(spectrum), part(target.spectrum), target.known) for part in (torch.real, torch.imag)
        ]
        terms = {"spectrogram": sum(squared)}
        total = self.spectrogram_weight * terms["spectrogram"]
        if target.gap is None:
            estimate = self.stft.inverse(spectrum * target.known, self.length)
        else:
            estimate = self.stft.inverse(spectrum, self.length)
            error = torch.where(target.gap, 0.0, estimate - target.audio).square().mean(-1)
            terms["samples"] = error * self.stft.window_energy
            total = total + self.sample_weight * terms["samples"]
        if self.multi_scale_weight:
            scales = self.multi_scale(estimate, target.scales)
            total = total + self.multi_scale_weight * sum(scales.values())
            terms.update(scales)
        return {"total": total, **terms}

    @torch.no_grad()
    def target(self, signal: Signal) -> Target:
        """Return what the loss compares with; nothing that the fit must not see has a part in it."""
        known, spectrum = ~self.lost_frames(signal), self.stft(signal.audio) * self.scale
        if signal.form == "columns":
            audio, gap = self.stft.inverse(spectrum * known, self.length), None
        else:
            audio, gap = signal.audio * self.scale, signal.lost
        scales = self.multi_scale.observed(audio, gap) if self.multi_scale_weight else []
        return Target(signal, known, spectrum, audio, gap, scales)

    def step(self, index: int, signal: Signal) -> tuple[dict[str, Tensor], bool]:
        """Compute the loss of a step, and keep its output for the average.

        Args:
            index: of the step, from 0.
            signal: on the prior's device.

        Returns:
            The mean over channels of `total` and of its terms, and whether the fit is good enough to end.

        Raises:
            InputError: the fit diverged.
        """
        spectrum = self(self.perturbed(index))
        with torch.autocast(spectrum.device.type, enabled=False):
            terms = {name: value.mean() for name, value in self.loss(spectrum, signal).items()}
        if self.averaging:
            earlier = self.averaging * self.average.to(spectrum) if self.averaged else 0
            self.average = (1 - self.averaging) * spectrum.detach() + earlier
            self.averaged += 1
        # Reading a value makes the processor wait for a GPU: only where there is something to decide.
        looked = bool(self.enough) or spectrum.device.type == "cpu" or index % _CHECKED == 0
        if looked and not terms["total"].isfinite():
            raise InputError(f"the fit diverged by step {index + 1}: choose a lower learning rate, or another method")
        return terms, bool(self.enough) and bool(terms["total"] < self.good_enough)

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.net.parameters(), self.learning_rate)

    @torch.no_grad()
    def restored(self, signal: Signal) -> Tensor:
        """Return the whole output of the network as audio, (channel, time), at the signal's level, on its own device.

        In the `columns` form the known columns are put back first.
        """
        if self.average is None:
            spectrum = self(self.noise)
        else:  # that of a resumed fit may be in the processor's memory
            spectrum = self.average.to(self.noise.device) / (1 - self.averaging**self.averaged)
        signal, spectrum = signal.to(spectrum.device), spectrum / self.scale
        if signal.form == "columns":
            spectrum = torch.where(self.lost_frames(signal), spectrum, self.stft(signal.audio))
        return self.stft.inverse(spectrum, self.length)

    @torch.no_grad()
    def validation_loss(self, restored: Tensor, signal: Signal) -> Tensor:
        """Return the spectrogram error of eq. (9) on the frames that touch what is judged, for the curves of Fig. 6.

        Args:
            restored: (channel, time), the network's.
            signal: says what is judged, by what.
        """
        target, where = signal.to(restored.device).judged
        error, touched = self.stft(self.scale * (restored - target)), self.stft.touched(where)
        return (error.abs().square().mean((0, 1)) * touched).sum() / touched.sum()
