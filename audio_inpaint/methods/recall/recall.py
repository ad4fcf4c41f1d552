"""Recall: what a recording plays again elsewhere fills its gaps, and Janssen's interpolation restores what is left.

Autoregressive methods know a tenth of a second around a gap; loops, samples and re-struck notes repeat themselves,
often to the sample, anywhere in the file. The method is the package's own (docs/recall.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.template_search import Match, TemplateSearch
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.burg import known_run, model_size
from audio_inpaint.methods.contract import alike, of_channels, silenced
from audio_inpaint.methods.explanation import Explanation, Source
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.options import Context, Count, Range, Seconds, checked
from audio_inpaint.methods.recall.completion import Way, completed
from audio_inpaint.methods.recall.recollection import MARGIN, recollection
from audio_inpaint.methods.recall.rehearsal import Sketch, Trial

_JANSSEN = Janssen()
# Of Janssen's context, what must be known on each side of a gap; with less, Janssen restores close gaps together.
_LEAST = 0.25
# Contexts that a gap may be long: the equations of every candidate grow with its square.
_LONGEST = 2
# Seconds between two matches, at least; nearer ones are one match.
_APART = 0.002
# Up to this rate there is time for all contexts; above it, for the first two.
_UNHURRIED = 16000
# Iterations of Janssen's interpolation where something was recalled: the second is worth nothing there.
_AFTER_RECALL = 1


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
        context: seconds searched on each side of a gap.

    Raises:
        ValueError: an option is out of range, there are no templates, or contexts do not begin with 1.
    """

    templates: tuple[Seconds, ...] = (0.032, 0.064, 0.128)
    contexts: tuple[Annotated[float, Range(0.05, 10)], ...] = (1.0, 1.5, 2.0, 0.5, 0.25, 0.1875)
    matches: Count = 16
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
        self, audio: Tensor, gap: Tensor, sample_rate: int, wanted: Sequence[Gap]
    ) -> tuple[Tensor, list[Explanation]]:
        """Restore audio (channel, time) where gap (channel, time) is true, and tell what the wanted gaps were made of.

        Channels that lost the same samples are restored together. The gaps that are not wanted stay zero.
        """
        known, output, explanations = silenced(audio, gap), None, []
        for channels, lost in alike(gap):
            own = of_channels(wanted, channels)
            if len(channels) == len(audio):  # without copies: this is the usual case, and recordings are long
                return self.restore(known, lost, sample_rate, own)
            output = known.clone() if output is None else output
            output[channels], told = self.restore(known[channels], lost, sample_rate, own)
            explanations += [one.of_channel(*pair) for one in told for pair in enumerate(channels)]
        return audio.clone() if output is None else output, explanations

    def restore(
        self, audio: Tensor, gap: Tensor, sample_rate: int, wanted: Sequence[Gap]
    ) -> tuple[Tensor, list[Explanation]]:
        """Restore channels that lost the same samples, gap (time,), and explain the wanted gaps in order.

        Gaps are spread over as many processes as torch uses threads.
        """
        known, lost, runs = audio.cpu(), gap.cpu().clone(), mask_gaps(gap)
        runs = [run for run in runs if any(run.start < one.stop and one.start < run.stop for one in wanted)]
        if not runs or not known.any():
            return known.clone().to(audio), [left_to_janssen(run) for run in runs]
        with one_thread() as cores:
            restored = on_cores(Scene(self, known, lost, sample_rate).restore, runs, cores)
            filled, left = known.clone(), []
            for run, (fill, _) in zip(runs, restored, strict=True):
                if fill is None:
                    left.append(run)
                    continue
                filled[:, run.start : run.stop], lost[run.start : run.stop] = torch.from_numpy(fill), False
            for place in neighbourhoods(left, len(gap), sample_rate):
                filled[:, place] = _JANSSEN.restore(filled[:, place], lost[place], sample_rate)
            self.finish(filled, gap.cpu(), left, sample_rate)
        return filled.to(audio), [explanation for _, explanation in restored]

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
    """

    def __init__(self, recall: Recall, known: Tensor, gap: Tensor, sample_rate: int):
        self.recall, self.known, self.gap, self.sample_rate = recall, known, gap, sample_rate
        self.order, self.width = model_size(_JANSSEN.order, _JANSSEN.context, sample_rate)
        self.least = max(2, round(_LEAST * self.width))
        self.apart = max(1, round(_APART * sample_rate))
        self.reach = min(len(gap), math.ceil(min(recall.context * sample_rate, len(gap))))
        self.ways = self.plain_ways() + self.recalling_ways()
        self.widest = max(way.width for way in self.ways)
        self.sizes = {way.template: min(self.width, round(way.template * sample_rate)) for way in self.ways}
        longest = max(run.stop - run.start for run in mask_gaps(gap)) + 2 * max(self.sizes.values())
        self.search = TemplateSearch(known, gap, sample_rate, longest)

    def plain_ways(self) -> list[Way]:
        """Janssen's interpolation with several contexts, his own first: the longer, the higher the order."""
        contexts = self.recall.contexts if self.sample_rate <= _UNHURRIED else self.recall.contexts[:2]
        ways = []
        for share in contexts:
            width = max(2, round(self.width * share))
            order = max(1, min(round(self.order * max(1.0, share)), width // 2))
            # A longer context costs most and has little to add to the first fill, so it begins there.
            longer = share > 1
            ways.append(Way(0.0, order, width, 1 if longer else _JANSSEN.iterations, longer))
        return ways

    def recalling_ways(self) -> list[Way]:
        """Recall with every template. Orders take turns, so that no two err alike."""
        orders = [self.order * (1 + i % 2) for i in range(len(self.recall.templates))]
        pairs = zip(self.recall.templates, orders, strict=True)
        return [Way(template, order, self.width, _AFTER_RECALL) for template, order in pairs]

    def restore(self, run: Gap) -> tuple[np.ndarray | None, Explanation]:
        """Fill one gap, (channel, lost); None leaves it to Janssen."""
        trial = self.trial(run)
        expected = self.recall.expected(self, run, trial)
        if trial is None:
            return None, left_to_janssen(run, expected)
        # One line for a reader: which template found what matters less than whether it was found.
        plain = torch.tensor([not way.template for way in self.ways])
        weights = {"janssen": float(trial.weights[plain].sum()), "recall": float(trial.weights[~plain].sum())}
        errors = {"janssen": float(trial.errors[plain].min()), "recall": float(trial.errors[~plain].min())}
        sources = _sources(run, trial.sketch.found, trial.weights)
        return self.recall.finished(self, run, trial).numpy(), Explanation(run, weights, errors, sources, expected)

    def trial(self, run: Gap) -> Trial | None:
        """Fill a gap in every way, and those rehearsed beside it; None if nothing is like it or can be rehearsed."""
        short = run.stop - run.start <= _LONGEST * self.width
        places = self.rehearsals(run) if short and self.has_surroundings(run) else []
        truths = [self.known[:, place.start : place.stop].double() for place in places]
        heard = [number for number, truth in enumerate(truths) if truth.any()]
        if not heard:
            return None
        within = Gap(max(0, run.start - self.reach), min(len(self.gap), run.stop + self.reach))
        sketch = self.sketch(run, within)
        if not any(matches for matches, _ in sketch.found):
            return None
        rehearsed = [self.sketch(places[number], within) for number in heard]
        fills, *rehearsals = completed([sketch, *rehearsed], self.ways)
        return Trial(sketch, fills, rehearsals, [truths[number] for number in heard])

    def surroundings(self, run: Gap, width: int) -> tuple[int, int]:
        """How many samples, at most `width`, are known before and after a gap."""
        return known_run(self.gap[: run.start], width), known_run(self.gap[run.stop :].flip(0), width)

    def has_surroundings(self, run: Gap) -> bool:
        """Whether enough is known on both sides."""
        return min(self.surroundings(run, self.least)) >= self.least

    def rehearsals(self, run: Gap) -> list[Gap]:
        """Gaps of the same length before and after a gap: known, and no nearer than a context, so that all differs."""
        size, places = run.stop - run.start, []
        for side in (-1, 1):
            for step in range(5):
                start = run.start + side * (size + self.width + step * self.least)
                place = Gap(start, start + size)
                if start < 0 or place.stop > len(self.gap):
                    break
                if not self.gap[start : place.stop].any() and self.has_surroundings(place):
                    places.append(place)
                    break
        return places

    def sketch(self, run: Gap, within: Gap) -> Sketch:
        """Recall a gap, or a rehearsed one, in every way, from the part of the recording `within`."""
        before, after = self.surroundings(run, self.widest)
        context, hole = Gap(run.start - before, run.stop + after), slice(before, before + run.stop - run.start)
        target = self.known[:, context.start : context.stop].to(torch.float64, copy=True)
        target[:, hole] = 0
        recalled, found = torch.zeros(len(self.ways), *target.shape, dtype=target.dtype), []
        for sum_of_matches, way in zip(recalled, self.ways, strict=True):
            matches, gains = [], target.new_zeros(len(target), 0)
            if way.template:
                near = Gap(run.start - min(before, way.width), run.stop + min(after, way.width))
                matches = self.matches(run, near, within, self.sizes[way.template])
            if matches:
                inner, size = slice(near.start - context.start, near.stop - context.start), self.sizes[way.template]
                signal = self.known, self.gap, run, near
                sum_of_matches[:, inner], gains = recollection(*signal, matches, size, self.sample_rate)
            found.append((matches, gains))
        rest = target - recalled
        rest[..., hole] = 0
        return Sketch(hole, recalled[..., hole], rest, found)

    def matches(self, run: Gap, context: Gap, within: Gap, size: int) -> list[Match]:
        """Find the segments that are like a gap's surroundings and have a whole context."""
        span = Gap(max(context.start, run.start - size), min(context.stop, run.stop + size))
        lags = within.start - context.start + MARGIN, within.stop - context.stop - MARGIN
        return self.search(span, run, lags, self.recall.matches, self.apart)


def neighbourhoods(runs: list[Gap], length: int, sample_rate: int) -> list[slice]:
    """Cut out what Janssen looks at, gaps together that share some of it: all that he is given he copies as doubles."""
    width = model_size(_JANSSEN.order, _JANSSEN.context, sample_rate)[1]
    near = [Gap(max(0, run.start - width), min(length, run.stop + width)) for run in runs]
    return [slice(part.start, part.stop) for part in mask_gaps(gap_mask(near, length)[0])]


def left_to_janssen(run: Gap, expected: float | None = None) -> Explanation:
    """Explain a gap that nothing was recalled for, with the dB to expect."""
    return Explanation(run, {"janssen": 1.0}, expected_snr=expected)


def _sources(run: Gap, found: list[tuple[list[Match], Tensor]], weights: Tensor) -> tuple[Source, ...]:
    """Put the matches of all ways together, with their gains in the mix, the loudest first."""
    scores: dict[int, float] = {}
    total: dict[int, Tensor] = {}
    for (matches, gains), weight in zip(found, weights, strict=True):
        for match, gain in zip(matches, gains.T, strict=True):
            scores[match.lag] = max(match.score, scores.get(match.lag, 0.0))
            total[match.lag] = total.get(match.lag, 0.0) + weight * gain
    loudest_first = sorted(total, key=lambda lag: (-float(total[lag].abs().sum()), lag))
    return tuple(Source(run.start + lag, scores[lag], tuple(total[lag].tolist())) for lag in loudest_first)
