"""What `inpaint` is to do: its files found, named, and compared with each other before any work."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from audio_inpaint.commands import records
from audio_inpaint.errors import InputError


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
        judged: whether labels of the gaps say which are rejected.
        name: on the report's page, where no two files of a command have the same.
    """

    file: Path
    name: str
    output: Path
    labels: Path | None
    gaps: str | None
    truth: Path | None
    done: bool = False
    judged: bool = False


def plan(arguments: argparse.Namespace) -> tuple[list[Job], int, bool, Path | None]:
    """Find all files, and compare them before any work.

    Returns:
        The jobs, how many files are skipped, whether they are a batch, and the page of the report, None for no report.
    """
    from audio_inpaint.also import reads_also
    from audio_inpaint.files.formats import FORMATS, format_of
    from audio_inpaint.files.inputs import (
        distinct_names,
        earlier_outputs,
        inputs,
        label_files,
        left_out,
        outputs,
        partners,
    )
    from audio_inpaint.files.paths import Paths
    from audio_inpaint.methods.registry import files_of
    from audio_inpaint.references import reads_references

    reported = arguments.report or arguments.report_to is not None
    if arguments.truth is not None and not reported:
        raise InputError("--truth is for the report: add --report")
    if arguments.truth is not None and not os.path.exists(arguments.truth):
        raise InputError(f"there is no file or folder {arguments.truth!r} to take the truth from")
    again = arguments.skip_existing
    paths = Paths(allow="add --overwrite in place of --skip-existing" if again else "add --overwrite")
    for own in files_of(arguments.method):
        paths.reads(own, "the method's file")
    found, several = inputs(arguments.input, arguments.recursive)
    if several:
        for line in left_out(arguments.input, arguments.recursive):
            print(line)
        earlier = earlier_outputs(found, arguments.output, arguments.suffix, arguments.input)
        for file, source in earlier.items():
            print(f"{file}: left out, the output of {source}")
        found = [one for one in found if one.file not in earlier]
    targets = outputs(found, arguments.output, several, arguments.suffix)
    labels = label_files(found, arguments.labels, several)
    files = [one.file for one in found]
    if arguments.gaps is not None and arguments.accept is not None:
        raise InputError("--accept is a list of gaps like --gaps: give one of them")
    listed = arguments.gaps if arguments.accept is None else arguments.accept
    given = partners(found, listed, (".txt", ".csv", ".json"))
    truths = partners(found, arguments.truth, tuple(FORMATS), same=True)
    jobs = []
    names = distinct_names(found)
    for file, name, output, label, gaps, truth in zip(files, names, targets, labels, given, truths, strict=True):
        paths.reads(file, "the input")
        reads_references(arguments.reference, file, paths)
        reads_also(arguments.also, file, paths)
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
        records.check(arguments, output, paths, kept=done)
        named = str(gaps) if gaps is not None and os.path.isdir(listed) else listed
        clean = truth or (arguments.truth and Path(arguments.truth))
        jobs.append(Job(file, name, output, label, named, clean, done, arguments.accept is not None))
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
