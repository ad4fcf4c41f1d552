"""What `inpaint` leaves beside its output if asked: a log for programs, and what its fills replaced."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint import __version__
from audio_inpaint.commands.choice import Chosen, as_named
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.files.paths import Paths
    from audio_inpaint.files.recording import Reader
    from audio_inpaint.repairing import FileRepair


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is left beside an output."""
    parser.add_argument(
        "--keep-original",
        action="store_true",
        help="leave OUT.original too: what the fills replaced, for `audio-inpaint revert`",
    )
    parser.add_argument("--log", action="store_true", help="leave OUT.json too: what was done, for programs")


def log_of(output: Path) -> Path:
    """Name the log of an output."""
    return output.with_name(f"{output.name}.json")


def check(arguments: argparse.Namespace, output: Path, paths: Paths, kept: bool) -> None:
    """Add what is left beside an output to the files of the command."""
    from audio_inpaint.files.difference import difference_of

    if arguments.keep_original:
        paths.writes(difference_of(output), "the kept original", kept=kept)
    if arguments.log:
        paths.writes(log_of(output), "the log", kept=kept)


def leave(arguments: argparse.Namespace, reader: Reader, repair: FileRepair) -> None:
    """Write what was asked for.

    Raises:
        InputError: it cannot be written.
    """
    from audio_inpaint.files.atomic import replacing
    from audio_inpaint.files.difference import difference_of, keep_difference
    from audio_inpaint.files.larger import added_bytes

    if arguments.keep_original:
        kept = difference_of(repair.path)
        size = keep_difference(reader.path, repair.path, kept, added_bytes(reader, repair.path))
        if size > reader.path.stat().st_size / 2:
            print(f"{kept}: {size / 1e6:.1f} MB, all of the original, since its format is encoded anew", flush=True)
    if arguments.log:
        with replacing(log_of(repair.path)) as temporary:
            text = json.dumps(content(arguments, reader, repair), indent=1, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")


def content(arguments: argparse.Namespace, reader: Reader, repair: FileRepair) -> dict:
    """Say for programs what was done to a file."""
    from audio_inpaint.insertions import inserted_of
    from audio_inpaint.methods.explanation import told

    gaps, filled = [], set(repair.filled)
    for gap, one in zip(repair.gaps, told(repair.gaps, repair.explanations), strict=True):
        entry = {
            "start": gap.start,
            "stop": gap.stop,
            "channel": None if gap.channel is None else gap.channel + 1,
            "seconds": [gap.start / repair.sample_rate, gap.stop / repair.sample_rate],
            "filled": gap in filled,
        }
        if one is not None:
            entry["expected_snr"] = one.expected_snr
            entry["check"] = one.doubtful
            entry["label"] = one.label
            entry["weights"] = {name: round(float(share), 6) for name, share in one.weights.items()}
            if one.drawn_on is not None:
                entry["from"] = {"recording": one.drawn_on.name, "seconds": round(one.drawn_on.seconds, 6)}
        if inserted := inserted_of(gap, repair.insertions):
            entry["inserted"] = inserted
        gaps.append(entry)
    return {
        "audio_inpaint": __version__,
        "command": arguments.line,
        "method": arguments.method,
        "input": _file(reader.path),
        "output": _file(repair.path),
        "sample_rate": repair.sample_rate,
        "channels": reader.channels,
        "samples": repair.length,
        "processing_seconds": round(repair.seconds, 3),
        "insertions": [{"at": one.at, "length": one.length} for one in repair.insertions],
        "gaps": gaps,
        "references": list(repair.references),
        "also": list(repair.also),
        "notes": list(repair.notes),
    }


def _file(path: Path) -> dict[str, str]:
    from audio_inpaint.files.difference import checksum

    try:
        return {"path": str(path), "sha256": checksum(path)}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def judged(path: str, reader: Reader) -> Chosen:
    """Read a list of gaps that somebody has judged; rejected are those whose label does not begin with `accept`.

    Raises:
        InputError: it cannot be read, or accepts no gap.
    """
    from audio_inpaint.gap_files import read_labels
    from audio_inpaint.insertions import moved_gap, parted
    from audio_inpaint.repairing import prepared

    labels = read_labels(path, reader.sample_rate, reader.length, reader.path)
    if not labels:
        return Chosen(reader, [], [], [])
    accepted = [one for one, text in labels if text.lower().startswith("accept")]
    if not accepted:
        raise InputError(f"{path} accepts no gap: let the labels of those that are to be filled begin with accept")
    rejected = parted([one for one, text in labels if not text.lower().startswith("accept")])[1]
    recording, gaps = prepared(reader, [*accepted, *rejected])
    moved = [moved_gap(gap, recording.insertions) for gap in rejected]
    filled = [gap for gap in gaps if not any(gap.inside(one) for one in moved)]
    return Chosen(recording, gaps, moved, as_named(recording, filled))
