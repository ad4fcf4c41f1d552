"""One rank's part of the training batches, read by worker processes."""

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from multiprocessing import active_children
from typing import NamedTuple

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from audio_inpaint.errors import InputError
from audio_inpaint.training.data.recordings import PassedOver
from audio_inpaint.training.data.streams import Streams
from audio_inpaint.training.data.varied_gaps import Gapped, Place, gapped

PATIENCE = 1800  # seconds that a worker may take for its part of a batch, a shard that is fetched included
_LATE = (
    "the processes that read the shards gave nothing for {} s: give --data.init_args.workers=0, and the training reads "
    "them itself"
)
_GRACE = 2.0  # seconds that a worker has to end once it was told to


class _Part(NamedTuple):
    """What a worker gives to a batch."""

    audio: Tensor
    gaps: list[Place]
    passed_over: PassedOver


class _Parts(IterableDataset):
    """A worker's part of each of its rank's batches: some of the rank's streams, all of them without workers.

    An error is given in a batch's place: raised in a worker it would come with a traceback.
    """

    def __init__(self, streams: Streams, own: range, each: int, steps: int, position: int, damaged: bool):
        self.streams, self.own, self.each, self.steps, self.position = streams, own, each, steps, position
        self.damaged = damaged

    def __iter__(self) -> Iterator[_Part | InputError]:
        worker = get_worker_info()
        own = self.own if worker is None else shared(self.own, worker.id, worker.num_workers)
        epoch, begun = divmod(self.position, self.steps)
        passed_over = PassedOver(self.damaged)
        try:
            while True:
                segments = [self.streams.segments(epoch, stream, passed_over) for stream in own]
                for stream in segments:
                    next(islice(stream, begun * self.each, begun * self.each), None)
                for _ in range(begun, self.steps):
                    pieces = [piece for stream in segments for piece in islice(stream, self.each)]
                    gaps = [gap for _, gap in pieces if gap is not None]
                    yield _Part(torch.stack([audio for audio, _ in pieces]), gaps, passed_over.snapshot())
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
        damaged: pass over damaged recordings, with a warning.
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
        damaged: bool = False,
    ):
        self.streams, self.own, self.each, self.steps = streams, own, each, steps
        self.passed_over, self._told = PassedOver(damaged), 0
        self.workers, self.position, self.pinned = min(workers, len(own)), position, pinned

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Tensor | Gapped]:
        damaged = self.passed_over.damaged
        parts = _Parts(self.streams, self.own, self.each, self.steps, self.position(), damaged)
        others, patience = set(active_children()), PATIENCE if self.workers else 0
        loader = iter(
            DataLoader(
                parts, batch_size=None, num_workers=self.workers, worker_init_fn=_leave_signals, timeout=patience
            )
        )
        workers = set(active_children()) - others
        shape = (len(self.own) * self.each, self.streams.segment.length)
        try:
            for _ in range(self.steps):
                try:
                    found = [next(loader) for _ in range(max(1, self.workers))]  # workers take turns, in their order
                except RuntimeError as error:
                    if "timed out" in str(error):
                        traceback.clear_frames(error.__traceback__)  # which hold the loader
                        raise InputError(_LATE.format(PATIENCE)) from None
                    raise
                for part in found:
                    if isinstance(part, InputError):
                        raise part
                    self.passed_over.update(part.passed_over)
                self._tell()
                audio = torch.cat([part.audio for part in found], out=torch.empty(shape, pin_memory=self.pinned))
                gaps = [gap for part in found for gap in part.gaps]
                yield gapped(audio, gaps) if gaps else audio
        finally:
            del loader  # ends the workers: left to the garbage collector in an error's traceback they take 5 s each
            ended = isinstance(sys.exc_info()[1], GeneratorExit | InputError | None)
            for worker in workers if ended else ():  # after Ctrl-C the loader's traceback still has them
                # One that is stuck in C code, Python's lock in its hand, takes no SIGTERM, and Python would wait for it
                # for ever when the training ends.
                if worker.is_alive():
                    worker.join(_GRACE)
                    worker.kill()

    def _tell(self) -> None:
        """Warn of what is left out, when it has become twice as much."""
        if len(self.passed_over) >= max(1, 2 * self._told):
            self._told = len(self.passed_over)
            warnings.warn(f"so far {self.passed_over}", stacklevel=2)

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


def shared(items: range, index: int, count: int) -> range:
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
