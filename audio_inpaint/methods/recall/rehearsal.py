"""What was tried for a gap: the fills it could have, and how such fills did where the truth is known."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from audio_inpaint.dsp.template_search import Match
from audio_inpaint.methods.recall.islands import reach
from audio_inpaint.methods.recall.ways import Way

# The power of the inverse squared error that candidates are weighted by: all but the best one, or those alike. A lower
# one gains 0.05 dB and loses 0.01 in ODG: what is averaged is muffled.
_SHARPNESS = 8
# The same where something plays meanwhile: more is known, by candidates that err apart.
_SHARPNESS_GUIDED = 3
# Errors further below the truth (-120 dB) are equal to each other.
_EXACT = 1e-12


@dataclass(frozen=True)
class Sketch:
    """What was recalled for a gap in every way, before the rest is restored.

    Args:
        hole: the gap in its context.
        recalled: (way, channel, lost).
        rest: of the context, what is not explained, zero where that is not known, (way, channel, time).
        found: for each way its matches and their gains, (channel, match).
        guided: whether a guide was heard.
        doubt: of each way, how much worse than in rehearsal it may be, a factor of energy, (way,): how much of the
            guides in the gap their own recollection leaves over, and, of a long gap, how `unlike` it is.
        missing: what is not known of the context, (time,): the hole, if left out; less than it where gaps are so close
            that they are filled together, more where others are in the context.
        least: samples that are known at both ends of a context that has other gaps in it.
        unheard: where each way listens to a guide that is lost as well, (way, lost); None if all hear what they want.
        apart: of the context, what is not recalled, guides left out, (way, channel, time): in the hole all that is
            recalled there, negative. None where `unheard` is.
    """

    hole: slice
    recalled: Tensor
    rest: Tensor
    found: list[tuple[list[Match], Tensor]]
    guided: bool = False
    doubt: Tensor | None = None
    missing: Tensor | None = None
    least: int = 0
    unheard: Tensor | None = None
    apart: Tensor | None = None

    @property
    def unknown(self) -> Tensor:
        """What is not known of the context, (time,)."""
        if self.missing is not None:
            return self.missing
        unknown = torch.zeros(self.rest.shape[-1], dtype=torch.bool)
        unknown[self.hole] = True
        return unknown

    def known_beside(self, width: int) -> tuple[int, int]:
        """How much of the context, at most `width` samples, lies before and after the gap."""
        before, after = self.unknown[: self.hole.start].flip(0), self.unknown[self.hole.stop :]
        return reach(before, width, self.least), reach(after, width, self.least)

    def unknown_around(self, before: int, after: int) -> Tensor:
        """What is not known with so many samples before and after the gap, (time,)."""
        return self.unknown[self.hole.start - before : self.hole.stop + after]

    def without_guides(self) -> "Sketch":
        """The same where no guide is heard: it explains nothing there of what is not recalled."""
        return replace(self, guided=False, rest=self.apart.masked_fill(self.unknown, 0))

    def left(self, sizes: Sequence[int]) -> Tensor:
        """How much of the surroundings, so many samples on each side for each way, is left over, by energy, (way,)."""
        left = []
        for way, size in enumerate(sizes):
            sides = slice(max(0, self.hole.start - size), self.hole.start), slice(self.hole.stop, self.hole.stop + size)
            own, whole = (sum(float(self.rest[i][:, side].square().sum()) for side in sides) for i in (way, 0))
            left.append(max(own, _EXACT * whole) / whole if whole else 1.0)
        return self.rest.new_tensor(left)

    def around(self, before: int, after: int) -> Tensor:
        """The rest with so many samples before and after the gap, (way, channel, time)."""
        return self.rest[..., self.hole.start - before : self.hole.stop + after]


@dataclass(frozen=True)
class Trial:
    """A gap that was filled in every way, and so were gaps beside it whose truth is known: its rehearsals.

    Args:
        sketch: of the gap.
        fills: of the gap, (way, channel, lost).
        rehearsals: the same of each rehearsed gap.
        truths: what stood in each of these, (channel, lost).
        ways: in which it was filled.
        parts: of the lost samples, in each of which other guides are known, so that each has weights of its own; none
            if all are alike.
    """

    sketch: Sketch
    fills: Tensor
    rehearsals: list[Tensor]
    truths: list[Tensor]
    ways: Sequence[Way] = ()
    parts: Sequence[slice] = ()

    @cached_property
    def errors(self) -> Tensor:
        """Squared error over energy of each way, (way,): the geometric mean over the rehearsals, loud or quiet."""
        errors = [_errors(fills, truth) for fills, truth in zip(self.rehearsals, self.truths, strict=True)]
        return torch.stack(errors).log().mean(0).exp()

    @property
    def contradiction(self) -> Tensor:
        """How much worse a recollection fits the gap than its rehearsals, by energy, a factor from 1, (way,).

        What is recalled from the wrong place is no part of what the guides play, and makes them louder. That of a long
        gap leaves more of the surroundings over than it did in rehearsal.
        """
        return torch.ones_like(self.errors) if self.sketch.doubt is None else self.sketch.doubt.clamp_min(1)

    def shares(self, power: float, among: Tensor | None = None) -> Tensor:
        """Share of each way in a mix by this power of the inverse squared error, (way,): of all, or `among` some."""
        weights = -power * (self.errors * self.contradiction).log()
        return torch.softmax(weights if among is None else weights.masked_fill(~among, -torch.inf), 0)

    @cached_property
    def weights(self) -> Tensor:
        """Share of each way in the fill, (way,).

        Where guides were heard, what listens to them is one mix and all else another, as it would be without them. Both
        are rehearsed in turn. Of several `pieces` it is the mean.
        """
        if self.parts:
            size = self.fills.shape[-1]
            return sum((part.stop - part.start) / size * piece.weights for part, piece in self.pieces)
        if not self.sketch.guided:
            return self.shares(_SHARPNESS)
        listening = torch.tensor([bool(way.guide) for way in self.ways])
        mixes = torch.stack([self.shares(_SHARPNESS, ~listening), self.shares(_SHARPNESS_GUIDED, listening)])
        reached = torch.stack([self.rehearsed_snr(mix).mean() for mix in mixes])
        errors = 10 ** (-reached / 10) * (mixes @ self.contradiction.log()).exp()
        return torch.softmax(-_SHARPNESS_GUIDED * errors.log(), 0) @ mixes

    def without_guides(self) -> "Trial":
        """The same with the ways left out that listen to guides."""
        own = [number for number, way in enumerate(self.ways) if not way.guide]
        sketch = replace(self.sketch, guided=False, doubt=None)
        rehearsals = [fills[own] for fills in self.rehearsals]
        ways = [self.ways[number] for number in own]
        return replace(self, sketch=sketch, fills=self.fills[own], rehearsals=rehearsals, ways=ways, parts=())

    @cached_property
    def mix(self) -> Tensor:
        """The fill, (channel, lost)."""
        if self.parts:
            return torch.cat([piece.mix for _, piece in self.pieces], -1)
        return torch.tensordot(self.weights, self.fills, 1)

    @cached_property
    def pieces(self) -> list[tuple[slice, "Trial"]]:
        """The trials of all parts, with what of the rehearsals is as far into these; the whole if there are none."""
        size, found, listening = self.fills.shape[-1], [], [bool(way.guide) for way in self.ways]
        for part in self.parts:
            inside = [_scaled(part, size, fills.shape[-1]) for fills in self.rehearsals]
            truths = [truth[:, place] for truth, place in zip(self.truths, inside, strict=True)]
            heard = [number for number, truth in enumerate(truths) if truth.any()]
            if not heard:
                return [(slice(0, size), replace(self, parts=()))]
            own = [self.rehearsals[number][..., inside[number]] for number in heard]
            truths = [truths[number] for number in heard]
            deaf = self.sketch.unheard[:, part].any(-1)[listening].all()
            sketch = self.sketch.without_guides() if deaf else self.sketch
            found.append((part, Trial(sketch, self.fills[..., part], own, truths, self.ways)))
        return found or [(slice(0, size), self)]

    def all_in_all(self, expected: Callable[["Trial"], float]) -> float:
        """Put together what is expected of the pieces, in dB each, as if each were as loud as in rehearsal."""
        if not self.parts:
            return expected(self)
        energies = [sum(float(truth.square().sum()) for truth in piece.truths) for _, piece in self.pieces]
        noise = [10 ** (-expected(piece) / 10) for _, piece in self.pieces]
        return -10 * math.log10(sum(map(math.prod, zip(energies, noise, strict=True))) / sum(energies))

    def rehearsed_snr(self, shares: Tensor) -> Tensor:
        """dB that a mix with these shares (way,) reached on each rehearsal, (rehearsal,)."""
        mixes = [torch.tensordot(shares, fills, 1)[None] for fills in self.rehearsals]
        errors = [_errors(mix, truth) for mix, truth in zip(mixes, self.truths, strict=True)]
        return -10 * torch.cat(errors).log10()


def unlike(sketch: Sketch, rehearsed: Sequence[Sketch], sizes: Sequence[int]) -> Tensor:
    """How much more of a gap's surroundings is left over in each way than in rehearsal, (way,): geometric mean.

    Args:
        sketch: of the gap; nothing is recalled in the first way.
        rehearsed: of its rehearsals.
        sizes: samples on each side that are looked at, for each way.
    """
    there = torch.stack([one.left(sizes) for one in rehearsed])
    return sketch.left(sizes) / there.log().mean(0).exp()


def _errors(fills: Tensor, truth: Tensor) -> Tensor:
    """Squared error over energy of fills (way, channel, lost), (way,)."""
    return ((fills - truth).square().sum((1, 2)) / truth.square().sum()).clamp_min(_EXACT)


def _scaled(part: slice, size: int, other: int) -> slice:
    """The same share of so many other samples."""
    return slice(round(part.start * other / size), round(part.stop * other / size))
