"""Standard input, output and error that may be closed, or full."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any


class OutputLost(BaseException):
    """Standard output cannot be written: no reason to count a file as failed, but to stop.

    Args:
        error: what the system said.
    """

    def __init__(self, error: OSError):
        super().__init__(error)
        self.error = error


class _Watched:
    """A stream that says by `OutputLost` that it cannot be written."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise OutputLost(error) from error

    def flush(self) -> None:
        """Write what waits."""
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputLost(error) from error


def open_closed() -> None:
    """Open the null device for each standard stream that is closed: a file would get its number, and its text."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Let a standard output that cannot be written raise `OutputLost`, also once all is done."""
    with contextlib.redirect_stdout(_Watched(sys.stdout)):
        yield
        sys.stdout.flush()


def discard() -> None:
    """Let nobody write to standard output again, as Python does when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
