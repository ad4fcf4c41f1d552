"""Finds config files by bare name: in the working directory first, then among those that come with the package."""

from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.shipped import folder

FOLDER = folder("configs")


def find(name: str) -> Path:
    """The file that a config's name means.

    Raises:
        InputError: there is no such file; the message lists those that come with the package.
    """
    for place in (Path(name), FOLDER / name, FOLDER / f"{name}.yaml"):
        if place.is_file():
            return place
    known = ", ".join(sorted(path.name for path in FOLDER.glob("*.yaml")))
    raise InputError(f"there is no config {name}: name a file, or one of {known}")
