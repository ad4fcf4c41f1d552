"""Networks of this package built from what a config or a checkpoint says of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module


def factory(given: dict) -> Callable:
    """Return what builds a network of this package from a class path and arguments, as a config has them.

    Raises:
        ValueError: the class path is of something else.

    >>> factory({"class_path": "audio_inpaint.nn.unet.UNet", "init_args": {"widths": [4, 8]}})().output.out_channels
    2
    """
    module, _, name = given["class_path"].rpartition(".")
    if not module.startswith("audio_inpaint.nn."):
        raise ValueError(f"it names {given['class_path']}, which is no network of this package")
    arguments = given.get("init_args", {})
    nested = {key: factory(value) if _is_class(value) else value for key, value in arguments.items()}
    return partial(getattr(import_module(module), name), **nested)


def _is_class(value: object) -> bool:
    return isinstance(value, dict) and "class_path" in value
