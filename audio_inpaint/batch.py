"""What the command line does with each of the files that it was given."""

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import FORMATS, Reader
from audio_inpaint.gap_files import resolve_gaps, write_csv, write_labels
from audio_inpaint.gaps import Gap
from audio_inpaint.inference import Result, excerpts, restore_file

if TYPE_CHECKING:
    from audio_inpaint.detection import Detection
    from audio_inpaint.methods.contract import Method
    from audio_inpaint.methods.explanation import Explanation
    from audio_inpaint.report import Item


def inputs(names: Sequence[str]) -> tuple[list[Path], bool]:
    """Find the audio files that the user named, folders meaning the audio files in them.

    Args:
        names: files and folders.

    Returns:
        The files, and whether they are treated as several (more than one, or a folder).

    Raises:
        InputError: a folder without audio files.
    """
    files: list[Path] = []
    folder = False
    for name in map(Path, names):
        if not name.is_dir():
            files.append(name)
            continue
        folder = True
        # Hidden files are other programs' leavings, such as the ._ files of macOS.
        inside = [f for f in sorted(name.iterdir()) if f.suffix.lower() in FORMATS and not f.name.startswith(".")]
        files += [file for file in inside if file.is_file()]
        if not inside:
            raise InputError(f"the folder {name} holds no audio files ({', '.join(FORMATS)})")
    return files, folder or len(files) > 1


def outputs(files: Sequence[Path], output: str, several: bool) -> list[Path]:
    """Name the output of every input; the folder for several files is made if it is missing.

    Args:
        files: the inputs.
        output: a file for one input; a folder, whose files keep the inputs' names.
        several: whether `output` must be a folder.

    Raises:
        InputError: no such place, or two inputs of one name.
    """
    place = _folder(output, several)
    if place is None:
        return [Path(output)]
    return _distinct([place / _writable(file).name for file in files])


def label_files(files: Sequence[Path], labels: str | None, several: bool) -> list[Path | None]:
    """Name the label file of every input; the folder for several files is made if it is missing.

    Args:
        files: the inputs.
        labels: a file for one input; a folder, where each gets its stem and .txt; None for no labels.
        several: whether `labels` must be a folder.

    Raises:
        InputError: no such place, a name that is one of audio, or two inputs of one stem.
    """
    if labels is None:
        return [None] * len(files)
    place = _folder(labels, several)
    if place is not None:
        return _distinct([place / f"{file.stem}.txt" for file in files])
    if Path(labels).suffix.lower() in FORMATS:
        raise InputError(f"{labels} is a name for audio: labels go to a file that ends in .txt or .csv")
    return [Path(labels)]


def _folder(name: str, several: bool) -> Path | None:
    """The folder that outputs of that name go to, made if several need it; None where it names a file."""
    place = Path(name)
    if several:
        try:
            place.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"the output {place} must be a folder for several files: {error.strerror}") from error
    if place.is_dir():
        return place
    parent = place if name.endswith(("/", "\\")) else place.parent
    if not parent.is_dir():
        raise InputError(f"the folder {parent} of the output does not exist: create it first")
    return None


def _distinct(places: list[Path]) -> list[Path]:
    for place in places:
        if places.count(place) > 1:
            raise InputError(f"two inputs would be written to {place}: choose different folders for them")
    return places


def _writable(file: Path) -> Path:
    """The file's own name, or one ending in .wav if its format can be read but not written."""
    import soundfile

    container = FORMATS.get(file.suffix.lower())
    can = container is None or soundfile.check_format(container, soundfile.default_subtype(container))
    return file if can else file.with_suffix(".wav")


@dataclass(frozen=True)
class Job:
    """One file to restore, as the command line describes it.

    Args:
        file: the input.
        output: the file to write.
        gaps: what --gaps named: a list, a file, or a folder of files named as the input; None to detect them.
        name: the method's name.
        method: the method.
        truth: the clean file, or a folder of clean files, or None.
        report: whether excerpts for a report are wanted.
        labels: where the filled gaps are listed, or None.
    """

    file: Path
    output: Path
    gaps: str | None
    name: str
    method: "Method"
    truth: str | None
    report: bool
    labels: Path | None = None


def restore(job: Job, several: bool) -> "list[Item] | None":
    """Restore a file and say on standard output what was done.

    Returns:
        What a report shows of it, empty if none is wanted; None if it has no gap and is one of several.

    Raises:
        InputError: the file cannot be restored.
    """
    gaps = gaps_of(job)
    if not gaps:
        if not several:
            raise InputError(f"no gap was found in {job.file}: name the gaps with --gaps")
        print(f"{job.file}: no gap, nothing written")
        return None
    progress = _show if sys.stderr.isatty() else None
    with truth_of(job) or contextlib.nullcontext() as clean:
        result = restore_file(job.file, job.output, gaps, job.method, progress)
        items = report_items(job, result, clean) if job.report else []
    if job.labels is not None:
        told = [(one.gap, one.label) for one in result.explanations] or [(gap, job.name) for gap in result.gaps]
        _write_gaps(job.labels, *zip(*told, strict=True), result.sample_rate)
    lost = 1000 * sum(gap.stop - gap.start for gap in result.gaps) / result.sample_rate
    seconds = result.length / result.sample_rate
    print(
        f"{job.file}: {gap_count(len(result.gaps))} ({lost:.0f} ms of {seconds:.1f} s) filled with "
        f"{job.name} in {result.elapsed:.1f} s{_to_check(result.explanations)} -> {job.output}",
        flush=True,
    )
    for note in result.notes:
        print(f"{job.output}: {note}", flush=True)
    return items


