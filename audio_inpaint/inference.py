"""A damaged file in, a repaired file out: the surroundings of its gaps go through a method, the rest is copied."""

import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from audio_inpaint.errors import InputError
from audio_inpaint.files.patching import Patch, check_output, write_patched
from audio_inpaint.files.recording import BLOCK, Reader, target
from audio_inpaint.gaps import Gap, check_gaps, gap_mask
from audio_inpaint.methods.explanation import Explaining, Explanation
from audio_inpaint.methods.gap_workers import one_thread

LONGEST = 30.0  # seconds from the first to the last gap of one region, which bounds memory


@dataclass(frozen=True)
class Region:
    """A stretch of a file that a method sees at once.

    Args:
        start: first sample in the file.
        channels: the file's channels that `audio` holds.
        audio: float64 or float32 (channel, time), zero where samples are lost.
        gap: boolean (time,), true = lost.
        gaps: those gaps whose restored samples are kept, in samples of the file; other lost samples, at the edges, are
            restored by the neighbouring regions.
        sample_rate: Hz.
    """

    start: int
    channels: tuple[int, ...]
    audio: torch.Tensor
    gap: torch.Tensor
    gaps: tuple[Gap, ...]
    sample_rate: int

    @property
    def stop(self) -> int:
        """The sample after the last one."""
        return self.start + self.audio.shape[-1]

    def patches(self, restored: torch.Tensor) -> list[Patch]:
        """Keep the lost samples of a restored region (channel, time), and nothing else of it.

        Raises:
            InputError: samples that are no finite numbers.
        """
        fills = [restored[:, gap.start - self.start : gap.stop - self.start] for gap in self.gaps]
        # Copies: views would keep every restored region in memory until the file is written.
        fills = [fill.to("cpu", torch.float64, copy=True) for fill in fills]
        found = [Patch(gap.start, self.channels, fill) for gap, fill in zip(self.gaps, fills, strict=True)]
        for patch in found:
            if not bool(torch.isfinite(patch.audio).all()):
                raise InputError(f"the method diverged at {patch.start / self.sample_rate:.3f} s: try another method")
        return found

    def explanations(self, told: Sequence[Explanation], channels: int) -> list[Explanation]:
        """Keep what a method told about `gaps`, at its place in a file of that many channels.

        A gap of some channels only has one explanation for each of them.
        """
        own = set(self.gaps)
        kept = [one for one in (one.moved(self.start) for one in told) if one.gap in own]
        if len(self.channels) == channels:
            return kept
        return [one.of_channel(place, channel) for one in kept for place, channel in enumerate(self.channels)]


@dataclass
class Result:
    """What was done to a file.

    Args:
        length: samples in the file.
        sample_rate: Hz.
        elapsed: seconds that the restoration took.
        gaps: the gaps, sorted and merged.
        regions: how many stretches went through the method.
        patches: the restored samples.
        notes: what the output's format could not keep, one line each.
        explanations: how the gaps were filled, in samples of the file and in the order of time; empty if the method
            does not tell.
    """

    length: int
    sample_rate: int
    elapsed: float
    gaps: list[Gap]
    regions: int
    patches: list[Patch]
    notes: list[str] = field(default_factory=list)
    explanations: list[Explanation] = field(default_factory=list)


def regions(gaps: Sequence[Gap], length: int, context: int, longest: int) -> list[tuple[int, int, tuple[Gap, ...]]]:
    """Split a file into the stretches around its gaps.

    Args:
        gaps: sorted and not touching.
        length: samples in the file.
        context: samples wanted on each side of a gap; at least `length` gives the whole file as one stretch.
        longest: most samples from the first to the last gap of a stretch, unless one gap alone is longer.

    Returns:
        (start, stop, gaps) of each stretch [start, stop). Stretches overlap only where they would have been too long.
    """
    groups: list[list[Gap]] = []
    for gap in gaps:
        group = groups[-1] if groups else None
        whole = context >= length
        near = group is not None and gap.start - group[-1].stop <= 2 * context
        if group is not None and (whole or (near and gap.stop - group[0].start <= longest)):
            group.append(gap)
        else:
            groups.append([gap])
    return [(max(0, g[0].start - context), min(length, g[-1].stop + context), tuple(g)) for g in groups]


def read_regions(reader: Reader, gaps: Sequence[Gap], context: float, longest: float = LONGEST) -> Iterator[Region]:
    """Read the stretches around the gaps of a file, in the order of time, one after the other.

    Channels that miss the same samples are restored together. The method never sees what lies in a gap.

    Args:
        reader: the open file.
        gaps: its gaps; those without a channel concern all channels.
        context: seconds of audio wanted on each side of a gap; infinite for the whole file.
        longest: seconds from the first to the last gap of a region.

    Raises:
        InputError: impossible gaps, samples that are no numbers, or nothing known around a gap.
    """
    for stretch in _plan(reader, gaps, context, longest):
        yield _region(reader, *stretch)


def _plan(reader: Reader, gaps: Sequence[Gap], context: float, longest: float) -> list[tuple]:
    """(start, stop, channels, own gaps, lost spans) of every region, sorted so that the file is read forwards."""
    gaps = check_gaps(gaps, reader.length, reader.channels, reader.sample_rate)
    alike: dict[tuple[Gap, ...], list[int]] = {}
    for channel in range(reader.channels):
        own = check_gaps([Gap(g.start, g.stop) for g in gaps if g.channel in (None, channel)], reader.length)
        alike.setdefault(tuple(own), []).append(channel)
    width = reader.length if math.isinf(context) else math.ceil(context * reader.sample_rate)
    plan = []
    for own, channels in alike.items():
        for start, stop, group in regions(own, reader.length, width, int(longest * reader.sample_rate)):
            first, last = bisect_right(own, start, key=lambda g: g.stop), bisect_left(own, stop, key=lambda g: g.start)
            lost = [Gap(max(g.start, start) - start, min(g.stop, stop) - start) for g in own[first:last]]
            plan.append((start, stop, tuple(channels), group, lost))
    return sorted(plan, key=lambda item: item[:3])


