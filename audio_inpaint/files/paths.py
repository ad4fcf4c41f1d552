"""The files that a command reads and writes: found, named, and checked against each other before any work."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import nearest, reason
from audio_inpaint.files.formats import FORMATS, READ, sound_name
from audio_inpaint.files.media import SUFFIXES

# Further suffixes of sound, and what `files.media` reads: no text is written to them.
_SOUND = {".mat", ".raw", ".sd2", ".vox", *READ, *SUFFIXES}


def as_path(given: object, what: str) -> Path:
    """Return a path that somebody gave, if it is one.

    Args:
        given: text or a path.
        what: it names, such as "the input".

    Raises:
        InputError: it is something else.

    >>> as_path(None, "the output")
    Traceback (most recent call last):
    audio_inpaint.errors.InputError: the output is named by a path, as text or a pathlib.Path, not by NoneType
    """
    try:
        path = Path(given)
    except TypeError:
        kind = type(given).__name__
        raise InputError(f"{what} is named by a path, as text or a pathlib.Path, not by {kind}") from None
    if "\0" in str(path):
        raise InputError(f"{what} is named by a path, which {str(path)[:60]!r} is not")
    return path


def there(path: str | Path, what: str) -> Path:
    """Return a path to a file or folder that exists.

    Raises:
        InputError: it does not, or cannot be looked at.

    >>> there("missing.wav", "the reference")
    Traceback (most recent call last):
    audio_inpaint.errors.InputError: missing.wav cannot be read: No such file or directory
    """
    found = as_path(path, what)
    try:
        os.stat(found)
    except OSError as error:
        raise InputError(f"{_short(found)} cannot be read: {reason(error)}") from error
    return found


class Paths:
    """All files of a command: those it reads, and those it writes, whose folders are made when they are written.

    Nothing is touched before `check` has compared them. Two names are one file if they lead to the same one, through
    symbolic and hard links, or on a disk that does not tell capitals apart.

    Args:
        allow: what to do where a file that exists may be replaced, in the words of a message.

    >>> paths = Paths()
    >>> paths.reads("in.wav", "the input")
    >>> paths.writes("in.wav", "the output")
    >>> paths.check()
    Traceback (most recent call last):
    audio_inpaint.errors.InputError: the output in.wav is the input itself: name another file
    """

    def __init__(self, allow: str = "add --overwrite") -> None:
        self._allow = allow
        self._read: list[tuple[Path, str]] = []
        self._written: list[tuple[Path, str, bool]] = []
        self._owned: dict[Path, str] = {}

    def reads(self, path: str | Path, what: str) -> None:
        """Add a file that is read, such as "the input", or a folder of which everything is."""
        self._read.append((as_path(path, what), what))

    def reads_another(self, path: str | Path, what: str, own: str | Path) -> None:
        """Add a file that is read, such as "the reference", exists, and must not be the file `own` itself.

        Raises:
            InputError: it is, or is not there.
        """
        self.reads(there(path, what), what)
        if identity(path) == identity(own):
            raise InputError(f"{what} {path} is the recording itself: name another one")

    def writes(self, path: str | Path, what: str, kept: bool = False) -> None:
        """Add a file that is written, such as "the output"; `kept` if it is there and stays."""
        if isinstance(path, str) and not path:
            raise InputError(f"{what} has an empty name: name a file")
        self._written.append((as_path(path, what), what, kept))

    def writes_no_audio(self, path: str | Path, what: str, suffixes: Sequence[str] = (), kept: bool = False) -> None:
        """Add a file that is written and is no sound, and so must not look like sound, nor be sound.

        Args:
            path: of the file.
            what: it is, such as "the report".
            suffixes: one of which its name must have, if there are any.
            kept: as `writes` takes it.

        Raises:
            InputError: another suffix, a name for audio, or an audio file.
        """
        suffix = Path(path).suffix.lower()
        usual = " or ".join(suffixes or (".txt", ".csv"))
        if suffix in FORMATS or suffix in _SOUND:
            raise InputError(f"{what} cannot go to {path}, a name for audio: let it end in {usual}")
        if os.fspath(path) and suffixes and suffix not in suffixes:
            raise InputError(f"{what} {path} should end in {usual}")
        if os.path.isfile(path) and _is_audio(path):
            raise InputError(f"{what} cannot go to {path}, which is an audio file: name another file")
        self.writes(path, what, kept)

    def owns(self, folder: Path, what: str) -> None:
        """Add a folder, such as "the folder of the shards", whose files the command names itself: none is read."""
        self._owned[folder] = what

    def check(self, overwrite: bool = False) -> None:
        """Compare all files.

        Args:
            overwrite: files that are there may be replaced.

        Raises:
            InputError: a file that is written is also read, or written twice, or is there and may not be replaced, or
                has no folder to go to, nor one that could be made; or what is read lies in a folder that the command
                owns, or is neither a file nor a folder.
        """
        owned = {identity(folder): (folder, what) for folder, what in self._owned.items()}
        read: dict[tuple, tuple[Path, str]] = {}
        for path, what in self._read:
            if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
                piped = ", or - for standard input" if os.fspath(path) == "/dev/stdin" else ""
                raise InputError(f"{what} {path} is not a regular file: name one on a disk{piped}")
            read.setdefault(identity(path), (path, what))
            for around in owned and _around(path):
                if (key := identity(around)) in owned:
                    folder, whose = owned[key]
                    raise InputError(f"{what} {path} lies in {whose} {folder}: name another folder for the results")
        written: dict[tuple, str] = {}
        for path, what, kept in self._written:
            key = identity(path)
            if key in read:
                other, whose = read[key]
                name = "" if other == path else f" {other}"
                raise InputError(f"{what} {path} is {whose}{name} itself: name another file")
            if key in written:
                if written[key] == what:
                    raise InputError(f"two inputs would be written to {path}: choose different folders for them")
                raise InputError(f"{what} and {written[key]} would both be written to {path}: name another file")
            written[key] = what
            self._check_place(path, what, overwrite or kept)

    def _check_place(self, path: Path, what: str, overwrite: bool) -> None:
        try:
            for place in (path, nearest(path.parent) / path.name):  # one that is not there takes any name
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    os.stat(place)
        except OSError as error:  # too long a name, links in a circle, a folder that may not be entered
            raise InputError(f"{what} {_short(path)} cannot be written: {reason(error)}") from error
        if path.is_dir():
            raise InputError(f"{what} {path} is a folder: name a file")
        if path.exists() and not path.is_file():
            raise InputError(f"{what} {path} is not a regular file: name another one")
        if path.is_file() and not overwrite:
            raise InputError(f"{what} {path} exists: name another file, or {self._allow}")
        folder = path.parent
        if os.path.islink(path) and not (folder := Path(os.path.realpath(path)).parent).is_dir():
            raise InputError(f"the folder {folder} of the output does not exist: create it first")
        folder = nearest(folder)
        if not folder.is_dir():
            raise InputError(f"{what} {_short(path)} cannot be written: {folder} is no folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"{what} {_short(path)} cannot be written: no permission to write in {folder}")


def identity(path: str | Path) -> tuple:
    """Return what is equal for all names of a file, whether it is there or not."""
    real = os.path.realpath(path)
    try:
        status = os.stat(real)
        return status.st_dev, status.st_ino
    except (OSError, ValueError):
        pass
    folder, missing = os.path.split(real)
    while folder != os.path.dirname(folder) and not os.path.isdir(folder):
        folder, name = os.path.split(folder)
        missing = f"{name}/{missing}"
    return *identity(folder), missing.casefold() if _folds(folder) else missing


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 100 else f"{text[:60]}...{text[-30:]}"


def _around(path: str | Path) -> Iterator[str]:
    """Yield a path, links followed, and the folders around it."""
    place = os.path.realpath(path)
    while True:
        yield place
        place, below = os.path.dirname(place), place
        if place == below:
            return


def _folds(folder: str) -> bool:
    """Whether a folder lies on a disk that does not tell capitals apart."""
    parent, name = os.path.split(folder)
    other = os.path.join(parent, name.swapcase())
    return other != folder and os.path.exists(other) and os.path.samefile(folder, other)


def _is_audio(path: str | Path) -> bool:
    import soundfile

    try:
        soundfile.info(sound_name(path))
    except (soundfile.SoundFileError, TypeError, OSError):
        return False
    return True
