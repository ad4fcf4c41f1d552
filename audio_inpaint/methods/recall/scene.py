"""One recording with its gaps: each is recalled, and rehearsed beside itself, in every way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.template_search import Match, TemplateSearch
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.burg import known_beside, model_size
from audio_inpaint.methods.explanation import DOUBTFUL, Explanation
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.recall.annex import annexed
from audio_inpaint.methods.recall.explaining import SURE, between_silence, explanation, left_to_janssen
from audio_inpaint.methods.recall.guides import CHANNELS, NEAR, Guides
from audio_inpaint.methods.recall.islands import context_beside, pattern, rehearsals_nearby, together, unknown
from audio_inpaint.methods.recall.recollection import MARGIN, recollections
from audio_inpaint.methods.recall.rehearsal import Sketch, Trial, unlike
from audio_inpaint.methods.recall.responses import Heard
from audio_inpaint.methods.recall.stretches import bridged, parts, unheard
from audio_inpaint.methods.recall.ways import (
    BESIDE_RECALL,
    Way,
    continuing_ways,
    crossing_ways,
    guided_ways,
    long_ways,
    plain_ways,
    recalling_ways,
    searching_for,
)

if TYPE_CHECKING:
    from audio_inpaint.methods.recall.recall import Recall
    from audio_inpaint.pool.excerpts import Pool

JANSSEN = Janssen()
# Of Janssen's context, what must be known on each side of a gap; with less, Janssen restores close gaps together.
_LEAST = 0.25
# Contexts that a gap may be long: the equations of every candidate grow with its square. Longer ones are recalled, too,
# and what that leaves over is continued from both sides.
_LONGEST = 2
# How often a rehearsal of guides may be halved to find a place.
_HALVED = 4
# Seconds between two matches, at least; nearer ones are one match.
_APART = 0.002


class Scene:
    """One recording with its gaps: what the restoration of each of them needs.

    Args:
        recall: the method.
        known: audio (channel, time), lost samples zero; what is cut out of it is handled in double precision.
        gap: true = lost, (time,).
        sample_rate: Hz.
        guides: what is known of other channels.
        pool: other recordings that are searched, too.
        runs: the gaps that are restored, if there is a pool.
    """

    def __init__(
        self,
        recall: Recall,
        known: Tensor,
        gap: Tensor,
        sample_rate: int,
        guides: Guides | None = None,
        pool: Pool | None = None,
        runs: Sequence[Gap] = (),
    ):
        self.recall, self.known, self.gap, self.sample_rate, self.guides = recall, known, gap, sample_rate, guides
        self.order, self.width = model_size(JANSSEN.order, JANSSEN.context, sample_rate)
        self.least = max(2, round(_LEAST * self.width))
        self.apart = max(1, round(_APART * sample_rate))
        self.reach = min(len(gap), math.ceil(min(recall.context * sample_rate, len(gap))))
        plain = plain_ways(recall.contexts, self.order, self.width, JANSSEN.iterations, sample_rate)
        names = guides.names if guides else ()
        guided = guided_ways(names, recall.responses, recall.templates, self.order, self.width)
        self.ways = plain + recalling_ways(recall.templates, self.order, self.width) + guided
        self.continuing_ways = continuing_ways(guided, self.order, self.width)
        self.long_ways = self.continuing_ways + long_ways(recall.long_templates, self.order, self.width)
        self.sizes = {seconds: min(self.width, round(seconds * sample_rate)) for seconds in (0.0, *recall.templates)}
        longest = max(map(len, self.problems(mask_gaps(gap))))
        if self.is_long(longest):
            self.sizes |= {template: round(template * sample_rate) for template in recall.long_templates}
        self.widest = max(way.width for way in self.ways)
        excerpts = []
        if pool is not None:
            beside = max(2 * self.width, *self.sizes.values()) + MARGIN
            excerpts = pool.excerpts(known, gap, self.sought(runs), beside, sample_rate)
        self.material = annexed(known, gap, excerpts, max(self.widest, *self.sizes.values()) + MARGIN)
        longest += 2 * max(self.sizes.values())
        self.search = TemplateSearch(self.material.audio, self.material.gap, sample_rate, longest)

    def sought(self, runs: Sequence[Gap]) -> list[Gap]:
        """Gaps and where they are rehearsed: all of these are sought in a pool, so that rehearsals are no worse off."""
        places: dict[Gap, None] = {}
        for run in self.problems(runs):
            places.update(dict.fromkeys([run, *self.rehearsals(run)]))
        return list(places)

    def problems(self, runs: Sequence[Gap]) -> list[Gap]:
        """Join gaps that are too close for each to have surroundings of its own."""
        return together(runs, self.least, _LONGEST * self.width)

    def restore(self, run: Gap) -> tuple[np.ndarray | None, Explanation]:
        """Fill one gap, or what is lost of some that are close, (channel, lost); None leaves it to Janssen."""
        trial = self.trial(run)
        expected = self.recall.expected(self, run, trial)
        if trial is None:
            silent = expected is None and between_silence(self.known, self.gap, run, len(run) + self.width)
            return None, left_to_janssen(run, SURE if silent else expected)
        return self.recall.finished(self, run, trial).numpy(), explanation(self, run, trial, expected)

    def trial(self, run: Gap) -> Trial | None:
        """Fill a gap in every way, and those rehearsed beside it; None if nothing is like it or can be rehearsed."""
        heard = self.guides is not None and self.guides.any_known_in_part(run)
        long, inside = self.is_long(len(run)), self.has_surroundings(run)
        places = self.rehearsals(run, heard) if inside or heard else []
        if heard and not places:
            heard, places = False, self.rehearsals(run) if inside else []
        ways = (self.long_ways if long else self.ways) if inside else self.continuing_ways
        if not heard:
            ways = [way for way in ways if not way.guide]
        before, after = slice(max(0, run.start - self.width), run.start), slice(run.stop, run.stop + self.width)
        crowded = bool(self.gap[before].any() or self.gap[after].any())
        if inside and not long:
            shortest = min(self.recall.templates)
            # What is far off tells little of a click, and nothing where it is full of holes.
            ways = searching_for(shortest, ways) if crowded or len(run) < self.sizes[shortest] else ways
            ways = ways + crossing_ways(self.order, self.width, JANSSEN.iterations) * crowded
        truths = [
            self.known[:, place.start : place.stop][:, pattern(self.gap, run, place)].double() for place in places
        ]
        audible = [number for number, truth in enumerate(truths) if truth.any()]
        if not audible:
            return None
        within = Gap(max(0, run.start - self.reach), min(len(self.gap), run.stop + self.reach))
        sketch = self.sketch(run, within, ways)
        if not sketch.guided and not any(matches for matches, _ in sketch.found):
            return None
        sides = run.start > 0, run.stop < len(self.gap)
        rehearsed = [self.sketch(places[number], within, ways, sides, run) for number in audible]
        fills, *rehearsals = bridged([sketch, *rehearsed], ways)
        if long:
            doubt = sketch.doubt * unlike(sketch, rehearsed, [self.sizes[way.fitted] for way in ways])
            sketch = replace(sketch, doubt=doubt)
        truths = [truths[number] for number in audible]
        trial = Trial(sketch, fills, rehearsals, truths, ways, parts(sketch.unheard, ways))
        # Of a long gap nothing is recalled unless more of it is right than wrong: chance has many tries at a second.
        wrong = float((trial.errors * trial.contradiction).min()) > 10 ** (-DOUBTFUL / 10)
        return None if long and wrong and not sketch.guided else trial

    def is_long(self, size: int) -> bool:
        """Whether a gap of so many samples is too long to be interpolated in every way."""
        return size > _LONGEST * self.width

    def surroundings(self, run: Gap, width: int) -> tuple[int, int]:
        """How many samples, at most `width`, are known before and after a gap."""
        return known_beside(self.gap, run, width)

    def has_surroundings(self, run: Gap) -> bool:
        """Whether enough is known on both sides."""
        return min(self.surroundings(run, self.least)) >= self.least

    def rehearsals(self, run: Gap, heard: bool = False) -> list[Gap]:
        """Gaps of the same length before and after a gap: known, and no nearer than a context, so that all differs.

        Args:
            run: the gap.
            heard: whether guides must be known as well; they can be judged by less than a long gap.
        """
        size = run.stop - run.start
        for halved in range(1 + _HALVED * heard):
            places = list(filter(None, (self.rehearsal(run, side, size >> halved, heard) for side in (-1, 1))))
            if places or size >> halved <= self.width:
                break
        places = places or rehearsals_nearby(self.gap, run, self.width, self.least, self.reach)
        return [place for place in places if not heard or self.guides.any_known(place)]

    def rehearsal(self, run: Gap, side: int, size: int, heard: bool) -> Gap | None:
        """The nearest gap of a length that can be rehearsed before (-1) or after (1) a gap."""
        for step in range(5):
            apart = (max(self.sizes.values()) if self.is_long(size) else self.width) + step * self.least
            start = run.stop + apart if side > 0 else run.start - apart - size
            place = Gap(start, start + size)
            if start < 0 or place.stop > len(self.gap):
                return None
            known = not self.gap[start : place.stop].any() and self.has_surroundings(place)
            if known and (not heard or self.guides.any_known(place)):
                return place
        return None

    def sketch(
        self,
        run: Gap,
        within: Gap,
        ways: list[Way] | None = None,
        sides: tuple[bool, bool] = (True, True),
        model: Gap | None = None,
    ) -> Sketch:
        """Recall a gap, or a rehearsed one, in several ways.

        Args:
            run: the gap.
            within: the part of the recording that is searched.
            ways: all of the scene's if left out.
            sides: whether what comes before it, and after it, is looked at.
            model: the gap that it rehearses.
        """
        ways = self.ways if ways is None else ways
        widest = max(self.widest, *(max(way.width, self.sizes[way.template]) for way in ways))
        wide, missing = unknown(self.gap, run, model or run, widest, self.least)
        beside = missing[: run.start - wide.start].flip(0), missing[run.stop - wide.start :]
        sizes = [context_beside(each, widest, self.width, self.least) for each in beside]
        before, after = (size * side for size, side in zip(sizes, sides, strict=True))
        context, hole = Gap(run.start - before, run.stop + after), slice(before, before + run.stop - run.start)
        missing = missing[context.start - wide.start : context.stop - wide.start]
        target = self.known[:, context.start : context.stop].to(torch.float64, copy=True)
        target[:, missing] = 0
        rest = target.repeat(len(ways), 1, 1)
        found, doubt = [([], target.new_zeros(len(target), 0))] * len(ways), target.new_ones(len(ways))
        guides = self.guides and self.guides.rehearsing(model or run, run)
        heard = self.predict(guides, run, context, sides, ways, rest)
        lost = unheard(ways, heard, len(context))[:, hole][:, missing[hole]]
        alone = target.repeat(len(ways), 1, 1) if lost.any() else None
        for template in dict.fromkeys(way.template for way in ways if way.template):
            own = [number for number, way in enumerate(ways) if way.template == template]
            wide = max(self.sizes[template], *(ways[number].width for number in own))
            near = Gap(run.start - min(before, wide), run.stop + min(after, wide))
            matches = self.matches(run, near, within, self.sizes[template], model or run)
            if not matches:
                continue
            inner = slice(near.start - context.start, near.stop - context.start)
            signal = target[:, inner], missing[inner], {k: one.cut(inner, len(context)) for k, one in heard.items()}
            told = self.recollected(guides, run, near, matches, [ways[number] for number in own], *signal)
            for number, (total, said, gains, left) in zip(own, told, strict=True):
                rest[number][:, inner] -= total + said
                found[number], doubt[number] = (matches, gains), left
                if alone is not None:
                    alone[number][:, inner] -= total
        recalled = -rest[..., hole][..., missing[hole]]
        rest[..., missing] = 0
        partly = () if alone is None else (lost, alone)
        return Sketch(hole, recalled, rest, found, bool(heard), doubt, missing, self.least, *partly)

    def recollected(
        self,
        guides: Guides | None,
        run: Gap,
        near: Gap,
        matches: list[Match],
        ways: list[Way],
        target: Tensor,
        lost: Tensor,
        heard: Mapping[str, Heard],
    ) -> Iterator[tuple[Tensor, Tensor | float, Tensor, float]]:
        """Add up matches in several ways, with what guides play besides.

        Args:
            guides: those that may be heard.
            run: the gap.
            near: its context.
            matches: segments that are like it.
            ways: that search for the same template.
            target: of the context, (channel, time), lost samples zero.
            lost: of the context, (time,).
            heard: of the context, by the kind of guides.

        Yields:
            the sum and what guides say besides, (channel, time), the gains, (channel, match), and how much of the other
            channels theirs leave over.
        """
        sizes = list(dict.fromkeys(self.sizes[way.fitted] for way in ways))
        about = run, near, sizes, self.sample_rate
        sums = recollections(self.material.audio, self.material.gap, matches, *about, lost)
        others = heard.get(CHANNELS) if any(way.guide for way in ways) else None
        besides = guides.besides(others, matches, *about) if others else []
        for way in ways:
            number = sizes.index(self.sizes[way.fitted])
            (total, gains), said = sums[number], 0.0
            if way.guide in heard:
                [said] = besides[number].predictions(target - total, lost_in(near, run), [way.length])
            yield total, said, gains, besides[number].share(others, run, near) if others else 1.0

    def predict(
        self, guides: Guides | None, run: Gap, context: Gap, sides: tuple[bool, bool], ways: list[Way], rest: Tensor
    ) -> dict[str, Heard]:
        """Predict a gap and its context from its guides alone, in the ways that do, and return what was heard of them.

        Args:
            guides: those that may be heard.
            run: the gap.
            context: from the first to the last sample around it that is predicted.
            sides: as `sketch` has them.
            ways: of filling it.
            rest: of the context, (way, channel, time): what is predicted is taken from it.
        """
        names = dict.fromkeys(way.guide for way in ways if way.guide)
        near = [round(NEAR * self.sample_rate) * side for side in sides]
        first, last = min(context.start, run.start - near[0]), max(context.stop, run.stop + near[1])
        span, found = Gap(max(0, first), min(len(self.gap), last)), {}
        lost = self.gap[span.start : span.stop] | lost_in(span, run)
        target = self.known[:, span.start : span.stop].double().masked_fill(lost, 0)
        inner = slice(context.start - span.start, context.stop - span.start)
        for name in names:
            own = [number for number, way in enumerate(ways) if way.guide == name and not way.template]
            lengths = [ways[number].length for number in own]
            longest = max(*lengths, BESIDE_RECALL)
            if heard := guides.heard(name, longest, target, lost, span, run, self.sample_rate):
                rest[own] -= heard.predictions(target, lost, lengths)[..., inner]
                found[name] = heard.cut(inner, len(span))
        return found

    def matches(self, run: Gap, context: Gap, within: Gap, size: int, model: Gap) -> list[Match]:
        """Find the segments that are like a gap's surroundings and have a whole context.

        Those of another recording that lack what would be heard for the gap itself are none for its rehearsals either.
        """
        span = Gap(max(context.start, run.start - size), min(context.stop, run.stop + size))
        found, count = [], self.recall.matches
        # A clock of its own puts a passage between two samples of the search rate, where the neighbouring periods of a
        # high tone score higher: more of them are placed to the sample before the best is chosen.
        for place, most, apart in ((within, count, self.apart), (self.material.span, 4 * count, 1 + self.apart // 8)):
            lags = place.start - context.start + MARGIN, place.stop - context.stop - MARGIN
            found += self.search(span, run, lags, most, apart)
        kept: list[Match] = []
        for match in sorted(found, key=lambda match: (-match.score, match.lag)):
            whole = self.material.holds(context.moved(match.lag), model.moved(match.lag))
            whole = whole and not any(self.material.lacks(place.moved(match.lag)) for place in (run, model))
            if whole and len(kept) < count and all(abs(match.lag - other.lag) >= self.apart for other in kept):
                kept.append(match)
        return kept


def lost_in(context: Gap, run: Gap) -> Tensor:
    """Return the mask (time,) of a gap in its context."""
    return gap_mask([Gap(run.start - context.start, run.stop - context.start)], context.stop - context.start)[0]
