"""Stretches of a gap: in some a guide plays, in others it is lost as well, and what it gave is what is known there."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.recall.completion import completed
from audio_inpaint.methods.recall.rehearsal import Sketch
from audio_inpaint.methods.recall.responses import Heard
from audio_inpaint.methods.recall.ways import BESIDE_RECALL, Way

# Samples of the shortest stretch that is weighed by itself: a shorter one joins what comes before it. As many, next to
# where a guide is lost, only a response of a single coefficient reaches: they are such a stretch.
_SHORTEST = BESIDE_RECALL // 2


def unheard(way: Way, ways: Sequence[Way], heard: Mapping[str, Heard], size: int) -> Tensor:
    """Where in a context of so many samples a way hears nothing of what it listens to, (size,).

    Args:
        way: of filling a gap.
        ways: all: near to where a guide is lost, its longer responses give way to shorter ones.
        heard: of each kind of guides.
        size: of the context, in samples.
    """
    if way.guide not in heard:
        return torch.zeros(size, dtype=torch.bool)
    alike = [other.length for other in ways if (other.guide, other.template) == (way.guide, way.template)]
    return heard[way.guide].unheard(min(alike), size)


def parts(unheard: Tensor | None, ways: Sequence[Way]) -> list[slice]:
    """Cut the lost samples where guides begin or cease to be heard.

    Args:
        unheard: (way, lost), as a sketch has it.
        ways: those that recall as well, and hear less near where a guide is lost, make no cut.
    """
    if unheard is None:
        return []
    plain = unheard[[not way.template for way in ways]].sum(0).tolist()
    size, starts, cuts = len(plain), [0], []
    for place in range(1, size):
        if less := plain[place] - plain[place - 1]:
            cuts += [place, place - _SHORTEST if less > 0 else place + _SHORTEST]
    for cut in sorted(cuts):
        if min(cut - starts[-1], size - cut) >= _SHORTEST:
            starts.append(cut)
    return [slice(*ends) for ends in zip(starts, [*starts[1:], size], strict=True)] if len(starts) > 1 else []


def bridged(sketch: Sketch, fills: Tensor, ways: Sequence[Way]) -> Tensor:
    """Fill anew what a guide does not play of a gap: what was filled from it counts as known beside that.

    Args:
        sketch: of the gap.
        fills: (way, channel, lost).
        ways: in which it was filled.

    Returns:
        the fills, those of other ways as they are.
    """
    if sketch.unheard is None:
        return fills
    places = sketch.unknown.nonzero()[:, 0]
    places, fills = places[(places >= sketch.hole.start) & (places < sketch.hole.stop)], fills.clone()
    for row in sketch.unheard.unique(dim=0):
        if not row.any() or row.all():
            continue
        own = (sketch.unheard == row).all(-1).nonzero()[:, 0]
        listening, signal, missing = [ways[number] for number in own.tolist()], sketch.apart[own], sketch.unknown
        missing = missing.clone()
        signal[..., missing & ~_at(places, len(missing))] = 0
        signal[..., places[~row]] += fills[own][..., ~row]
        missing[places[~row]] = False
        for stretch in mask_gaps(_at(places[row], len(missing))):
            inside = slice(stretch.start, stretch.stop)
            recalled = -signal[..., inside]
            rest = signal.masked_fill(missing, 0)
            part = Sketch(inside, recalled, rest, [], missing=missing.clone(), least=sketch.least)
            [filled] = completed([part], listening)
            lost = (places >= stretch.start) & (places < stretch.stop)
            fills[own[:, None], :, lost.nonzero()[:, 0]] = filled.transpose(1, 2)
            signal[..., inside] += filled
            missing[inside] = False
    return fills


def _at(places: Tensor, size: int) -> Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[places] = True
    return mask
