"""Loggers of a run: where they write, and what they call it."""

from pathlib import Path

import lightning
from jsonargparse import Namespace

RUNS = "runs"  # where `fit` logs to by default


def log_to(folder: Path, loggers: object, identity: str = "") -> None:
    """Point configured loggers to the folder of a run, and name it to them, unless they have a place and a name.

    Args:
        folder: of the run.
        loggers: the configuration of one or of several, changed in place.
        identity: what W&B knows the run by, however often it goes on.
    """
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        options = getattr(logger, "init_args", None)
        if not isinstance(options, Namespace):
            continue
        if str(options.get("save_dir", "")) in (RUNS, "."):
            options.save_dir = str(folder)
        if "default_hp_metric" in options:
            options.default_hp_metric = False  # a curve of one point, -1
        if "project" in options:
            options.name = options.name or "/".join(folder.parts[-2:])
            options.id = options.id or options.get("version") or identity or None
        elif options.get("name") == "lightning_logs":
            options.name = options.version = ""


class LearningRate(lightning.Callback):
    """Logs the rate of each step that is logged, next to its loss, as `learning_rate`."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        """Log it before a scheduler moves it; later parameter groups have a number."""
        if not trainer.loggers or (trainer.global_step + 1) % trainer.log_every_n_steps:
            return
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        names = ["learning_rate", *(f"learning_rate_{number}" for number in range(2, len(groups) + 1))]
        rates = {name: float(group["lr"]) for name, group in zip(names, groups, strict=True)}
        pl_module.log_dict(rates, batch_size=1)
