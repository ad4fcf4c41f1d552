"""The command `audio-inpaint inpaint`: its options, its plan, and what it does with each file."""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.commands.console import about, complain, counted, progress
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.files.recording import Reader
    from audio_inpaint.gaps import Gap
    from audio_inpaint.methods.contract import Method
    from audio_inpaint.methods.explanation import Explanation
    from audio_inpaint.repairing import FileRepair
    from audio_inpaint.report import Report

NOTES = """\
Without --gaps the gaps are detected: runs of zeros, of one stuck value, and dropouts. If no gap is found in a single
file, that is an error; in a batch the file is skipped. The output has the input's rate, channels, length and sample
format. WAV, AIFF and FLAC come back bit for bit outside the gaps; Ogg, Opus and MP3 are re-encoded. If the output's
suffix names another format, sample precision is kept, or a message says that the format cannot keep it.

--labels lists what was filled, by what, and the signal-to-noise ratio to expect where the method predicts one. Under
3 dB, where more of a fill is likely to be wrong than right, the label says `check`: listen to these. The list can be
given back as --gaps.

No file that is read is ever written, and none that exists is replaced without --overwrite. After a batch that stopped,
the same command with --skip-existing goes on: an input is left out if its output, and its labels if they are asked for,
exist. An output that exists stays; labels that are missing are made, and the page, of what this command does, is
replaced.

examples:
  audio-inpaint inpaint damaged.wav -o repaired.wav
  audio-inpaint inpaint damaged.wav -o repaired.wav --gaps 0.1-0.15,2.31-2.36
  audio-inpaint inpaint damaged.flac -o repaired.flac --gaps labels.txt --report
  audio-inpaint inpaint damaged.wav -o repaired.wav --labels filled.txt
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
    parser.add_argument("input", nargs="+", metavar="INPUT", help="audio files, or folders of them")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the file to write; a folder for several")
    parser.add_argument(
        "--gaps",
        metavar="SPEC",
        help="seconds (0.1-0.15,2.31-2.36), samples (1600:2400), a CSV or Audacity label file, or a folder of those "
        "named as the inputs; detected if left out",
    )
    parser.add_argument(
        "--method", default="auto", metavar="NAME", help="a name listed by `methods`, default %(default)s"
    )
    parser.add_argument(
        "--natural",
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
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that exist")
    existing.add_argument("--skip-existing", action="store_true", help="skip inputs whose files exist")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Job:
    """A file to repair.

    Attributes:
        file: the input.
        output: the file to write.
        labels: where the filled gaps are listed, or None.
        gaps: a list or a file of them; None to detect them.
        truth: the undamaged file, or None.
        done: whether the output is there and stays, so that only the labels are made.
    """

    file: Path
    output: Path
    labels: Path | None
    gaps: str | None
    truth: Path | None
    done: bool = False


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code, 2 where some files could not be repaired."""
    from audio_inpaint.methods.device import checked_device
    from audio_inpaint.methods.option_text import split
    from audio_inpaint.methods.registry import method

    if arguments.natural is not None:
        arguments.method += f"{',' if split(arguments.method)[1] else ':'}natural={arguments.natural}"
    restorer, device = method(arguments.method), checked_device(arguments.device)
    jobs, skipped, several, page = _plan(arguments)
    failed, done = [], 0
    with _report(page) as report:
        for job in jobs:
            try:
                with about(job.file):
                    done += _repair(job, arguments.method, restorer, device, several, report)
            except InputError as error:
                if not several:
                    raise
                failed.append(job.file)
                complain(error)
        if report is not None and report.items:
            report.write(arguments.line)
            print(f"report: {page}")
    if jobs and several and not failed and not done:
        raise InputError("no gap was found in any of the files: name them with --gaps")
    if failed:
        total, left_out = len(jobs) + skipped, f" ({skipped} skipped)" if skipped else ""
        return complain(f"{len(failed)} of {total} files not restored{left_out}: {', '.join(map(str, failed))}")
    return 0


def _plan(arguments: argparse.Namespace) -> tuple[list[Job], int, bool, Path | None]:
    """Find all files, and compare them before any work.

    Returns:
        The jobs, how many files are skipped, whether they are a batch, and the page of the report, None for no report.
    """
    from audio_inpaint.files.formats import FORMATS, format_of
    from audio_inpaint.files.paths import Paths, inputs, label_files, outputs, partners
    from audio_inpaint.methods.registry import files_of

    reported = arguments.report or arguments.report_to is not None
    if arguments.truth is not None and not reported:
        raise InputError("--truth is for the report: add --report")
    if arguments.truth is not None and not os.path.exists(arguments.truth):
        raise InputError(f"there is no file or folder {arguments.truth!r} to take the truth from")
    again = arguments.skip_existing
    paths = Paths(allow="add --overwrite in place of --skip-existing" if again else "add --overwrite")
    for own in files_of(arguments.method):
        paths.reads(own, "the method's file")
    files, several = inputs(arguments.input)
    targets = outputs(files, arguments.output, several, paths)
    labels = label_files(files, arguments.labels, several, paths)
    given = partners(files, arguments.gaps, (".txt", ".csv"))
    truths = partners(files, arguments.truth, tuple(FORMATS), same=True)
    jobs = []
    for file, output, label, gaps, truth in zip(files, targets, labels, given, truths, strict=True):
        paths.reads(file, "the input")
        if gaps is not None and os.path.isfile(gaps):
            paths.reads(gaps, "the list of gaps")
        if truth is not None:
            paths.reads(truth, "the truth")
        done = again and os.path.isfile(output)
        paths.writes(output, "the output", kept=done)
        if label is not None:
            paths.writes_no_audio(label, "the labels", kept=again and _lists_gaps(label))
        if done and (label is None or os.path.isfile(label)):
            print(f"{file}: skipped, {output} exists")
            continue
        named = str(gaps) if gaps is not None and os.path.isdir(arguments.gaps) else arguments.gaps
        jobs.append(Job(file, output, label, named, truth or (arguments.truth and Path(arguments.truth)), done))
    page = None
    if reported and jobs:
        from audio_inpaint.report.page import is_page

        beside = Path(arguments.output) / "report.html" if several else targets[0].with_suffix(".html")
        given = beside if arguments.report_to is None else arguments.report_to
        paths.writes_no_audio(given, "the report", (".html",), kept=again and is_page(given))
        page = Path(given)
    paths.check(arguments.overwrite)
    for job in jobs:
        if job.output.suffix.lower() != job.file.suffix.lower():
            format_of(job.output)
    return jobs, len(files) - len(jobs), several, page


