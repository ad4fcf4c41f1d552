"""Context encoder (Marafioti et al., 2019): a network learns to fill the gap between two contexts."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MeanMetric

from audio_inpaint.gaps import mask_gaps
from audio_inpaint.losses import mixed_squared_error, weighted_nmse
from audio_inpaint.methods.registry import method
from audio_inpaint.nn.factory import described
from audio_inpaint.nn.spectral_inpainter import SpectralInpainter
from audio_inpaint.scores.snr import frames_snr, magnitude_snr, snr
from audio_inpaint.scores.torch_metrics import Spread
from audio_inpaint.training.callbacks import Reconstruction
from audio_inpaint.training.comparison import RESTORED, Comparison, table, write_table


class ContextEncoder(lightning.LightningModule):
    """Learns the coefficients of the gap in the middle of segments; a batch is a tensor of them, (batch, time).

    Validation gives, over all segments, the loss (`validation_loss`), the paper's weighted NMSE and the SNR_MS of the
    network's own frames (Table 3: `snr_network`); and, over the first segments, SNR_MS and SNR_TD of the restored
    audio (Tables 4 and 5: `snr_ms`, `snr_td`), whose phases take long. The test restores every segment, and prediction
    those that are shown.

    Gradients, loss and scores are those of the global batch for any number of processes, but the batch norms' means and
    variances are each process's own unless `--trainer.sync_batchnorm=true`, which PyTorch has for GPUs alone.

    Args:
        net: makes the network, see `SpectralInpainter` for this and the next eight.
        sample_rate: Hz.
        context: samples on each side.
        gap: samples lost.
        n_fft: samples of the STFT's window.
        hop_length: samples between its frames.
        output: "magnitude" or "complex".
        normalised: contexts of one level.
        iterations: of fast Griffin-Lim.
        loss: eq. (1), as the "paper" or its published "code" has it.
        c: of eq. (1).
        weight_decay: lambda of eq. (2): half of it times the squared kernels is added to the mean loss of a batch, or
            rather, its gradient to that of the loss.
        learning_rate: of Adam, at the beginning.
        schedule: "drop" to a tenth at the step `drop_at`, "plateau" the same when the validation loss has not fallen
            for more than ten validations, or "cosine" to nothing at the trainer's last step.
        drop_at: see `schedule`.
        warm_up: steps in which the rate rises linearly; not for "plateau".
        restored_segments: of each validation, over all processes.
        rivals: methods that the test gives the same segments.
        shares: of the network's magnitudes, where the test gives them a rival's phases; as in
            `SpectralInpainter.improve`.
        shown: examples for the spectrogram callback.

    Raises:
        ValueError: sizes do not fit together, or "plateau" is to warm up.
    """

    def __init__(
        self,
        net: Callable[[int, int, int, int], nn.Module],
        sample_rate: int = 16000,
        context: int = 2048,
        gap: int = 1024,
        n_fft: int = 512,
        hop_length: int = 128,
        output: Literal["magnitude", "complex"] = "magnitude",
        normalised: bool = False,
        iterations: int = 100,
        loss: Literal["paper", "code"] = "paper",
        c: float = 5.0,
        weight_decay: float = 0.01,
        learning_rate: float = 1e-3,
        schedule: Literal["drop", "plateau", "cosine"] = "drop",
        drop_at: int = 600_000,
        warm_up: int = 0,
        restored_segments: int = 256,
        rivals: tuple[str, ...] = ("burg", "janssen"),
        shares: tuple[float, ...] = (0.5, 1.0),
        shown: int = 4,
    ):
        super().__init__()
        if warm_up and schedule == "plateau":
            raise ValueError("the schedule plateau has no warm_up: set it to 0, or choose drop or cosine")
        self.save_hyperparameters()
        if callable(self.hparams["net"]):  # built in Python: a checkpoint has the name, not the code
            self.hparams["net"] = described(net)
        self.inpainter = SpectralInpainter(
            net, sample_rate, context, gap, n_fft, hop_length, output, normalised, iterations
        )
        self.segment = self.inpainter.segment
        self.losses, self.weighted_nmse = MeanMetric(), MeanMetric()
        self.scores = nn.ModuleDict({name: Spread() for name in ("snr_network", "snr_ms", "snr_td")})
        self.examples: list[tuple[Tensor, Tensor]] = []

    @property
    def net(self) -> nn.Module:
        """The network, which `Accelerate` compiles."""
        return self.inpainter.net

    # -- learning ------------------------------------------------------------------------------------------------

    def loss(self, estimate: Tensor, target: Tensor) -> Tensor:
        """The loss of each example, (batch,); both are (batch, parts, freq, gap frame)."""
        if self.hparams.loss == "code":
            return mixed_squared_error(estimate, target)
        return weighted_nmse(estimate, target, self.hparams.c)

    def estimates(self, segments: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The network's coefficients and the true ones at the network's level; the known spectra and their level."""
        with torch.autocast(self.device.type, enabled=False):
            spectrum, level = self.inpainter.known(segments)
            target = self.inpainter.target(segments) / level.unsqueeze(1)
        return self.inpainter(spectrum / level), target, spectrum, level

    def training_step(self, segments: Tensor, index: int) -> Tensor:
        """One step on a batch of segments (batch, time)."""
        estimate, target, *_ = self.estimates(segments)
        loss = self.loss(estimate, target).mean()
        if (self.global_step + 1) % self.trainer.log_every_n_steps == 0:  # the processes wait for each other
            self.log("loss", loss, prog_bar=True, batch_size=len(segments), sync_dist=True)
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam and the schedule of its rate; its weight decay is the gradient of eq. (2), on the kernels alone."""
        options, parameters = self.hparams, list(self.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": options.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1]},
        ]
        optimizer = torch.optim.Adam([group for group in groups if group["params"]], options.learning_rate)
        if options.schedule == "plateau":
            falling = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=10)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": falling, "monitor": "validation_loss"}}
        steps = self.trainer.estimated_stepping_batches

        def rate(step: int) -> float:
            rising = min(1.0, (step + 1) / (options.warm_up + 1))
            if options.schedule == "cosine":
                return rising * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps)))
            return rising * (1.0 if step < options.drop_at else 0.1)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    # -- judging -------------------------------------------------------------------------------------------------

    def _judge(self, segments: Tensor, restored: int) -> Tensor:
        """Score a batch, with the audio of its first `restored` segments, which is returned."""
        estimate, target, spectrum, level = self.estimates(segments)
        self.losses.update(self.loss(estimate, target))
        coefficients, target = estimate * level.unsqueeze(1), target * level.unsqueeze(1)
        self.weighted_nmse.update(weighted_nmse(coefficients, target, self.hparams.c))
        self.scores["snr_network"].update(frames_snr(coefficients, target, self.inpainter.inside))
        truth = segments[:restored]
        if not restored:
            return truth
        audio, gap = truth.clone(), self.segment.place
        audio[..., gap] = self.inpainter.synthesise(spectrum[:restored], coefficients[:restored])[..., gap]
        for name, scores in self._restored_scores(audio, truth).items():
            self.scores[name].update(scores)
        return audio

    def _restored_scores(self, restored: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """SNR_MS and SNR_TD in dB of restored segments (batch, time), (batch,) each."""
        lost = self.segment.lost.to(truth.device)
        return {
            "snr_ms": magnitude_snr(restored, truth, lost, self.hparams.n_fft, self.hparams.hop_length),
            "snr_td": snr(restored, truth, lost),
        }

    def on_validation_epoch_start(self) -> None:
        """Begin a validation."""
        # its own of the first ones, which are dealt to the processes in turn
        self._left = len(range(self.global_rank, self.hparams.restored_segments, self.trainer.world_size))
        self.examples = []

    def validation_step(self, segments: Tensor, index: int) -> None:
        """Score a batch of segments (batch, time)."""
        restored = self._judge(segments, min(self._left, len(segments)))
        self._left -= len(restored)
        wanted = self.hparams.shown - len(self.examples)
        self.examples += list(zip(segments[:wanted].cpu(), restored[:wanted].cpu(), strict=False))

    def on_validation_epoch_end(self) -> None:
        """Log the scores of all processes."""
        values = {name: score.compute()["mean"] for name, score in self.scores.items()}
        self.log("validation_loss", self.losses.compute())
        self.log("weighted_nmse", self.weighted_nmse.compute())
        self.log_dict(values, prog_bar=True)
        self._reset()

    def _reset(self) -> None:
        for metric in (self.losses, self.weighted_nmse, *self.scores.values()):
            metric.reset()

    def on_test_epoch_start(self) -> None:
        """Make the methods that the network is compared with."""
        self.rivals = {name: method(name) for name in self.hparams.rivals}
        self.shares = self.hparams.shares if self.hparams.output == "magnitude" else ()
        improved = (f"{name}, {share:.0%} magnitude" for name in self.rivals for share in self.shares)
        rows = [self.hparams.output, *self.rivals, *improved]
        self.comparisons = {row: Comparison().to(self.device) for row in rows}

    def test_step(self, segments: Tensor, index: int) -> None:
        """Restore and score a batch of segments (batch, time), by the rivals too, and by both together."""
        own = self._restored_scores(self._judge(segments, len(segments)), segments)
        self.comparisons[self.hparams.output].update(own)
        truth, lost = segments.cpu().double(), self.segment.lost
        for name, rival in self.rivals.items():
            restored = torch.cat(
                [rival(x[None].masked_fill(lost, 0), lost[None], self.segment.sample_rate) for x in truth]
            )
            self.comparisons[name].update(self._restored_scores(restored, truth), own)
            for share in self.shares:
                improved = self.inpainter.improve(restored.to(segments), share=share).cpu().double()
                self.comparisons[f"{name}, {share:.0%} magnitude"].update(self._restored_scores(improved, truth), own)

    def on_test_epoch_end(self) -> None:
        """Print the scores of all processes, the network's first, and write them as `test.csv`."""
        rows = {name: comparison.compute() for name, comparison in self.comparisons.items()}
        for name, row in rows.items():
            self.log_dict({f"test/{name}/{score}": row[score] for score in RESTORED})
        self._reset()
        folder = Path(self.trainer.log_dir)  # asks all processes
        if self.trainer.is_global_zero:
            print(table(rows))
            folder.mkdir(parents=True, exist_ok=True)
            write_table(folder / "test.csv", rows)

    def on_predict_epoch_start(self) -> None:
        """Begin to restore."""
        self.examples = []

    def predict_step(self, segments: Tensor, index: int) -> Tensor:
        """Restore as many of the segments (batch, time) as are to be shown."""
        segments = segments[: self.hparams.shown - len(self.examples)]
        restored = self.inpainter.restore(segments) if len(segments) else segments
        self.examples += list(zip(segments.cpu(), restored.cpu(), strict=True))
        return restored

    def reconstructions(self) -> list[Reconstruction]:
        """The first examples of the last validation or prediction."""
        gaps = mask_gaps(self.segment.lost)
        damaged = ~self.segment.lost
        return [
            Reconstruction(
                f"segment_{number}",
                {"damaged": truth * damaged, "restored": restored, "truth": truth},
                gaps,
                self.segment.sample_rate,
            )
            for number, (truth, restored) in enumerate(self.examples, 1)
        ]
