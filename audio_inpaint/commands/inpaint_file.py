"""What `inpaint` does with one file: find its gaps, repair it, list what was filled, and say so."""

import argparse
import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_inpaint.commands import records
from audio_inpaint.commands.choice import Choice, chosen
from audio_inpaint.commands.console import progress
from audio_inpaint.commands.dry_run import tell_plan
from audio_inpaint.commands.inpaint_plan import Job
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.files.recording import Reader
    from audio_inpaint.gaps import Gap
    from audio_inpaint.methods.contract import Method
    from audio_inpaint.methods.explanation import Explanation
    from audio_inpaint.repairing import FileRepair
    from audio_inpaint.report import Report


def repair_job(
    job: Job,
    arguments: argparse.Namespace,
    method: "Method",
    others: dict[str, Any],
    device: str | None,
    several: bool,
    report: "Report | None",
    choice: Choice,
) -> bool:
    """Repair a file, say what was done, and add it to the report; returns whether it had a gap."""
    from audio_inpaint.files.full_scale import checked_room
    from audio_inpaint.files.recording import Reader
    from audio_inpaint.repairing import repair_recording

    name = arguments.method
    with Reader(job.file) as reader:
        what = records.judged(job.gaps, reader) if _is_judged(job) else chosen(job.file, job.gaps, reader, choice)
        if not what.gaps:
            listed = job.gaps is not None and os.path.isfile(job.gaps)
            if not several:
                if listed:
                    raise InputError(f"{job.gaps} lists no gap that would be filled")
                most = "" if choice.longest is None else f" of up to {choice.longest:g} ms, as --max-gap says,"
                raise InputError(f"no gap{most} was found in {job.file}: name the gaps with --gaps")
            print(f"{job.file}: no gap{f' in {job.gaps}' if listed else ''}, nothing written")
            if arguments.json:
                print(json.dumps({"input": {"path": str(job.file)}, "gaps": []}), file=arguments.told, flush=True)
            return False
        if choice.dry:
            checked_room(what.recording, job.output, what.gaps, arguments.normalise)
            expected = tell_plan(job, what, method, name, **others, device=device, forecast=choice.dry)
            if arguments.json:
                print(json.dumps(expected), file=arguments.told, flush=True)
            return True
        recording, show = what.recording, None if arguments.quiet else progress(job.file)
        how = {**others, "device": device, "progress": show, "rejected": what.rejected}
        how["normalise"] = arguments.normalise
        with _truth(job, recording) as truth:
            with _output(job) as output:
                repair = repair_recording(recording, output, what.gaps, method, **how)
            if not job.done:
                records.leave(arguments, recording, repair)
            if job.labels is not None:
                _write_labels(job.labels, repair, name)
            _tell(job, repair, name)
            if arguments.verbose:
                _tell_gaps(repair)
            if arguments.json:
                line = records.content(arguments, recording, replace(repair, path=job.output))
                print(json.dumps(line, allow_nan=False), file=arguments.told, flush=True)
            if report is not None:
                from audio_inpaint.report.excerpts import report_items
                from audio_inpaint.report.fill_levels import file_levels

                report.list_gaps(job.name, repair, file_levels(recording, repair))
                for item in report_items(recording, repair, name, truth, job.name):
                    report.add(item)
    return True


def _is_judged(job: Job) -> bool:
    """Whether there is a judged list for a file; what is missing in a folder of them is told as with other lists."""
    if job.judged and not os.path.exists(job.gaps):
        raise InputError(f"there is no file {job.gaps}: name a label file that says which gaps to accept")
    return job.judged and not os.path.isdir(job.gaps)


@contextlib.contextmanager
def _output(job: Job) -> Iterator[Path]:
    """Give the file to write, for a time only where the output is there and stays."""
    if not job.done:
        yield job.output
        return
    from audio_inpaint.files.atomic import temporary_folder

    with temporary_folder() as folder:
        yield folder / job.output.name


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
            longer = ", with what is inserted" if reader.insertions else ""
            raise InputError(f"{truth.path} has another rate, number of channels or length than {job.file}{longer}")
        yield truth


def _write_labels(path: Path, repair: "FileRepair", name: str) -> None:
    from audio_inpaint.gap_files import write_gaps

    labels = [(one.gap, one.label) for one in repair.explanations] or [(gap, name) for gap in repair.filled]
    gaps = [gap for gap, _ in labels]
    texts = [text + _inserted(gap, repair) for gap, text in labels]
    write_gaps(path, gaps, texts, repair.sample_rate)


def _inserted(gap: "Gap", repair: "FileRepair") -> str:
    """Say how much of a gap was inserted; nothing if that is nothing."""
    from audio_inpaint.insertions import inserted_of

    samples = inserted_of(gap, repair.insertions)
    return f", {1000 * samples / repair.sample_rate:.6g} ms inserted" if samples else ""


def _tell(job: Job, repair: "FileRepair", name: str) -> None:
    from audio_inpaint.insertions import what_was_done

    seconds = repair.length / repair.sample_rate
    done = what_was_done(repair.filled, repair.insertions, repair.sample_rate, f" of {seconds:.1f} s")
    made = f"{job.labels}, {job.output} is as it was" if job.done else job.output
    longer = sum(one.length for one in repair.insertions)
    inserted = f", {1000 * longer / repair.sample_rate:.6g} ms longer" if longer else ""
    print(
        f"{job.file}: {done} with {name} in {repair.seconds:.1f} s{_to_check(repair.explanations)} -> {made}{inserted}",
        flush=True,
    )
    for fit in [*repair.references, *repair.also]:
        print(f"  {fit}", flush=True)
    for note in () if job.done else repair.notes:
        print(f"{job.output}: {note}", flush=True)


def _tell_gaps(repair: "FileRepair") -> None:
    """Print how each gap was filled."""
    from audio_inpaint.methods.explanation import told

    for gap, one in zip(repair.filled, told(repair.filled, repair.explanations), strict=True):
        channel = "" if gap.channel is None else f", channel {gap.channel + 1}"
        start, lost = gap.start / repair.sample_rate, 1000 * len(gap) / repair.sample_rate
        said = f": {one.label}" if one else ""
        print(f"  {start:.6f} s, {lost:.2f} ms{channel}{said}{_inserted(gap, repair)}", flush=True)


def _to_check(explanations: "Sequence[Explanation]") -> str:
    """Return how many gaps somebody should listen to; nothing if the method does not explain its fills."""
    if not explanations:
        return ""
    # once where channels that were restored apart have lost the same
    return f", {len({one.gap.start for one in explanations if one.doubtful}) or 'none'} to check"
