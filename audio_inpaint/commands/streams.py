"""`-` for standard input and standard output, so that `inpaint` and `detect` can stand in a pipe."""

import argparse
import contextlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from audio_inpaint.errors import InputError
from audio_inpaint.files.signatures import suffix_of

_INPUT, _OUTPUT = "standard_input", "standard_output"  # names of the files that stand for them


def in_a_pipe(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace, suffix: str = "") -> int:
    """Run a command whose input or output may be `-`; what it prints goes to standard error if its output is.

    Args:
        run: the command.
        arguments: with `input`, a list, and `output`.
        suffix: of a file like the output; by default the input's.

    Returns:
        its exit code; standard output gets nothing if that is not 0.

    Raises:
        InputError: nothing comes in, or an option needs the name of a file.
    """
    from audio_inpaint.files.atomic import temporary_folder

    reads, writes = "-" in arguments.input, arguments.output == "-"
    if not (reads or writes):
        return run(arguments)
    if writes and arguments.json:
        raise InputError("--json and the output - are both for standard output: name an output")
    if len(arguments.input) > 1:
        raise InputError("- is one file: name no other input or output beside it")
    beside = [name for name in ("report", "log", "keep_original") if getattr(arguments, name, None)]
    if writes and beside:
        option = beside[0].replace("_", "-")
        raise InputError(f"--{option} is left beside the output, and - has no place: name an output")
    with temporary_folder() as folder, _told_by_name(folder, arguments):
        if reads:
            arguments.input = [str(_taken(folder))]
        if not writes:
            return run(arguments)
        made = folder / f"{_OUTPUT}{suffix or Path(arguments.input[0]).suffix or '.wav'}"
        arguments.output = str(made)
        with contextlib.nullcontext() if getattr(arguments, "quiet", False) else contextlib.redirect_stdout(sys.stderr):
            code = run(arguments)
        if code == 0:
            with open(made, "rb") as file:
                shutil.copyfileobj(file, sys.__stdout__.buffer)
            sys.__stdout__.buffer.flush()
        return code


class _Naming:
    """A stream of text in which the temporary files of a pipe are `-`.

    Args:
        stream: gets the text.
        folder: of the temporary files.
    """

    def __init__(self, stream: TextIO, folder: Path) -> None:
        self._stream, self._folder = stream, folder

    def write(self, text: str) -> int:
        self._stream.write(_named(text, self._folder))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _told_by_name(folder: Path, arguments: argparse.Namespace) -> Iterator[None]:
    """Let all that is said meanwhile, errors included, name the streams and not the files that stand for them."""
    out, error = (_Naming(stream, folder) for stream in (sys.stdout, sys.stderr))
    if getattr(arguments, "told", None) is not None:
        arguments.told = _Naming(arguments.told, folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            yield
    except InputError as problem:
        raise InputError(_named(str(problem), folder)) from problem


def _named(text: str, folder: Path) -> str:
    """Return a text with `-` for the files of a pipe, and what else is in their folder by its bare name."""
    files = rf"{re.escape(str(folder))}[/\\]+"
    return re.sub(files, "", re.sub(rf"{files}(?:{_INPUT}|{_OUTPUT})\.\w+", "-", text))


def _taken(folder: Path) -> Path:
    """Copy standard input to a file that can be read in any order."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("- reads standard input, and nothing comes in: send a file to it, as in `< damaged.wav`")
    head = sys.stdin.buffer.read(16)
    if not head:
        raise InputError("nothing came in from standard input")
    path = folder / f"{_INPUT}{suffix_of(head) or '.wav'}"
    with open(path, "wb") as file:
        file.write(head)
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path