def _to_check(explanations: "Sequence[Explanation]") -> str:
    """How many gaps somebody should listen to; nothing if the method does not predict."""
    if all(one.expected_snr is None for one in explanations):
        return ""
    # once where channels that were restored apart have lost the same
    return f", {len({one.gap.start for one in explanations if one.doubtful}) or 'none'} to check"


def _show(done: int, total: int) -> None:
    print(f"\r{done}/{total}", end="\r" if done < total else "\r\x1b[K", file=sys.stderr, flush=True)


def gap_count(number: int) -> str:
    """The number with its noun."""
    return f"{number} gap{'' if number == 1 else 's'}"


def gaps_of(job: Job) -> list[Gap]:
    """The gaps that the user named, in whatever form, or those that the file seems to have."""
    if job.gaps is None:
        found, _ = _detected(job.file)
        if found:
            sure = [round(100 * detection.confidence) for detection in found]
            span = f"{min(sure)}" if min(sure) == max(sure) else f"{min(sure)} to {max(sure)}"
            print(f"{job.file}: {gap_count(len(found))} detected, {span} % sure", flush=True)
        return [detection.gap for detection in found]
    spec = job.gaps
    if os.path.isdir(spec):  # unlike Path's, it does not mind a list that is too long for a name
        spec = str(_partner(Path(spec), job.file, (".txt", ".csv")))
    with Reader(job.file) as reader:
        return resolve_gaps(spec, reader.sample_rate, reader.length)


def _detected(file: Path) -> "tuple[list[Detection], int]":
    """The gaps that a file seems to have, and its sample rate in Hz."""
    from audio_inpaint.detection import detect

    with Reader(file) as reader:  # refuses what is no audio in the words of all commands
        rate = reader.sample_rate
    return detect(file), rate


def _partner(folder: Path, file: Path, suffixes: Sequence[str]) -> Path:
    """The file of a folder that has the same stem as an audio file."""
    for suffix in suffixes:
        if (found := folder / (file.stem + suffix)).is_file():
            return found
    raise InputError(f"{folder} holds nothing for {file.name}: expected {file.stem}{' or '.join(suffixes)}")


def truth_of(job: Job) -> Reader | None:
    """Open the clean file, which must be as long as the damaged one."""
    if job.truth is None:
        return None
    path = Path(job.truth)
    clean = Reader(_partner(path, job.file, (job.file.suffix, *FORMATS)) if path.is_dir() else path)
    with Reader(job.file) as reader:
        if (clean.sample_rate, clean.channels, clean.length) != (reader.sample_rate, reader.channels, reader.length):
            clean.close()
            raise InputError(f"{clean.path} has another rate, number of channels or length than {job.file}")
    return clean


def report_items(job: Job, result: Result, clean: Reader | None) -> "list[Item]":
    """What a report shows of a restored file: all of it, or the surroundings of its gaps if it is long."""
    from audio_inpaint.report import Item

    items = []
    for start, damaged, restored, gaps in excerpts(job.file, result):
        stop = start + damaged.shape[-1]
        name, rate = job.file.name, result.sample_rate
        if stop - start < result.length:
            name += f" ({start / rate:.1f}-{stop / rate:.1f} s)"
        truth = clean.read(start, stop) if clean else None
        told = [one.moved(-start) for one in result.explanations]
        items.append(
            Item(
                name,
                rate,
                damaged,
                {job.name: restored},
                gaps,
                truth,
                seconds={job.name: result.elapsed},
                offset=start / rate,
                explanations={job.name: told} if told else {},
                duration=result.length / rate,
            )
        )
    return items


def list_gaps(file: Path, labels: Path | None) -> None:
    """Print a table of the gaps detected in a file, and write them to a label or CSV file if one is named.

    Raises:
        InputError: the file cannot be read, or the output not written.
    """
    found, rate = _detected(file)
    print(f"{file}: {gap_count(len(found))}")
    if found:
        print(f"{'start s':>12}  {'end s':>12}  {'ms':>8}  {'channel':>7}  {'kind':<8}  confidence")
    for detection in found:
        gap = detection.gap
        print(
            f"{gap.start / rate:12.6f}  {gap.stop / rate:12.6f}  {1000 * (gap.stop - gap.start) / rate:8.2f}  "
            f"{'all' if gap.channel is None else gap.channel + 1!s:>7}  {detection.kind:<8}  {detection.confidence:.2f}"
        )
    if labels is not None:
        texts = [f"{detection.kind} {detection.confidence:.2f}" for detection in found]
        _write_gaps(labels, [detection.gap for detection in found], texts, rate)


def _write_gaps(path: Path, gaps: Sequence[Gap], texts: Sequence[str], sample_rate: int) -> None:
    """Write a CSV if the name says so, and a label track otherwise."""
    (write_csv if path.suffix.lower() == ".csv" else write_labels)(path, gaps, sample_rate, texts)
