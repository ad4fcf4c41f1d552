"""Recall: what a recording plays again elsewhere fills its gaps, and Janssen's interpolation restores what is left.

Autoregressive methods know a tenth of a second around a gap; loops, samples and re-struck notes repeat themselves,
often to the sample, anywhere in the file. The method is the package's own (docs/recall.md).
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.autoregressive import interpolate
from audio_inpaint.dsp.fast_burg import fast_burg
from audio_inpaint.dsp.template_search import Match, TemplateSearch, delayed
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.burg import known_run, loudest, model_size
from audio_inpaint.methods.contract import damaged, repaired
from audio_inpaint.methods.explanation import Explanation, Source
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.janssen import Janssen, scaled_down
from audio_inpaint.methods.rehearsal import Sketch, Trial

_JANSSEN = Janssen()
# Of Janssen's context, what must be known on each side of a gap; with less, Janssen restores close gaps together.
_LEAST = 0.25
# Contexts that a gap may be long: the equations of every candidate grow with its square.
_LONGEST = 2
# Samples beside a match that fade out, so that its ends do not ring when it is read between samples.
_MARGIN = 64
# Seconds between two matches, at least; nearer ones are one match.
_APART = 0.002
# Of the matches' mean energy, the penalty on the gain of a match that shares half its energy with the target.
_RIDGE = 0.1
# The highest order of a second model without recall, which is worth 0.1 dB; fitting a higher one takes too long.
_RICHEST = 1024
# Iterations of Janssen's interpolation where something was recalled: the second is worth nothing there.
_AFTER_RECALL = 1


@dataclass(frozen=True)
class Recall:
    """Restore each gap from those segments of the recording whose surroundings are like its own.

    1. The segments are found by normalised cross-correlation of what surrounds the gap, all channels together.
    2. Their gains are fitted together, by ridge regression, to the surroundings.
    3. Janssen's interpolation restores what their sum leaves over.
    4. This is done with several templates, and without any, which is `Janssen`, there with two model orders. All these
       candidates are rehearsed on gaps of the same length cut beside the real one, whose truth is known, and mixed by
       the errors they made there.

    A gap at an end of the recording, one longer than two of Janssen's contexts (0.26 s at 16 kHz), one with too little
    known around it and one that nothing is like are left to `Janssen`.

    Args:
        templates: seconds of the surroundings that are compared on each side, one search each.
        matches: segments that are added up, at most.
        context: seconds searched on each side of a gap.
    """

    templates: tuple[float, ...] = (0.032, 0.064, 0.128)
    matches: int = 16
    context: float = 180.0

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (time,) is true."""
        return self.explain(audio, gap, sample_rate)[0]

    @torch.no_grad()
    def explain(self, audio: Tensor, gap: Tensor, sample_rate: int) -> tuple[Tensor, list[Explanation]]:
        """Restore audio (channel, time) where gap (time,) is true, and tell for each gap what it was made of.

        Gaps are spread over as many processes as torch uses threads.
        """
        known, lost, runs = damaged(audio, gap).cpu(), gap.cpu(), mask_gaps(gap)
        if not runs or not known.any():
            return repaired(audio, gap, known.to(audio)), [left_to_janssen(run) for run in runs]
        left = lost.clone()
        with one_thread() as cores:
            scene = Scene(self, known, lost, sample_rate)
            restored = on_cores(scene.restore, runs, cores)
            for run, (fill, _) in zip(runs, restored, strict=True):
                if fill is not None:
                    known[:, run.start : run.stop] = torch.from_numpy(fill)
                    left[run.start : run.stop] = False
            if left.any():
                known = _JANSSEN(known, left, sample_rate)
        return repaired(audio, gap, known.to(audio)), [explanation for _, explanation in restored]

    def expected(self, scene: "Scene", run: Gap, trial: Trial | None) -> float | None:
        """Expect of a fill, in dB, what the same mix reached on the rehearsals; None if there was no trial."""
        return None if trial is None else float(trial.rehearsed_snr.mean())


