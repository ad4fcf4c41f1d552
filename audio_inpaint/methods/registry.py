"""The registry of restoration methods; nothing heavy is imported before a method is asked for.

A method is named in one of these ways, each with options if need be (`janssen:iterations=5,order=100`):

- by a name that `names` lists: of the package, of a shipped checkpoint or deep-prior preset, of an installed package
  with the entry point `audio_inpaint.methods`, or given by `register`;
- by the file of a checkpoint, `runs/best.ckpt`;
- by a class or function, `path/to/file.py:Fade` or `package.module:Fade`.

The options are the arguments of the class, with its types and ranges (`audio_inpaint.methods.options`).
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_inpaint.errors import InputError
from audio_inpaint.files import configs
from audio_inpaint.methods import foreign, sources
from audio_inpaint.methods.option_text import parsed, split
from audio_inpaint.nn import checkpoints

if TYPE_CHECKING:
    from audio_inpaint.methods.contract import Method

GROUP = "audio_inpaint.methods"  # of entry points

# name: module in this package, class, description
BUILT_IN = {
    "auto": (
        "recall.auto",
        "Auto",
        "recall, refined to sound whole, and the dB to expect of each gap (default; about 1 s a gap)",
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
        "autoregressive extrapolation of each side, cross-faded (1 dB worse than janssen; cheap for thousands of gaps)",
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
_CONTEXT_ENCODER = "audio_inpaint.methods.context_encoder.context_encoder"
_DEEP_PRIOR = "audio_inpaint.methods.deep_prior.method"
_REGISTERED: dict[str, tuple[Any, str]] = {}


def names() -> dict[str, str]:
    """Name every method and describe it in one line, the default first.

    >>> list(names())[:3]
    ['auto', 'janssen', 'recall']
    """
    own, unusable = _own(), passed_over()
    given = {name: description for name, (_, description) in _REGISTERED.items()}
    installed = {name: f"from {point.value.split(':')[0]}" for name, point in _installed().items()}
    return own | {name: text for name, text in installed.items() if name not in unusable} | given


def passed_over() -> dict[str, str]:
    """Name the entry points of installed packages that cannot be used, and say why."""
    own = _own()
    reasons = {name: _refused(name) or (name in own and "the package has that name") for name in _installed()}
    return {name: f"{_installed()[name].value}: {reason}" for name, reason in reasons.items() if reason}


def register(name: str, factory: Any, description: str = "") -> None:
    """Give a method a name, for as long as this process lives; a second one of the same name replaces the first.

    Args:
        name: letters, digits, `_`, `.` and `-`; none that the package has, nor one like a checkpoint's file.
        factory: a class, whose arguments become options; or a method itself, such as a function.
        description: one line.

    Raises:
        ValueError: the name is taken or cannot be typed, the factory cannot be called, or the description is no line.

    >>> register("quiet", lambda audio, gap, sample_rate: audio.masked_fill(gap, 0), "silence, once more")
    >>> names()["quiet"]
    'silence, once more'
    """
    if refused := _refused(name):
        raise ValueError(refused)
    if name in names() and name not in _REGISTERED:
        raise ValueError(f"there is a method {name!r} already: choose another name")
    if not callable(factory):
        raise ValueError(f"{factory!r:.60} is neither a class nor a method")
    if not isinstance(description, str) or "\n" in description:
        raise ValueError(f"a method is described by one line, not by {description!r:.60}")
    _REGISTERED[name] = factory, description


def method(spec: str, **options: Any) -> Method:
    """Build a method by its name.

    Args:
        spec: the name, with options if need be ("janssen:iterations=5").
        options: more of them, as values.

    Raises:
        InputError: there is no such method, or it does not take such options.
        ContractError: building it would have ended the program.

    >>> method("janssen:iterations=5", order=100)
    Janssen(iterations=5, order=100, context=0.128)
    """
    factory, arguments, values = _read(spec, options)
    if _is_method(factory):
        return _bound(factory, values)
    try:
        with foreign.staying(spec):
            built = factory(*arguments, **values)
    except ValueError as error:
        if isinstance(error, InputError) or not values:
            raise
        raise InputError(f"{spec}: {error}") from error
    if not callable(built):
        raise InputError(f"{spec} is no method: it must be something to call with audio, gap, sample_rate")
    return built


def resolved(name: str) -> tuple[Any, tuple]:
    """Find what builds a method, and its arguments that are no options.

    Args:
        name: of a method, without options.

    Raises:
        InputError: there is no such method.
    """
    if name in BUILT_IN:
        module, kind, _ = BUILT_IN[name]
        return getattr(import_module(f"audio_inpaint.methods.{module}"), kind), ()
    if (path := checkpoints.find(name)) is not None:
        return import_module(_CONTEXT_ENCODER).ContextEncoder, (path,)
    if name in _REGISTERED:
        return _REGISTERED[name][0], ()
    if name in _presets():
        return import_module(_DEEP_PRIOR).DeepPrior, (name,)
    if name in (installed := _installed()):
        return foreign.loaded(foreign.target(installed[name])), ()
    _check(name)
    return foreign.loaded(name), ()


def files_of(spec: str) -> list[Path]:
    """List the files that a method is read from: its checkpoint, its code and what that imports, files in its options.

    Nothing is imported, and installed packages other than the method's own are left out.

    Raises:
        InputError: its file is missing, or it does not take such options.
    """
    name, texts = split(spec)
    starts, _ = _made_of(name)
    found = [path] if (path := checkpoints.find(name)) is not None else _weights(name)
    named = [Path(text) for text in texts.values() if os.path.isfile(text)]
    return [*found, *sources.closure(starts), *named]


def fingerprint(spec: str) -> str:
    """Return a hash of what a method's results depend on, besides its input.

    That is its name and options; its own file, if it is a checkpoint or a config; the source of its class, of the
    network that its file names, of a class that an option names, and of everything that these import within the package
    or from local files; and the local files that options name.

    Raises:
        InputError: there is no such method, its file is missing, or it does not take such options.
    """
    _, _, options = _read(spec)
    starts, own = _made_of(split(spec)[0])
    code = sources.digest(sources.closure([*starts, *sources.mentioned(options)]))
    return hashlib.sha256(f"{spec} {code}".encode() + own).hexdigest()


def _made_of(name: str) -> tuple[list[str | Path], bytes]:
    """Return the modules that a method's code starts in, and what else it is made of."""
    if name in BUILT_IN:
        return [f"audio_inpaint.methods.{BUILT_IN[name][0]}"], b"".join(path.read_bytes() for path in _weights(name))
    if (path := checkpoints.find(name)) is not None:
        if not path.is_file():
            raise InputError(f"there is no checkpoint {path}")
        return [_CONTEXT_ENCODER, *_networks(checkpoints.hyperparameters(path))], path.read_bytes()
    if name in _REGISTERED:
        return _written(_REGISTERED[name][0])
    if name in _presets():
        config = configs.load(name)
        return [_DEEP_PRIOR, *_networks(config)], json.dumps(config, sort_keys=True, default=str).encode()
    if name in (installed := _installed()):
        return [foreign.start(foreign.target(installed[name]))], installed[name].value.encode()
    return [foreign.start(name)], b""


