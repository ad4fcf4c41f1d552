"""The one loop from gaps to fills, for every command, Python and the benchmark.

Gaps that are near each other share a span: the stretch of the recording that a method gets at once. Each span is read,
goes through the method, and leaves its fills; nothing else of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.files.patching import Fill
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.contract import Method, context_and_longest, restored
from audio_inpaint.methods.progress import counting
from audio_inpaint.references import Reference, accompanied
from audio_inpaint.spans import Read, Shape, Span, read_span, spans

if TYPE_CHECKING:
    from audio_inpaint.methods.explanation import Explanation
    from audio_inpaint.pool.excerpts import Pool

Progress = Callable[[int, int], None]  # gaps filled, gaps in all
Restore = Callable[[Span, Tensor, Tensor], tuple[Tensor, list["Explanation"]]]


def filled(
    read: Read,
    shape: Shape,
    dtype: torch.dtype,
    gaps: Sequence[Gap],
    method: Method,
    device: str | None = None,
    progress: Progress | None = None,
    references: Sequence[Reference] = (),
    plan: Sequence[Span] | None = None,
    also: Pool | None = None,
) -> Iterator[tuple[list[Fill], list[Explanation]]]:
    """Fill the gaps of a recording by a method, span by span.

    Args:
        read: gives samples of it.
        shape: of it.
        dtype: in which the method gets it, float32 or float64.
        gaps: as `as_gaps` returns them.
        method: what restores.
        device: where, if it can compute on a GPU.
        progress: called with (gaps filled, gaps in all).
        references: other recordings; those that fit are read around each gap, as further channels.
        plan: the spans that are filled; those of all gaps if None.
        also: further recordings, to be searched.

    Yields:
        The fills of a span, and how they were made, in samples of the recording.

    Raises:
        InputError: a known sample is not finite, or nothing is known around a gap.
        ContractError: the method broke its contract.
    """
    ours = Sound(read, *shape, gaps)

    def restore(span: Span, audio: Tensor, gap: Tensor) -> tuple[Tensor, list[Explanation]]:
        wanted = [one.moved(-span.start) for one in span.gaps]
        audio, gap, names = accompanied(audio, gap, references, ours, span)
        output, explanations = restored(method, audio, gap, shape.sample_rate, wanted, device, names, also)
        return output[: shape.channels], explanations

    done, plan = 0, spans(gaps, shape, *context_and_longest(method)) if plan is None else plan
    total = sum(len(span.gaps) for span in plan)
    for span in plan:
        with counting(progress, done, len(span.gaps), total):
            made = fills_of(span, read, shape, dtype, restore)
        yield made
        done += len(span.gaps)


def fills_of(
    span: Span, read: Read, shape: Shape, dtype: torch.dtype, restore: Restore
) -> tuple[list[Fill], list[Explanation]]:
    """Read a span, restore it, and keep its fills and how they were made, in samples of the recording.

    Args:
        span: of a plan.
        read: gives samples of the recording.
        shape: of the recording.
        dtype: in which it is restored.
        restore: `restore(span, audio (channel, time), gap (channel, time))`.

    Raises:
        InputError: a known sample is not finite, or nothing is known around a gap.
    """
    audio, gap = read_span(span, read, shape, dtype)
    output, explanations = restore(span, audio, gap)
    fills = [Fill(one, _cut(output, one.moved(-span.start))) for one in span.gaps]
    return fills, [one.moved(span.start) for one in explanations]


def _cut(audio: Tensor, gap: Gap) -> Tensor:
    """Copy a gap's samples, since a view would keep all of the audio in memory."""
    channels = slice(None) if gap.channel is None else slice(gap.channel, gap.channel + 1)
    return audio[channels, gap.start : gap.stop].to("cpu", torch.float64, copy=True)
