"""Files that appear whole or not at all, and temporary ones, which go away however their process ends."""

import contextlib
import functools
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import soundfile

from audio_inpaint.errors import InputError

# Names of what is unfinished tell the machine and the process, so that others find what a killed one left.
_MACHINE = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_UNFINISHED = re.compile(rf"\.audio_inpaint-{_MACHINE}-(\d{{1,10}})-[0-9a-f]{{8}}(\..*)?")


@contextlib.contextmanager
def replacing(path: str | Path, like: str | Path | None = None) -> Iterator[Path]:
    """Give a temporary name next to `path` that replaces it when the block ends well, and vanishes otherwise.

    Folders that are missing on the way are made, and vanish with it. A symbolic link stays a link, and what it points
    to is replaced; a file that is replaced keeps its mode. What killed processes left in the folder is removed.

    Args:
        path: the file.
        like: the file that it is made from: nobody may read a new one who may not read this.

    Raises:
        InputError: the operating system or libsndfile could not write, or `path` is not a regular file.
    """
    path = Path(path)
    place = Path(os.path.realpath(path))
    if path.is_symlink() and not place.parent.is_dir():
        raise InputError(f"the folder {place.parent} of the output does not exist: create it first")
    if place.exists() and not place.is_file():
        raise InputError(f"the output {path} is not a regular file: name another one")
    try:
        with made(place.parent):
            temporary = unfinished(place.parent, path.suffix)
            try:
                mode = _mode(place)
                new = 0o666 & (0o600 | (0o666 if like is None else _mode(like) or 0))
                # names the reason better than libsndfile does
                temporary.touch(new if mode is None else 0o600, exist_ok=False)
                yield temporary
                if mode is not None:
                    temporary.chmod(mode)
                os.replace(temporary, place)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from error
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all samples were written
        raise InputError(f"{path} cannot be written, the disk may be full: {reason(error)}") from error


@contextlib.contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder and those around it that are missing; what was made vanishes again where the block fails.

    Args:
        folder: of an output; an OSError where it cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # somebody else has put something there
            for one in missing:
                one.rmdir()
        raise


def nearest(folder: Path) -> Path:
    """Return a folder, or of those around it the nearest that is there; it may turn out to be a file."""
    return next(one for one in (folder, *folder.parents) if os.path.lexists(one) or one == one.parent)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder in the system's place for temporary files that lives as long as the block.

    Raises:
        InputError: there is no room for it.
    """
    folder = unfinished(Path(tempfile.gettempdir()))
    try:
        folder.mkdir(0o700)
    except OSError as error:
        raise InputError(f"no temporary folder can be made: {reason(error)}; let TMPDIR name another place") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unfinished(folder: Path, suffix: str = "", process: int | None = None) -> Path:
    """Name something that is to be renamed or removed, after removing what killed processes left beside it.

    Args:
        folder: where it lies.
        suffix: of the name.
        process: whose it is; None for this one.
    """
    _sweep(folder)
    return folder / f".audio_inpaint-{_MACHINE}-{process or os.getpid()}-{secrets.token_hex(4)}{suffix}"


@functools.lru_cache(maxsize=1000)
def _sweep(folder: Path) -> None:
    """Remove what processes of this machine left that have ended; once, since a folder may hold many files."""
    if os.name == "nt":  # where a signal, even 0, ends a process
        return
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if (match := _UNFINISHED.fullmatch(name)) and not _runs(int(match[1])):
                place = folder / name
                if place.is_dir() and not place.is_symlink():
                    shutil.rmtree(place, ignore_errors=True)
                else:
                    place.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's
    return True


def _mode(path: str | Path | None) -> int | None:
    try:
        return None if path is None else stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None


def reason(error: BaseException) -> str:
    """Return what the system said, on one line."""
    text = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__
