"""Where samples are lost: gaps, and boolean masks of them.

A mask is boolean, (channel, time), and named `gap`; **true = lost**, here and everywhere in the package. A gap is the
half-open interval [start, stop) of sample positions, in one channel or in all.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, order=True)
class Gap:
    """Lost samples [start, stop) of one channel, counted from 0, or of all channels (None).

    >>> Gap(1600, 2400)
    Gap(start=1600, stop=2400, channel=None)
    """

    start: int
    stop: int
    channel: int | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    def moved(self, by: int) -> Gap:
        """Return the same gap `by` samples later."""
        return replace(self, start=self.start + by, stop=self.stop + by)

    def inside(self, other: Gap) -> bool:
        """Whether all samples of this gap are samples of another one.

        >>> Gap(5, 9, channel=1).inside(Gap(0, 10)), Gap(5, 9).inside(Gap(0, 10, channel=1))
        (True, False)
        """
        return other.start <= self.start and self.stop <= other.stop and other.channel in (None, self.channel)


def as_gaps(given: object, length: int, channels: int, sample_rate: int | None = None) -> list[Gap]:
    """Read gaps in any form that Python code has them in, and check them.

    Args:
        given: a boolean mask (time,) or (channel, time), as array or tensor; or a sequence of `Gap`s, of detections,
            or of (start, stop) or (start, stop, channel) in samples, channels counting from 0; or one `Gap` or
            detection.
        length: of the audio, in samples.
        channels: of the audio.
        sample_rate: Hz; only words the messages in seconds too.

    Returns:
        Gaps sorted and merged, as `check_gaps` has them.

    Raises:
        InputError: it is none of these, or a gap does not fit the audio.

    >>> as_gaps([(300, 400), (100, 200)], length=1000, channels=1)
    [Gap(start=100, stop=200, channel=None), Gap(start=300, stop=400, channel=None)]
    """
    if isinstance(given, Gap) or hasattr(given, "gap"):
        given = [given]
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    if isinstance(given, np.ndarray) and given.dtype == bool:
        if given.shape not in ((length,), (channels, length)):
            raise InputError(f"the mask has the shape {given.shape}, the audio ({channels}, {length}): true = lost")
        given = mask_gaps(given)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable) or not getattr(given, "shape", True):
        raise InputError(f"gaps are a list of (start, stop) in samples, or a boolean mask, not {_shown(given)}")
    return check_gaps(map(_as_gap, given), length, channels, sample_rate)


def _as_gap(one: object) -> Gap:
    one = getattr(one, "gap", one)  # of a detection
    try:
        if isinstance(one, str | bytes):
            raise TypeError
        parts = (one.start, one.stop, one.channel) if isinstance(one, Gap) else one
        values = [None if value is None else _whole(value) for value in parts]
        if len(values) not in (2, 3) or None in values[:2]:
            raise ValueError
    except (TypeError, ValueError, OverflowError):  # OverflowError: infinite
        raise InputError(
            f"{_shown(one)} is not a gap: give (start, stop) as whole numbers of samples, with a channel if need be"
        ) from None
    return Gap(*values)


def _whole(value: object) -> int:
    if isinstance(value, bool | np.bool_) or int(value) != value:
        raise ValueError
    return int(value)


def _shown(value: object) -> str:
    return " ".join(repr(value).split())[:60]


def check_gaps(
    gaps: Iterable[Gap], length: int, channels: int | None = None, sample_rate: int | None = None
) -> list[Gap]:
    """Sort gaps, and merge them, channel by channel, where they overlap or touch.

    Args:
        gaps: in any order.
        length: of the audio, in samples.
        channels: of the audio, where known.
        sample_rate: Hz; only words the messages in seconds too.

    Raises:
        InputError: a gap is empty, reversed, outside the audio or in a channel that it lacks, or the gaps leave nothing
            of a channel to restore from.
    """
    by_channel: dict[int | None, list[Gap]] = {None: []}
    for gap in gaps:
        shown = f"the gap {gap.start}:{gap.stop}"
        if sample_rate:
            shown += f" ({gap.start / sample_rate:.6g}-{gap.stop / sample_rate:.6g} s)"
        if gap.stop <= gap.start:
            raise InputError(f"{shown} ends where it begins or before; give its first and its last end")
        if gap.start < 0 or gap.stop > length:
            seconds = f" ({length / sample_rate:.6g} s)" if sample_rate else ""
            raise InputError(f"{shown} reaches outside the file, which has {length} samples{seconds}")
        if gap.channel is not None and not 0 <= gap.channel < (channels or math.inf):
            raise InputError(f"{shown} is in channel {gap.channel + 1}, but the file's channels are 1 to {channels}")
        by_channel.setdefault(gap.channel, []).append(gap)
    everywhere = _merged(by_channel[None], None)
    kept = list(everywhere)
    for channel, own in by_channel.items():
        if _merged([*everywhere, *own], channel) == [Gap(0, length, channel)]:
            raise InputError("the gaps cover a whole channel: nothing is left to restore from; shorten them")
        if channel is not None:
            own = _merged(own, channel)
            kept += [gap for gap in own if not any(w.start <= gap.start and gap.stop <= w.stop for w in everywhere)]
    return sorted(kept, key=_place)


def padded(gaps: Iterable[Gap], by: int, length: int) -> list[Gap]:
    """Return gaps that begin and end `by` samples farther out, within audio of a length.

    >>> padded([Gap(5, 20)], by=10, length=100)
    [Gap(start=0, stop=30, channel=None)]
    """
    return [replace(gap, start=max(0, gap.start - by), stop=min(length, gap.stop + by)) for gap in gaps]


def snapped(gaps: Iterable[Gap], damage: Sequence[Gap], reach: int) -> list[Gap]:
    """Return, for each gap, the damage that it meets; the gap itself where there is none.

    Args:
        gaps: placed by hand.
        damage: as it was found; that of one channel answers to gaps of that channel and of all.
        reach: samples by which a gap may miss what it means.

    >>> snapped([Gap(100, 110), Gap(500, 510)], [Gap(90, 140)], reach=20)
    [Gap(start=90, stop=140, channel=None), Gap(start=500, stop=510, channel=None)]
    """
    moved: list[Gap] = []
    for gap in gaps:
        met = [
            one
            for one in damage
            if one.start < gap.stop + reach
            and gap.start - reach < one.stop
            and (None in (gap.channel, one.channel) or gap.channel == one.channel)
        ]
        moved += met or [gap]
    return sorted(set(moved), key=_place)


def lost_runs(gaps: Iterable[Gap], channels: int) -> list[Gap]:
    """Return the runs of lost samples: one of all channels where all lost the same, else one for each channel.

    Args:
        gaps: in any order; they may overlap.
        channels: of the audio.

    >>> lost_runs([Gap(0, 10), Gap(5, 20, channel=1)], channels=2)
    [Gap(start=0, stop=10, channel=0), Gap(start=0, stop=20, channel=1)]
    """
    gaps = list(gaps)
    own = [_merged([gap for gap in gaps if gap.channel in (None, channel)], channel) for channel in range(channels)]
    places = [{(run.start, run.stop) for run in runs} for runs in own]
    everywhere = set.intersection(*places)
    runs = [Gap(*place) for place in everywhere]
    runs += [run for rest in own for run in rest if (run.start, run.stop) not in everywhere]
    return sorted(runs, key=_place)


def gap_mask(gaps: Iterable[Gap], length: int, channels: int = 1) -> torch.Tensor:
    """Return the boolean mask (channel, time) of gaps, true = lost.

    Raises:
        ValueError: a gap is in a channel that the mask lacks.

    >>> gap_mask([Gap(1, 3), Gap(0, 1, channel=1)], length=4, channels=2).int().tolist()
    [[0, 1, 1, 0], [1, 1, 1, 0]]
    """
    import torch

    mask = torch.zeros(channels, length, dtype=torch.bool)
    for gap in gaps:
        if gap.channel is not None and gap.channel >= channels:
            raise ValueError(f"{gap} is in channel {gap.channel} of {channels}: give the audio's number of channels")
        mask[slice(None) if gap.channel is None else gap.channel, gap.start : gap.stop] = True
    return mask


def mask_gaps(mask: torch.Tensor | np.ndarray) -> list[Gap]:
    """Return the runs of true in a boolean mask (time,) or (channel, time), as `lost_runs` has them.

    >>> mask_gaps(np.array([False, True, True, False]))
    [Gap(start=1, stop=3, channel=None)]
    """
    lost = np.atleast_2d(np.asarray(mask.cpu() if hasattr(mask, "cpu") else mask, dtype=bool))
    if lost.ndim != 2:
        raise ValueError(f"a mask has the axes channel and time, or time alone; this one has the shape {lost.shape}")
    if len(lost) > 1 and (lost[1:] == lost[0]).all():
        lost = lost[:1]
    gaps = []
    for channel, row in enumerate(lost):
        edges = (np.flatnonzero(row[1:] != row[:-1]) + 1).tolist()
        edges = [0] * bool(row[:1].any()) + edges + [len(row)] * bool(row[-1:].any())
        own = channel if len(lost) > 1 else None
        gaps += [Gap(start, stop, own) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    return lost_runs(gaps, len(lost)) if len(lost) > 1 else gaps


def _merged(gaps: Iterable[Gap], channel: int | None) -> list[Gap]:
    merged: list[Gap] = []
    for start, stop in sorted((gap.start, gap.stop) for gap in gaps):
        if merged and start <= merged[-1].stop:
            start, stop = merged[-1].start, max(stop, merged.pop().stop)
        merged.append(Gap(start, stop, channel))
    return merged


def _place(gap: Gap) -> tuple[int, int, int]:
    return gap.start, gap.stop, -1 if gap.channel is None else gap.channel


def meeting(gaps: Iterable[Gap]) -> Callable[[Gap], list[Gap]]:
    """Return what finds those of some gaps that share samples with another one, by halving: for many gaps.

    >>> meeting([Gap(0, 10), Gap(5, 20, channel=1), Gap(30, 40)])(Gap(12, 35, channel=1))
    [Gap(start=5, stop=20, channel=1), Gap(start=30, stop=40, channel=None)]
    """
    placed = sorted(gaps, key=_place)
    ends = np.maximum.accumulate([gap.stop for gap in placed]).tolist() if placed else []

    def met(other: Gap) -> list[Gap]:
        first, last = bisect_right(ends, other.start), bisect_left(placed, other.stop, key=lambda gap: gap.start)
        return [
            gap
            for gap in placed[first:last]
            if gap.stop > other.start and (None in (gap.channel, other.channel) or gap.channel == other.channel)
        ]

    return met


def within(gaps: Sequence[Gap], start: int, stop: int) -> list[Gap]:
    """Return what of the gaps lies in [start, stop), counted from `start`."""
    return [
        replace(gap, start=max(gap.start, start) - start, stop=min(gap.stop, stop) - start)
        for gap in gaps
        if gap.start < stop and start < gap.stop
    ]
