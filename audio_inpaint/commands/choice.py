"""Which gaps `audio-inpaint inpaint` fills: those named or those found, chosen by length, moved and widened."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.commands.console import counted
from audio_inpaint.commands.damage import (
    add_search_options,
    by_kind,
    milliseconds,
    positive_milliseconds,
    search_of,
    searches,
    tell_silence,
)
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.detection import Detection, Search
    from audio_inpaint.files.recording import Reader
    from audio_inpaint.forecast import Forecast
    from audio_inpaint.gaps import Gap

_SNAP_S = 0.02  # from a label that was made by hand to the damage that it means


@dataclass(frozen=True)
class Choice:
    """Which gaps are filled.

    Attributes:
        wanted: what is looked for.
        pad: milliseconds more on each side.
        longest: milliseconds, or None; longer gaps are left alone.
        snap: whether gaps that are named become the damage at them.
        dry: what was tried of them, if gaps are only listed.
    """

    wanted: "Search"
    pad: float
    longest: float | None
    snap: bool
    dry: "Forecast | None"


def add_choice_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which gaps are filled."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="list what would be filled, with the quality and the time to expect, for which a few gaps are tried; "
        "write nothing",
    )
    parser.add_argument(
        "--pad", type=milliseconds, default=0.0, metavar="LENGTH", help="fill that much more on each side, such as 1ms"
    )
    parser.add_argument(
        "--max-gap", type=positive_milliseconds, metavar="LENGTH", help="leave longer gaps alone, such as 500ms or 2s"
    )
    parser.add_argument(
        "--snap", action="store_true", help="let each gap of --gaps be the damage that is found at it, if there is any"
    )
    add_search_options(parser)


def choice_of(arguments: argparse.Namespace) -> Choice:
    """Return which gaps the user wants to be filled.

    Raises:
        InputError: options do not go together.
    """
    if arguments.gaps is not None and searches(arguments) and not arguments.snap:
        raise InputError("--gaps says where the damage is: leave out --kinds, --preset and the like, or add --snap")
    if arguments.snap and arguments.gaps is None:
        raise InputError("--snap moves the gaps that --gaps names: add --gaps")
    dry = None
    if arguments.dry_run:
        from audio_inpaint.forecast import Forecast

        dry = Forecast()
    return Choice(search_of(arguments), arguments.pad, arguments.max_gap, arguments.snap, dry)


@dataclass(frozen=True)
class Chosen:
    """What of a recording is filled.

    Attributes:
        recording: with room for insertions; all places are in its samples.
        gaps: all that is lost.
        rejected: what of it stays as it is.
        damage: of which kind it is.
    """

    recording: "Reader"
    gaps: "list[Gap]"
    rejected: "list[Gap]"
    damage: "list[Detection]"


def chosen(file: Path, given: str | None, reader: "Reader", choice: Choice) -> Chosen:
    """Return the gaps that the user named, in whatever form, or those that the file seems to have; say what they are.

    Args:
        file: the input.
        given: what --gaps names for it, or None to look for damage.
        reader: of the input.
        choice: which gaps are filled.

    Raises:
        InputError: gaps cannot be read, or do not fit.
    """
    from audio_inpaint.detection import examine
    from audio_inpaint.gaps import as_gaps, padded, snapped
    from audio_inpaint.insertions import with_room
    from audio_inpaint.repairing import prepared

    recording = reader
    if given is not None:
        if os.path.isdir(given):  # unlike Path's, it does not mind a list that is too long for a name
            stem = file.stem
            raise InputError(f"{given} holds nothing for {file.name}: expected {stem}.txt or {stem}.csv")
        recording, gaps = prepared(reader, given)
        if choice.snap:
            damage = [one.gap for one in examine(reader, choice.wanted).damage]
            damage = with_room(damage, recording.insertions, reader.length, reader.channels, reader.sample_rate)
            gaps = snapped(gaps, damage, reach=round(_SNAP_S * reader.sample_rate))
        found = as_named(recording, gaps)
    else:
        findings = examine(reader, choice.wanted)
        tell_silence(file, findings)
        found = findings.damage
        if found:
            sure = [round(100 * detection.confidence) for detection in found]
            span = f"{min(sure)}" if min(sure) == max(sure) else f"{min(sure)} to {max(sure)}"
            print(f"{file}: {counted(len(found), 'gap')} detected ({by_kind(found)}), {span} % sure", flush=True)
    if choice.longest is not None:
        most = choice.longest * reader.sample_rate / 1000
        kept = [one for one in found if len(one.gap) <= most]
        if any(one.kind == "inserted" and len(one.gap) > most for one in found):
            raise InputError(f"more than --max-gap, {choice.longest:g} ms, would be inserted: leave one of them out")
        if len(kept) < len(found):
            number = counted(len(found) - len(kept), "gap")
            print(f"{file}: {number} longer than {choice.longest:g} ms left alone", flush=True)
        found = kept
    by = round(choice.pad * reader.sample_rate / 1000)
    wider = padded([one.gap for one in found], by, recording.length)
    return Chosen(recording, as_gaps(wider, recording.length, recording.channels, recording.sample_rate), [], found)


def as_named(recording: "Reader", gaps: "Sequence[Gap]") -> "list[Detection]":
    """Return gaps that somebody named as detections, those with something inserted by that kind."""
    from audio_inpaint.detection import Detection
    from audio_inpaint.insertions import inserted_of

    kinds = ["inserted" if inserted_of(gap, recording.insertions) else "named" for gap in gaps]
    return [Detection(gap, kind, 1.0) for gap, kind in zip(gaps, kinds, strict=True)]
