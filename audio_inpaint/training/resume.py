"""What an interrupted run goes on from: whole checkpoints, and curves that are kept."""

import csv
import sys
import time
from pathlib import Path

import lightning
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from audio_inpaint.nn.checkpoints import save

CHECKPOINT = "fit.ckpt"  # beside the results of a fit that is not finished
LAST, BEST = "last", "best"  # filenames of the checkpoints that a run goes on from, and of its highest score


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside their place and renames them.

    Lightning writes to the system's temporary folder and copies: a run killed then, or a full disk, spoils the old one.
    """

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options: object = None) -> None:
        """Write a checkpoint, at once or not at all.

        Raises:
            InputError: the disk is full, or the place cannot be written.
        """
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        save(checkpoint, path)


class Curves(CSVLogger):
    """Lightning's CSV logger, for a run that goes on: it keeps the curves up to the step where the run goes on.

    They are on disk whenever a checkpoint is.

    Args:
        folder: of `metrics.csv` and `hparams.yaml`.
        go_on: keep what is there; otherwise it is deleted.
    """

    def __init__(self, folder: str | Path, go_on: bool = False):
        super().__init__(folder, name="", version="")
        self._go_on = go_on

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer of the files."""
        if self._experiment is None:
            Path(self.log_dir).mkdir(parents=True, exist_ok=True)
            self._experiment = _Writer(self.log_dir, self._go_on)
        return self._experiment

    def after_save_checkpoint(self, checkpoint_callback: object) -> None:
        """Write what a run needs that goes on from this checkpoint."""
        self.save()


class CountedSteps(lightning.Callback):
    """Curves count the optimiser's steps: those of a resumed run are one too far with Lightning 2.6."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        """Set the count that loggers are given."""
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


class Elapsed(lightning.Callback):
    """Counts the seconds of a fit over all its interruptions, up to each checkpoint that it goes on from."""

    def __init__(self) -> None:
        self._earlier, self._begun = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """How many there are so far."""
        return self._earlier + time.perf_counter() - self._begun

    def state_dict(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on counting."""
        self._earlier = state["seconds"]


class Ending(lightning.Callback):
    """Writes the last checkpoint again when training ends: a finished run is not repeated, and more steps continue it.

    A run that ended before a validation has no best one; then the last is. It comes before what replaces the weights
    then, as averaging does.
    """

    def on_train_end(self, trainer, pl_module) -> None:
        """Write them, if the run keeps them."""
        for saving in trainer.checkpoint_callbacks:
            path = Path(saving.dirpath, f"{saving.filename}.ckpt")
            unscored = saving.filename == BEST and saving.monitor and not saving.best_model_path
            if unscored:
                line = f"fit: no validation yet, {path} has the weights of the last step"
                rank_zero_only(print)(line, file=sys.stderr)
            if unscored or saving.filename == LAST:
                trainer.save_checkpoint(path)


class _Writer(ExperimentWriter):
    def __init__(self, folder: str, go_on: bool):
        super().__init__(folder)
        path = Path(self.metrics_file_path)
        # a killed run may have left half a line
        kept = path.read_text().rpartition("\n")[0].splitlines() if go_on and path.is_file() else []
        self._earlier = list(csv.DictReader(kept))
        self._begun = False

    def _check_log_dir_exists(self) -> None:
        """Leave out Lightning's warning and deletion: other results are meant to be in the folder."""

    def log_metrics(self, metrics_dict: dict, step: int | None = None) -> None:
        """Record metrics; those of earlier steps come first."""
        if not self._begun:
            self._begun = True
            Path(self.metrics_file_path).unlink(missing_ok=True)
            self.metrics = [row for row in self._earlier if int(row["step"]) < step]
            self.save()
        super().log_metrics(metrics_dict, step)
