"""What commands say: errors on one line, numbers with their noun, and how far the work has come."""

import argparse
import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from audio_inpaint.errors import InputError


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong; its commands have parsers of the same kind."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse arguments, such as the -1ms of `--pad -1ms`, which is a value that its option refuses, no option."""
        return super().parse_known_args(_with_values(sys.argv[1:] if args is None else args), namespace)

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"{self.prog}: error: {message}; `{self.prog} --help` lists the options\n")


def _with_values(arguments: Sequence[str]) -> list[str]:
    """Join options with values that begin like negative numbers and are none."""
    joined: list[str] = []
    for one in arguments:
        value = re.match(r"-\.?[0-9]", one) and not re.fullmatch(r"-[0-9]*\.?[0-9]+", one)
        if value and joined and re.fullmatch(r"--[a-z][a-z-]*", joined[-1]):
            joined[-1] += f"={one}"
        else:
            joined.append(one)
    return joined


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


def clock(seconds: float) -> str:
    """Return a duration as somebody would say it.

    >>> clock(0.4), clock(42.3), clock(130), clock(7300)
    ('1 s', '42 s', '2 min', '2.0 h')
    """
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def progress(what: object, seconds: float = 60.0) -> Callable[[int, int], None]:
    """Return what shows how many gaps are filled, and the time that is left.

    On a terminal that is a line that goes when all are; elsewhere, such as in a log, a line now and then.

    Args:
        what: the file, which lines of a log name.
        seconds: between two lines of a log.
    """
    began = said = time.monotonic()
    terminal = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        left = round((now - began) / done * (total - done))
        line = f"{done} of {counted(total, 'gap')}, {left // 60}:{left % 60:02} left"
        if terminal:
            print(f"\r{line}\x1b[K" if done < total else "\r\x1b[K", end="", file=sys.stderr, flush=True)
        elif done < total and now - said >= seconds:
            said = now
            print(f"{what}: {line}", file=sys.stderr, flush=True)

    return show
