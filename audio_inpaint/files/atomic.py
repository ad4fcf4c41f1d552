"""Files that appear whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import soundfile

from audio_inpaint.errors import InputError


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name next to `path` that replaces it when the block ends well, and vanishes otherwise.

    A symbolic link stays a link, and what it points to is replaced; a file that is replaced keeps its mode.

    Raises:
        InputError: the operating system or libsndfile could not write, or `path` is not a regular file.
    """
    path = Path(path)
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        folder = place.parent if path.is_symlink() else path.parent
        raise InputError(f"the folder {folder} of the output does not exist: create it first")
    if place.exists() and not place.is_file():
        raise InputError(f"the output {path} is not a regular file: name another one")
    temporary = place.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)  # names the reason better than libsndfile does
        yield temporary
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(place.stat().st_mode))
        os.replace(temporary, place)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from error
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all samples were written
        raise InputError(f"{path} cannot be written, the disk may be full: {reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def reason(error: BaseException) -> str:
    """Return what the system said, on one line."""
    text = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__
