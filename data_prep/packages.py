"""Debian packages as a source of recordings: fetched and unpacked, never installed."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audio_inpaint.errors import InputError
from data_prep import g722


@dataclass(frozen=True)
class Program:
    """A program that must be there, and the package that brings it."""

    name: str
    package: str


def programs(files: Iterable[str]) -> list[Program]:
    """The programs that reading files needs, which patterns of a package name."""
    coded = any(pattern.endswith(g722.SUFFIX) for pattern in files)
    return [Program("dpkg-deb", "dpkg"), *([Program("ffmpeg", "ffmpeg")] if coded else [])]


def require(programs: list[Program]) -> None:
    """See that programs are there.

    Raises:
        InputError: some are not; it says how to install them.
    """
    missing = [program for program in programs if not shutil.which(program.name)]
    if missing:
        names = ", ".join(program.name for program in missing)
        packages = " ".join(sorted({program.package for program in missing}))
        raise InputError(f"{names} not found: apt-get install {packages} (this needs Debian or Ubuntu)")


def require_space(folder: Path, megabytes: int) -> None:
    """See that a folder, which need not exist yet, can grow to a size.

    Raises:
        InputError: its disk is too full.
    """
    megabytes -= sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 10**6
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // 10**6
    if free < megabytes:
        raise InputError(
            f"{folder} needs {megabytes:,} MB more and its disk has {free:,} MB free: choose another with -o"
        )


def missing(names: list[str], folder: Path) -> dict[str, int]:
    """The packages that the folder lacks and their sizes in bytes, as apt-get knows them; nothing is downloaded.

    Raises:
        InputError: apt-get does not know one.
    """
    lacking = [name for name in names if downloaded(name, folder) is None]
    if not lacking:
        return {}
    require([Program("apt-get", "apt")])
    lines = _run(["apt-get", "download", "--print-uris", *lacking]).splitlines()
    sizes = {}
    for line in lines:
        if found := re.match(r"'[^']+' (\S+?)_\S+ (\d+)", line):
            sizes[found[1]] = int(found[2])
    return {name: sizes.get(name, 0) for name in lacking}


def download(names: list[str], folder: Path) -> None:
    """Download packages into a folder; apt-get checks them against Debian's signatures.

    Raises:
        InputError: apt-get failed.
    """
    if names:
        # A download that is broken off leaves a part of a package under the package's name.
        partial = folder / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _run(["apt-get", "download", *names], partial)
        for path in partial.iterdir():
            path.rename(folder / path.name)
        partial.rmdir()


def downloaded(name: str, folder: Path) -> Path | None:
    """The file of a package in the folder, if it is there."""
    return max(folder.glob(f"{name}_*.deb"), default=None)


def unpack(name: str, folder: Path) -> Path:
    """Unpack a downloaded package, once, and give its folder.

    Raises:
        InputError: dpkg-deb failed.
    """
    target = folder / "unpacked" / name
    if not target.is_dir():
        partial = target.with_name(f".{name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _run(["dpkg-deb", "-x", str(downloaded(name, folder)), str(partial)])
        partial.rename(target)
    return target


def version(name: str, folder: Path) -> str:
    """The version of a downloaded package, as its file name gives it."""
    return downloaded(name, folder).name.split("_")[1].replace("%3a", ":")


def licence_of(path: str, copyright_text: str) -> str | None:
    """The licence that a machine-readable debian/copyright file gives one file by name, None where it gives none.

    The last paragraph that names it holds. Names are those of the source package, so only the folder and the file are
    compared; a pattern with a star says less than the table of packages, which has been read by a person.
    """
    if not copyright_text.startswith("Format:"):
        return None
    licence = None
    name = "/".join(path.split("/")[-2:])
    for paragraph in re.split(r"\n\s*\n", copyright_text):
        fields = dict(re.findall(r"^(Files|License):(.*(?:\n[ \t]+.*)*)", paragraph, flags=re.MULTILINE))
        named = {"/".join(pattern.split("/")[-2:]) for pattern in fields.get("Files", "").split()}
        if name in named and fields.get("License", "").strip():
            licence = fields["License"].strip().splitlines()[0]
    return licence


def _run(command: list[str], folder: Path | None = None) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = sorted(result.stderr.splitlines(), key=lambda line: not line.startswith(("E:", "dpkg-deb: error")))
        hint = "run apt-get update; the packages are Debian 12's" if command[0] == "apt-get" else "remove that file"
        raise InputError(f"{command[0]} failed ({(lines or ['no reason given'])[0].strip()}): {hint}")
    return result.stdout
