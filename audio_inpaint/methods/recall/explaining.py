"""What a trial tells of a gap: the shares of its candidates, what they rehearsed, and where it was heard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor

from audio_inpaint.dsp.template_search import Match
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.explanation import Explanation, Source
from audio_inpaint.methods.recall.rehearsal import Trial

if TYPE_CHECKING:
    from audio_inpaint.methods.recall.scene import Scene

# Of a fill, what other recordings that were searched must have given to be named.
_NAMED = 0.25
# dB expected of what is surely right: nothing that is heard, or learnt, lies beyond.
SURE = 40.0


def explanation(scene: Scene, run: Gap, trial: Trial, expected: float | None) -> Explanation:
    """Explain a gap of a scene by its trial, with the dB to expect."""
    # One line for a reader: which template found what matters less than whether it was found.
    weights, errors = {}, {}
    for way, weight, error in zip(trial.ways, trial.weights.tolist(), trial.errors.tolist(), strict=True):
        weights[way.evidence] = weights.get(way.evidence, 0.0) + weight
        errors[way.evidence] = min(errors.get(way.evidence, math.inf), error)
    sources = _sources(scene, run, trial.sketch.found, trial.weights) + _guides(run, trial)
    return Explanation(run, weights, errors, sources, expected)


def left_to_janssen(run: Gap, expected: float | None = None) -> Explanation:
    """Explain a gap that nothing was recalled for, with the dB to expect."""
    return Explanation(run, {"janssen": 1.0}, expected_snr=expected)


def between_silence(known: Tensor, gap: Tensor, run: Gap, reach: int) -> bool:
    """Whether all that is known within so many samples of a gap is digital silence, and something is on both sides.

    Args:
        known: (channel, time), lost samples zero.
        gap: true = lost, (time,).
        run: the gap.
        reach: samples on each side.
    """
    sides = slice(max(0, run.start - reach), run.start), slice(run.stop, run.stop + reach)
    return all(not gap[side].all() and not known[:, side].any() for side in sides)


def _sources(scene: Scene, run: Gap, found: list[tuple[list[Match], Tensor]], weights: Tensor) -> tuple[Source, ...]:
    """Put the matches of all ways together, with their gains in the mix, the loudest first."""
    scores: dict[int, float] = {}
    total: dict[int, Tensor] = {}
    for (matches, gains), weight in zip(found, weights, strict=True):
        for match, gain in zip(matches, gains.T, strict=True):
            scores[match.lag] = max(match.score, scores.get(match.lag, 0.0))
            total[match.lag] = total.get(match.lag, 0.0) + weight * gain
    loudest_first = sorted(total, key=lambda lag: (-float(total[lag].abs().sum()), lag))
    sources = [_source(scene, run, lag, scores[lag], total[lag]) for lag in loudest_first]
    share = sum(weight for (matches, _), weight in zip(found, weights.tolist(), strict=True) if matches)
    loud, elsewhere = (sum(sum(map(abs, one.gains)) for one in sources if one.name or both) for both in (True, False))
    return tuple(one for one in sources if not one.name or share * elsewhere >= _NAMED * loud)


def _source(scene: Scene, run: Gap, lag: int, score: float, gains: Tensor) -> Source:
    """Say where a match is: in the recording of a scene, or in another one."""
    name, seconds = scene.material.heard(run.start + lag, scene.sample_rate)
    return Source(run.start if name else run.start + lag, score, tuple(gains.tolist()), name, seconds)


def _guides(run: Gap, trial: Trial) -> tuple[Source, ...]:
    """Name the guides of a fill, each with its share and how it goes with what surrounds the gap."""
    left = trial.sketch.rest.square().sum((1, 2))
    sources = []
    for name in dict.fromkeys(way.guide for way in trial.ways if way.guide and trial.sketch.guided):
        own = [number for number, way in enumerate(trial.ways) if way.guide == name]
        explained = 1 - float(left[own].min() / left[0].clamp_min(1e-30))
        share = float(trial.weights[own].sum())
        sources.append(Source(run.start, math.sqrt(max(0.0, explained)), (share,) * len(trial.fills[0]), name))
    return tuple(sources)
