"""What training shows: pictures and sound of reconstructions, and a progress bar that counts steps."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from audio_inpaint.files.recording import write
from audio_inpaint.gaps import Gap
from audio_inpaint.report.spectrogram_picture import figure

_OFTEN = 60  # seconds from one line to the next


@dataclass(frozen=True)
class Reconstruction:
    """What a model shows of itself: one channel, or one example of a batch.

    Attributes:
        name: of the example, for file names and loggers.
        panels: title -> audio (time,), in the order of drawing; "restored" among them.
        gaps: lost intervals, in samples.
        sample_rate: Hz.
    """

    name: str
    panels: dict[str, Tensor]
    gaps: list[Gap]
    sample_rate: int


class Spectrograms(lightning.Callback):
    """Writes the spectrograms before, after and of the truth, and the restored audio, to disk and to every logger.

    It serves any model with a method `reconstructions() -> list[Reconstruction]`, in training and in prediction.

    Args:
        steps: the training steps at which to draw, such as those of the deep-prior paper's Fig. 7.
        every: draw at each validation whose step is a multiple of this; 0 never.
        audio: write the restored audio too.
    """

    def __init__(self, steps: Sequence[int] = (), every: int = 0, audio: bool = True):
        self.steps, self.every, self.audio = frozenset(steps), every, audio

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Draw at the chosen steps."""
        if trainer.global_step in self.steps:
            self._show(trainer, pl_module, f"_step_{trainer.global_step:06d}")

    def on_validation_end(self, trainer, pl_module) -> None:
        """Draw at every so many steps."""
        step = trainer.global_step
        if trainer.state.fn == "fit" and self.every and step % self.every == 0 and step not in self.steps:
            self._show(trainer, pl_module, f"_step_{step:06d}")

    def on_predict_end(self, trainer, pl_module) -> None:
        """Draw what was restored."""
        self._show(trainer, pl_module, "")

    @torch.no_grad()
    def _show(self, trainer: lightning.Trainer, model: lightning.LightningModule, when: str) -> None:
        folder = Path(trainer.log_dir or trainer.default_root_dir) / "reconstructions"  # asks all processes
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        folder.mkdir(parents=True, exist_ok=True)
        step = trainer.global_step
        for shown in model.reconstructions():
            path = folder / f"{shown.name}{when}.png"
            panels = {title: audio.float().cpu() for title, audio in shown.panels.items()}
            picture = figure(panels, shown.gaps, shown.sample_rate, path)
            if self.audio:
                write(path.with_suffix(".wav"), panels["restored"], shown.sample_rate)
            for logger in trainer.loggers:
                _log(logger, shown, panels, picture, path, step)


def _log(
    logger: Logger, shown: Reconstruction, panels: dict[str, Tensor], picture: Figure, path: Path, step: int
) -> None:
    """Hand a picture and all its audio to a logger that takes such things; the CSV logger does not."""
    if isinstance(logger, TensorBoardLogger):
        picture.canvas.draw()
        pixels = np.asarray(picture.canvas.buffer_rgba())[..., :3]
        logger.experiment.add_image(f"spectrogram/{shown.name}", pixels, step, dataformats="HWC")
        for title, audio in panels.items():
            peak = audio.abs().max().clamp(min=1.0)
            logger.experiment.add_audio(f"audio/{shown.name}/{title}", audio[None] / peak, step, shown.sample_rate)
    elif isinstance(logger, WandbLogger):
        logger.log_image(f"spectrogram/{shown.name}", [str(path)], step=step)
        audio = [audio.numpy() for audio in panels.values()]
        rates = [shown.sample_rate] * len(audio)
        logger.log_audio(f"audio/{shown.name}", audio, step=step, sample_rate=rates, caption=list(panels))


class StepBar(ProgressBar):
    """One bar over all steps of a fit, with the loss and the validation's score beside it; or over a test's batches.

    Where standard error is no terminal, it writes a line at every tenth of a fit, and at validations and in tests a
    minute or more after the last line.

    Args:
        title: in front of the bar.
    """

    def __init__(self, title: str = "fit"):
        super().__init__()
        self.title = title
        self._enabled, self._bar, self._shown = True, None, 0.0
        self._begun = 0.0, 0  # when, and at which step

    def disable(self) -> None:
        """Show nothing: what Lightning asks of all ranks but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Show again."""
        self._enabled = True

    def on_train_start(self, trainer, pl_module) -> None:
        """Open the bar."""
        steps, done = trainer.max_steps, trainer.global_step
        self._shown = time.monotonic()
        self._begun = self._shown, done
        if self._enabled and sys.stderr.isatty():
            self._bar = tqdm(total=steps, initial=done, desc=self.title, unit="step", dynamic_ncols=True)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Move the bar, or write the line."""
        step, steps, now = trainer.global_step, trainer.max_steps, time.monotonic()
        if self._bar is not None:
            if now - self._shown > 0.2 or step == steps:  # reading a score makes a GPU wait
                self._shown = now
                self._bar.set_postfix_str(self._scores(trainer, pl_module), refresh=False)
                self._bar.update(step - self._bar.n)
        elif self._enabled and 10 * step // steps > 10 * (step - 1) // steps:
            self._write(trainer, pl_module)

    def on_validation_end(self, trainer, pl_module) -> None:
        """Write a line if the last one is old."""
        waited = time.monotonic() - self._shown >= _OFTEN
        if self._enabled and self._bar is None and trainer.state.fn == "fit" and waited:
            self._write(trainer, pl_module)

    def on_test_start(self, trainer, pl_module) -> None:
        """Open the bar of a test."""
        self._shown = time.monotonic()
        if self._enabled and sys.stderr.isatty():
            self._bar = tqdm(total=sum(trainer.num_test_batches), desc="test", unit="batch", dynamic_ncols=True)

    def on_test_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0) -> None:
        """Move it, or write the line."""
        done, batches, now = batch_idx + 1, sum(trainer.num_test_batches), time.monotonic()
        if self._bar is not None:
            self._bar.update()
            if done == batches:
                self._bar.close()  # before the table is printed
        elif self._enabled and now - self._shown >= _OFTEN:
            self._shown = now
            print(f"test: batch {done} of {batches}", file=sys.stderr, flush=True)

    def _write(self, trainer, pl_module) -> None:
        step, steps, self._shown = trainer.global_step, trainer.max_steps, time.monotonic()
        since, first = self._begun
        pace = (self._shown - since) / max(1, step - first)
        left = timedelta(seconds=round(pace * (steps - step)))
        line = f"{self.title}: step {step} of {steps}, {self._scores(trainer, pl_module)}, {left} left"
        print(line, file=sys.stderr, flush=True)

    def _scores(self, trainer, pl_module) -> str:
        metrics = self.get_metrics(trainer, pl_module)
        return ", ".join(f"{name} {float(value):.2f}" for name, value in metrics.items() if name != "v_num")

    def on_train_end(self, trainer, pl_module) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

    def on_exception(self, trainer, pl_module, exception) -> None:
        """Leave the bar as it stands."""
        self.on_train_end(trainer, pl_module)
