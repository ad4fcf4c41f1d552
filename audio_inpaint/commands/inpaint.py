"""The command `audio-inpaint inpaint`: its options, and the files one after the other."""

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_inpaint.commands import records
from audio_inpaint.commands.choice import add_choice_options, choice_of
from audio_inpaint.commands.console import about, complain
from audio_inpaint.commands.number_lists import share
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.commands.inpaint_plan import Job
    from audio_inpaint.methods.contract import Method
    from audio_inpaint.report import Report

NOTES = """\
Without --gaps the gaps are detected: runs of zeros, of held values and of NaN, repeated samples, and dropouts. If no
gap is found in a single file, that is an error; in a batch the file is skipped. The output has the input's rate,
channels, sample format and length, unless --gaps inserts what a capture dropped: then cue points and markers move
along, and all that is listed counts in the output's time. WAV, AIFF and FLAC come back bit for bit outside the gaps;
Ogg, Opus and MP3 are re-encoded. If the output's suffix names another format, sample precision is kept, or a message
says that the format cannot keep it.

--labels lists what was filled, by what, and the signal-to-noise ratio to expect. The label says `check` where more of
a fill is likely to be wrong than right (under 3 dB), where nothing can be predicted, and where an octave of the fill is
over 10 dB quieter than both of its sides: listen to these. The list can be given back as --gaps.

No file that is read is ever written, and none that exists is replaced without --overwrite. After a batch that stopped,
the same command with --skip-existing goes on: an input is left out if its output, and its labels if they are asked for,
exist. An output that exists stays; labels that are missing are made, and the page, of what this command does, is
replaced.

examples:
  audio-inpaint inpaint damaged.wav -o repaired.wav
  audio-inpaint inpaint damaged.wav -o repaired.wav --gaps 0.1-0.15,2.31-2.36
  audio-inpaint inpaint capture.wav -o repaired.wav --gaps 2.0+0.015
  audio-inpaint inpaint damaged.flac -o repaired.flac --gaps labels.txt --report
  audio-inpaint inpaint damaged.wav -o repaired.wav --labels filled.txt
  audio-inpaint inpaint damaged.wav -o repaired.wav --reference broadcast.mp3
  audio-inpaint inpaint damaged.wav -o repaired.wav --also episodes/
  audio-inpaint inpaint recordings/ -o repaired/ --gaps labels/
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `audio-inpaint`; nothing heavy is imported before it runs."""
    parser = commands.add_parser(
        "inpaint",
        help="fill the gaps of files",
        description="Fill the gaps of one file, of several files or of a folder.",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", nargs="+", metavar="INPUT", help="audio files, or folders of them; - for standard input"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="the file to write; a folder for several; - for standard output",
    )
    parser.add_argument(
        "--gaps",
        metavar="SPEC",
        help="seconds (0.1-0.15,2.31-2.36), samples (1600:2400), a CSV or Audacity label file, the CSV that `detect` "
        "writes of several files, or a folder of lists named as the inputs; detected if left out; 2.0+0.015 inserts "
        "15 ms that are missing at 2 s",
    )
    parser.add_argument(
        "--method", default="auto", metavar="NAME", help="a name listed by `methods`, default %(default)s"
    )
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="FILE",
        help="another recording of the same programme, such as a second transfer or a lossy copy, to hear what was "
        "lost; it is aligned by itself, and the option may be repeated",
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="PATH",
        help="another recording, or a folder of them, in which what was lost may be heard elsewhere, such as another "
        "take or the jingle in another episode; all are searched, and the option may be repeated",
    )
    parser.add_argument(
        "--natural",
        type=share,
        metavar="0..1",
        help="how full a fill is, from 0, the nearest in dB, to 1, the most natural: of the default method, "
        "as --method auto:natural=X",
    )
    parser.add_argument("--device", metavar="NAME", help="device for methods that can use a GPU, such as cuda")
    parser.add_argument(
        "--report", action="store_true", help="write an HTML page next to OUT, to hear and see the result"
    )
    parser.add_argument("--report-to", metavar="PAGE", help="write the report to this .html file")
    parser.add_argument(
        "--labels",
        metavar="PATH",
        help="list the filled gaps, how each was filled and which to check, in an Audacity label file, or a CSV if the "
        "name ends in .csv; a folder for several",
    )
    parser.add_argument("--truth", metavar="CLEAN", help="the undamaged file, or a folder of them, for the report")
    parser.add_argument("--recursive", action="store_true", help="folders mean the files in their subfolders too")
    parser.add_argument(
        "--suffix", default="", metavar="TEXT", help="put at the end of outputs' names in a folder, such as _repaired"
    )
    parser.add_argument(
        "--normalise",
        action="store_true",
        help="where samples would clip in the output's format, scale all of them so that the loudest just fits",
    )
    records.add_options(parser)
    parser.add_argument(
        "--accept",
        metavar="LABELS",
        help="a label file or CSV, or a folder of those, such as the report's page saves: all its gaps are lost, and "
        "those whose label begins with `accept` are filled",
    )
    add_choice_options(parser)
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that exist")
    existing.add_argument("--skip-existing", action="store_true", help="skip inputs whose files exist")
    told = parser.add_mutually_exclusive_group()
    told.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    told.add_argument("-v", "--verbose", action="store_true", help="say how each gap was filled")
    told.add_argument("--json", action="store_true", help="say it in JSON, a line a file with all that --log has")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command, from standard input or to standard output too; returns the exit code, 2 if not all is done."""
    from audio_inpaint.commands.streams import in_a_pipe

    if not (arguments.quiet or arguments.json):
        return in_a_pipe(repair_files, arguments)
    arguments.told = sys.stdout if arguments.json else None  # where JSON goes, past what people read
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        return in_a_pipe(repair_files, arguments)


def repair_files(arguments: argparse.Namespace) -> int:
    """Repair all files; returns the exit code, 2 where some could not be repaired."""
    from audio_inpaint.files.paths import there

    for other in (*arguments.reference, *arguments.also):  # before the methods are imported, which takes seconds
        there(other, "another recording")
    from audio_inpaint.commands.inpaint_file import repair_job
    from audio_inpaint.commands.inpaint_plan import plan
    from audio_inpaint.methods.device import checked_device
    from audio_inpaint.methods.option_text import split
    from audio_inpaint.methods.registry import method

    choice = choice_of(arguments)
    if arguments.natural is not None:
        name, options = split(arguments.method)
        if name != "auto":
            raise InputError(f"--natural is for the method auto, and --method says {name}: leave one of them out")
        if "natural" in options:
            raise InputError("--natural and --method both say how natural a fill is: leave one of them out")
        arguments.method += f"{',' if options else ':'}natural={arguments.natural:g}"
    restorer, device = method(arguments.method), checked_device(arguments.device)
    jobs, skipped, several, page = plan(arguments)
    failed, done = [], 0
    with _report(None if choice.dry else page) as report, _others(arguments, jobs, restorer) as others:
        for job in jobs:
            try:
                with about(job.file):
                    done += repair_job(job, arguments, restorer, others, device, several, report, choice)
            except InputError as error:
                if not several:
                    raise
                failed.append(job.file)
                complain(error)
            except Exception:  # a bug, ours or of somebody's method: the other files are done all the same
                if not several:
                    raise
                failed.append(job.file)
                traceback.print_exc()
        if report is not None and report.items:
            report.write(arguments.line)
            print(f"report: {page}")
    if jobs and several and not failed and not done:
        raise InputError("no gap was found in any of the files: name them with --gaps")
    if failed:
        total, left_out = len(jobs) + skipped, f" ({skipped} skipped)" if skipped else ""
        return complain(f"{len(failed)} of {total} files not restored{left_out}: {', '.join(map(str, failed))}")
    return 0


@contextlib.contextmanager
def _others(arguments: argparse.Namespace, jobs: "list[Job]", restorer: "Method") -> "Iterator[dict[str, Any]]":
    """Open the references and the further recordings once, for all files."""
    from audio_inpaint.also import files_of, opened
    from audio_inpaint.files.recording import Reader

    with contextlib.ExitStack() as files:
        references = [files.enter_context(Reader(reference)) for reference in arguments.reference]
        also = files_of(arguments.also, arguments.recursive) if jobs else []
        also = files.enter_context(opened(also, restorer)).without(*(job.output for job in jobs))
        yield {"references": references, "also": also}


def _report(page: Path | None) -> "contextlib.AbstractContextManager[Report | None]":
    if page is None:
        return contextlib.nullcontext()
    from audio_inpaint.report import Report

    return Report(page)