def _weights(name: str) -> list[Path]:
    """List the files of the networks that are parts of a method of this package."""
    return [path for path in [checkpoints.FOLDER / "refiner.pt"] if name == "auto" and path.is_file()]


def _networks(config: object) -> Iterator[str]:
    """Yield the modules of the classes that a config names, but for those of a training."""
    if isinstance(config, dict):
        path = config.get("class_path")
        if isinstance(path, str) and not path.startswith(("audio_inpaint.training.", "lightning.")):
            yield path.rpartition(".")[0]
        for value in config.values():
            yield from _networks(value)
    elif isinstance(config, list):
        for value in config:
            yield from _networks(value)


def _written(factory: Any) -> tuple[list[str | Path], bytes]:
    """Return where a registered factory was written, and its state."""
    target, bound = factory, []
    while isinstance(target, functools.partial):
        bound += sources.mentioned([target.args, target.keywords])
        target = target.func
    kind = target if isinstance(target, type) or inspect.isroutine(target) else type(target)
    try:
        state = pickle.dumps(factory)
    except Exception:  # whatever its parts raise
        state = getattr(kind, "__qualname__", "").encode()
    try:
        return [Path(inspect.getfile(kind)).resolve(strict=True), *bound], state
    except (TypeError, OSError):  # written at a prompt
        code = getattr(kind, "__code__", None)
        return bound, state + (repr((code.co_code, code.co_consts)).encode() if code else b"")


