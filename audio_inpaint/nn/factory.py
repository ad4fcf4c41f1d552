"""Networks of this package built from what a config or a checkpoint says of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module


def factory(given: dict, trusted: Callable | None = None) -> Callable:
    """Return what builds a network from a class path and arguments, as a config or a checkpoint has them.

    Args:
        given: `class_path` and `init_args`.
        trusted: a class or function from outside this package that may be built, if the class path names it.

    Raises:
        ValueError: the class path is neither of this package nor the trusted one.

    >>> factory({"class_path": "audio_inpaint.nn.unet.UNet", "init_args": {"widths": [4, 8]}})().output.out_channels
    2
    """
    module, _, name = given["class_path"].rpartition(".")
    if module.startswith("audio_inpaint.nn."):
        found = getattr(import_module(module), name)
    elif trusted is not None and name == trusted.__name__:
        found = trusted
    else:
        raise ValueError(f"it names {given['class_path']}, which is no network of this package")
    arguments = given.get("init_args") or {}
    nested = {key: factory(value, trusted) if _is_class(value) else value for key, value in arguments.items()}
    return partial(found, **nested)


def described(build: Callable) -> dict:
    """Return the class path and arguments of what builds a network: what `factory` reads.

    Args:
        build: a class or function of a module, or a `functools.partial` of one with named arguments.

    Raises:
        ValueError: it has no name by which another process could find it.

    >>> from audio_inpaint.nn.unet import UNet
    >>> described(partial(UNet, widths=[4, 8]))
    {'class_path': 'audio_inpaint.nn.unet.UNet', 'init_args': {'widths': [4, 8]}}
    """
    arguments: dict = {}
    while isinstance(build, partial):
        if build.args:
            raise ValueError("name the arguments of the network: functools.partial(Network, width=8)")
        arguments, build = {**build.keywords, **arguments}, build.func
    name = getattr(build, "__qualname__", "<unnamed>")
    if not name.isidentifier():
        raise ValueError(f"{name} is no network that a checkpoint can name: define a class in a module")
    plain = {key: described(value) if callable(value) else value for key, value in arguments.items()}
    return {"class_path": f"{build.__module__}.{name}", "init_args": plain}


def _is_class(value: object) -> bool:
    return isinstance(value, dict) and "class_path" in value
