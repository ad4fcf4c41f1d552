"""Trained networks as files: loading them, shipping them, and those that come with the package.

`audio-inpaint ship` writes a checkpoint of `fit` as a small file to hand on; a card next to it, with the same name and
`.md`, begins with its title, `# A network for ...`.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.shipped import folder, title
from audio_inpaint.nn.factory import factory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from audio_inpaint.nn.spectral_inpainter import SpectralInpainter

FOLDER = folder("checkpoints")

# What a `SpectralInpainter` is built from, among the hyperparameters of a training.
SIZES = ("sample_rate", "context", "gap", "n_fft", "hop_length", "output", "normalised", "iterations")
_PREFIX = "inpainter."
# Networks that are parts of a method, and none themselves; and the prefix of their weights.
_PARTS, _PART_PREFIX = ("refiner",), "net."
# Whole numbers that a network may be built from, least and most: others take minutes or all memory, or mean nothing.
_RANGES = {
    "sample_rate": (1000, 1_000_000), "context": (1, 1 << 22), "gap": (1, 1 << 22), "n_fft": (2, 1 << 16),
    "hop_length": (1, 1 << 15), "iterations": (0, 10_000),
}  # fmt: skip
# What a constructor may raise that gets what it was not made for.
_UNFIT = (ArithmeticError, AttributeError, ImportError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def names(parts: bool = False) -> dict[str, str]:
    """Name the shipped checkpoints that are methods, or all, and describe each by the title of its card."""
    paths = [path for path in sorted(FOLDER.glob("*.pt")) if parts or path.stem not in _PARTS]
    return {path.stem: title(path.with_suffix(".md")) for path in paths}


def find(name: str) -> Path | None:
    """The file of a shipped checkpoint's name, or of a path that ends in .ckpt or .pt; None for any other name."""
    if Path(name).suffix in (".ckpt", ".pt"):
        return Path(name)
    path = FOLDER / f"{name}.pt"
    return path if path.is_file() and name not in _PARTS else None


def load(path: Path, network: Callable | None = None) -> SpectralInpainter:
    """Build a trained inpainter from a shipped checkpoint or from one that `fit` wrote.

    Nothing but numbers and names is read from the file, and only networks of this package are built, or the one given.

    Args:
        path: of the checkpoint.
        network: the class of a network from outside this package, if that is what was trained.

    Raises:
        InputError: it cannot be read, is damaged, or holds something else.
    """
    return _built(read(path), path, network)


def _built(content: dict, path: Path, network: Callable | None = None) -> SpectralInpainter:
    import torch

    from audio_inpaint.nn.spectral_inpainter import SpectralInpainter

    options, found = parts(content, path)
    own = {name.removeprefix(_PREFIX): value for name, value in found.items() if name.startswith(_PREFIX)}
    with _fitting(path, "context encoder"):
        _check_network(options["net"], path, network)
        sizes = {name: options[name] for name in SIZES}
        _check_sizes(sizes)
        net = factory(options["net"], network)

        def weightless(*given: int) -> nn.Module:
            with torch.device("meta"):
                return net(*given)

        if network is None:  # before its weights take memory, whatever the file promises
            SpectralInpainter(weightless, **sizes).load_state_dict(own, assign=True)
        inpainter = SpectralInpainter(net, **sizes)
        inpainter.load_state_dict(_numbers(own))
    return inpainter.eval().requires_grad_(False)


def parts(content: object, path: Path) -> tuple[dict, dict[str, Tensor]]:
    """Return the hyperparameters and the weights of a checkpoint.

    Args:
        content: of the checkpoint.
        path: of the checkpoint, for the message.

    Raises:
        InputError: it lacks one of them.
    """
    found = weights(content, path)
    options = content.get("hyper_parameters")
    if not isinstance(options, dict):
        raise InputError(f"{path} is no checkpoint of a network of this package: it has no hyper_parameters")
    return options, found


