"""The command `audio-inpaint`; torch and soundfile are imported by the commands that use them, never by `--help`."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from audio_inpaint import __version__
from audio_inpaint.commands import benchmark, listening
from audio_inpaint.errors import InputError

INPAINT_NOTES = """\
Without --gaps the gaps are detected: runs of zeros, of one stuck value, and dropouts. A single file in which none is
found is an error; among several files it is passed over. The output has the input's rate, channels, length and
sample format. WAV, AIFF and FLAC come back bit for bit outside the gaps; Ogg, Opus and MP3 are encoded anew. Where the
output's suffix names another format, its samples are as fine as the input's, and a line says so if they cannot be.

--labels lists what was filled, by what, and the signal-to-noise ratio to expect where the method predicts one. Under
3 dB, where more of a fill is likely to be wrong than right, the label says `check`: listen to these. The list can be
given back as --gaps.

examples:
  audio-inpaint inpaint damaged.wav -o repaired.wav
  audio-inpaint inpaint damaged.wav -o repaired.wav --gaps 0.1-0.15,2.31-2.36
  audio-inpaint inpaint damaged.flac -o repaired.flac --gaps labels.txt --report
  audio-inpaint inpaint damaged.wav -o repaired.wav --labels filled.txt
  audio-inpaint inpaint recordings/ -o repaired/ --gaps labels/
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; None takes the process's.

    Returns:
        The exit code: 0 done, 2 something that the user can mend, 130 interrupted.
    """
    arguments = _parser().parse_args(argv)
    arguments.line = shlex.join(["audio-inpaint", *(sys.argv[1:] if argv is None else argv)])
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except InputError as error:
        return _complain(error)
    except KeyboardInterrupt:
        print("audio-inpaint: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output left, as `head` does; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _complain(error: InputError | str) -> int:
    print(f"audio-inpaint: error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="audio-inpaint", description="Fill gaps of lost samples in recorded audio.")
    parser.add_argument("--version", action="version", version=f"audio-inpaint {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    inpaint = commands.add_parser(
        "inpaint",
        help="fill the gaps of files",
        description="Fill the gaps of one file, of several files or of a folder.",
        epilog=INPAINT_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inpaint.add_argument("input", nargs="+", metavar="INPUT", help="audio files, or folders of them")
    inpaint.add_argument("-o", "--output", required=True, metavar="OUT", help="the file to write; a folder for several")
    inpaint.add_argument(
        "--gaps",
        metavar="SPEC",
        help="seconds (0.1-0.15,2.31-2.36), samples (1600:2400), a CSV or Audacity label file, or a folder of those "
        "named as the inputs; detected if left out",
    )
    inpaint.add_argument("--method", default="auto", metavar="NAME", help="see `methods`; %(default)s if left out")
    inpaint.add_argument(
        "--report",
        nargs="?",
        const="",
        metavar="PATH",
        help="write an HTML page to hear and see the result; beside the output if no PATH is given",
    )
    inpaint.add_argument(
        "--labels",
        metavar="PATH",
        help="list the filled gaps, how each was filled and which to check, in an Audacity label file, or a CSV if the "
        "name ends in .csv; a folder for several",
    )
    inpaint.add_argument("--truth", metavar="CLEAN", help="the undamaged file, or a folder of them, for the report")
    inpaint.set_defaults(run=_inpaint)

    detect = commands.add_parser(
        "detect",
        help="list the gaps that a file seems to have",
        description="List runs of zeros, of one stuck value, and dropouts.",
    )
    detect.add_argument("input", nargs="+", metavar="FILE", help="audio files, or folders of them")
    detect.add_argument(
        "-o",
        "--output",
        metavar="LABELS",
        help="write an Audacity label file, or a CSV if the name ends in .csv; a folder for several files",
    )
    detect.set_defaults(run=_detect)

    benchmark.add_command(commands)
    listening.add_commands(commands)

    methods = commands.add_parser("methods", help="list the restoration methods")
    methods.set_defaults(run=_methods)

    models = commands.add_parser("models", help="list the trained networks that come with the package")
    models.set_defaults(run=_models)
    return parser


def _inpaint(arguments: argparse.Namespace) -> int:
    from audio_inpaint.batch import Job, inputs, label_files, outputs, restore

    if arguments.truth is not None and arguments.report is None:
        raise InputError("--truth is for the report: add --report")
    from audio_inpaint.methods.registry import method

    restorer = method(arguments.method)
    files, several = inputs(arguments.input)
    targets = outputs(files, arguments.output, several)
    labels = label_files(files, arguments.labels, several)
    report = arguments.report is not None
    items, failed, done = [], [], 0
    for file, output, place in zip(files, targets, labels, strict=True):
        job = Job(file, output, arguments.gaps, arguments.method, restorer, arguments.truth, report, place)
        try:
            found = restore(job, several)
        except InputError as error:
            if not several:
                raise
            failed.append(file)
            _complain(str(error) if str(file) in str(error) else f"{file}: {error}")
            continue
        done += found is not None
        items += found or []
    if items:
        from audio_inpaint.report import write_report

        beside = Path(arguments.output) / "report.html" if several else targets[0].with_suffix(".html")
        path = Path(arguments.report) if arguments.report else beside
        write_report(path, items, arguments.line)
        print(f"report: {path}")
    if several and not failed and not done:
        raise InputError("no gap was found in any of the files: name them with --gaps")
    if failed:
        return _complain(f"{len(failed)} of {len(files)} files not restored: {', '.join(map(str, failed))}")
    return 0


def _detect(arguments: argparse.Namespace) -> int:
    from audio_inpaint.batch import inputs, label_files, list_gaps

    files, several = inputs(arguments.input)
    failed = []
    for file, labels in zip(files, label_files(files, arguments.output, several), strict=True):
        try:
            list_gaps(file, labels)
        except InputError as error:
            if not several:
                raise
            failed.append(file)
            _complain(str(error) if str(file) in str(error) else f"{file}: {error}")
    if failed:
        return _complain(f"{len(failed)} of {len(files)} files not read: {', '.join(map(str, failed))}")
    return 0


def _methods(_: argparse.Namespace) -> int:
    from audio_inpaint.methods.registry import names

    return _list(names())


def _models(_: argparse.Namespace) -> int:
    from audio_inpaint.nn.checkpoints import names

    return _list(names())


def _list(known: dict[str, str]) -> int:
    width = max(map(len, known), default=0)
    for name, description in known.items():
        print(f"{name:{width}}  {description}")
    return 0
