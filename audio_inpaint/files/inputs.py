"""What a command works on: the files that the user named, and for each its output and what belongs to it."""

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason
from audio_inpaint.files.formats import FORMATS, readable, writable
from audio_inpaint.files.media import UNWRITTEN
from audio_inpaint.files.paths import identity

# What lies beside recordings and nobody takes for one: lists of gaps, texts, pictures, and what is written here.
_BESIDE = {
    ".accurip", ".bmp", ".cfg", ".ckpt", ".csv", ".cue", ".doc", ".docx", ".gif", ".heic", ".htm", ".html", ".ini",
    ".ipynb", ".jpeg", ".jpg", ".json", ".jsonl", ".log", ".lrc", ".m3u", ".m3u8", ".md", ".md5", ".nfo", ".npy",
    ".npz", ".ods", ".odt", ".original", ".pdf", ".pls", ".png", ".pt", ".py", ".rtf", ".sfv", ".sh", ".sha256",
    ".srt", ".svg", ".tif", ".tiff", ".toml", ".tsv", ".txt", ".url", ".vtt", ".webp", ".xls", ".xlsx",
    ".xml", ".yaml", ".yml",
}  # fmt: skip


@dataclass(frozen=True)
class Input:
    """An audio file that the user named, by itself or by a folder.

    Attributes:
        file: where it is.
        folder: the folder between the named one and the file, for outputs in a tree of the same form.
    """

    file: Path
    folder: Path = Path()


def inputs(names: Sequence[str], recursive: bool = False) -> tuple[list[Input], bool]:
    """Find the audio files that the user named, folders meaning the audio files in them.

    Args:
        names: files and folders.
        recursive: folders mean those in their subfolders too; links to folders are not followed.

    Returns:
        The files, and whether they are treated as several (more than one, or a folder).

    Raises:
        InputError: a folder without audio files, or one that cannot be read.
    """
    found: list[Input] = []
    folder, known = False, readable()
    for name in map(Path, names):
        if not os.path.isdir(name):  # unlike Path's, it does not mind too long a name
            found.append(Input(name))
            continue
        folder = True
        own = list(_in_folder(name, recursive, known))
        found += own
        if not own:
            below = "" if recursive or not _subfolders(name) else "; it has subfolders: add --recursive"
            raise InputError(f"the folder {name} holds no audio files ({', '.join(writable())} and others){below}")
    return found, folder or len(found) > 1


def left_out(names: Sequence[str], recursive: bool = False) -> list[str]:
    """Say of each folder that the user named how many files `inputs` leaves out for their endings, one line each.

    Args:
        names: files and folders.
        recursive: as `inputs` takes it.

    Raises:
        InputError: a folder cannot be read.
    """
    known, said = {*readable(), *_BESIDE}, []
    for name in (Path(name) for name in names if os.path.isdir(name)):
        others = Counter(file.suffix.lower() for file in _files(name, recursive))
        endings = {ending: count for ending, count in sorted(others.items()) if ending not in known}
        if endings:
            count = sum(endings.values())
            files = "1 file is" if count == 1 else f"{count} files are"
            listed = ", ".join(f"{number} {ending or 'without one'}" for ending, number in endings.items())
            said.append(
                f"{name}: {files} left out, with other endings than audio has ({listed}): name what is to be read"
            )
    return said


def _in_folder(name: Path, recursive: bool, known: Sequence[str]) -> Iterator[Input]:
    for file in _files(name, recursive):
        if file.suffix.lower() in known and file.is_file():
            yield Input(file, file.parent.relative_to(name))


def _files(name: Path, recursive: bool) -> Iterator[Path]:
    """Yield what a folder holds and is neither a folder nor hidden, in order."""

    def refuse(error: OSError) -> None:
        raise InputError(f"the folder {error.filename} cannot be read: {reason(error)}")

    for place, folders, files in os.walk(name, onerror=refuse):
        folders[:] = sorted(one for one in folders if not one.startswith(".")) if recursive else []
        # Hidden files are other programs' leavings, such as the ._ files of macOS.
        yield from sorted(Path(place, one) for one in files if not one.startswith("."))


def _subfolders(name: Path) -> bool:
    return any(one.is_dir() and not one.name.startswith(".") for one in name.iterdir())


def outputs(files: Sequence[Input], output: str, several: bool, suffix: str = "") -> list[Path]:
    """Name the output of every input.

    Args:
        files: the inputs.
        output: a file for one input; a folder, whose files keep the inputs' names and folders.
        several: whether `output` must be a folder.
        suffix: put between the name and the ending of files in a folder.

    Raises:
        InputError: there is no such place, or the suffix cannot be part of a name.
    """
    if os.sep in suffix or "/" in suffix:
        raise InputError(f"a suffix is a part of a file's name, such as _repaired, not {suffix!r}")
    place = _folder(output, several)
    if place is None:
        if suffix:
            raise InputError("--suffix is for outputs in a folder: name a folder, or leave it out")
        return [Path(output)]
    names = [Path(output_name(one.file)) for one in files]
    return [place / one.folder / f"{name.stem}{suffix}{name.suffix}" for one, name in zip(files, names, strict=True)]


