"""The source files that a module's behaviour depends on, found without importing it: what it imports, and so on.

Imports inside functions count; those for type checkers do not. Installed packages and Python's own modules are left
out. So are, for modules of this package, `audio_inpaint` itself and the registry of methods, which name everything; a
module from elsewhere that reaches one of these can ask for any method by its name, and depends on all of them.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from pathlib import Path

from audio_inpaint.files import configs
from audio_inpaint.nn import checkpoints

_PACKAGE = Path(__file__).parent.parent
_INSTALLED = {
    place
    for folder in (
        *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    )
    for place in (Path(folder).absolute(), Path(folder).resolve())
}
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAME_EVERYTHING = (_PACKAGE / "__init__.py", _PACKAGE / "methods" / "registry.py")


def closure(starts: Iterable[str | Path]) -> list[Path]:
    """Return the files of modules and of all that they import, in turn, sorted; other files are just themselves.

    Where a module from outside the package can name any method, these are all that methods are made of.

    Args:
        starts: dotted names of modules, or files; names that cannot be found are left out.
    """
    left: list[tuple[Path, str]] = []
    for start in starts:
        if isinstance(start, Path):
            left.append((start.resolve(), start.stem))
        else:
            left += [(file, name) for file, name in _files(start, "", start.split(".")[0])]
    found: set[Path] = set()
    named = False
    while left:
        file, name = left.pop()
        if file in found or file in _NAME_EVERYTHING:
            continue
        found.add(file)
        if file.suffix != ".py":
            continue
        top = name.split(".")[0]
        for imported in _imports(file.read_bytes(), name, file.name == "__init__.py"):
            files = _files(imported, str(_root(file, name)), top)
            named = named or (bool(files) and files[-1][0] in _NAME_EVERYTHING)
            left += files
    if named and not all(file.is_relative_to(_PACKAGE) for file in found):
        found |= _everything()
    return sorted(found)


def digest(files: Iterable[Path]) -> str:
    """Return a hash of files' contents; their places do not count."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            total.update(hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()


def mentioned(value: object) -> Iterator[str | Path]:
    """Yield the modules and files that an option's value names, at any depth, for `closure`.

    Args:
        value: text such as `nets/unet.py:Net`, `nets.unet:Net`, `nets.unet.Net` or the path of a file; or what holds
            such text. Whatever else it is names nothing.

    >>> list(mentioned({"net": ["nets.unet:Net", "gone.wav"], "order": 5}))
    ['nets.unet', 'gone.wav']
    """
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set):
        for one in value:
            yield from mentioned(one)
    elif isinstance(value, str | Path):
        parts = str(value).split(":")
        places = (":".join(parts[:count]) for count in range(len(parts), 0, -1))
        file = next((place for place in places if os.path.isfile(place)), None)
        if file is not None:
            yield Path(file)
        elif _DOTTED.fullmatch(parts[0]) and (len(parts) > 1 or "." in parts[0]):
            yield parts[0]  # `closure` leaves out what is no module


def _everything() -> set[Path]:
    """Return the files of which all methods of the package are made, and the ways to call them."""
    files = [file for room in ("methods", "nn") for file in (_PACKAGE / room).rglob("*.py")]
    modules = [".".join(file.relative_to(_PACKAGE.parent).with_suffix("").parts) for file in files]
    data = {*configs.FOLDER.glob("*.yaml"), *checkpoints.FOLDER.glob("*.pt")}
    return {*closure(["audio_inpaint.repairing", "audio_inpaint.detection", *modules]), *data}


def _root(file: Path, name: str) -> Path:
    """Return the folder in which a module's top-level package or module lies."""
    parts = len(name.split(".")) + (file.name == "__init__.py")
    return file.parents[parts - 1] if parts <= len(file.parents) else file.parent


def _files(name: str, beside: str, top: str) -> list[tuple[Path, str]]:
    """Return the files of a module and of the packages around it, with their names; none if it is installed.

    Args:
        name: dotted; a trailing part may be something inside a module.
        beside: a folder to look in first.
        top: a top-level package whose modules count even if it is installed.
    """
    parts = name.split(".")
    root = _top(parts[0], beside, parts[0] in (top, _PACKAGE.name))
    if root is None:
        return []
    if root.is_file():
        return [(root, parts[0])]
    found = []
    for count in range(1, len(parts) + 1):
        place = root.joinpath(*parts[1:count])
        options = [place / "__init__.py"] + ([place.with_suffix(".py")] if count > 1 else [])
        file = next((option for option in options if option.is_file()), None)
        if file is not None:
            found.append((file.resolve(), ".".join(parts[:count])))
        elif not place.is_dir():
            break
    return found


@cache
def _top(name: str, beside: str, installed: bool) -> Path | None:
    """Return a top-level module's file or a package's folder; None for what is installed, unless that is wanted."""
    if name == _PACKAGE.name:
        return _PACKAGE
    if name in sys.builtin_module_names or (name in sys.stdlib_module_names):
        return None
    spec = PathFinder.find_spec(name, [beside, str(Path.cwd()), *sys.path] if beside else [str(Path.cwd()), *sys.path])
    if spec is None:
        return None
    if spec.submodule_search_locations:
        place = Path(next(iter(spec.submodule_search_locations)))
    elif spec.origin and spec.origin.endswith(".py"):
        place = Path(spec.origin)
    else:
        return None
    # some installers put links into the folder of packages: what they point to is as installed as the link
    either = place.absolute(), place.resolve()
    elsewhere = any(one.is_relative_to(folder) for one in either for folder in _INSTALLED)
    return None if elsewhere and not installed else either[1]


@lru_cache(1024)
def _imports(content: bytes, name: str, is_package: bool) -> list[str]:
    """Return the dotted names that a module's source imports, relative ones made absolute."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return []
    package = name.split(".") if is_package else name.split(".")[:-1]
    found: list[str] = []
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            left += node.orelse
            continue
        if isinstance(node, ast.Import):
            found += (one.name for one in node.names)
            found += (one.name.split(".")[0] for one in node.names if not one.asname)  # the name that it binds
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            found += (f"{base}.{one.name}" if base else one.name for one in node.names)
        else:
            left += ast.iter_child_nodes(node)
    return found
