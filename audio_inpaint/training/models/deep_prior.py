"""Deep prior audio inpainting (Miotello et al., 2023): an untrained network is fitted to one damaged spectrogram."""

from typing import Literal

import lightning
import torch
from einops import rearrange
from torch import Tensor, nn

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.gaps import mask_gaps
from audio_inpaint.losses import MultiScaleSpectrogram, mean_squared_error
from audio_inpaint.scores.snr import snr
from audio_inpaint.training.callbacks import Reconstruction
from audio_inpaint.training.data.single import Signal

# Four halvings of fewer columns end in a single one, and oneDNN, as torch 2.11 has it, gives wrong values for strided
# convolutions to one column in bfloat16 on processors with AMX. What is more than the signal has is cut off.
FEWEST_COLUMNS = 17


class DeepPrior(lightning.LightningModule):
    """Fits `net(noise)` to the known part of one signal; the net's structure fills the rest.

    Two problem forms, never mixed; the signal says which:

    - `time`: samples are lost. The loss compares the known samples, in incomplete frames too, and the frames that no
      lost sample touches, at the net's STFT and at every scale of Table II. Nothing else is computed from the signal.
    - `columns`: columns of the spectrogram are lost (eq. 3), those centred in a gap; the other columns are the
      undamaged signal's. They still hold samples of the gap, so its scores say little about lost samples.

    A batch is a `Signal`, whose channels one network makes together. Batch statistics stay in use in validation, as the
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
        self.save_hyperparameters()
        STFT(n_fft, hop_length)  # refuses impossible sizes before any work
        self.net = net.to(memory_format=torch.channels_last)

    # -- what is fitted ------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Make everything that depends on the signal's size, rate and level, from its known part alone."""
        options, signal = self.hparams, self.trainer.datamodule.signal
        self.length = signal.audio.shape[-1]
        self.stft = STFT.at(signal.sample_rate, options.n_fft, options.hop_length)
        self.multi_scale = MultiScaleSpectrogram(
            signal.sample_rate, phase=options.phase, mean_over_bins=options.mean_over_bins
        )
        self.bands = max(1, round(signal.sample_rate / 2 / options.band)) if options.band else 1
        parts = 2 * options.fold * self.bands * len(signal.audio)
        self.net.output = nn.Conv2d(self.net.output.in_channels, parts, 1, device=self.device)
        rows, columns = -(-self.stft.n_fft // 2 // self.bands), -(-self.stft.frames(self.length) // options.fold)
        shape = (1, self.net.in_channels, rows, max(columns, FEWEST_COLUMNS))
        noise = options.noise * torch.rand(shape, generator=torch.Generator().manual_seed(options.seed))
        self.register_buffer("noise", noise.contiguous(memory_format=torch.channels_last), persistent=False)
        self.scale = 1.0
        if options.level is not None and (power := self._known_power(signal)) > 0:
            self.scale = options.level / power**0.5
        self.average, self.averaged = None, 0
        silence = torch.zeros(len(signal.audio), self.stft.n_fft // 2 + 1, self.stft.frames(self.length))
        self.good_enough = options.enough * self.loss(silence.to(torch.complex64), signal)["total"].mean().item()

    def _known_power(self, signal: Signal) -> float:
        """Mean power of a bin of the spectrogram, from the known part."""
        if signal.form == "columns":
            return self.stft(signal.audio)[..., ~self.lost_frames(signal)].abs().square().mean().item()
        return (signal.audio[:, ~signal.lost].square().mean() * self.stft.window_energy).item()

    def lost_frames(self, signal: Signal) -> Tensor:
        """(frame,) boolean: the columns that the fit must not see."""
        return self.stft.touched(signal.lost) if signal.form == "time" else self.stft.centred(signal.lost)

    def perturbed(self, step: int) -> Tensor:
        """The input of a step: a resumed run sees the very same."""
        generator = torch.Generator(self.device).manual_seed(self.hparams.seed * 1_000_003 + step)
        fresh = torch.randn(self.noise.shape, generator=generator, device=self.device)
        return self.noise.add(fresh, alpha=self.hparams.perturbation)

    def forward(self, noise: Tensor) -> Tensor:
        """Map noise (1, in_channels, row, column) to a complex spectrogram (channel, freq, frame)."""
        folded = "1 (channel band fold part) f l -> channel (band f) (l fold) part"
        output = rearrange(self.net(noise).float(), folded, part=2, band=self.bands, fold=self.hparams.fold)[
            :, : self.stft.n_fft // 2, : self.stft.frames(self.length)
        ]
        return nn.functional.pad(torch.view_as_complex(output.contiguous()), (0, 0, 0, 1))

    def loss(self, spectrum: Tensor, signal: Signal) -> dict[str, Tensor]:
        """Eq. (9) as `total`, and its terms, (channel,) each.

        Args:
            spectrum: (channel, freq, frame) complex, the network's.
            signal: the damaged signal.
        """
        options, known_frames = self.hparams, ~self.lost_frames(signal)
        target = self.stft(signal.audio) * self.scale
        squared = [mean_squared_error(part(spectrum), part(target), known_frames) for part in (torch.real, torch.imag)]
        terms = {"spectrogram": sum(squared)}
        total = options.spectrogram_weight * terms["spectrogram"]
        if signal.form == "columns":
            estimate, observed = (self.stft.inverse(z * known_frames, self.length) for z in (spectrum, target))
            gap = None
        else:
            estimate, observed, gap = self.stft.inverse(spectrum, self.length), signal.audio * self.scale, signal.lost
            error = torch.where(gap, 0.0, estimate - observed).square().mean(-1)
            terms["samples"] = error * self.stft.window_energy
            total = total + options.sample_weight * terms["samples"]
        if options.multi_scale_weight:
            scales = self.multi_scale(estimate, observed, gap)
            total = total + options.multi_scale_weight * sum(scales.values())
            terms.update(scales)
        return {"total": total, **terms}

    def restored(self) -> Tensor:
        """The whole output of the network as audio, (channel, time), at the signal's level.

        In the `columns` form the known columns are put back first.
        """
        signal = self.trainer.datamodule.signal
        with torch.no_grad():
            spectrum = self(self.noise) if self.average is None else self.average / (1 - self._decay**self.averaged)
            spectrum = spectrum.to(signal.audio.device) / self.scale
            if signal.form == "columns":
                spectrum = torch.where(self.lost_frames(signal), spectrum, self.stft(signal.audio))
            return self.stft.inverse(spectrum, self.length)

    def reconstructions(self) -> list[Reconstruction]:
        """What the fit makes of each channel so far, with the known samples put back."""
        signal, output = self.trainer.datamodule.signal, self.restored()
        shown = []
        for channel, (damaged, audio) in enumerate(zip(signal.audio, output, strict=True)):
            restored = audio if signal.form == "columns" else torch.where(signal.gap, audio, damaged)
            panels = {"damaged": torch.where(signal.gap, 0.0, damaged), "restored": restored, "network": audio}
            if signal.truth is not None:
                panels["truth"] = signal.truth[channel]
            shown.append(Reconstruction(f"channel_{channel + 1}", panels, mask_gaps(signal.gap), signal.sample_rate))
        return shown

    # -- Lightning -----------------------------------------------------------------------------------------------

    def training_step(self, signal: Signal, index: int) -> Tensor:
        """One step of the fit."""
        spectrum = self(self.perturbed(self.global_step))
        with torch.autocast(self.device.type, enabled=False):
            terms = {name: value.mean() for name, value in self.loss(spectrum, signal).items()}
        if self._decay:
            earlier = self._decay * self.average.to(spectrum) if self.averaged else 0
            self.average = (1 - self._decay) * spectrum.detach() + earlier
            self.averaged += 1
        total = terms.pop("total")
        if total < self.good_enough:
            self.trainer.should_stop = True
        self.log("loss", total, prog_bar=True, batch_size=1)
        self.log_dict({f"loss/{name}": value.detach() for name, value in terms.items()}, batch_size=1)
        return total

    def validation_step(self, signal: Signal, index: int) -> None:
        """Judge the reconstruction in the gaps where the truth is known, else in the withheld stretches.

        Logs the SNR in dB and, for the curves of Fig. 6, the spectrogram error of eq. (9) on the frames touched.
        """
        target, where = signal.judged
        if where.any():
            with torch.autocast(self.device.type, enabled=False):
                restored = self.restored()
                error = self.stft(self.scale * (restored - target))[..., self.stft.touched(where)]
                self.log("validation_loss", error.abs().square().mean(), batch_size=1)
                self.log("snr", snr(restored, target, where).mean(), prog_bar=True, batch_size=1)

    def on_validation_model_eval(self) -> None:
        """Leave the batch statistics in use."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.parameters(), self.hparams.learning_rate)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep the average of the outputs."""
        checkpoint["average"] = (self.average, self.averaged)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Go on with the average of the outputs."""
        self.average, self.averaged = checkpoint["average"]

    @property
    def _decay(self) -> float:
        return self.hparams.averaging