def _region(
    reader: Reader,
    start: int,
    stop: int,
    channels: tuple[int, ...],
    gaps: tuple[Gap, ...],
    lost: list[Gap],
    dtype: torch.dtype = torch.float64,
) -> Region:
    """Read one region block by block, so that it is in memory once; refuse one that nothing can be restored from."""
    gap = gap_mask(lost, stop - start)
    if bool(gap.all()):
        raise InputError(f"no sample is known around the gap at {start / reader.sample_rate:.3f} s: name shorter gaps")
    audio = torch.empty(len(channels), stop - start, dtype=dtype)
    with one_thread():  # which waits for no other in each of these small steps
        for first in range(start, stop, BLOCK):
            inside = slice(first - start, min(first + BLOCK, stop) - start)
            block = reader.read(first, start + inside.stop)[list(channels)].masked_fill_(gap[inside], 0)
            bad = ~block.isfinite().all(0)
            if bool(bad.any()):
                position = first + int(bad.nonzero()[0])
                raise InputError(
                    f"{reader.path} has samples that are no numbers (NaN or infinite), the first at sample {position} "
                    f"({position / reader.sample_rate:.6f} s): name them as gaps"
                )
            audio[:, inside] = block
    return Region(start, channels, audio, gap, gaps, reader.sample_rate)


def restore_file(
    path: str | Path,
    output: str | Path,
    gaps: Sequence[Gap],
    method: Callable,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Fill the gaps of a file; all samples outside them stay as they are (see `patching.write_patched`).

    Args:
        path: the damaged file.
        output: the file to write, another than `path`.
        gaps: where samples are lost.
        method: `restore(audio (channel, time), gap (time,), sample_rate) -> audio` with `context` in seconds and, if
            30 s are too many from the first to the last gap of a region, `longest`; one that has `explain` too (see
            `methods.explanation`) tells how it filled the gaps.
        progress: called with (regions done, regions in all).

    Raises:
        InputError: a file cannot be used, gaps do not fit, or the method failed.
    """
    began = time.perf_counter()
    patches: list[Patch] = []
    explanations: list[Explanation] = []
    with Reader(path) as reader:
        # What would fail after minutes of work is refused before it.
        check_output(path, output)
        target(reader, Path(output))
        span = method.context, getattr(method, "longest", LONGEST)
        plan = _plan(reader, gaps, *span)
        for done, stretch in enumerate(plan, 1):
            # Neither a region nor what became of it gets a name here, which would keep it while the next one is read.
            found, told = _restored(method, _region(reader, *stretch, reader.dtype), reader.channels)
            patches += found
            explanations += told
            if progress is not None:
                progress(done, len(plan))
        length, sample_rate = reader.length, reader.sample_rate
    notes = write_patched(path, output, patches)
    elapsed = time.perf_counter() - began
    explanations.sort(key=lambda one: (one.gap.start, one.gap.stop, one.gap.channel or 0))
    return Result(length, sample_rate, elapsed, check_gaps(gaps, length), len(plan), patches, notes, explanations)


def _restored(method: Callable, region: Region, channels: int) -> tuple[list[Patch], list[Explanation]]:
    """Restore a region of a file of that many channels, and keep what concerns the region's own gaps."""
    signal = region.audio, region.gap, region.sample_rate
    own = [Gap(gap.start - region.start, gap.stop - region.start) for gap in region.gaps]
    try:
        restored, told = method.explain(*signal, own) if isinstance(method, Explaining) else (method(*signal), [])
    except (RuntimeError, ArithmeticError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"the method failed between {region.start / region.sample_rate:.3f} and "
            f"{region.stop / region.sample_rate:.3f} s: {reason}; try another method"
        ) from error
    return region.patches(restored), region.explanations(told, channels)


def excerpts(
    path: str | Path, result: Result, seconds: float = 30.0, margin: float = 1.0
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor, list[Gap]]]:
    """Cut out what is worth looking at in a restored file: all of a short one, the first gaps of a long one.

    Args:
        path: the damaged file.
        result: what `restore_file` returned.
        seconds: most audio that is given in all.
        margin: seconds kept on each side of a gap in a long file.

    Yields:
        First sample, damaged audio (channel, time), restored audio, and the gaps counted from that sample.
    """
    with Reader(path) as reader:
        budget = int(seconds * reader.sample_rate)
        around = int(margin * reader.sample_rate)
        spans = [(0, reader.length)]
        if reader.length > budget:
            merged = check_gaps([Gap(gap.start, gap.stop) for gap in result.gaps], reader.length)
            spans = [part[:2] for part in regions(merged, reader.length, around, budget - 2 * around)]
        for start, stop in spans:
            stop = min(stop, start + budget)
            budget -= stop - start
            inside = [
                Gap(max(g.start, start) - start, min(g.stop, stop) - start, g.channel)
                for g in result.gaps
                if g.start < stop and start < g.stop
            ]
            if not inside:
                return
            damaged = torch.nan_to_num(reader.read(start, stop), posinf=0.0, neginf=0.0)
            restored = damaged.clone()
            for patch in result.patches:
                first, last = max(start, patch.start), min(stop, patch.stop)
                if first < last:
                    new = patch.audio[:, first - patch.start : last - patch.start]
                    restored[list(patch.channels), first - start : last - start] = new
            yield start, damaged, restored, inside