def packed(specs: Iterable[str]) -> bytes:
    """Pickle those of some methods that were registered in this process, for `unpacked` in another.

    Raises:
        InputError: one cannot be pickled.
    """
    wanted = {name: _REGISTERED[name] for name in (split(spec)[0] for spec in specs) if name in _REGISTERED}
    for name, entry in wanted.items():
        try:
            pickle.dumps(entry)
        except Exception as error:  # whatever its parts raise
            said = f"define it in a module ({' '.join(str(error).split())[:150]})"
            raise InputError(f"the method {name} cannot go to other processes: {said}") from error
    return pickle.dumps({name: pickle.dumps(entry) for name, entry in wanted.items()})


def unpacked(content: bytes) -> None:
    """Register what another process has packed; what cannot be imported here is missing when it is asked for."""
    for name, entry in pickle.loads(content).items():
        try:
            _REGISTERED[name] = pickle.loads(entry)
        except (ImportError, AttributeError) as error:
            _REGISTERED[name] = functools.partial(_missing, name, str(error)), ""


def _missing(name: str, said: str) -> Method:
    raise InputError(f"the method {name} cannot be found by other processes: define it in a module ({said})")


def _presets() -> dict[str, str]:
    from audio_inpaint.methods.deep_prior.presets import presets

    return presets()


@functools.cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda one: one.name)}


def _own() -> dict[str, str]:
    return {name: description for name, (_, _, description) in BUILT_IN.items()} | checkpoints.names() | _presets()


def _refused(name: object) -> str:
    """Say why nothing can be called so; empty if it can."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
        return f"a method's name is made of letters, digits, '_', '.' and '-', not {name!r}"
    return f"the method's name {name!r} means a checkpoint's file" if Path(name).suffix in (".ckpt", ".pt") else ""


def _check(name: str) -> None:
    """Refuse a name of no method, with what might have been meant."""
    if name in (known := names()):
        return
    first, before = name.split(":")[0], name.rpartition(":")[0]
    if first in known or (foreign.is_foreign(before) and not foreign.is_foreign(name)):
        first = first if first in known else before
        raise InputError(f"{name}: options are written NAME=VALUE, such as {first}:NAME=VALUE,NAME=VALUE")
    if not foreign.is_foreign(name):
        raise InputError(
            f"no method is called {name!r}; choose one of: {', '.join(known)}; or name a class, FILE.py:CLASS"
        )


def _is_method(factory: Any) -> bool:
    """Whether something restores audio itself, rather than building what does: its first three arguments are given."""
    if isinstance(factory, type):
        return False
    if not (inspect.isroutine(factory) or isinstance(factory, functools.partial)):
        return True  # an object that can be called
    needed = [
        one
        for one in inspect.signature(factory).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) >= 3


def _read(spec: str, options: Mapping[str, Any] | None = None) -> tuple[Any, tuple, dict[str, Any]]:
    """Return what builds a method, its arguments that are no options, and its options as values."""
    name, texts = split(spec)
    factory, arguments = resolved(name)
    skip = 3 if _is_method(factory) else len(arguments)
    return factory, arguments, parsed(spec, factory, texts, options, skip)


def _bound(function: Callable, options: dict[str, Any]) -> Method:
    """Bind options to a function that is a method; its attributes, such as `context`, stay."""
    if not options:
        return function
    bound = functools.partial(function, **options)
    return functools.update_wrapper(bound, function) if inspect.isroutine(function) else bound
