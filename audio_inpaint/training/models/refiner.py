"""The refiner: a network learns how much louder each bin of a fill ought to be, from finished waveforms."""

import math
from collections.abc import Callable

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MeanMetric

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.methods.refiner.refinement import changed, in_time
from audio_inpaint.nn.refiner import MAPS
from audio_inpaint.training.adversary import Adversary
from audio_inpaint.training.data.fills import Filled

_LEAST = 1e-6  # errors this far below the truth (-60 dB) are as good as none
_QUIET = 3e-4  # of the root mean square magnitude: what is quieter has no logarithm
BANDS, LOWEST = 24, 50.0  # of the level's score; Hz


class Refiner(lightning.LightningModule):
    """Learns from filled gaps and what stood in them; see `Filled` for a batch.

    Every loss is taken of the finished waveform, transformed again where it needs to be, and is a mean over gaps of
    terms with weights: the logarithms of the error's energy over the truth's, of magnitudes (SNR_MS) and of samples
    (SNR_TD); the absolute difference of log magnitudes at windows of 16, 32 and 64 ms; and that of the levels of bands,
    frame by frame, which is what an ear is told.

    With an adversary there is one term more, which is learned meanwhile: whether a fill can be told from the recording.

    Validation scores fills before and after, by kind of sound.

    Args:
        net: makes the network.
        magnitudes: weight of the magnitudes' error.
        samples: weight of the samples' error.
        log_magnitudes: weight of their difference.
        levels: weight of the difference of the bands' levels.
        adversary: makes the network that tells fills from recordings, `nn.discriminator.Discriminator`; None: nothing
            does.
        adversarial: weight of what it says.
        hidden: maps that the network sees as zeros, for ablations.
        learning_rate: of AdamW, at the beginning; it falls as a cosine to nothing at the trainer's last step.
        weight_decay: of the kernels.
        warm_up: steps in which the rate rises linearly.
    """

    for_training_alone = ("adversary.",)

    def __init__(
        self,
        net: Callable[[], nn.Module],
        magnitudes: float = 0.6,
        samples: float = 0.3,
        log_magnitudes: float = 1.0,
        levels: float = 1.0,
        adversary: Callable[[], nn.Module] | None = None,
        adversarial: float = 1.0,
        hidden: tuple[str, ...] = (),
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        warm_up: int = 50,
    ):
        super().__init__()
        if unknown := set(hidden) - set(MAPS):
            raise ValueError(f"there is no map {min(unknown)!r}: choose from {', '.join(MAPS)}")
        self.save_hyperparameters()
        self.net = net()
        self.adversary = None if adversary is None else Adversary(adversary())
        self.register_buffer("seen", torch.tensor([name not in hidden for name in MAPS]).float(), persistent=False)
        self.scores = nn.ModuleDict()

    # -- learning ------------------------------------------------------------------------------------------------

    def refined(self, batch: Filled) -> Tensor:
        """The finished waveforms, (gap, channel, time)."""
        observation = batch.observation
        answer = self.net(observation.maps * self.seen[:, None, None])
        change = changed(answer.float(), observation, 1.0, batch.noise)
        return observation.audio + in_time(change, batch.fade, observation.sample_rate)

    def terms(self, audio: Tensor, batch: Filled) -> dict[str, Tensor]:
        """Each term of the loss, (gap,)."""
        truth, lost, rate = batch.truth, batch.lost, batch.observation.sample_rate
        energy = (truth.square() * lost.unsqueeze(1)).sum((1, 2))
        error = ((audio - truth).square() * lost.unsqueeze(1)).sum((1, 2))
        terms = {"samples": _log_ratio(error, energy), "log_magnitudes": torch.zeros_like(energy)}
        for size in (256, 512, 1024):
            stft = STFT.at(rate, size, size // 4).to(truth.device)
            spectra = stft(torch.stack([audio, truth]))
            a, b = (spectra.real.square() + spectra.imag.square() + 1e-12).sqrt()
            part = stft.lost_share(lost)[:, None, None]
            if size == 512:
                error = ((a - b).square() * part).sum((1, 2, 3))
                terms["magnitudes"] = _log_ratio(error, (b.square() * part).sum((1, 2, 3)))
                terms["levels"] = (band_levels(a, b, rate).abs() * part[:, 0]).mean(1).sum(-1) / part.sum((1, 2, 3))
            mean = (part * b.square()).sum((1, 2, 3)) / (part.sum((1, 2, 3)) * b.shape[1] * b.shape[2])
            low = _QUIET * mean.sqrt()[:, None, None, None]
            apart = ((a + low) / (b + low)).log().abs() * part
            terms["log_magnitudes"] = terms["log_magnitudes"] + apart.sum((1, 2, 3)) / (
                3 * part.sum((1, 2, 3)) * b.shape[1] * b.shape[2]
            )
        return terms

    def loss(self, terms: dict[str, Tensor]) -> Tensor:
        """Their weighted sum, (gap,)."""
        return sum(self.hparams[name] * value for name, value in terms.items())

    def training_step(self, batch: Filled, index: int) -> Tensor:
        """One step."""
        audio = self.refined(batch)
        losses = {"loss": self.loss(self.terms(audio, batch)).mean()}
        if self.adversary is not None:
            losses["found_out"], losses["judge"] = self.adversary(audio, batch)
        if (self.global_step + 1) % self.trainer.log_every_n_steps == 0:
            self.log_dict(losses, prog_bar=True, batch_size=len(batch), sync_dist=True)
        weights = {"found_out": self.hparams.adversarial}
        return sum(weights.get(name, 1.0) * value for name, value in losses.items())

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW, its rate rising linearly, then falling as a cosine."""
        parameters = list(self.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.hparams.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, self.hparams.learning_rate)
        steps, warm_up = self.trainer.estimated_stepping_batches, self.hparams.warm_up

        def rate(step: int) -> float:
            return min(1.0, (step + 1) / (warm_up + 1)) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps)))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    # -- judging -------------------------------------------------------------------------------------------------

    def _judge(self, batch: Filled) -> None:
        after = self.terms(self.refined(batch), batch)
        before = self.terms(batch.observation.audio, batch)
        values = {"validation_loss": self.loss(after), "loss_before": self.loss(before)}
        scale = {"samples": -10 / math.log(10), "magnitudes": -10 / math.log(10)}
        for name in after:
            for when, terms in (("before", before), ("after", after)):
                values[f"{name}_{when}"] = terms[name] * scale.get(name, 20 / math.log(10))
        for name, value in values.items():
            self._add(name, value)
            for kind in set(batch.kinds):
                own = torch.tensor([other == kind for other in batch.kinds])
                self._add(f"{name}_{kind}", value[own])

    def _add(self, name: str, value: Tensor) -> None:
        if name not in self.scores:
            self.scores[name] = MeanMetric().to(value.device)
        self.scores[name].update(value)

    def validation_step(self, batch: Filled, index: int) -> None:
        """Score the gaps of a batch, before and after."""
        self._judge(batch)

    def on_validation_epoch_end(self) -> None:
        """Log the mean scores: dB, those of errors as signal-to-noise ratios."""
        values = {name: score.compute() for name, score in self.scores.items()}
        self.log("validation_loss", values.pop("validation_loss"), prog_bar=True)
        self.log_dict(values)
        self.scores = nn.ModuleDict()

    def test_step(self, batch: Filled, index: int) -> None:
        """Score the gaps of a batch, before and after."""
        self._judge(batch)

    def on_test_epoch_end(self) -> None:
        """Print the mean scores of each kind of sound, before and after, in dB."""
        values = {name: float(score.compute()) for name, score in self.scores.items()}
        self.scores = nn.ModuleDict()
        self.log_dict({f"test/{name}": value for name, value in values.items()})
        names = ("samples", "magnitudes", "log_magnitudes", "levels")
        print(f"{'':16}" + "".join(f"{name:>22}" for name in names))
        kinds = [name.removeprefix("validation_loss") for name in values if name.startswith("validation_loss")]
        for kind in kinds:
            pairs = [f"{values[f'{name}_before{kind}']:.2f} -> {values[f'{name}_after{kind}']:.2f}" for name in names]
            print(f"{kind.strip('_') or 'all':16}" + "".join(f"{pair:>22}" for pair in pairs))


def band_levels(a: Tensor, b: Tensor, sample_rate: int) -> Tensor:
    """Nepers by which bands of magnitudes a, (gap, channel, bin, frame), are louder than of b, (gap, band, frame)."""
    hertz = torch.linspace(0, sample_rate / 2, a.shape[-2], device=a.device)
    edges = LOWEST * (sample_rate / 2 / LOWEST) ** (torch.arange(1, BANDS, device=a.device) / BANDS)
    place = torch.bucketize(hertz, edges)
    there = place.bincount(minlength=BANDS) > 0
    fill, truth = (
        x.new_zeros(len(x), BANDS, x.shape[-1]).index_add(1, place, x.square().sum(1))[:, there] for x in (a, b)
    )
    low = 1e-8 * truth.sum((1, 2), keepdim=True) + 1e-20
    return 0.5 * ((fill + low) / (truth + low)).log()


def _log_ratio(error: Tensor, energy: Tensor) -> Tensor:
    return ((error + _LEAST * energy + 1e-12) / (energy + 1e-12)).log()