def earlier_outputs(files: Sequence[Input], output: str, suffix: str, named: Sequence[str]) -> dict[Path, Path]:
    """Find the inputs that are outputs of others, written by an earlier run into the folder that is read.

    Args:
        files: the inputs.
        output: a folder, as `outputs` takes it for several inputs.
        suffix: as `outputs` takes it.
        named: what the user named; a file among it is never left out, nor is one that would be its own output.

    Returns:
        Each such file, with the one whose output it is.
    """
    places = [identity(one.file) for one in files]
    targets = [identity(target) for target in outputs(files, output, True, suffix)]
    made = {target: one.file for one, place, target in zip(files, places, targets, strict=True) if place != target}
    chosen = set(map(Path, named))
    return {
        one.file: made[place]
        for one, place, target in zip(files, places, targets, strict=True)
        if place in made and place != target and one.file not in chosen
    }


def label_files(files: Sequence[Input], labels: str | None, several: bool) -> list[Path | None]:
    """Name the label file of every input.

    Args:
        files: the inputs.
        labels: a file for one input; a folder, where each gets its stem and .txt, or where inputs share one their whole
            name and .txt; None for no labels.
        several: whether `labels` must be a folder.

    Raises:
        InputError: there is no such place.
    """
    if labels is None:
        return [None] * len(files)
    place = _folder(labels, several)
    if place is None:
        return [Path(labels)]
    stems = Counter((one.folder, one.file.stem) for one in files)
    names = [one.file.name if stems[one.folder, one.file.stem] > 1 else one.file.stem for one in files]
    return [place / one.folder / f"{name}.txt" for one, name in zip(files, names, strict=True)]


def distinct_names(files: Sequence[Input]) -> list[str]:
    """Name every input by its own name, and those of equal names by their folders too.

    >>> distinct_names([Input(Path("in/a/x.wav"), Path("a")), Input(Path("in/b/x.wav"), Path("b"))])
    ['a/x.wav', 'b/x.wav']
    """
    known = Counter(one.file.name for one in files)
    return [one.file.name if known[one.file.name] == 1 else (one.folder / one.file.name).as_posix() for one in files]


def partners(
    files: Sequence[Input], given: str | None, suffixes: Sequence[str], same: bool = False
) -> list[Path | None]:
    """Find the file that belongs to each input: the one that is named, or that of the same name or stem in a folder.

    In a folder whose tree is that of the inputs, a file in the place of the input goes before one at the top.

    Args:
        files: the inputs.
        given: a file, or a folder of files; None for none.
        suffixes: looked for in a folder.
        same: look for the input's own suffix before them.

    Returns:
        A file for each input, None where the folder lacks it.
    """
    if given is None:
        return [None] * len(files)
    if not os.path.isdir(given):  # unlike Path's, it does not mind a list of gaps that is too long for a name
        return [Path(given)] * len(files)
    return [_partner(Path(given), one, (one.file.suffix, *suffixes) if same else suffixes) for one in files]


def _partner(top: Path, one: Input, suffixes: Sequence[str]) -> Path | None:
    places = itertools.product((top / one.folder, top), (one.file.name, one.file.stem), suffixes)
    names = (folder / (name + suffix) for folder, name, suffix in places)
    return next((name for name in names if name.is_file()), None)


def _folder(name: str, several: bool) -> Path | None:
    """Return the folder that outputs of that name go to, which need not be there; None where it names a file."""
    if not name:
        raise InputError("the output has an empty name: name a file or a folder")
    place, folder = Path(name), several or name.endswith(("/", os.sep))
    if folder and os.path.exists(place) and not os.path.isdir(place):
        raise InputError(f"the output {place} must be a folder{' for several files' * several}, and is a file")
    suffix = place.suffix.lower()
    if folder and not os.path.exists(place) and not name.endswith(("/", os.sep)) and suffix in (*readable(), *_BESIDE):
        raise InputError(f"the output {place} must be a folder for several files, and {suffix} is the ending of a file")
    return place if folder or os.path.isdir(place) else None


def output_name(file: Path) -> str:
    """Return the file's own name, or one ending in .wav if its format can be read but not written."""
    import soundfile

    if file.suffix.lower() in (*UNWRITTEN, ".sds"):  # an encoder of the latter changes samples
        return file.with_suffix(".wav").name
    container = FORMATS.get(file.suffix.lower())
    can = container is None or soundfile.check_format(container, soundfile.default_subtype(container))
    return file.name if can else file.with_suffix(".wav").name