class Scene:
    """One recording with its gaps: what the restoration of each of them needs.

    Args:
        recall: the method.
        known: audio (channel, time), lost samples zero.
        gap: true = lost, (time,).
        sample_rate: Hz.
    """

    def __init__(self, recall: Recall, known: Tensor, gap: Tensor, sample_rate: int):
        self.recall, self.known, self.gap = recall, known, gap
        self.order, self.width = model_size(_JANSSEN.order, _JANSSEN.context, sample_rate)
        self.least = max(2, round(_LEAST * self.width))
        self.apart = max(1, round(_APART * sample_rate))
        self.reach = min(len(gap), math.ceil(min(recall.context * sample_rate, len(gap))))
        # Orders take turns, so that no two candidates err alike.
        self.ways = [(0.0, order) for order in (self.order, 2 * self.order) if order <= max(self.order, _RICHEST)]
        self.ways += [(template, self.order * (1 + i % 2)) for i, template in enumerate(recall.templates)]
        self.sizes = {template: min(self.width, round(template * sample_rate)) for template, _ in self.ways}
        longest = max(run.stop - run.start for run in mask_gaps(gap)) + 2 * max(self.sizes.values())
        self.search = TemplateSearch(known, gap, sample_rate, longest)

    def restore(self, run: Gap) -> tuple[np.ndarray | None, Explanation]:
        """Fill one gap, (channel, lost); None leaves it to Janssen."""
        trial = self.trial(run)
        expected = self.recall.expected(self, run, trial)
        if trial is None:
            return None, left_to_janssen(run, expected)
        # One line for a reader: which template found what matters less than whether it was found.
        plain = torch.tensor([template == 0 for template, _ in self.ways])
        weights = {"janssen": float(trial.weights[plain].sum()), "recall": float(trial.weights[~plain].sum())}
        errors = {"janssen": float(trial.errors[plain].min()), "recall": float(trial.errors[~plain].min())}
        sources = _sources(run, trial.sketch.found, trial.weights)
        return trial.mix.numpy(), Explanation(run, weights, errors, sources, expected)

    def trial(self, run: Gap) -> Trial | None:
        """Fill a gap in every way, and those rehearsed beside it; None if nothing is like it or can be rehearsed."""
        short = run.stop - run.start <= _LONGEST * self.width
        places = self.rehearsals(run) if short and self.has_surroundings(run) else []
        truths = [self.known[:, place.start : place.stop] for place in places]
        heard = [number for number, truth in enumerate(truths) if truth.any()]
        if not heard:
            return None
        within = Gap(max(0, run.start - self.reach), min(len(self.gap), run.stop + self.reach))
        sketch = self.sketch(run, within)
        if not any(matches for matches, _ in sketch.found):
            return None
        rehearsed = [self.sketch(places[number], within) for number in heard]
        fills, *rehearsals = self.completed([sketch, *rehearsed])
        return Trial(sketch, fills, rehearsals, [truths[number] for number in heard])

    def surroundings(self, run: Gap) -> tuple[int, int]:
        """How many samples, at most a context, are known before and after a gap."""
        return known_run(self.gap[: run.start], self.width), known_run(self.gap[run.stop :].flip(0), self.width)

    def has_surroundings(self, run: Gap) -> bool:
        """Whether enough is known on both sides."""
        return min(self.surroundings(run)) >= self.least

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
        before, after = self.surroundings(run)
        context, hole = Gap(run.start - before, run.stop + after), slice(before, before + run.stop - run.start)
        target = self.known[:, context.start : context.stop].clone()
        target[:, hole] = 0
        recalled, found = torch.zeros(len(self.ways), *target.shape, dtype=target.dtype), []
        for sum_of_matches, (template, _) in zip(recalled, self.ways, strict=True):
            matches, gains = [], target.new_zeros(len(target), 0)
            if template:
                matches = self.matches(run, context, within, self.sizes[template])
            if matches:
                rows = torch.zeros(target.shape[-1], dtype=torch.bool)
                rows[max(0, hole.start - self.sizes[template]) : hole.stop + self.sizes[template]] = True
                rows[hole] = False
                sum_of_matches[:], gains = self.recollection(target, rows, run, context, matches)
            found.append((matches, gains))
        rest = target - recalled
        rest[..., hole] = 0
        return Sketch(hole, recalled[..., hole], rest, found)

    def completed(self, sketches: list[Sketch]) -> list[Tensor]:
        """Add to what was recalled what Janssen's interpolation makes of the rest: (way, channel, lost) each."""
        fills = [sketch.recalled.clone() for sketch in sketches]
        shapes = [(sketch.hole.start, sketch.rest.shape[-1]) for sketch in sketches]
        kinds = [(order, _AFTER_RECALL if template else _JANSSEN.iterations) for template, order in self.ways]
        for (before, time), kind in itertools.product(dict.fromkeys(shapes), dict.fromkeys(kinds)):
            alike = [i for i, shape in enumerate(shapes) if shape == (before, time)]
            ways = [i for i, other in enumerate(kinds) if other == kind]
            hole = sketches[alike[0]].hole
            rest = torch.stack([sketches[i].rest[ways] for i in alike])
            order, iterations = min(kind[0], before // 2, (time - hole.stop) // 2), kind[1]
            completions = interpolated(rest.flatten(0, -2), hole, order, iterations).unflatten(0, rest.shape[:-1])
            for i, completion in zip(alike, completions, strict=True):
                fills[i][ways] += completion
        return fills

    def matches(self, run: Gap, context: Gap, within: Gap, size: int) -> list[Match]:
        """Find the segments that are like a gap's surroundings and have a whole context."""
        span = Gap(max(context.start, run.start - size), min(context.stop, run.stop + size))
        lags = within.start - context.start + _MARGIN, within.stop - context.stop - _MARGIN
        return self.search(span, run, lags, self.recall.matches, self.apart)

    def recollection(
        self, target: Tensor, rows: Tensor, run: Gap, context: Gap, matches: list[Match]
    ) -> tuple[Tensor, Tensor]:
        """Add up matches as they fit a target (channel, time) where `rows` (time,) is true.

        Returns:
            the sum over the whole context, (channel, time), and the gains, (channel, match).
        """
        shifted = [slice(context.start + match.lag, context.stop + match.lag) for match in matches]
        missing = torch.stack([self.gap[place] for place in shifted])
        for lost, place in zip(missing, shifted, strict=True):
            lost[max(0, run.start - place.start) : max(0, run.stop - place.start)] = True
        segments = self.aligned(matches, shifted, run)
        rows = rows & ~missing.any(0)
        if not rows.any():
            return torch.zeros_like(target), target.new_zeros(len(target), len(matches))
        gains = ridge_gains(segments[..., rows], target[:, rows])
        total = (gains[..., None] * segments).sum(1)
        # Where a match misses samples, so much less is explained, and nobody knows of which sound: what the sum
        # leaves over is trusted there only as far as it exceeds what is missing.
        rest = target - total
        doubt = (gains * segments.square().mean(-1).sqrt()).square() @ missing.to(gains)
        sure = rest[:, rows].square().mean(-1, keepdim=True)
        return torch.where(doubt > 0, target - rest * sure / (sure + doubt), total), gains

    def aligned(self, matches: list[Match], places: list[slice], run: Gap) -> Tensor:
        """Read the matches at the fractions of samples where they fit, (channel, match, time), lost samples zero."""
        wide = [slice(place.start - _MARGIN, place.stop + _MARGIN) for place in places]
        segments = torch.stack([self.known[:, place] for place in wide], 1)
        for match, place in enumerate(wide):
            segments[:, match, max(0, run.start - place.start) : max(0, run.stop - place.start)] = 0
        fade = torch.hann_window(2 * _MARGIN, periodic=False, dtype=segments.dtype)[:_MARGIN]
        segments[..., :_MARGIN] *= fade
        segments[..., -_MARGIN:] *= fade.flip(0)
        return delayed(segments, segments.new_tensor([match.fraction for match in matches]))[..., _MARGIN:-_MARGIN]


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


def interpolated(x: Tensor, hole: slice, order: int, iterations: int) -> Tensor:
    """Fill the same hole of several signals (signal, time) as `Janssen` does, and return the fills (signal, lost)."""
    x, lost = x.clone(), torch.zeros(x.shape[-1], dtype=torch.bool)
    lost[hole] = True
    limit = loudest(x[:, ~lost])
    for _ in range(iterations):
        for signal, a in zip(x, fast_burg(x, order), strict=True):
            signal[hole] = interpolate(signal, lost, a)
    return scaled_down(x[:, hole], limit)


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
