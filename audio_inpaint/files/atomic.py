"""Files that appear whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import soundfile

from audio_inpaint.errors import InputError


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path` that replaces it when the block ends well and vanishes when it does not.

    Raises:
        InputError: the operating system or libsndfile could not write.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} of the output does not exist: create it first")
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)  # names the reason better than libsndfile does
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from error
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all samples were written
        raise InputError(f"{path} cannot be written, the disk may be full: {reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def reason(error: BaseException) -> str:
    """What the system said, on one line."""
    text = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__