def _lists_gaps(path: Path) -> bool:
    from audio_inpaint.gap_files import read_gaps

    try:
        read_gaps(path, 10**9)
    except InputError:
        return False
    return True


def _report(page: Path | None) -> "contextlib.AbstractContextManager[Report | None]":
    if page is None:
        return contextlib.nullcontext()
    from audio_inpaint.report import Report

    return Report(page)


def _repair(job: Job, name: str, method: "Method", device: str | None, several: bool, report: "Report | None") -> bool:
    """Repair a file, say what was done, and add it to the report; returns whether it had a gap."""
    from audio_inpaint.files.recording import Reader
    from audio_inpaint.repairing import repair_recording

    with Reader(job.file) as reader, _truth(job, reader) as truth:
        gaps = _gaps(job, reader)
        if not gaps:
            if not several:
                raise InputError(f"no gap was found in {job.file}: name the gaps with --gaps")
            print(f"{job.file}: no gap, nothing written")
            return False
        show = progress if sys.stderr.isatty() else None
        with _output(job) as output:
            repair = repair_recording(reader, output, gaps, method, device=device, progress=show)
        if job.labels is not None:
            _write_labels(job.labels, repair, name)
        _tell(job, repair, name)
        if report is not None:
            from audio_inpaint.report.excerpts import report_items

            for item in report_items(reader, repair, name, truth):
                report.add(item)
    return True


@contextlib.contextmanager
def _output(job: Job) -> Iterator[Path]:
    """Give the file to write, for a time only where the output is there and stays."""
    if not job.done:
        yield job.output
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / job.output.name


def _gaps(job: Job, reader: "Reader") -> "list[Gap]":
    """Return the gaps that the user named, in whatever form, or those that the file seems to have."""
    from audio_inpaint.detection import detect
    from audio_inpaint.repairing import gaps_of

    if job.gaps is not None:
        if os.path.isdir(job.gaps):  # unlike Path's, it does not mind a list that is too long for a name
            stem = job.file.stem
            raise InputError(f"{job.gaps} holds nothing for {job.file.name}: expected {stem}.txt or {stem}.csv")
        return gaps_of(reader, job.gaps)
    found = detect(reader)
    if found:
        sure = [round(100 * detection.confidence) for detection in found]
        span = f"{min(sure)}" if min(sure) == max(sure) else f"{min(sure)} to {max(sure)}"
        print(f"{job.file}: {counted(len(found), 'gap')} detected, {span} % sure", flush=True)
    return gaps_of(reader, found)


@contextlib.contextmanager
def _truth(job: Job, reader: "Reader"):
    """Open the undamaged file, which must be as long as the damaged one; None if there is none."""
    from audio_inpaint.files.recording import Reader

    if job.truth is None:
        yield None
        return
    if os.path.isdir(job.truth):
        raise InputError(f"{job.truth} holds nothing for {job.file.name}: expected a file of that name")
    with Reader(job.truth) as truth:
        if (truth.sample_rate, truth.channels, truth.length) != (reader.sample_rate, reader.channels, reader.length):
            raise InputError(f"{truth.path} has another rate, number of channels or length than {job.file}")
        yield truth


def _write_labels(path: Path, repair: "FileRepair", name: str) -> None:
    from audio_inpaint.gap_files import write_gaps

    labels = [(one.gap, one.label) for one in repair.explanations] or [(gap, name) for gap in repair.gaps]
    write_gaps(path, *zip(*labels, strict=True), repair.sample_rate)


def _tell(job: Job, repair: "FileRepair", name: str) -> None:
    lost = 1000 * sum(map(len, repair.gaps)) / repair.sample_rate
    seconds = repair.length / repair.sample_rate
    made = f"{job.labels}, {job.output} is as it was" if job.done else job.output
    print(
        f"{job.file}: {counted(len(repair.gaps), 'gap')} ({lost:.0f} ms of {seconds:.1f} s) filled with "
        f"{name} in {repair.seconds:.1f} s{_to_check(repair.explanations)} -> {made}",
        flush=True,
    )
    for note in () if job.done else repair.notes:
        print(f"{job.output}: {note}", flush=True)


def _to_check(explanations: "Sequence[Explanation]") -> str:
    """Return how many gaps somebody should listen to; nothing if the method does not predict."""
    if all(one.expected_snr is None for one in explanations):
        return ""
    # once where channels that were restored apart have lost the same
    return f", {len({one.gap.start for one in explanations if one.doubtful}) or 'none'} to check"
