"""The deep prior as a LightningModule: the fit of `methods.deep_prior`, with loggers, checkpoints and pictures."""

from typing import Any

import lightning
import torch
from torch import Tensor, nn

from audio_inpaint.gaps import mask_gaps
from audio_inpaint.methods.deep_prior.prior import Prior
from audio_inpaint.methods.deep_prior.signal import Signal
from audio_inpaint.scores.snr import pooled_snr
from audio_inpaint.training.callbacks import Reconstruction


class DeepPrior(lightning.LightningModule):
    """Fits a `Prior` to one signal; a batch is a `Signal`.

    Args:
        net: as `Prior` takes it.
        options: those of `Prior`.
    """

    def __init__(self, net: nn.Module, **options: Any):
        super().__init__()
        self.save_hyperparameters()
        self.prior = Prior(net, **options)

    def setup(self, stage: str) -> None:
        """Make what depends on the signal."""
        self.prior.take(self._signal)
        self._judges = bool(self._signal.judged[1].any())  # nothing is withheld where there is no room

    @property
    def net(self) -> nn.Module:
        """The network, which `Accelerate` compiles."""
        return self.prior.net

    @property
    def _signal(self) -> Signal:
        """The signal in the processor's memory."""
        return self.trainer.datamodule.signal

    def training_step(self, signal: Signal, index: int) -> Tensor:
        """One step of the fit."""
        terms, enough = self.prior.step(self.global_step, signal)
        total = terms.pop("total")
        if enough:
            self.trainer.should_stop = True
        self.log("loss", total, prog_bar=True, batch_size=1)
        self.log_dict({f"loss/{name}": value.detach() for name, value in terms.items()}, batch_size=1)
        return total

    def validation_step(self, signal: Signal, index: int) -> None:
        """Judge the reconstruction in the gaps where the truth is known, else in the withheld stretches.

        Logs the SNR in dB and, for the curves of Fig. 6, the spectrogram error of eq. (9) on the frames touched.
        """
        target, where = signal.judged
        if self._judges:
            with torch.autocast(self.device.type, enabled=False):
                restored = self.prior.restored(signal)
            self.log("validation_loss", self.prior.validation_loss(restored, signal), batch_size=1)
            self.log("snr", pooled_snr(restored, target, where), prog_bar=True, batch_size=1)

    def on_validation_model_eval(self) -> None:
        """Leave the batch statistics in use."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The prior's."""
        return self.prior.optimizer()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep the average of the outputs."""
        checkpoint["average"] = (self.prior.average, self.prior.averaged)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Go on with the average of the outputs."""
        self.prior.average, self.prior.averaged = checkpoint["average"]

    def restored(self) -> Tensor:
        """The whole output of the network as audio, (channel, time), in the processor's memory."""
        return self.prior.restored(self._signal).cpu()

    def reconstructions(self) -> list[Reconstruction]:
        """What the fit makes of each channel so far, with the known samples put back."""
        signal, output = self._signal, self.restored()
        shown = []
        for channel, (damaged, audio) in enumerate(zip(signal.audio, output, strict=True)):
            restored = audio if signal.form == "columns" else torch.where(signal.gap, audio, damaged)
            panels = {"damaged": torch.where(signal.gap, 0.0, damaged), "restored": restored, "network": audio}
            if signal.truth is not None:
                panels["truth"] = signal.truth[channel]
            shown.append(Reconstruction(f"channel_{channel + 1}", panels, mask_gaps(signal.gap), signal.sample_rate))
        return shown
