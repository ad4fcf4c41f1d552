"""A deep prior that is fitted in a moment, and signals for it."""

import math
from pathlib import Path
from typing import NamedTuple

import lightning
import soundfile
import torch
from torch import Tensor

from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.nn.multires_unet import MultiResUNet
from audio_inpaint.training.data.single import SingleSignal
from audio_inpaint.training.models.deep_prior import DeepPrior

RATE = 8000
TINY = Path(__file__).parent / "tiny.yaml"
SPANS = (1500, 1700), (2600, 2740)


class Damaged(NamedTuple):
    audio: Tensor
    gap: Tensor
    sample_rate: int


def sound(channels=1, length=4000):
    time = torch.arange(length, dtype=torch.float64) / RATE
    tones = [
        0.3 * torch.sin(2 * math.pi * (300 + 90 * c) * time) + 0.1 * torch.sin(7000 * time) for c in range(channels)
    ]
    return torch.stack(tones)


def damaged(audio, *spans, fill=0.0):
    gap = gap_mask([Gap(*span) for span in spans], audio.shape[-1])[0]
    return Damaged(torch.where(gap, fill, audio), gap, RATE)


def recipe(steps=4, callbacks=(), data=None, validate_every=2, **options):
    """What makes the parts of a fit, as a command's `fresh` does."""

    def fresh(folder, seed):
        torch.manual_seed(seed)
        net = MultiResUNet(filters=[2, 2, 4], skip_channels=4, depth=2)
        settings = {"n_fft": 256, "hop_length": 64, "level": 1.0, "seed": seed, **options, "net": net}
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=steps,
            max_epochs=-1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
            callbacks=list(callbacks),
        )
        return trainer, DeepPrior(**settings), SingleSignal(validate_every=validate_every, **(data or {}))

    return fresh


class Watch(lightning.Callback):
    """Keeps what the trainer logged and the outputs of the network at each step."""

    def __init__(self):
        self.logged, self.spectra, self.scores, self.losses = [], [], [], []

    def on_train_start(self, trainer, pl_module):
        pl_module.prior.net.register_forward_hook(
            lambda net, inputs, output: self.spectra.append(output.detach().clone())
        )

    def on_train_batch_end(self, trainer, *_):
        self.logged.append({name: float(value) for name, value in trainer.logged_metrics.items()})

    def on_validation_end(self, trainer, pl_module):
        self.scores.append(float(trainer.logged_metrics.get("snr", math.nan)))
        self.losses.append(float(trainer.logged_metrics.get("validation_loss", math.nan)))


def store(path, audio, subtype="PCM_16"):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, audio.T.numpy(), RATE, subtype=subtype)
    return str(path)


def load(path):
    return soundfile.read(path, always_2d=True)[0].T
