"""What commands say: errors on one line, numbers with their noun, and how far the work has come."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from audio_inpaint.errors import InputError


def complain(error: object) -> int:
    """Print an error on one line; returns the exit code."""
    with contextlib.suppress(OSError):  # standard error may be full
        print(f"audio-inpaint: error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def about(path: Path) -> Iterator[None]:
    """Let whatever goes wrong with a file name it."""
    try:
        yield
    except InputError as error:
        if str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        error.add_note(f"This happened to {path}.")
        raise


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "gap"), counted(2, "gap")
    ('1 gap', '2 gaps')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def progress() -> Callable[[int, int], None]:
    """Return what shows how many gaps are filled, and the time that is left, on a line that goes when all are."""
    began = time.monotonic()

    def show(done: int, total: int) -> None:
        left = round((time.monotonic() - began) / done * (total - done))
        line = f"\r{done} of {counted(total, 'gap')}, {left // 60}:{left % 60:02} left\x1b[K"
        print(line if done < total else "\r\x1b[K", end="", file=sys.stderr, flush=True)

    return show
