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
    fitted = [slice(max(0, hole.start - size), hole.stop + size) for size in sizes]
    products = _products(torch.cat([segments, target[:, None]], 1) * compared, fitted)
    gains = ridge_gains(products)
    totals = (gains.transpose(0, 1) @ segments).transpose(0, 1)
    if missing.any():
        # Where a match misses samples, so much less is explained, and nobody knows of which sound: what the sum
        # leaves over is trusted there only as far as it exceeds what is missing.
        doubt = (gains * segments.square().mean(-1).sqrt()).square() @ missing.to(segments)
        rest = target - totals
        sure = [(total[:, inner] * compared[inner]).square().sum(-1) for total, inner in zip(rest, fitted, strict=True)]
        count = torch.stack([compared[inner].sum() for inner in fitted]).clamp_min(1)
        sure = (torch.stack(sure) / count[:, None])[..., None]
        totals = torch.where(doubt > 0, target - rest * sure / (sure + doubt), totals)
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


def _products(x: Tensor, places: Sequence[slice]) -> Tensor:
    """Sum the products of signals (..., signal, time) over places of which one lies in the other, each sample once.

    Returns:
        (place, ..., signal, signal).
    """
    found, total, last = {}, 0.0, None
    for place in sorted(places, key=lambda place: place.stop):
        parts = [place] if last is None else [slice(place.start, last.start), slice(last.stop, place.stop)]
        for part in parts:
            total = total + x[..., part] @ x[..., part].mT
        found[place.stop], last = total, place
    return torch.stack([found[place.stop] for place in places])


def ridge_gains(products: Tensor) -> Tensor:
    """Fit gains by least squares, each with a penalty on its square: the less a segment is like the target, the more.

    A segment whose correlation with the target is r pays 0.1 ((1 - r^2) / r^2 + 0.01) of the mean energy of all. So
    near-duplicates share one gain, and chance resemblances get next to none.

    Args:
        products: of the segments and, as the last of them, the target with each other, (..., match + 1, match + 1).

    Returns:
        gains, (..., match); zeros where every segment is silent.
    """
    gram, shared, target = products[..., :-1, :-1], products[..., :-1, -1], products[..., -1, -1:]
    energy = gram.diagonal(dim1=-2, dim2=-1)
    mean = energy.mean(-1, keepdim=True)
    likeness = (shared.square() / (energy * target)).nan_to_num(0).clamp(1e-6, 1)
    penalty = _RIDGE * mean * ((1 - likeness) / likeness + 0.01)
    penalty = torch.where(mean > 0, penalty, 1.0)
    return torch.linalg.solve(gram + torch.diag_embed(penalty), shared)
