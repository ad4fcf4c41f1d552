"""Methods from outside the package: `path/to/file.py:Class` and `package.module:Class`.

Naming one runs its code, with the rights of whoever runs the command.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from audio_inpaint.errors import ContractError, InputError


def is_foreign(name: str) -> bool:
    """Whether a method's name, without options, has the form PLACE:CLASS."""
    place, _, attribute = name.rpartition(":")
    return bool(place) and attribute.isidentifier()


def target(point: EntryPoint) -> str:
    """Return what an entry point names, as MODULE:CLASS.

    Raises:
        InputError: it names no class.
    """
    named = "".join(point.value.split("[")[0].split())  # extras in brackets may follow
    if not is_foreign(named):
        raise InputError(f"the entry point {point.name} = {point.value!r} names no class: it needs MODULE:CLASS")
    return named


def loaded(name: str) -> Any:
    """Return the class, function or object that a name of the form PLACE:CLASS means.

    Raises:
        InputError: there is no such file, module or class.
        ContractError: loading it would have ended the program.
    """
    place, _, attribute = name.rpartition(":")
    with staying(place):
        module = _from_file(Path(place)) if place.endswith(".py") else _from_name(place)
        found = getattr(module, attribute, None)
    if not callable(found):
        raise InputError(f"there is no class or function {attribute} in {place}")
    return found


def network_class(name: str | None) -> Any:
    """Return the class of a network from outside the package; None for None.

    Raises:
        InputError: the name has another form, or there is no such file, module or class.
        ContractError: loading it would have ended the program.
    """
    if name is not None and not is_foreign(name):
        raise InputError(f"a network is named FILE.py:CLASS or MODULE:CLASS, not {name!r:.60}")
    return None if name is None else loaded(name)


@contextmanager
def staying(name: str) -> Iterator[None]:
    """Turn the wish of somebody's code to end the program, which would look as if all were done, into an error.

    Args:
        name: of the code, for the message.

    Raises:
        ContractError: it wanted to.
    """
    try:
        yield
    except SystemExit as error:
        raise ContractError(f"{name} ended the program by SystemExit({error.code!r}): raise another error") from error


def start(name: str) -> str | Path:
    """Return the file, or the module's name, of a name of the form PLACE:CLASS."""
    place = name.rpartition(":")[0]
    return Path(place) if place.endswith(".py") else place


def _from_file(path: Path) -> ModuleType:
    """Load a file as a module; one that was edited since is loaded anew."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"there is no file {path}") from error
    path = path.resolve()
    name = f"{path.stem}_{hashlib.sha256(str(path).encode() + content).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    _also_find(path.parent)
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _from_name(name: str) -> ModuleType:
    _also_find(Path.cwd())
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(f"there is no module {name}, neither installed nor in the working directory") from error
        raise
    except (TypeError, ValueError) as error:  # "..", ""
        raise InputError(f"{name!r} is no module's name") from error


def _also_find(folder: Path) -> None:
    """Let imports look in a folder too, last of all, so that nothing there hides what is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
