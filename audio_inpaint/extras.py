"""Packages that only some commands need: one line that says which extra to install where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from audio_inpaint.errors import InputError

TRAIN = ("jsonargparse", "lightning", "matplotlib", "tensorboard", "torchaudio", "torchmetrics", "wandb", "webdataset")


@contextmanager
def needed() -> Iterator[None]:
    """Import what comes with the extra `train` inside this block.

    Raises:
        InputError: a package of the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in TRAIN:
            raise
        raise InputError(f"{package} is not installed: pip install 'audio-inpaint[train]'") from error
