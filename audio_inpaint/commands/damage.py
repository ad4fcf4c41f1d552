"""What commands that look for damage share: the options that say what to look for, and the table of what was found."""

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audio_inpaint.commands.console import counted
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.detection import Detection, Findings, Search

_OPTIONS = ("kinds", "preset", "sensitivity", "min_confidence", "min_ms", "max_ms", "deliberate")


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what counts as damage."""
    group = parser.add_argument_group("what counts as damage")
    group.add_argument(
        "--kinds",
        metavar="LIST",
        help="what to look for, with commas: zeros, held, nan, combs, repeats, dropouts, clicks, bursts, jumps; by "
        "default all but the last three",
    )
    group.add_argument("--preset", metavar="NAME", help="kinds for a medium: digital, tape, vinyl, voip or speech")
    group.add_argument(
        "--sensitivity",
        metavar="SHARE",
        help="how much damage to expect, from 0 to 1, default 0.5, or for some kinds: clicks=0.8,dropouts=0.4",
    )
    group.add_argument(
        "--min-confidence", type=float, metavar="SHARE", help="the least probability of damage, default 0.5"
    )
    group.add_argument("--min-ms", type=float, metavar="MS", help="the shortest damage, in milliseconds")
    group.add_argument("--max-ms", type=float, metavar="MS", help="the longest damage, in milliseconds")
    group.add_argument(
        "--deliberate", action="store_const", const=True, help="take silence that looks deliberate for damage too"
    )


def search_of(arguments: argparse.Namespace) -> "Search":
    """Return what the user wants to look for.

    Raises:
        InputError: there is no such kind or preset, or a number is out of range.
    """
    from audio_inpaint.detection import search

    given = {name: getattr(arguments, name) for name in _OPTIONS if getattr(arguments, name) is not None}
    if "sensitivity" in given:
        given["sensitivity"] = _sensitivity(given["sensitivity"])
    try:
        return search(**given)
    except InputError as error:  # in the words of Python
        names = rf"^({'|'.join(_OPTIONS)})(?= is )|\b({'|'.join(one for one in _OPTIONS if '_' in one)})\b"
        named = re.sub(names, lambda name: f"--{name[0].replace('_', '-')}", str(error))
        raise InputError(named) from error


def searches(arguments: argparse.Namespace) -> bool:
    """Whether the user said what to look for."""
    return any(getattr(arguments, name) is not None for name in _OPTIONS)


def _sensitivity(text: str) -> float | dict[str, float]:
    try:
        if "=" not in text:
            return float(text)
        pairs = (piece.split("=", 1) for piece in text.split(","))
        return {name.strip(): float(value) for name, value in pairs}
    except ValueError:
        raise InputError(
            f"{text[:60]!r} is not a sensitivity: write a number from 0 to 1, or clicks=0.8,dropouts=0.4"
        ) from None


def milliseconds(text: str) -> float:
    """Read a length such as "1ms", "0.5s" or "20", which are milliseconds.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    match = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+) *(ms|s)?", text.strip())
    if not match:
        why = "must not be negative" if re.match(r"\s*-[0-9.]", text) else "is not a length"
        raise argparse.ArgumentTypeError(f"{text[:60]!r} {why}: write 1ms or 0.5s")
    return float(match[1]) * (1000 if match[2] == "s" else 1)


def positive_milliseconds(text: str) -> float:
    """Read a length as `milliseconds` does that is more than nothing.

    Raises:
        argparse.ArgumentTypeError: it is none, or 0.
    """
    if not (length := milliseconds(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is no length of a gap: write more than 0, such as 500ms")
    return length


def print_table(found: "Sequence[Detection]", sample_rate: int, expected: Sequence[str] | None = None) -> None:
    """Print detections, one a line, under the names of the columns, and what is expected of each."""
    if found:
        more = "" if expected is None else "  expected"
        print(f"{'start s':>12}  {'end s':>12}  {'ms':>8}  {'channel':>7}  {'kind':<8}  confidence{more}")
    for detection, text in zip(found, expected or [""] * len(found), strict=True):
        gap = detection.gap
        print(
            f"{gap.start / sample_rate:12.6f}  {gap.stop / sample_rate:12.6f}  {1000 * len(gap) / sample_rate:8.2f}  "
            f"{'all' if gap.channel is None else gap.channel + 1!s:>7}  {detection.kind:<8}  {detection.confidence:.2f}"
            f"{text and '        '}{text}"
        )


def tell_silence(file: Path, findings: "Findings") -> None:
    """Say how many runs of zeros were taken for silence that is meant."""
    if findings.deliberate:
        print(
            f"{file}: {counted(len(findings.deliberate), 'run')} of zeros left alone: they begin and end as those of "
            "a gate, stop-cuts, a drum machine or a speech synthesiser do, and faults do not; --deliberate lists them",
            flush=True,
        )


def by_kind(found: "Iterable[Detection]") -> str:
    """Return how many detections there are of each kind.

    >>> from audio_inpaint import Detection, Gap
    >>> by_kind([Detection(Gap(0, 1), "zeros", 0.9), Detection(Gap(5, 6), "zeros", 0.8)])
    '2 zeros'
    """
    kinds = [one.kind for one in found]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
