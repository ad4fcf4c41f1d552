"""What pyproject.toml declares, and what the declared packages bring."""

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
_TABLE = PROJECT["project"]
REQUIREMENTS = {
    extra: [Requirement(line) for line in lines]
    for extra, lines in {"": _TABLE["dependencies"], **_TABLE["optional-dependencies"]}.items()
}
EXTRAS = {extra: {canonicalize_name(one.name) for one in lines} for extra, lines in REQUIREMENTS.items()}
BASE = EXTRAS.pop("")


def brought(names: set[str]) -> set[str]:
    """These distributions and those that they need, as they are installed here."""
    waiting = [(one.name, tuple(one.extras)) for lines in REQUIREMENTS.values() for one in lines]
    waiting = [(name, extras) for name, extras in waiting if canonicalize_name(name) in names]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:  # what needed a compiler is not here
            continue
        for further in map(Requirement, lines):
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((further.name, tuple(further.extras)))
    return {str(canonicalize_name(name)) for name, _ in seen}
