"""Recall: what a recording plays again elsewhere fills its gaps, and Janssen's interpolation restores what is left.

Autoregressive methods know a tenth of a second around a gap; loops, samples and re-struck notes repeat themselves,
often to the sample, anywhere in the file. The method is the package's own (docs/recall.md).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.template_search import Match, TemplateSearch
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.burg import known_run, model_size
from audio_inpaint.methods.contract import alike, of_channels, silenced
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.methods.fill_level import missing_octaves
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.options import Context, Count, Range, Seconds, checked
from audio_inpaint.methods.recall.completion import completed
from audio_inpaint.methods.recall.explaining import explanation, left_to_janssen
from audio_inpaint.methods.recall.guides import NEAR, Guides, Heard, guides_of
from audio_inpaint.methods.recall.islands import context_beside, pattern, rehearsals_elsewhere, together, unknown
from audio_inpaint.methods.recall.recollection import MARGIN, recollection
from audio_inpaint.methods.recall.rehearsal import Sketch, Trial
from audio_inpaint.methods.recall.ways import (
    BESIDE_RECALL,
    Way,
    continuing_ways,
    crossing_ways,
    guided_ways,
    plain_ways,
    recalling_ways,
)

_JANSSEN = Janssen()
# Of Janssen's context, what must be known on each side of a gap; with less, Janssen restores close gaps together.
_LEAST = 0.25
# Contexts that a gap may be long: the equations of every candidate grow with its square.
_LONGEST = 2
# How often a rehearsal of guides may be halved to find a place.
_HALVED = 4
# Seconds between two matches, at least; nearer ones are one match.
_APART = 0.002
# Samples that are looked at to see whether a recording is silent: most are not from the start.
_GLANCE = 2**16


@checked
@dataclass(frozen=True)
class Recall:
    """Restore each gap from those segments of the recording whose surroundings are like its own.

    1. The segments are found by normalised cross-correlation of what surrounds the gap, all channels together.
    2. Their gains are fitted together, by ridge regression, to the surroundings.
    3. Of their sum those bands are kept that the surroundings have in common with it.
    4. Janssen's interpolation restores what this leaves over.
    5. This is done with several templates, and without any, which is `Janssen`, there with several contexts. All these
       candidates are rehearsed on gaps of the same length cut beside the real one, whose truth is known, and mixed by
       the errors they made there.

    A gap at an end of the recording, one longer than two of Janssen's contexts (0.26 s at 16 kHz), one with too little
    known around it and one that nothing is like are left to `Janssen`.

    Args:
        templates: seconds of the surroundings that are compared on each side, one search each.
        contexts: of the candidates without recall, in Janssen's contexts, the first being 1, his own: sound that
            changes wants short ones.
        matches: segments that are added up, at most.
        responses: odd numbers of coefficients by which a lost channel is predicted from the others.
        context: seconds searched on each side of a gap.

    Raises:
        ValueError: an option is out of range, there are no templates, or contexts do not begin with 1.
    """

    templates: tuple[Seconds, ...] = (0.032, 0.064, 0.128)
    contexts: tuple[Annotated[float, Range(0.05, 10)], ...] = (1.0, 1.5, 2.0, 0.5, 0.25, 0.1875)
    matches: Count = 16
    responses: tuple[Count, ...] = (1, 33, 129)
    context: Context = 180.0

    def __post_init__(self):
        if not self.templates:
            raise ValueError("templates are one length at least, such as [0.064]")
        if not self.contexts or self.contexts[0] != 1:
            raise ValueError("contexts begin with 1, Janssen's own")

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return self.explain(audio, gap, sample_rate, mask_gaps(gap))[0]

    @torch.no_grad()
    def explain(
        self,
        audio: Tensor,
        gap: Tensor,
        sample_rate: int,
        wanted: Sequence[Gap],
        references: Mapping[int, str] | None = None,
    ) -> tuple[Tensor, list[Explanation]]:
        """Restore audio (channel, time) where gap (channel, time) is true, and tell what the wanted gaps were made of.

        Channels that lost the same samples are restored together, and all others listened to. The gaps that are not
        wanted stay zero.

        Args:
            audio: (channel, time).
            gap: (channel, time).
            sample_rate: Hz.
            wanted: the gaps to explain.
            references: channels that are other recordings of the same sound, in time with it, with the names of this
                evidence in an explanation: they are listened to, never restored.
        """
        known, output, explanations, references = silenced(audio, gap), None, [], references or {}
        for channels, lost in alike(gap):
            channels = [channel for channel in channels if channel not in references]
            own = of_channels(wanted, channels)
            if len(channels) == len(audio):  # without copies: this is the usual case, and recordings are long
                return self.restore(known, lost, sample_rate, own)
            if not channels:
                continue
            output = known.clone() if output is None else output
            guides = guides_of(known, gap, channels, references)
            output[channels], told = self.restore(known[channels], lost, sample_rate, own, guides)
            explanations += [one.of_channel(*pair) for one in told for pair in enumerate(channels)]
        return audio.clone() if output is None else output, explanations

    def restore(
        self, audio: Tensor, gap: Tensor, sample_rate: int, wanted: Sequence[Gap], guides: Guides | None = None
    ) -> tuple[Tensor, list[Explanation]]:
        """Restore channels that lost the same samples, gap (time,), and explain the wanted gaps in order.

        Gaps are spread over as many processes as torch uses threads.
        """
        known, lost, runs = audio.cpu(), gap.cpu().clone(), mask_gaps(gap)
        runs = [run for run in runs if any(run.start < one.stop and one.start < run.stop for one in wanted)]
        if not runs or not any(part.any() for part in known.split(_GLANCE, -1)):
            return known.clone().to(audio), [left_to_janssen(run) for run in runs]
        with one_thread() as cores:
            scene = Scene(self, known, lost, sample_rate, guides)
            problems = scene.problems(runs)
            restored = on_cores(scene.restore, problems, cores)
            filled, left = known.clone(), []
            for problem, (fill, _) in zip(problems, restored, strict=True):
                if fill is None:
                    left.append(problem)
                    continue
                place = slice(problem.start, problem.stop)
                filled[:, place][:, lost[place]] = torch.from_numpy(fill).to(filled)
                lost[place] = False
            for place in neighbourhoods(left, len(gap), sample_rate):
                filled[:, place] = _JANSSEN.restore(filled[:, place], lost[place], sample_rate)
            self.finish(filled, gap.cpu(), left, sample_rate)
        explanations = [
            replace(told.about(run), missing=missing_octaves(filled, run, gap.cpu(), sample_rate))
            for problem, (_, told) in zip(problems, restored, strict=True)
            for run in runs
            if problem.start <= run.start < problem.stop
        ]
        return filled.to(audio), explanations

    def expected(self, scene: "Scene", run: Gap, trial: Trial | None) -> float | None:
        """Expect of a fill, in dB, what the same mix reached on the rehearsals; None if there was no trial."""
        return None if trial is None else float(trial.rehearsed_snr(trial.weights).mean())

    def finished(self, scene: "Scene", run: Gap, trial: Trial) -> Tensor:
        """Take the fill, (channel, lost), as it is."""
        return trial.mix

    def finish(self, filled: Tensor, gap: Tensor, runs: list[Gap], sample_rate: int) -> None:
        """Leave as they are the gaps that Janssen filled, in audio (channel, time)."""


class Scene:
    """One recording with its gaps: what the restoration of each of them needs.

    Args:
        recall: the method.
        known: audio (channel, time), lost samples zero; what is cut out of it is handled in double precision.
        gap: true = lost, (time,).
        sample_rate: Hz.
        guides: what is known of other channels.
    """

    def __init__(self, recall: Recall, known: Tensor, gap: Tensor, sample_rate: int, guides: Guides | None = None):
        self.recall, self.known, self.gap, self.sample_rate, self.guides = recall, known, gap, sample_rate, guides
        self.order, self.width = model_size(_JANSSEN.order, _JANSSEN.context, sample_rate)
        self.least = max(2, round(_LEAST * self.width))
        self.apart = max(1, round(_APART * sample_rate))
        self.reach = min(len(gap), math.ceil(min(recall.context * sample_rate, len(gap))))
        plain = plain_ways(recall.contexts, self.order, self.width, _JANSSEN.iterations, sample_rate)
        names = guides.names if guides else ()
        guided = guided_ways(names, recall.responses, recall.templates, self.order, self.width)
        self.ways = plain + recalling_ways(recall.templates, self.order, self.width) + guided
        self.continuing_ways = continuing_ways(guided, self.order, self.width)
        self.widest = max(way.width for way in self.ways)
        self.sizes = {way.template: min(self.width, round(way.template * sample_rate)) for way in self.ways}
        longest = max(map(len, self.problems(mask_gaps(gap)))) + 2 * max(self.sizes.values())
        self.search = TemplateSearch(known, gap, sample_rate, longest)

    def problems(self, runs: Sequence[Gap]) -> list[Gap]:
        """Join gaps that are too close for each to have surroundings of its own."""
        return together(runs, self.least, _LONGEST * self.width)

    def restore(self, run: Gap) -> tuple[np.ndarray | None, Explanation]:
        """Fill one gap, or what is lost of some that are close, (channel, lost); None leaves it to Janssen."""
        trial = self.trial(run)
        expected = self.recall.expected(self, run, trial)
        if trial is None:
            return None, left_to_janssen(run, expected)
        return self.recall.finished(self, run, trial).numpy(), explanation(run, trial, expected)

    def trial(self, run: Gap) -> Trial | None:
        """Fill a gap in every way, and those rehearsed beside it; None if nothing is like it or can be rehearsed."""
        ways = self.ways if run.stop - run.start <= _LONGEST * self.width and self.has_surroundings(run) else []
        heard = self.guides is not None and self.guides.any_known(run)
        places = self.rehearsals(run, heard) if ways or heard else []
        if heard and not places:
            heard, places = False, self.rehearsals(run) if ways else []
        if not heard:
            ways = [way for way in ways if not way.guide]
        before, after = slice(max(0, run.start - self.width), run.start), slice(run.stop, run.stop + self.width)
        if ways and (self.gap[before].any() or self.gap[after].any()):
            ways = ways + crossing_ways(self.order, self.width, _JANSSEN.iterations)
        ways = ways or self.continuing_ways
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
        fills, *rehearsals = completed([sketch, *rehearsed], ways)
        return Trial(sketch, fills, rehearsals, [truths[number] for number in audible], ways)

    def surroundings(self, run: Gap, width: int) -> tuple[int, int]:
        """How many samples, at most `width`, are known before and after a gap."""
        return known_run(self.gap[: run.start], width), known_run(self.gap[run.stop :].flip(0), width)

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
        return places or ([] if heard else rehearsals_elsewhere(self.gap, run, self.width, self.least, self.reach))

    def rehearsal(self, run: Gap, side: int, size: int, heard: bool) -> Gap | None:
        """The nearest gap of a length that can be rehearsed before (-1) or after (1) a gap."""
        for step in range(5):
            apart = self.width + step * self.least
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
        widest = max(self.widest, *(way.width for way in ways))
        wide, missing = unknown(self.gap, run, model or run, widest)
        beside = missing[: run.start - wide.start].flip(0), missing[run.stop - wide.start :]
        sizes = [context_beside(each, widest, self.width, self.least) for each in beside]
        before, after = (size * side for size, side in zip(sizes, sides, strict=True))
        context, hole = Gap(run.start - before, run.stop + after), slice(before, before + run.stop - run.start)
        missing = missing[context.start - wide.start : context.stop - wide.start]
        target = self.known[:, context.start : context.stop].to(torch.float64, copy=True)
        target[:, missing] = 0
        recalled, found, searched = torch.zeros(len(ways), *target.shape, dtype=target.dtype), [], {}
        heard = self.predict(run, context, sides, ways, recalled)
        unlike = {}
        for sum_of_matches, way in zip(recalled, ways, strict=True):
            matches, gains = [], target.new_zeros(len(target), 0)
            if way.template:
                near = Gap(run.start - min(before, way.width), run.stop + min(after, way.width))
                if way.template not in searched:  # all that recall have the same width
                    searched[way.template] = self.matches(run, near, within, self.sizes[way.template])
                matches = searched[way.template]
            if matches:
                inner, size = slice(near.start - context.start, near.stop - context.start), self.sizes[way.template]
                signal = self.known, self.gap, run, near
                total, gains = recollection(*signal, matches, size, self.sample_rate, missing[inner])
                if way.guide in heard:
                    whole = heard[way.guide].cut(inner)
                    besides = self.guides.besides(whole, matches, run, near, size, self.sample_rate)
                    unlike[way.template] = besides.share(whole, run, near)
                    total += besides.predictions(target[:, inner] - total, lost_in(near, run), [way.length])[0]
                sum_of_matches[:, inner] = total
            found.append((matches, gains))
        rest = target - recalled
        rest[..., missing] = 0
        recalled = recalled[..., hole][..., missing[hole]]
        doubt = target.new_tensor([unlike.get(way.template, 1.0) for way in ways])
        return Sketch(hole, recalled, rest, found, bool(heard), doubt, missing, self.least)

    def predict(
        self, run: Gap, context: Gap, sides: tuple[bool, bool], ways: list[Way], predicted: Tensor
    ) -> dict[str, Heard]:
        """Predict a gap and its context from its guides alone, in the ways that do, and return what was heard of them.

        Args:
            run: the gap.
            context: from the first to the last sample around it that is predicted.
            sides: as `sketch` has them.
            ways: of filling it.
            predicted: (way, channel, time) of the context, written to.
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
            if heard := self.guides.heard(name, longest, target, lost, span, run, self.sample_rate):
                predicted[own] = heard.predictions(target, lost, lengths)[..., inner]
                found[name] = heard.cut(inner)
        return found

    def matches(self, run: Gap, context: Gap, within: Gap, size: int) -> list[Match]:
        """Find the segments that are like a gap's surroundings and have a whole context."""
        span = Gap(max(context.start, run.start - size), min(context.stop, run.stop + size))
        lags = within.start - context.start + MARGIN, within.stop - context.stop - MARGIN
        return self.search(span, run, lags, self.recall.matches, self.apart)


def lost_in(context: Gap, run: Gap) -> Tensor:
    """Return the mask (time,) of a gap in its context."""
    return gap_mask([Gap(run.start - context.start, run.stop - context.start)], context.stop - context.start)[0]


def neighbourhoods(runs: list[Gap], length: int, sample_rate: int) -> list[slice]:
    """Cut out what Janssen looks at, gaps together that share some of it: all that he is given he copies as doubles."""
    width = model_size(_JANSSEN.order, _JANSSEN.context, sample_rate)[1]
    near = [Gap(max(0, run.start - width), min(length, run.stop + width)) for run in runs]
    return [slice(part.start, part.stop) for part in mask_gaps(gap_mask(near, length)[0])]
