"""Stretches of a gap: in some a guide plays, in others it is lost as well, and what it gave is what is known there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from audio_inpaint.gaps import mask_gaps
from audio_inpaint.methods.recall.completion import completed
from audio_inpaint.methods.recall.rehearsal import Sketch
from audio_inpaint.methods.recall.responses import Heard
from audio_inpaint.methods.recall.ways import BESIDE_RECALL, Way

# Samples of the shortest stretch that is weighed by itself: a shorter one joins what comes before it. As many, next to
# where a guide is lost, only a response of a single coefficient reaches: they are such a stretch.
_SHORTEST = BESIDE_RECALL // 2


def unheard(ways: Sequence[Way], heard: Mapping[str, Heard], size: int) -> Tensor:
    """Where in a context of so many samples each way hears nothing of what it listens to, (way, size).

    Args:
        ways: all; near to where a guide is lost, longer responses give way to shorter ones.
        heard: of each kind of guides.
        size: of the context.
    """
    kinds = [(way.guide, bool(way.template)) for way in ways]
    shortest = {kind: min(way.length for way, own in zip(ways, kinds, strict=True) if own == kind) for kind in kinds}
    nothing = torch.zeros(size, dtype=torch.bool)
    return torch.stack([heard[k[0]].unheard(shortest[k], size) if k[0] in heard else nothing for k in kinds])


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


def bridged(sketches: Sequence[Sketch], ways: list[Way]) -> list[Tensor]:
    """Fill gaps as `completed` does, and what a guide lacks of one anew: what was filled from it is known beside that.

    Those that recall nothing take turns in the contexts of ways that listen to nothing, so that no two err alike.
    """
    fills = completed(list(sketches), ways)
    return [
        fill if sketch.unheard is None else _bridged(sketch, fill, ways)
        for sketch, fill in zip(sketches, fills, strict=True)
    ]


def _bridged(sketch: Sketch, fills: Tensor, ways: Sequence[Way]) -> Tensor:
    places = sketch.unknown.nonzero()[:, 0]
    places, fills = places[(places >= sketch.hole.start) & (places < sketch.hole.stop)], fills.clone()
    for row in sketch.unheard.unique(dim=0):
        if not row.any() or row.all():
            continue
        own = (sketch.unheard == row).all(-1).nonzero()[:, 0]
        listening, signal, missing = _varied([ways[i] for i in own.tolist()], ways), sketch.apart[own], sketch.unknown
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


def _varied(listening: Sequence[Way], ways: Sequence[Way]) -> list[Way]:
    contexts = [way for way in ways if way.evidence == "janssen" and way.width <= 2 * ways[0].width]
    varied = []
    for number, way in enumerate(listening):
        other = contexts[number % len(contexts)]
        own = replace(way, order=other.order, width=other.width, iterations=ways[0].iterations)
        varied.append(way if way.template else own)
    return varied


def _at(places: Tensor, size: int) -> Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[places] = True
    return mask
