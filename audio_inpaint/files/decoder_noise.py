"""What decoders write to standard error by themselves, kept for whoever can say which file it is about."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_MOST = 1 << 16  # bytes that are read of it


@contextmanager
def hushed(said: list[str]) -> Iterator[None]:
    """Keep what a library writes to standard error, past Python, while the block runs.

    Args:
        said: gets the lines, each once.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (AttributeError, OSError, ValueError):  # there is no standard error
        yield
        return
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(kept, 2)
            if size := file.seek(0, os.SEEK_END):
                file.seek(0)
                lines = (line.strip() for line in file.read(min(size, _MOST)).decode(errors="replace").splitlines())
                said += [line for line in dict.fromkeys(lines) if line and line not in said]
    finally:
        os.close(kept)
