"""Config files: found by bare name, and read together with the one that they change."""

import re
from pathlib import Path
from typing import Any

import yaml

from audio_inpaint.errors import InputError
from audio_inpaint.files.shipped import folder

FOLDER = folder("configs")
_MOST = 10_000  # values of a config: more of them are the aliases of a bomb
BASE = "base"  # names the config of which a file gives the changes alone


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as training's command line does; in YAML 1.1 it is text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"), list("-+.0123456789")
)


def find(name: str) -> Path:
    """The file that a config's name means: in the working directory first, then among those of the package.

    A name without suffix and folder, such as dpai_fast, is the package's, whatever lies in the working directory.

    Raises:
        InputError: there is no such file; the message lists those that come with the package.
    """
    own = [FOLDER / name, FOLDER / f"{name}.yaml"]
    for place in (*own, Path(name)) if re.fullmatch(r"[\w-]+", name) else (Path(name), *own):
        if place.is_file():
            return place
    known = ", ".join(sorted(path.name for path in FOLDER.glob("*.yaml")))
    raise InputError(f"there is no config {name}: name a file, or one of {known}")


def load(name: str) -> dict[str, Any]:
    """Read a config, and the one that its `base` names, whose values it changes.

    Raises:
        InputError: there is no such file, or it is no YAML, or it is its own base.
    """
    return _load(find(name))[0]


def chain(name: str) -> list[Path]:
    """List the files that a config is read from: its own, its base's, and so on.

    Raises:
        InputError: as `load`.
    """
    return _load(find(name))[1]


def changed(config: Any, changes: Any) -> Any:
    """Change values of a config, at any depth: lists as a whole, and the arguments of a class with the class.

    >>> changed({"a": {"x": 1, "y": [2]}, "b": 3}, {"a": {"y": [4, 5]}})
    {'a': {'x': 1, 'y': [4, 5]}, 'b': 3}
    >>> changed({"class_path": "A", "init_args": {"x": 1}}, {"class_path": "B"})
    {'class_path': 'B'}
    """
    if not (isinstance(config, dict) and isinstance(changes, dict)):
        return changes
    if changes.get("class_path", config.get("class_path")) != config.get("class_path"):
        return changes
    return config | {key: changed(config[key], value) if key in config else value for key, value in changes.items()}


def _load(path: Path, above: tuple[Path, ...] = ()) -> tuple[dict[str, Any], list[Path]]:
    """Return a config, and the files that it was read from."""
    if path.resolve() in above:
        raise InputError(f"{path} is its own base: name another one")
    config = _read(path)
    if BASE not in config:
        return config, [path]
    name = str(config.pop(BASE))
    beside = path.parent / name
    base, read = _load(beside if beside.is_file() else find(name), (*above, path.resolve()))
    return changed(base, config), [path, *read]


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is no config: its values need names, as in `model:`")
    if not _is_finite(config):
        raise InputError(f"{path} is no config: it contains itself, or more than {_MOST} values")
    return config


def _is_finite(config: object) -> bool:
    """Whether a config ends, aliases written out."""
    left, count = [config], 0
    while left and count <= _MOST:
        value, count = left.pop(), count + 1
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return not left