def weights(content: object, path: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint.

    Args:
        content: of the checkpoint.
        path: of the checkpoint, for the message.

    Raises:
        InputError: it has none.
    """
    import torch

    found = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in found.items()
    ):
        raise InputError(f"{path} is no checkpoint of a network: it has no state_dict of weights")
    return found


@contextlib.contextmanager
def _fitting(path: Path, kind: str) -> Iterator[None]:
    """Say on one line what a file says of a network that cannot be built."""
    try:
        yield
    except InputError:
        raise
    except _UNFIT as error:
        said = " ".join(str(error).split())[:150]
        raise InputError(f"{path} is no checkpoint of a {kind}, or of another version ({said})") from error


def _check_sizes(sizes: dict) -> None:
    for name, (least, most) in _RANGES.items():
        value = sizes[name]
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"its {name} is a whole number from {least} to {most}, not {value!r:.40}")
    if type(sizes["normalised"]) is not bool:
        raise ValueError(f"its normalised is true or false, not {sizes['normalised']!r:.40}")


def _numbers(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in single precision, if they are numbers."""
    import torch

    for name, value in found.items():
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"its weights {name} are NaN or infinite")
    return {name: value.float() for name, value in found.items()}


def load_refiner(path: Path | None = None) -> nn.Module:
    """Build the network of the refiner that is shipped, or of another one's checkpoint.

    Raises:
        InputError: it cannot be read, is damaged, or holds something else.
    """
    path = FOLDER / "refiner.pt" if path is None else path
    return _built_refiner(read(path), path)


def _built_refiner(content: dict, path: Path) -> nn.Module:
    import torch

    options, found = parts(content, path)
    own = {name.removeprefix(_PART_PREFIX): value for name, value in found.items() if name.startswith(_PART_PREFIX)}
    with _fitting(path, "refiner"):
        build = factory(options["net"])
        with torch.device("meta"):
            build().load_state_dict(own, assign=True)
        net = build()
        net.load_state_dict(_numbers(own))
    return net.eval().requires_grad_(False)


def _check_network(net: dict, path: Path, network: Callable | None) -> None:
    """Refuse a network from outside that was not named, or another one than was named."""
    named = net["class_path"]
    if network is not None and network.__name__ != named.rpartition(".")[2]:
        raise InputError(f"{path} has the network {named}, not {network.__name__}")
    if network is None and not named.startswith("audio_inpaint.nn."):
        module, _, name = named.rpartition(".")
        raise InputError(
            f"{path} has a network from outside the package, {named}, whose code would be run: if you trust it, name "
            f"the class, as in --method {path}:network={module}:{name}, or with its file, network=FILE.py:{name}"
        )


def hyperparameters(path: Path) -> dict:
    """Return what a checkpoint's network is built from, without building it.

    Raises:
        InputError: it cannot be read, or is damaged.
    """
    return parts(read(path), path)[0]


def ship(path: Path, output: Path, network: Callable | None = None) -> None:
    """Write a checkpoint of `fit` as a small file to hand on: weights in half precision, and what builds the network.

    Args:
        path: of the checkpoint.
        output: the file.
        network: as `load` takes it.

    Raises:
        InputError: the checkpoint cannot be used.
    """
    content = read(path)
    refiner = any(name.startswith(_PART_PREFIX) for name in parts(content, path)[1])
    prefix, kept = (_PART_PREFIX, ("net",)) if refiner else (_PREFIX, ("net", *SIZES))
    # refuses what could not be loaded again
    _built_refiner(content, path) if refiner else _built(content, path, network)
    options = {name: content["hyper_parameters"][name] for name in kept}
    own = {name: value for name, value in content["state_dict"].items() if name.startswith(prefix)}
    halves = {name: value.half() if value.is_floating_point() else value for name, value in own.items()}
    save({"hyper_parameters": options, "state_dict": halves}, output)


def save(content: dict, path: str | Path) -> None:
    """Write a checkpoint beside its place and rename it.

    Raises:
        InputError: the disk is full, or the place cannot be written.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read(path: Path, mapped: bool = False) -> dict:
    """Read what a checkpoint holds.

    Args:
        path: of the checkpoint.
        mapped: leave weights on the disk until they are looked at.

    Raises:
        InputError: it cannot be read, or is damaged.
    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except FileNotFoundError:
        raise InputError(f"there is no checkpoint {path}") from None
    except Exception as error:  # a file that is none makes the unpickler raise anything
        raise InputError(f"{path} is damaged, or no checkpoint: fetch or train it again") from error
