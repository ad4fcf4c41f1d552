"""Small shards of known recordings, and trainings on them that note what they were given."""

import io
import json
from itertools import islice
from pathlib import Path

import lightning
import numpy as np
import soundfile
import torch
import webdataset
from torch import nn

from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.shards import Shards

SEGMENT = Segment(sample_rate=16000, context=40, gap=20)


def flac(audio, sample_rate=16000):
    file = io.BytesIO()
    soundfile.write(file, audio, sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def recording(number, samples=1000):
    """A recording whose every sample tells which recording it is of, and where: no two are the same."""
    return (1000 + 32 * number + np.arange(samples) % 32 + np.arange(samples) // 32 * 1000 % 30000) / 32768


def write_shard(path, numbers, samples=1000, sample_rate=16000):
    with webdataset.TarWriter(str(path)) as tar:
        for number in numbers:
            metadata = {"sample_rate": sample_rate, "samples": samples}
            sound = flac(recording(number, samples), sample_rate)
            tar.write({"__key__": f"{number:05d}", "flac": sound, "json": json.dumps(metadata).encode()})


def write_shards(folder, name="training", shards=3, each=5, samples=1000):
    for shard in range(shards):
        numbers = range(shard * each, (shard + 1) * each)
        write_shard(Path(folder) / f"{name}-{shard:06d}.tar", numbers, samples)
    return str(Path(folder) / f"{name}-*.tar")


def data(training=None, **options):
    """A data module of few and short segments."""
    small = {"batch_size": 8, "streams": 4, "workers": 0, "steps": 5, "hop": 10, "per_recording": 4, "buffer": 16}
    return Shards(training, **{"segment": SEGMENT, "validation_hop": 100, **small, **options})


def batches(training, count, position=0, **options):
    """Some batches of a training, in this process alone."""
    module = data(training, **options)
    module.setup("fit")
    loader = module.train_dataloader()
    loader.position = lambda: position
    return list(islice(loader, count))


class Noting(lightning.LightningModule):
    """Learns one weight, and notes the batches it is given."""

    segment = SEGMENT

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.norm = nn.BatchNorm1d(1)
        self.trained, self.validated, self.tested = [], [], []

    def training_step(self, batch, batch_idx):
        self.trained.append(batch.clone())
        return ((self.norm(batch[:, None]) * self.gain - 1) ** 2).mean()

    def validation_step(self, batch, batch_idx):
        self.validated.append(batch.clone())
        self.log("loss", self.norm(batch[:, None]).mean(), sync_dist=True)

    def test_step(self, batch, batch_idx):
        self.tested.append(batch.clone())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-3)


def trainer(folder, **options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return lightning.Trainer(**{"default_root_dir": str(folder), "num_sanity_val_steps": 0, **quiet, **options})
