"""What a training says: little, and each fault on one line."""

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator

from lightning.fabric.utilities.warnings import PossibleUserWarning

# What Lightning warns of although all is well: the rest of `quiet`.
_IDLE = (
    "Checkpoint directory .* exists",
    ".*treespec, LeafSpec",
    ".*`srun` command is available",
    r"`ModelCheckpoint\(monitor=.*\)` could not find the monitored key",  # of a run that ends before its validation
    "The dirpath has changed from",  # of a run that goes on from another's checkpoint
    ".*WeightAveraging callback, but loading a checkpoint outside",
    "Grad strides do not match bucket view strides",  # of 1x1 convolutions, which have no strides to speak of
)


def one_line(message: object) -> str:
    """Return what is wrong with a value, without what jsonargparse says around it."""
    around = re.compile(r"\s*(Does not validate|Subtypes:|Errors:|Given value|- Expected a <class 'NoneType'>)")
    lines = [line for line in str(message).splitlines() if not around.match(line)]
    return " ".join(" ".join(lines).split()).replace(": - ", ": ").removeprefix("- ")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep from the user what Lightning says of every run and nobody can use; other warnings stay."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=PossibleUserWarning)  # few workers, few batches
        for message in _IDLE:
            warnings.filterwarnings("ignore", message)
        try:
            for logger in loggers:
                logger.setLevel(logging.WARNING)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
