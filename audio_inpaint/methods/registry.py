"""The one registry of restoration methods; nothing heavy is imported before a method is asked for.

A method is named by its name alone, or with options: `janssen:iterations=5`, `ce_music:phases=reconstructed`,
`dpai_fast:steps=100`. The options are the arguments of the method's class.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.errors import InputError
from audio_inpaint.nn import checkpoints

if TYPE_CHECKING:
    from audio_inpaint.methods.contract import Method

# name: module, class, description
_CLASSES = {
    "auto": (
        "recall.auto",
        "Auto",
        "recall, and the signal-to-noise ratio to expect of each gap (default; about 1 s a gap)",
    ),
    "janssen": ("janssen", "Janssen", "autoregressive interpolation from both sides at once (about 0.1 s a gap)"),
    "recall": (
        "recall.recall",
        "Recall",
        "what the recording repeats elsewhere, the rest by Janssen (best for music; about 1 s a gap)",
    ),
    "burg": (
        "burg",
        "Burg",
        "autoregressive extrapolation of each side, cross-faded (about 1 dB worse; cheap for thousands at once)",
    ),
    "sga": (
        "similarity_graph",
        "SimilarityGraph",
        "a similar place of the recording put in each gap: plausible, not exact",
    ),
    "transplant": ("transplant", "LocalTransplant", "the middle of the best-matching half second, spliced in"),
    "caw": (
        "catch_a_waveform.catch_a_waveform",
        "CatchAWaveform",
        "adversarial networks fitted to the recording: for a GPU (caw:epochs=40,width=16 for one core)",
    ),
    "silence": ("silence", "Silence", "leaves the gaps silent, to compare with"),
}
_OPTIONS = re.compile(r"(.+?):((?:[A-Za-z_][\w.]*=[^,]*)(?:,[A-Za-z_][\w.]*=[^,]*)*)")


def names() -> dict[str, str]:
    """Name every method and describe it in one line, the default first."""
    from audio_inpaint.methods.deep_prior.presets import presets

    classical = {name: description for name, (_, _, description) in _CLASSES.items()}
    return classical | checkpoints.names() | presets()


def method(spec: str) -> Method:
    """Build a method by its name, or from the file of a checkpoint, with options if the name has some.

    Raises:
        InputError: no method has that name, or it has no such option.
    """
    name, options = _split(spec)
    if name in _CLASSES:
        module, kind, _ = _CLASSES[name]
        return _built(spec, getattr(import_module(f"audio_inpaint.methods.{module}"), kind), options=options)
    if (path := checkpoints.find(name)) is not None:
        from audio_inpaint.methods.context_encoder.context_encoder import ContextEncoder

        return _built(spec, ContextEncoder, path, options=options)
    _check(name)
    from audio_inpaint.methods.deep_prior.method import DeepPrior

    return _built(spec, DeepPrior, name, options=options)


def fingerprint(spec: str) -> str:
    """What a method's results depend on, besides its input: its name, its options, its own file, the code.

    Raises:
        InputError: no method has that name, or its file is missing.
    """
    from audio_inpaint.files.configs import find
    from audio_inpaint.methods.deep_prior.presets import presets

    name, _ = _split(spec)
    path = checkpoints.find(name)
    if path is None:
        _check(name)
    elif not path.is_file():
        raise InputError(f"there is no checkpoint {path}")
    own = path or (find(name) if name in presets() else None)
    return hashlib.sha256(f"{spec} {_code()}".encode() + (own.read_bytes() if own else b"")).hexdigest()


def _split(spec: str) -> tuple[str, dict[str, str]]:
    match = _OPTIONS.fullmatch(spec)
    if not match:
        return spec, {}
    return match[1], dict(option.split("=", 1) for option in match[2].split(","))


def _check(name: str) -> None:
    if name not in (known := names()):
        raise InputError(f"no method is called {name!r}; choose one of: {', '.join(known)}")


def _built(spec: str, kind: type, *arguments: Path | str, options: dict[str, str]) -> Method:
    """An instance of a class, whose options are given as text."""
    import yaml

    try:
        return kind(*arguments, **{option: yaml.safe_load(value) for option, value in options.items()})
    except (TypeError, ValueError) as error:
        raise InputError(f"{spec}: {error}") from error


@cache
def _code() -> str:
    """The package's source, but for what only asks, shows or judges."""
    package = Path(__file__).parent.parent
    others = ("benchmark", "report", "listening", "metrics", "cli.py")
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        if file.relative_to(package).parts[0] not in others:
            digest.update(file.read_bytes())
    return digest.hexdigest()
