"""Folders that come with the package, and the titles of the files in them."""

from pathlib import Path


def folder(name: str) -> Path:
    """The folder `name`: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent.parent
    places = package / f"_{name}", package.parent / name
    return next((place for place in places if place.is_dir()), package)


def title(path: Path) -> str:
    """The first line of a config or a card, without what marks it as a comment or a heading."""
    with path.open(encoding="utf-8") as file:
        return file.readline().strip("# \n").rstrip(".")
