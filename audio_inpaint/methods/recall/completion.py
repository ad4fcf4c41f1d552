"""What several ways of filling a gap make of it: what each recalled, and Janssen's interpolation of the rest."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from audio_inpaint.dsp.autoregressive import interpolate
from audio_inpaint.dsp.fast_burg import fast_burg
from audio_inpaint.methods.burg import loudest
from audio_inpaint.methods.janssen import scaled_down
from audio_inpaint.methods.recall.rehearsal import Sketch


@dataclass(frozen=True)
class Way:
    """One way to fill a gap.

    Args:
        template: seconds of the surroundings compared on each side; 0 recalls nothing.
        order: of the model of what is left over.
        width: samples of context on each side that the model is fitted to.
        iterations: of fit and interpolation.
        continues: whether these start from the fill of the first way, not from zeros.
    """

    template: float
    order: int
    width: int
    iterations: int
    continues: bool = False


def completed(sketches: list[Sketch], ways: list[Way]) -> list[Tensor]:
    """Add to what was recalled what Janssen's interpolation makes of the rest: (way, channel, lost) each."""
    fills = [sketch.recalled.clone() for sketch in sketches]
    kinds = [replace(way, template=0.0) for way in ways]
    for kind in dict.fromkeys(kinds):
        own = [i for i, other in enumerate(kinds) if other == kind]
        known = [sketch.known_beside(kind.width) for sketch in sketches]
        for before, after in dict.fromkeys(known):
            alike = [i for i, other in enumerate(known) if other == (before, after)]
            rest = torch.stack([sketches[i].around(before, after)[own] for i in alike])
            hole, order = slice(before, rest.shape[-1] - after), min(kind.order, before // 2, after // 2)
            if kind.continues:
                rest[..., hole] = torch.stack([fills[i][:1] for i in alike])
            completions = interpolated(rest.flatten(0, -2), hole, order, kind.iterations)
            for i, completion in zip(alike, completions.unflatten(0, rest.shape[:-1]), strict=True):
                fills[i][own] = sketches[i].recalled[own] + completion
    return fills


def interpolated(x: Tensor, hole: slice, order: int, iterations: int) -> Tensor:
    """Fill the same hole of several signals (signal, time) as `Janssen` does, and return the fills (signal, lost)."""
    x, lost = x.clone(), torch.zeros(x.shape[-1], dtype=torch.bool)
    lost[hole] = True
    limit = loudest(x[:, ~lost])
    for _ in range(iterations):
        x[:, hole] = interpolate(x, lost, fast_burg(x, order))
    return scaled_down(x[:, hole], limit)
