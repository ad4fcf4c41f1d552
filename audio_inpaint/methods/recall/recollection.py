"""What segments of a recording, added up, say of a gap: read where they fit, weighed together, trusted band by band."""

from collections.abc import Sequence

import torch
from torch import Tensor

from audio_inpaint.dsp.coherence import coherent
from audio_inpaint.dsp.template_search import Match, delayed
from audio_inpaint.gaps import Gap

# Samples beside a segment that fade out, so that its ends do not ring when it is read between samples.
MARGIN = 64
# Seconds on each side of a gap in which is measured how much of each band is recalled.
_BESIDE = 0.064
# Of the segments' mean energy, the penalty on the gain of one that shares half its energy with the target.
_RIDGE = 0.1


def recollections(
    known: Tensor,
    gap: Tensor,
    matches: list[Match],
    run: Gap,
    context: Gap,
    sizes: Sequence[int],
    sample_rate: int,
    lost: Tensor | None = None,
) -> list[tuple[Tensor, Tensor]]:
    """Add up matches as they fit the surroundings of a gap.

    Args:
        known: the recording, (channel, time), lost samples zero.
        gap: true = lost, (time,).
        matches: segments that are like it.
        run: the gap, which may be a rehearsed one whose samples are known.
        context: from the first to the last sample around it that is recalled.
        sizes: samples on each side of the gap to which the gains are fitted, one sum each.
        sample_rate: Hz.
        lost: of the context, the samples that are not looked at, (time,): the gap, if left out.

    Returns:
        for each size, the sum over the whole context, (channel, time), and the gains, (channel, match).
    """
    hole = slice(run.start - context.start, run.stop - context.start)
    if lost is None:
        lost = torch.zeros(context.stop - context.start, dtype=torch.bool)
        lost[hole] = True
    target = known[:, context.start : context.stop].to(torch.float64, copy=True)
    target[:, lost] = 0
    places = [Gap(context.start + match.lag, context.stop + match.lag) for match in matches]
    missing = torch.stack([gap[place.start : place.stop] for place in places])
    for unknown, place in zip(missing, places, strict=True):
        unknown[_inside(run, place)] = True
    segments = aligned(known, run, places, [match.fraction for match in matches])
    compared = (~missing.any(0) & ~lost).to(segments)
    loudness, lacking = segments.square().mean(-1).sqrt(), missing.to(segments)
    gains, totals = (segments.new_zeros(len(sizes), len(target), count) for count in (len(matches), target.shape[-1]))
    for number, size in enumerate(sizes):
        fitted = slice(max(0, hole.start - size), hole.stop + size)
        rows = compared[fitted]
        if not rows.any():
            continue
        gains[number] = ridge_gains(segments[..., fitted] * rows, target[:, fitted] * rows)
        total = (gains[number, :, None] @ segments)[:, 0]
        # Where a match misses samples, so much less is explained, and nobody knows of which sound: what the sum
        # leaves over is trusted there only as far as it exceeds what is missing.
        rest = target - total
        doubt = (gains[number] * loudness).square() @ lacking
        sure = (rest[:, fitted] * rows).square().sum(-1, keepdim=True) / rows.sum()
        totals[number] = torch.where(doubt > 0, target - rest * sure / (sure + doubt), total)
    near = round(_BESIDE * sample_rate)
    before, after = max(0, hole.start - near), min(target.shape[-1], hole.stop + near)
    beside = slice(before, hole.start), slice(hole.stop, after)
    return list(zip(coherent(totals, target, beside, sample_rate, ~lost), gains, strict=True))


def aligned(known: Tensor, run: Gap, places: list[Gap], fractions: list[float]) -> Tensor:
    """Read segments at fractions of a sample after places of one length, (channel, segment, time), zero in a gap."""
    wide = [Gap(place.start - MARGIN, place.stop + MARGIN) for place in places]
    segments = torch.stack([known[:, place.start : place.stop] for place in wide], 1).double()
    for number, place in enumerate(wide):
        segments[:, number, _inside(run, place)] = 0
    fade = torch.hann_window(2 * MARGIN, periodic=False, dtype=segments.dtype)[:MARGIN]
    segments[..., :MARGIN] *= fade
    segments[..., -MARGIN:] *= fade.flip(0)
    return delayed(segments, segments.new_tensor(fractions))[..., MARGIN:-MARGIN]


def _inside(run: Gap, place: Gap) -> slice:
    """Where in a place a gap lies."""
    return slice(max(0, run.start - place.start), max(0, run.stop - place.start))


def ridge_gains(segments: Tensor, target: Tensor) -> Tensor:
    """Fit gains by least squares, each with a penalty on its square: the less a segment is like the target, the more.

    A segment whose correlation with the target is r pays 0.1 ((1 - r^2) / r^2 + 0.01) of the mean energy of all. So
    near-duplicates share one gain, and chance resemblances get next to none.

    Args:
        segments: (channel, match, time).
        target: (channel, time).

    Returns:
        gains, (channel, match); zeros where every segment is silent.
    """
    gram, shared = segments @ segments.mT, (segments @ target[..., None])[..., 0]
    energy = gram.diagonal(dim1=-2, dim2=-1)
    mean = energy.mean(-1, keepdim=True)
    likeness = shared.square() / (energy * target.square().sum(-1, keepdim=True))
    likeness = likeness.nan_to_num(0).clamp(1e-6, 1)
    penalty = _RIDGE * mean * ((1 - likeness) / likeness + 0.01)
    penalty = torch.where(mean > 0, penalty, 1.0)
    return torch.linalg.solve(gram + torch.diag_embed(penalty), shared)
