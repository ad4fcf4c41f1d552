"""The command `audio-inpaint detect`: a table of the gaps that files seem to have, and lists of them as files."""

import argparse
from pathlib import Path

from audio_inpaint.commands.console import about, complain, counted
from audio_inpaint.errors import InputError


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `audio-inpaint`; nothing heavy is imported before it runs."""
    parser = commands.add_parser(
        "detect",
        help="list the gaps that a file seems to have",
        description="List runs of zeros, of one stuck value, and dropouts.",
    )
    parser.add_argument("input", nargs="+", metavar="FILE", help="audio files, or folders of them")
    parser.add_argument(
        "-o",
        "--output",
        metavar="LABELS",
        help="write an Audacity label file, or a CSV if the name ends in .csv; a folder for several files",
    )
    parser.add_argument("--recursive", action="store_true", help="folders mean the files in their subfolders too")
    parser.add_argument("--overwrite", action="store_true", help="replace label files that exist")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code, 2 where some files could not be read."""
    from audio_inpaint.files.inputs import inputs, label_files
    from audio_inpaint.files.paths import Paths

    paths = Paths()
    found, several = inputs(arguments.input, arguments.recursive)
    labels = label_files(found, arguments.output, several, paths)
    files = [one.file for one in found]
    for file, label in zip(files, labels, strict=True):
        paths.reads(file, "the input")
        if label is not None:
            paths.writes_no_audio(label, "the labels")
    paths.check(arguments.overwrite)
    failed = []
    for file, label in zip(files, labels, strict=True):
        try:
            with about(file):
                _list(file, label)
        except InputError as error:
            if not several:
                raise
            failed.append(file)
            complain(error)
    if failed:
        return complain(f"{len(failed)} of {len(files)} files not read: {', '.join(map(str, failed))}")
    return 0


def _list(file: Path, labels: Path | None) -> None:
    """Print a table of the gaps detected in a file, and write them to a label or CSV file if one is named."""
    from audio_inpaint.detection import detect
    from audio_inpaint.files.recording import Reader

    with Reader(file) as reader:
        found, rate = detect(reader), reader.sample_rate
    print(f"{file}: {counted(len(found), 'gap')}")
    if found:
        print(f"{'start s':>12}  {'end s':>12}  {'ms':>8}  {'channel':>7}  {'kind':<8}  confidence")
    for detection in found:
        gap = detection.gap
        print(
            f"{gap.start / rate:12.6f}  {gap.stop / rate:12.6f}  {1000 * len(gap) / rate:8.2f}  "
            f"{'all' if gap.channel is None else gap.channel + 1!s:>7}  {detection.kind:<8}  {detection.confidence:.2f}"
        )
    if labels is not None:
        from audio_inpaint.gap_files import write_gaps

        texts = [f"{detection.kind} {detection.confidence:.2f}" for detection in found]
        write_gaps(labels, [detection.gap for detection in found], texts, rate)
