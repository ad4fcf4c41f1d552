"""Segments from WebDataset shards, for training, validation and test: what a supervised method is trained on."""

import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import lightning

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.batches import Batches, shared
from audio_inpaint.training.data.fetching import remote
from audio_inpaint.training.data.held_out import HeldOut
from audio_inpaint.training.data.recordings import find
from audio_inpaint.training.data.streams import Offsets, Streams
from audio_inpaint.training.data.varied_gaps import VariedGaps

Source = str | list[str] | None
STREAMS = 64  # of a batch, where its size allows: as many processes can share it


class Shards(lightning.LightningDataModule):
    """Segments of the recordings in WebDataset shards, as `audio-inpaint-data shards` writes them.

    A batch is float32 (batch, time), or `Gapped` where gaps are random. What the global batches of a training hold
    follows from the seed, the epoch and `streams`, and neither from the number of ranks nor of workers. A run that goes
    on from a checkpoint in the midst of an epoch gives the very batches that the uninterrupted run would have given: it
    reads up to that place.

    The global batch stays the same on any number of ranks, and so do learning rate and steps. As shipped, 1 to 64 ranks
    share it, as long as they divide it. A larger one takes a higher rate and fewer steps (docs/context_encoder.md).

    Training holds `streams` x `buffer` segments of 4 bytes a sample in memory (168 MB with the default values, on all
    ranks together), a recording for each stream and a few batches for each worker. Validation and test are held in
    memory: 21 MB for each 1000 segments of 5120 samples, on a rank its share, and on each one the whole while they
    are read. Each machine fetches a shard behind a URL or a command once, when it is first read, and keeps it.

    Files in a shard that belong to no recording are passed over. A recording that is damaged stops the run, since a
    training on fewer data than its config names is not that training; `damaged: skip` passes over it. What is passed
    over is counted and warned of.

    Args:
        training: shards: a path, a pattern (`*`, `{000000..000012}`), a URL, `pipe:` and a command, or a list of those.
        validation: likewise.
        test: likewise.
        segment: sizes; None takes those of the model.
        batch_size: segments of a global batch, those of all ranks together.
        streams: equal parts of a global batch, each drawn from shards of its own; ranks and workers share them out.
            None: 64, or the most of its divisors that divide the batch too.
        workers: processes of each rank that read, no more than its streams; 0 reads in the training process.
        steps: batches of an epoch, after which the model is validated.
        hop: samples from one segment of a recording to the next.
        offsets: `grid`: training segments begin at multiples of the hop; `random`: anywhere.
        per_recording: training segments taken from a recording at a time, since neighbours in a batch teach little;
            None: all.
        buffer: segments among which a stream draws its next one.
        validation_hop: samples from one segment to the next in validation and test.
        validation_segments: most segments of validation and of test, on all ranks together; None: all.
        seed: of the order; None: that of `--seed_everything`.
        gaps: random gaps, for models that restore more than one length, which say so by `takes_gaps = True`; None:
            the one in the middle of a segment.
        cache: folder in which fetched shards are kept for later runs: empty it when shards have changed. None: a
            temporary folder of this run.
        damaged: `refuse` or `skip` damaged recordings.
    """

    def __init__(
        self,
        training: Source = None,
        validation: Source = None,
        test: Source = None,
        segment: Segment | None = None,
        batch_size: int = 256,
        streams: int | None = None,
        workers: int = 1,
        steps: int = 2000,
        hop: int = 512,
        offsets: Offsets = "grid",
        per_recording: int | None = 32,
        buffer: int = 128,
        validation_hop: int = 16000,
        validation_segments: int | None = 4096,
        seed: int | None = None,
        gaps: VariedGaps | None = None,
        cache: str | None = None,
        damaged: Literal["refuse", "skip"] = "refuse",
    ):
        super().__init__()
        least = {"batch_size": batch_size, "streams": streams, "steps": steps, "hop": hop, "buffer": buffer}
        least |= {"per_recording": per_recording, "validation_hop": validation_hop}
        least |= {"validation_segments": validation_segments, "workers": workers + 1}
        for name, value in least.items():
            if value is not None and value < 1:
                raise InputError(f"{name} is too small: give --data.init_args.{name} a larger value")
        streams = math.gcd(batch_size, STREAMS) if streams is None else streams
        if batch_size % streams:
            raise InputError(
                f"a batch of {batch_size} cannot come from {streams} streams in equal parts: change either"
            )
        self.sources = {"training": training, "validation": validation, "test": test}
        self.segment, self.batch_size, self.streams = segment, batch_size, streams
        self.workers, self.steps, self.buffer = workers, steps, buffer
        self.seed = int(os.environ.get("PL_GLOBAL_SEED", 0)) if seed is None else seed  # where Lightning keeps it
        self.hop, self.offsets, self.per_recording = hop, offsets, per_recording
        self.validation_hop, self.validation_segments = validation_hop, validation_segments
        self.gaps, self.cache, self.damaged = gaps, cache, damaged == "skip"
        self._fetched: Path | None = None  # the folder of fetched shards
        self._remove: Callable[[], object] = bool  # for one process of each machine
        self.shards: dict[str, list[str]] = {}

    def setup(self, stage: str) -> None:
        """Find the shards of a stage, and the sizes.

        Args:
            stage: `fit`, `validate`, `test` or `predict`, which takes the test set too.

        Raises:
            InputError: shards are missing or cut short, the model does not take random gaps, or the streams cannot be
                shared out to the ranks equally.
        """
        needed = {"fit": "training", "validate": "validation"}.get(stage, "test")
        for name in {"fit": ("training", "validation")}.get(stage, (needed,)):
            if self.sources.get(name) is not None:
                self.shards[name] = find(self.sources[name], name)
            elif name == needed:
                raise InputError(f"no shards are given for {name}: give --data.init_args.{name}")
        if self.segment is None:
            self.segment = getattr(self.trainer.lightning_module, "segment", None)
        if self.segment is None:
            raise InputError("neither the model nor the data say how long a segment is: give --data.init_args.segment")
        if self.gaps is not None:
            self._check_gaps(self.gaps)
        if stage == "fit" and self.streams % self._ranks:
            batch = -(-self.batch_size // self._ranks) * self._ranks
            raise InputError(
                f"a batch of {self.batch_size} from {self.streams} streams cannot be shared by {self._ranks} processes "
                f"equally: give --data.init_args.streams={self._ranks} --data.init_args.batch_size={batch}"
            )
        self._make_cache()

    def _check_gaps(self, gaps: VariedGaps) -> None:
        gaps.lengths(self.segment)
        model = None if self.trainer is None else self.trainer.lightning_module
        if model is not None and not getattr(model, "takes_gaps", False):
            raise InputError(
                f"{type(model).__name__} restores one gap length, in the middle of a segment: leave out "
                "--data.init_args.gaps, or train a model that takes the gaps of its batches (docs/extend.md)"
            )

    def _make_cache(self) -> None:
        """Agree on a folder for fetched shards, one of each machine."""
        if self._fetched or not any(remote(shard) for shards in self.shards.values() for shard in shards):
            return
        try:
            if self.cache is None:
                folder = tempfile.mkdtemp(prefix="audio_inpaint_shards_") if self._rank == 0 else ""
                folder = folder if self.trainer is None else self.trainer.strategy.broadcast(folder)
                if self.trainer is None or self.trainer.local_rank == 0:
                    self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._fetched = Path(folder if self.cache is None else self.cache)
            self._fetched.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"no folder for fetched shards: {error}; name one by --data.init_args.cache") from error

    def teardown(self, stage: str) -> None:
        """Remove fetched shards that are not kept."""
        if self.cache is None and self._fetched:
            self._remove()
            self._fetched = None

    @property
    def _rank(self) -> int:
        return 0 if self.trainer is None else self.trainer.global_rank

    @property
    def _ranks(self) -> int:
        return 1 if self.trainer is None else self.trainer.world_size

    def _trained(self) -> int:
        """Batches that the run has been trained on, as its checkpoints have it."""
        return 0 if self.trainer is None else self.trainer.fit_loop.epoch_loop.batch_progress.total.processed

    def train_dataloader(self) -> Batches:
        """This rank's part of the training batches."""
        streams = Streams(
            tuple(self.shards["training"]), self.segment, self.streams, self.hop, self.offsets, self.per_recording,
            self.buffer, self.seed, self.gaps, self._fetched,
        )  # fmt: skip
        own = shared(range(self.streams), self._rank, self._ranks)
        pinned = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        each = self.batch_size // self.streams
        return Batches(streams, own, each, self.steps, self.workers, self._trained, pinned, self.damaged)

    def val_dataloader(self) -> HeldOut | list:
        """This rank's share of the validation set, if there is one."""
        return self._held_out("validation") if "validation" in self.shards else []

    def test_dataloader(self) -> HeldOut:
        """This rank's share of the test set."""
        return self._held_out("test")

    def predict_dataloader(self) -> HeldOut:
        """The same."""
        return self._held_out("test")

    def _held_out(self, name: str) -> HeldOut:
        each, most = self.batch_size // self._ranks, self.validation_segments
        return HeldOut(
            self.shards[name], self.segment, self.validation_hop, most, each, self._rank, self._ranks, self.gaps,
            self._fetched, self.damaged,
        )  # fmt: skip
