"""Segments from WebDataset shards, for training, validation and test: what a supervised method is trained on."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import islice

import lightning
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.held_out import HeldOut
from audio_inpaint.training.data.recordings import find
from audio_inpaint.training.data.streams import Offsets, Streams

Source = str | list[str] | None


class _Parts(IterableDataset):
    """A worker's part of each of its rank's batches: some of the rank's streams, all of them without workers.

    An error is given in a batch's place: raised in a worker it would come with a traceback.
    """

    def __init__(self, streams: Streams, own: range, each: int, steps: int, position: int):
        self.streams, self.own, self.each, self.steps, self.position = streams, own, each, steps, position

    def __iter__(self) -> Iterator[Tensor | InputError]:
        worker = get_worker_info()
        own = self.own if worker is None else _shared(self.own, worker.id, worker.num_workers)
        epoch, begun = divmod(self.position, self.steps)
        try:
            while True:
                segments = [self.streams.segments(epoch, stream) for stream in own]
                for stream in segments:
                    next(islice(stream, begun * self.each, begun * self.each), None)
                for _ in range(begun, self.steps):
                    yield torch.stack([segment for stream in segments for segment in islice(stream, self.each)])
                epoch, begun = epoch + 1, 0
        except InputError as error:
            yield error


class Batches:
    """One rank's part of the training batches, from where the run stands.

    Args:
        streams: of the training.
        own: numbers of the rank's streams.
        each: segments of each stream in a batch.
        steps: batches of an epoch.
        workers: processes; 0 reads in this one.
        position: tells how many batches the run has been trained on.
        pinned: give batches in pinned memory, for a GPU.
    """

    def __init__(
        self,
        streams: Streams,
        own: range,
        each: int,
        steps: int,
        workers: int,
        position: Callable[[], int],
        pinned: bool,
    ):
        self.streams, self.own, self.each, self.steps = streams, own, each, steps
        self.workers, self.position, self.pinned = min(workers, len(own)), position, pinned

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Tensor]:
        parts = _Parts(self.streams, self.own, self.each, self.steps, self.position())
        loader = iter(DataLoader(parts, batch_size=None, num_workers=self.workers, worker_init_fn=_leave_signals))
        shape = (len(self.own) * self.each, self.streams.segment.length)
        try:
            for _ in range(self.steps):
                found = [next(loader) for _ in range(max(1, self.workers))]  # workers take turns, in their order
                for part in found:
                    if isinstance(part, InputError):
                        raise part
                yield torch.cat(found, out=torch.empty(shape, pin_memory=self.pinned))
        finally:
            del loader  # ends the workers: left to the garbage collector in an error's traceback they take 5 s each

    def state_dict(self) -> dict[str, int]:
        """What decides which batches come next; where the run stands is in Lightning's own state."""
        return {"seed": self.streams.seed, "streams": self.streams.count, "each": self.each, "steps": self.steps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Warn if a run goes on with other batches than it began with."""
        if state != self.state_dict():
            rank_zero_warn(
                "the run began with other batches than it goes on with: some segments of this epoch are repeated or "
                f"left out ({state} became {self.state_dict()})"
            )


def _shared(items: range, index: int, count: int) -> range:
    """Divide items into as many equal runs as possible; they are longer by one at most."""
    return items[len(items) * index // count : len(items) * (index + 1) // count]


def _leave_signals(worker: int) -> None:
    """Leave to the main process what reaches the whole group, as Ctrl-C and the end of a SLURM job do.

    It tells its workers to end when it has saved a checkpoint, by a SIGTERM of its own if need be.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS and Windows
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != parent:
        pass
    os._exit(0)


class Shards(lightning.LightningDataModule):
    """Segments of the recordings in WebDataset shards, as `python -m data_prep.shards` writes them.

    A batch is float32 (batch, time). What the global batches of a training hold follows from the seed, the epoch and
    `streams`, and neither from the number of ranks nor of workers. A run that goes on from a checkpoint in the midst of
    an epoch gives the very batches that the uninterrupted run would have given: it reads up to that place.

    Training holds `streams` x `buffer` segments of 4 bytes a sample in memory (168 MB with the default values, on all
    ranks together), a recording for each stream and a few batches for each worker. Validation and test are held in
    memory: 21 MB for each 1000 segments of 5120 samples, on a rank its share, and on each one the whole while they
    are read.

    Args:
        training: shards: a path, a pattern (`*`, `{000000..000012}`), a URL, `pipe:` and a command, or a list of those.
            Shards behind URLs and commands should be small, since an epoch may end before a large one does.
        validation: likewise.
        test: likewise.
        segment: sizes; None takes those of the model.
        batch_size: segments of a global batch, those of all ranks together.
        streams: equal parts of a global batch, each drawn from shards of its own; ranks and workers share them out.
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
    """

    def __init__(
        self,
        training: Source = None,
        validation: Source = None,
        test: Source = None,
        segment: Segment | None = None,
        batch_size: int = 256,
        streams: int = 8,
        workers: int = 1,
        steps: int = 2000,
        hop: int = 512,
        offsets: Offsets = "grid",
        per_recording: int | None = 32,
        buffer: int = 1024,
        validation_hop: int = 16000,
        validation_segments: int | None = 4096,
        seed: int | None = None,
    ):
        super().__init__()
        least = {"batch_size": batch_size, "streams": streams, "steps": steps, "hop": hop, "buffer": buffer}
        least |= {"per_recording": per_recording, "validation_hop": validation_hop}
        least |= {"validation_segments": validation_segments, "workers": workers + 1}
        for name, value in least.items():
            if value is not None and value < 1:
                raise InputError(f"{name} is too small: give --data.init_args.{name} a larger value")
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
        self.shards: dict[str, list[str]] = {}

    def setup(self, stage: str) -> None:
        """Find the shards of a stage, and the sizes.

        Args:
            stage: `fit`, `validate`, `test` or `predict`, which takes the test set too.

        Raises:
            InputError: shards are missing or cut short, or the streams cannot be shared out to the ranks equally.
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
        if self.streams % self._ranks:
            raise InputError(
                f"{self.streams} streams cannot be shared by {self._ranks} processes equally: "
                f"give --data.init_args.streams a multiple of {self._ranks}"
            )

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
            self.buffer, self.seed,
        )  # fmt: skip
        own = _shared(range(self.streams), self._rank, self._ranks)
        pinned = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        each = self.batch_size // self.streams
        return Batches(streams, own, each, self.steps, self.workers, self._trained, pinned)

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
        each = self.batch_size // self._ranks
        most, hop = self.validation_segments, self.validation_hop
        return HeldOut(self.shards[name], self.segment, hop, most, each, self._rank, self._ranks)
