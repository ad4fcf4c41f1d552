"""Spans: the stretches of a recording that a method gets at once, planned around its gaps and read one by one."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import BLOCK
from audio_inpaint.gaps import Gap, gap_mask, lost_runs, meeting, within
from audio_inpaint.methods.contract import LONGEST
from audio_inpaint.methods.gap_workers import one_thread

Read = Callable[[int, int], Tensor]  # samples [start, stop) of a recording, (channel, time)


class Shape(NamedTuple):
    """The size of a recording: channels, samples, Hz."""

    channels: int
    length: int
    sample_rate: int


@dataclass(frozen=True)
class Span:
    """A stretch [start, stop) of a recording that a method gets at once.

    Attributes:
        start: its first sample.
        stop: the sample after its last one.
        gaps: those whose fills are kept, in samples of the recording.
        lost: all lost runs in it, among them those of neighbouring spans, in samples of the recording.
    """

    start: int
    stop: int
    gaps: tuple[Gap, ...]
    lost: tuple[Gap, ...]


def spans(
    gaps: Sequence[Gap], shape: Shape, context: float, longest: float = LONGEST, rejected: Sequence[Gap] = ()
) -> list[Span]:
    """Plan the spans of a recording, in the order of time.

    Args:
        gaps: as `as_gaps` returns them.
        shape: of the recording.
        context: seconds of audio wanted on each side of a gap; infinite for the whole recording.
        longest: seconds from the first to the last gap of a span, unless one gap alone is longer.
        rejected: what of the gaps is not filled: lost runs that lie in it belong to no span.
    """
    runs = lost_runs(gaps, shape.channels)
    width = math.ceil(min(context * shape.sample_rate, shape.length))
    most = longest * shape.sample_rate
    ends = np.maximum.accumulate([run.stop for run in runs]).tolist() if runs else []
    plan = []
    spared = meeting(lost_runs(rejected, shape.channels))
    wanted = [run for run in runs if not any(run.inside(one) for one in spared(run))]
    for group in _groups(wanted, shape.length, width, most):
        start = max(0, group[0].start - width)
        stop = min(shape.length, max(run.stop for run in group) + width)
        first, last = bisect_right(ends, start), bisect_left(runs, stop, key=lambda run: run.start)
        plan.append(Span(start, stop, tuple(group), tuple(runs[first:last])))
    return plan


def _groups(runs: Sequence[Gap], length: int, width: int, most: float) -> Iterator[list[Gap]]:
    """Put runs together whose surroundings, `width` samples, overlap; no group is longer than `most` samples."""
    group: list[Gap] = []
    end = 0
    for run in runs:
        near = width >= length or run.start - end <= 2 * width
        if group and near and max(end, run.stop) - group[0].start <= most:
            group.append(run)
            end = max(end, run.stop)
            continue
        if group:
            yield group
        group, end = [run], run.stop
    if group:
        yield group


def read_span(span: Span, read: Read, shape: Shape, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Read a span block by block, so that it is in memory once.

    Returns:
        Audio (channel, time), zero where samples are lost, and the mask (channel, time).

    Raises:
        InputError: a known sample is not finite, or nothing is known of a channel.
    """
    gap = gap_mask(within(span.lost, span.start, span.stop), span.stop - span.start, shape.channels)
    if bool(gap.all(-1).any()):
        seconds = span.start / shape.sample_rate
        raise InputError(f"no sample is known around the gap at {seconds:.3f} s: name shorter gaps")
    audio = torch.empty(gap.shape, dtype=dtype)
    with one_thread():  # which waits for no other in each of these small steps
        for first in range(span.start, span.stop, BLOCK):
            inside = slice(first - span.start, min(first + BLOCK, span.stop) - span.start)
            audio[:, inside] = finite(read(first, span.start + inside.stop), gap[:, inside], first, shape.sample_rate)
    return audio, gap


def finite(audio: Tensor, gap: Tensor, start: int, sample_rate: int) -> Tensor:
    """Return a copy of audio, zero where it is lost, if all that is known is finite.

    Args:
        audio: (channel, time).
        gap: boolean (channel, time).
        start: position of its first sample in the recording.
        sample_rate: Hz.

    Raises:
        InputError: a known sample is NaN or infinite.
    """
    known = audio.masked_fill(gap, 0)
    bad = ~known.isfinite().all(0)
    if bool(bad.any()):
        position = start + int(bad.nonzero()[0])
        raise InputError(
            f"samples are NaN or infinite, the first at sample {position} "
            f"({position / sample_rate:.6f} s): name them as gaps"
        )
    return known
