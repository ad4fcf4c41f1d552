"""Signals: a training saves a checkpoint before it ends, and says what the same command goes on from."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import lightning
import torch
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []))
_AGREE_EVERY = 3.0  # seconds from one question to all processes to the next: a collective at each step would cost time


class Interrupted(BaseException):
    """A signal that ends a command, after a checkpoint where there is a training.

    Args:
        number: of the signal.
        outcome: what is kept, and how to go on.
        agreed: whether all processes of the command end.
    """

    def __init__(self, number: int, outcome: str = "", agreed: bool = False):
        super().__init__(number)
        self.number, self.outcome, self.agreed = number, outcome, agreed
        # SLURM's warning before the end of its time ends a job as the end itself does
        self.code = 128 + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    def __str__(self) -> str:
        return f"interrupted; {self.outcome}" if self.outcome else "interrupted"


class _Listener:
    """What the process does on a signal: it ends at once, unless a training waits for the end of a step."""

    def __init__(self) -> None:
        self.training, self.received = False, 0

    def __call__(self, number: int, frame: object) -> None:
        """Note the signal; a second one is not put off."""
        if not self.training or self.received:
            raise Interrupted(number)
        self.received = number

    def listen(self, numbers: Iterable[int] = _SIGNALS) -> None:
        """Take signals, also from Lightning, which would end with code 0; those that are ignored stay ignored."""
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self)


_listener = _Listener()


def received() -> int:
    """Return the signal that waits for the end of a step or came with the last one, or 0."""
    return _listener.received


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Raise `Interrupted` on Ctrl-C, and on other signals once there is work; in a training after a checkpoint.

    Until then the system ends the process, also while it waits for others, where Python would not notice.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    _listener.__init__()
    _listener.listen([signal.SIGINT])
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Listen(lightning.Callback):
    """Takes the signals when an evaluation begins."""

    def on_validation_start(self, trainer, pl_module) -> None:
        """Take them from Lightning."""
        _listener.listen()

    on_test_start = on_predict_start = on_validation_start


class Stop(Listen):
    """Ends a run at the first step after a signal to any of its processes, with a checkpoint to go on from.

    Args:
        path: of the checkpoint.
        outcome: what to tell the user, with `{step}` for the checkpoint's.
    """

    def __init__(self, path: Path, outcome: str):
        self.path, self.outcome = path, outcome
        self._asked, self._next, self._every = 0.0, 0, 1

    def on_train_start(self, trainer, pl_module) -> None:
        """Put signals off from here on."""
        self._asked, self._next = time.monotonic(), trainer.global_step + 1
        _listener.listen()
        _listener.training = True
        # Lightning's own way to agree on SIGTERM: a broadcast at each step, which makes every process wait for a GPU.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        """Save and end between two steps, after the validation that comes with the first."""
        number = self._received(trainer)
        if not number:
            return
        trainer.save_checkpoint(self.path)
        if number == getattr(signal, "SIGUSR1", None) and trainer.is_global_zero:
            _requeue(trainer)
        raise Interrupted(number, self.says(trainer.global_step), agreed=True)

    def says(self, step: int) -> str:
        """Return what to tell the user of a checkpoint."""
        return self.outcome.replace("{step}", str(step))

    def _received(self, trainer: lightning.Trainer) -> int:
        """Return the signal that any process received, or 0, the same for all of them."""
        if trainer.world_size == 1:
            return received()
        if trainer.global_step < self._next:
            return 0
        now = time.monotonic()
        news = torch.tensor([received(), now - self._asked], dtype=torch.float32)
        number, seconds = trainer.strategy.reduce(news.to(trainer.strategy.root_device), reduce_op="max").tolist()
        self._every = max(1, min(4 * self._every, int(self._every * _AGREE_EVERY / max(seconds, 1e-3))))
        self._asked, self._next = now, trainer.global_step + self._every
        return int(number)

    def on_train_end(self, trainer, pl_module) -> None:
        """Let signals end the process at once again, also one that came with the last step."""
        _listener.training = False

    def on_exception(self, trainer, pl_module, exception) -> None:
        """The same."""
        _listener.training = False


def _requeue(trainer: lightning.Trainer) -> None:
    """Queue a SLURM job again, as Lightning does, which this replaces; under other schedulers nothing happens."""
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if not SLURMEnvironment.detect() or not getattr(environment, "auto_requeue", True):
        return
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID", "")
    if not re.fullmatch("[0-9_-]+", job):
        return
    try:
        done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)
        failure = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        failure = str(error)
    if failure:
        rank_zero_only(print)(f"the job {job} is not queued again: {failure}", file=sys.stderr)
