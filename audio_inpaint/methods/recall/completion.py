"""What several ways of filling a gap make of it: what each recalled, and Janssen's interpolation of the rest."""

from dataclasses import replace

import torch
from torch import Tensor

from audio_inpaint.dsp.autoregressive import interpolate
from audio_inpaint.dsp.fast_burg import fast_burg
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.burg import SHORTEST, fill_from_sides, loudest
from audio_inpaint.methods.janssen import scaled_down
from audio_inpaint.methods.recall.islands import shortest_island
from audio_inpaint.methods.recall.rehearsal import Sketch
from audio_inpaint.methods.recall.ways import Way


def completed(sketches: list[Sketch], ways: list[Way]) -> list[Tensor]:
    """Add to what was recalled what Janssen's interpolation makes of the rest: (way, channel, lost) each."""
    fills = [sketch.recalled.clone() for sketch in sketches]
    kinds = [replace(way, template=0.0, fitted=0.0, guide="", length=1) for way in ways]
    for kind in dict.fromkeys(kinds):
        own = [i for i, other in enumerate(kinds) if other == kind]
        known = [sketch.known_beside(kind.width) for sketch in sketches]
        masks = [sketch.unknown_around(*sides) for sketch, sides in zip(sketches, known, strict=True)]
        shapes = [(*sides, mask.numpy().tobytes()) for sides, mask in zip(known, masks, strict=True)]
        for before, after, shape in dict.fromkeys(shapes):
            alike = [i for i, other in enumerate(shapes) if other == (before, after, shape)]
            rest, lost = torch.stack([sketches[i].around(before, after)[own] for i in alike]), masks[alike[0]]
            hole, order = slice(before, rest.shape[-1] - after), max(1, min(kind.order, before // 2, after // 2))
            if kind.continues:
                rest[..., hole][..., lost[hole]] = torch.stack([fills[i][:1] for i in alike])
            if kind.iterations:
                order = min(order, shortest_island(lost, hole))
                completions = interpolated(rest.flatten(0, -2), lost, hole, order, kind.iterations)
            else:
                completions = continued(rest.flatten(0, -2), hole, kind.order)[:, lost[hole]]
            for i, completion in zip(alike, completions.unflatten(0, rest.shape[:-1]), strict=True):
                fills[i][own] = sketches[i].recalled[own] + completion
    return fills


def continued(x: Tensor, hole: slice, order: int) -> Tensor:
    """Fill the same hole of several signals (signal, time) from its sides, (signal, lost), at an end from one alone."""
    lost = torch.zeros(x.shape[-1], dtype=torch.bool)
    lost[hole] = True
    run = Gap(hole.start, hole.stop)
    if max(run.start, len(lost) - run.stop) < SHORTEST:
        return x[:, hole]
    return fill_from_sides(x, lost, run, order, len(lost))


def interpolated(x: Tensor, lost: Tensor, hole: slice, order: int, iterations: int) -> Tensor:
    """Fill what several signals (signal, time) lost as `Janssen` does, and return what of it is in a hole."""
    x, places = x.clone(), lost.nonzero()[:, 0]
    limit = loudest(x.masked_fill(lost, 0))
    for _ in range(iterations):
        x[:, places] = interpolate(x, lost, fast_burg(x, order))
    return scaled_down(x[:, hole][:, lost[hole]], limit)
