"""Insertions: time that a recording lacks without a trace, as where a capture dropped samples.

What follows comes too early there, and no sample is lost that could be marked as a gap. With room made for it, an
insertion is a gap like others; the repaired recording is longer, and everything after the place comes later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, as_gaps


@dataclass(frozen=True, order=True)
class Insertion:
    """Samples of all channels, `length` of them, that are missing before sample `at` of a recording.

    >>> Insertion(88200, 661)
    Insertion(at=88200, length=661)
    """

    at: int
    length: int


def parted(given: Any) -> tuple[list[Insertion], Any]:
    """Take the insertions out of what was given for gaps, in any form.

    >>> parted([(100, 200), Insertion(500, 20)])
    ([Insertion(at=500, length=20)], [(100, 200)])
    """
    if isinstance(given, Insertion):
        return [given], []
    if not isinstance(given, list | tuple) or not any(isinstance(one, Insertion) for one in given):
        return [], given
    insertions = [one for one in given if isinstance(one, Insertion)]
    return insertions, [one for one in given if not isinstance(one, Insertion)]


def what_was_done(gaps: Sequence[Gap], insertions: Sequence[Insertion], sample_rate: int, of: str = "") -> str:
    """Say how many gaps were filled, and at how many places something was inserted where nothing was lost.

    Args:
        gaps: in the recording with room for the insertions.
        insertions: in the recording without it.
        sample_rate: Hz.
        of: follows the milliseconds of the gaps, such as " of 4.0 s".

    >>> what_was_done([Gap(0, 80), Gap(320, 400)], [Insertion(320, 80)], 8000)
    '1 gap (10 ms) filled and 10 ms inserted at 1 place'
    """
    lost, pure = _lost_and_inserted(gaps, insertions)
    said = []
    if lost or not pure:
        said.append(f"{_counted(lost)} ({_milliseconds(lost, sample_rate):.0f} ms{of}) filled")
    if pure:
        places = f"{len(pure)} place{'s' * (len(pure) != 1)}"
        said.append(f"{_milliseconds(pure, sample_rate):.6g} ms inserted at {places}")
    return " and ".join(said)


def what_is_to_do(gaps: Sequence[Gap], insertions: Sequence[Insertion], sample_rate: int) -> str:
    """Say how many gaps are to be filled, and what is to be inserted where, in the times of the recording as it is.

    Args:
        gaps: in the recording with room for the insertions.
        insertions: in the recording without it.
        sample_rate: Hz.

    >>> what_is_to_do([Gap(0, 80), Gap(320, 400)], [Insertion(320, 80)], 8000)
    'fill 1 gap (10 ms) and insert 10 ms at 0.04 s'
    """
    lost, pure = _lost_and_inserted(gaps, insertions)
    said = [f"fill {_counted(lost)} ({_milliseconds(lost, sample_rate):.0f} ms)"] if lost or not pure else []
    if pure:
        at = f"{earlier(pure[0].start, insertions) / sample_rate:.6g} s" if len(pure) == 1 else f"{len(pure)} places"
        said.append(f"insert {_milliseconds(pure, sample_rate):.6g} ms at {at}")
    return " and ".join(said)


def _lost_and_inserted(gaps: Sequence[Gap], insertions: Sequence[Insertion]) -> tuple[list[Gap], list[Gap]]:
    """Return the gaps in which samples were lost, and those where some were only left out."""
    pure = [gap for gap in gaps if inserted_of(gap, insertions) == len(gap)]
    return [gap for gap in gaps if gap not in pure], pure


def _counted(gaps: Sequence[Gap]) -> str:
    return f"{len(gaps)} gap{'s' * (len(gaps) != 1)}"


def _milliseconds(gaps: Sequence[Gap], sample_rate: int) -> float:
    return 1000 * sum(map(len, gaps)) / sample_rate


def checked_insertions(insertions: Iterable[Insertion], length: int, sample_rate: int) -> list[Insertion]:
    """Return insertions in order.

    Args:
        insertions: in any order.
        length: of the recording, in samples.
        sample_rate: Hz.

    Raises:
        InputError: one is empty or outside, or longer than the recording, or two are at one place.
    """
    found = sorted(insertions)
    for number, one in enumerate(found):
        shown = f"the insertion of {one.length} samples at sample {one.at} ({one.at / sample_rate:.6g} s)"
        if one.length < 1:
            raise InputError(f"{shown} inserts nothing: give how much is missing, as in 2.0+0.015")
        if not 0 <= one.at <= length:
            raise InputError(f"{shown} lies outside the recording, which has {length} samples")
        if one.length > length:
            raise InputError(f"{shown} is longer than the recording")
        if number and found[number - 1].at == one.at:
            raise InputError(f"{shown} is the second one there: insert their sum at once")
    return found


def later(position: int, insertions: Sequence[Insertion], end: bool = False) -> int:
    """Return where a place of a recording is once room was made for insertions.

    Args:
        position: in samples.
        insertions: in order.
        end: whether it is the end of an interval, before what is inserted at the same place.

    >>> later(500, [Insertion(500, 20)]), later(500, [Insertion(500, 20)], end=True)
    (520, 500)
    """
    return position + sum(one.length for one in insertions if one.at < position + (not end))


def earlier(position: int, insertions: Sequence[Insertion]) -> int:
    """Return where a place was before room was made; what was inserted was at the insertion's place.

    >>> [earlier(position, [Insertion(500, 20)]) for position in (499, 510, 520)]
    [499, 500, 500]
    """
    before = 0  # inserted samples
    for one in insertions:
        if position <= one.at + before:
            break
        before += min(one.length, position - one.at - before)
    return position - before


def moved_gap(gap: Gap, insertions: Sequence[Insertion]) -> Gap:
    """Return a gap as it is once room was made for insertions, those within it included.

    >>> moved_gap(Gap(490, 510), [Insertion(500, 20)])
    Gap(start=490, stop=530, channel=None)
    """
    return Gap(later(gap.start, insertions), later(gap.stop, insertions, end=True), gap.channel)


def inserted_of(gap: Gap, insertions: Sequence[Insertion]) -> int:
    """Return how many samples of a gap of the longer recording were inserted."""
    return len(gap) - (earlier(gap.stop, insertions) - earlier(gap.start, insertions))


def with_room(
    gaps: Sequence[Gap], insertions: Sequence[Insertion], length: int, channels: int, sample_rate: int
) -> list[Gap]:
    """Return gaps as they are once room was made for insertions, these among them.

    Args:
        gaps: of the recording as it is.
        insertions: as `checked_insertions` returns them.
        length: of the recording as it is, in samples.
        channels: of the recording.
        sample_rate: Hz.

    Raises:
        InputError: nothing is left to restore from.

    >>> with_room([Gap(100, 200), Gap(490, 510)], [Insertion(500, 20)], 1000, 1, 8000)
    [Gap(start=100, stop=200, channel=None), Gap(start=490, stop=530, channel=None)]
    """
    moved = [moved_gap(gap, insertions) for gap in gaps]
    moved += [Gap(later(one.at, insertions, end=True), later(one.at, insertions)) for one in insertions]
    return as_gaps(moved, length + sum(one.length for one in insertions), channels, sample_rate)
