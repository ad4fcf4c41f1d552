"""The command `audio-inpaint`; torch and soundfile are imported by the commands that use them, never by `--help`."""

import argparse
import io
import shlex
import sys
from collections.abc import Sequence

from audio_inpaint import __version__
from audio_inpaint.commands import benchmark, detect, inpaint, listening, methods, models, revert
from audio_inpaint.commands.console import Parser, complain
from audio_inpaint.errors import InputError
from audio_inpaint.standard_streams import OutputLost, discard, open_closed, watched


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; None takes the process's.

    Returns:
        The exit code: 0 done, 2 an error that the user can fix, 130 interrupted.
    """
    open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    try:
        with watched():
            return _run(argv)
    except InputError as error:
        return complain(error)
    except KeyboardInterrupt:
        print("audio-inpaint: interrupted", file=sys.stderr)
        return 130
    except (OutputLost, OSError) as lost:  # the latter of a disk that is full or gone, or of what a pipe is given
        error = lost.error if isinstance(lost, OutputLost) else lost
        discard()
        if isinstance(error, BrokenPipeError):  # the reader of our output left, as `head` does
            return 141
        place = "standard output" if isinstance(lost, OutputLost) else error.filename or "a file"
        return complain(f"{place} cannot be read or written: {error.strerror or error}")


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    arguments, unknown = parser.parse_known_args(argv)
    if unknown and not unknown[0].startswith("-") and getattr(arguments, "report", False):
        return complain(f"{unknown[0]}: --report takes no name: use --report-to PAGE.html")
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    arguments.line = shlex.join(["audio-inpaint", *(sys.argv[1:] if argv is None else argv)])
    return arguments.run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="audio-inpaint", description="Fill gaps of lost samples in recorded audio.")
    parser.add_argument("--version", action="version", version=f"audio-inpaint {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    inpaint.add_command(commands)
    detect.add_command(commands)
    revert.add_command(commands)
    benchmark.add_command(commands)
    listening.add_commands(commands)
    methods.add_command(commands)
    models.add_commands(commands)
    return parser
