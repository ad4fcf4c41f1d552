"""The command `audio-inpaint detect`: a table of the damage that files seem to have, and lists of it as files."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.commands.console import about, complain, counted
from audio_inpaint.commands.damage import add_search_options, print_table, search_of, tell_silence
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.detection import Search
    from audio_inpaint.gaps import Gap


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of `audio-inpaint`; nothing heavy is imported before it runs."""
    parser = commands.add_parser(
        "detect",
        help="list the damage that a file seems to have",
        description="List damage, each with its kind and the probability that it is damage: runs of zeros, of held "
        "values and of NaN, zeros in a regular pattern, repeated samples, dropouts, and on request clicks, bursts of "
        "noise and places where time is missing.",
    )
    parser.add_argument("input", nargs="+", metavar="FILE", help="audio files, or folders of them")
    parser.add_argument(
        "-o",
        "--output",
        metavar="LABELS",
        help="write an Audacity label file, or a CSV if the name ends in .csv; for several files a folder, or "
        "one CSV with a column for the file",
    )
    parser.add_argument("--recursive", action="store_true", help="folders mean the files in their subfolders too")
    parser.add_argument("--overwrite", action="store_true", help="replace label files that exist")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each file, in place of the table")
    add_search_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command, from standard input or to standard output too; returns the exit code, 2 if not all was read."""
    from audio_inpaint.commands.streams import in_a_pipe

    return in_a_pipe(list_damage, arguments, ".txt")


def list_damage(arguments: argparse.Namespace) -> int:
    """List the damage of all files; returns the exit code, 2 where some could not be read."""
    from audio_inpaint.files.inputs import inputs, label_files, left_out
    from audio_inpaint.files.paths import Paths

    wanted = search_of(arguments)
    paths = Paths()
    found, several = inputs(arguments.input, arguments.recursive)
    for line in left_out(arguments.input, arguments.recursive):
        print(line, file=sys.stderr)
    files = [one.file for one in found]
    together = several and _is_csv(arguments.output)
    labels = [None] * len(files) if together else label_files(found, arguments.output, several)
    if together:
        paths.writes_no_audio(arguments.output, "the labels")
    for file, label in zip(files, labels, strict=True):
        paths.reads(file, "the input")
        if label is not None:
            paths.writes_no_audio(label, "the labels")
    paths.check(arguments.overwrite)
    failed, rows = [], []
    for file, label in zip(files, labels, strict=True):
        try:
            with about(file):
                rows += _list(file, label, wanted, arguments.json)
        except InputError as error:
            if not several:
                raise
            failed.append(file)
            complain(error)
    if together:
        from audio_inpaint.gap_files import write_table

        write_table(arguments.output, rows)
    if failed:
        return complain(f"{len(failed)} of {len(files)} files not read: {', '.join(map(str, failed))}")
    return 0


def _is_csv(output: str | None) -> bool:
    return output is not None and output.lower().endswith(".csv") and not Path(output).is_dir()


def _list(file: Path, labels: Path | None, wanted: "Search", as_json: bool) -> list[tuple[str, "Gap", str, int]]:
    """Print the damage detected in a file, write it to a label or CSV file if one is named, and return its rows."""
    from audio_inpaint.detection import examine
    from audio_inpaint.files.recording import Reader

    with Reader(file) as reader:
        findings, rate = examine(reader, wanted), reader.sample_rate
        for remark in reader.remarks():
            print(remark, file=sys.stderr)
    found = findings.damage
    if as_json:
        rows = [
            {
                "start": one.gap.start / rate,
                "end": one.gap.stop / rate,
                "channel": None if one.gap.channel is None else one.gap.channel + 1,
                "kind": one.kind,
                "confidence": round(one.confidence, 4),
            }
            for one in found
        ]
        deliberate = len(findings.deliberate)
        print(json.dumps({"file": str(file), "sample_rate": rate, "damage": rows, "deliberate_silence": deliberate}))
    else:
        print(f"{file}: {counted(len(found), 'gap')}")
        tell_silence(file, findings)
        print_table(found, rate)
    texts = [f"{detection.kind} {detection.confidence:.2f}" for detection in found]
    if labels is not None:
        from audio_inpaint.gap_files import write_gaps

        write_gaps(labels, [detection.gap for detection in found], texts, rate)
    return [(str(file), one.gap, text, rate) for one, text in zip(found, texts, strict=True)]
