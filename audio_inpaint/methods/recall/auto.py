"""Auto, the default: the fills of `Recall`, refined by a network, and of each the signal-to-noise ratio to expect.

The network comes after the mix. As candidates in it, on the validation split, the trained context encoders lost 0.1 to
0.3 dB on music and notes, and their fills were no nearer in log-spectral distance either.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.burg import extrapolate, known_beside
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.options import Range, checked
from audio_inpaint.methods.recall.explaining import SURE
from audio_inpaint.methods.recall.guides import CHANNELS
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.methods.recall.rehearsal import Trial
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.methods.refiner.evidence import REACH, Evidence
from audio_inpaint.methods.refiner.noise_floor import floor_noise
from audio_inpaint.methods.refiner.refinement import refined
from audio_inpaint.nn.checkpoints import load_refiner

# What is expected of a fill, by what is known of it (`told`): dB, and dB for each dB of that.
EXPECTED = {
    # A trial. Fitted on 256 gaps of the open corpus' validation split and of Italian speech before fills were refined;
    # 187 refined ones of that split are expected within 0.1 dB in the mean of each kind.
    "trial": (-2.79, 0.342, 0.495, 0.223),
    # A trial where other channels were listened to: `python benchmarks/guides.py FOLDER --split validation`, 187 gaps.
    "guided": (-2.045, 0.229, 0.456, 0.292),
    # The same where other recordings were, mainly. How far the candidates agree is left out: all lack what these lack.
    # 73 fills from references that lack something (docs/references.md).
    "reference": (0.50, 0.472, 0.529),
    # What a gap at an end of the recording reached in rehearsal: `python benchmarks/calibration.py` (docs/recall.md) on
    # 130 gaps of the validation split. Steady sound reaches it; where notes begin or fade it says little.
    "end": (-0.10, 0.469),
    # The same of those that are left to Janssen elsewhere, long ones too, and those nothing is like: 54 gaps.
    "elsewhere": (0.72, 0.829),
    # What the mix reached on the rehearsals of a long gap of which something was recalled: 18 gaps in music.
    "long": (0.32, 0.975),
}
# The power of the inverse squared error in the mix that evidence is taken of: in a sharper one too few are heard.
_DULL = 3.5
# dB. Nothing that is heard, or learnt, lies beyond.
LOWEST, HIGHEST = -10.0, SURE
# Share of a fill from which on it is that of other recordings.
_MAINLY = 0.5
# How full a fill is, from 0 to 1, by measurement: docs/refiner.md.
NATURAL = 1.0
# Seconds of the shortest gap that a network refines; it learnt none shorter, and its windows are six times as long.
_SHORTEST = 0.005


@checked
@dataclass(frozen=True)
class Auto(Recall):
    """Restore as `Recall` does, and expect of each fill what fills like it have reached: see `evidence`.

    Where nothing can be recalled it is Janssen's interpolation, or Burg's extrapolation at an end of the recording,
    which is rehearsed on the side that there is. Too little context leaves nothing to expect.

    The fill that is nearest in decibels is too thin to the ear, so a network refines it (docs/refiner.md): it makes
    each bin as loud as the surroundings, the candidates and their errors in rehearsal suggest, and moves none further
    than these errors allow; gaps under 5 ms are whole without it. Hiss and room tone go on in every gap.

    Args:
        refine: whether to do so.
        natural: from 0, the nearest fill, to 1, the fullest.
        refiner: the checkpoint of another network than the one that comes with the package.

    The others are those of `Recall`.
    """

    refine: bool = True
    natural: Annotated[float, Range(0, 1)] = NATURAL
    refiner: Path | None = None

    def finished(self, scene: Scene, run: Gap, trial: Trial) -> Tensor:
        """Refine a fill, (channel, lost), but for one of close gaps, or one that was rehearsed on shorter ones."""
        alike = {fills.shape[-1] for fills in (trial.fills, *trial.rehearsals)} == {len(run)}
        if not self.refine or not alike:
            return trial.mix
        evidence, fills = self.evidence(scene, run, trial), []
        if trial.parts:
            evidence.audio[:, evidence.hole.start : evidence.hole.stop] = trial.mix
        for part, piece in trial.pieces:
            own = replace(self.evidence(scene, run, piece), audio=evidence.audio, hole=_inside(evidence.hole, part))
            short = len(own.hole) < _SHORTEST * scene.sample_rate
            net = network(self.refiner) if self.natural and not short else None
            fills.append(refined(own, net, self.natural))
        return torch.cat(fills, -1)

    def finish(self, filled: Tensor, gap: Tensor, runs: list[Gap], sample_rate: int) -> None:
        """Fill gaps that Janssen restored up to the noise floor of what is known beside them."""
        reach = round(REACH * sample_rate)
        for run in runs if self.refine else []:
            before, after = known_beside(gap, run, reach)
            near = filled[:, run.start - before : run.stop + after]
            hole = Gap(before, before + run.stop - run.start)
            filled[:, run.start : run.stop] += floor_noise(near, hole, sample_rate).to(filled)

    def evidence(self, scene: Scene, run: Gap, trial: Trial) -> Evidence:
        """Put together what is known of a fill."""
        before, after = scene.surroundings(run, round(REACH * scene.sample_rate))
        return Evidence(
            scene.known[:, run.start - before : run.stop + after].double(),
            Gap(before, before + run.stop - run.start),
            scene.sample_rate,
            trial.fills,
            trial.weights,
            torch.stack(trial.rehearsals),
            torch.stack(trial.truths),
            self.expected(scene, run, trial),
        )

    def expected(self, scene: Scene, run: Gap, trial: Trial | None) -> float | None:
        """Expect a signal-to-noise ratio of a fill, in dB; None where nothing can be rehearsed."""
        if trial is not None and trial.parts:
            return trial.all_in_all(lambda piece: self.expected(scene, run, piece))
        known = told(scene, run, trial)
        if known is None:
            return None
        constant, *slopes = EXPECTED[known[0]]
        return _within(constant + sum(slope * value for slope, value in zip(slopes, known[1], strict=True)))


@cache
def network(path: Path | None) -> nn.Module:
    """Load a refiner's network, once: the one that comes with the package, or that of a checkpoint."""
    return load_refiner(path)


def told(scene: Scene, run: Gap, trial: Trial | None) -> tuple[str, tuple[float, ...]] | None:
    """Return what is known of a fill, in dB, and which of `EXPECTED` it counts for; None where nothing is rehearsed."""
    if trial is not None and scene.is_long(len(run)) and not trial.sketch.guided:
        return "long", (float(trial.rehearsed_snr(trial.weights).clamp(LOWEST, HIGHEST).mean()),)
    if trial is not None:
        known = evidence(trial, scene.width // 4)
        if _referred(trial) > _MAINLY:
            return "reference", (known[0], known[2])
        return "guided" if trial.sketch.guided else "trial", known
    at_an_end = run.start == 0 or run.stop == len(scene.gap)
    rehearsed = at_the_end(scene, run) if at_an_end else beside(scene, run)
    return None if rehearsed is None else ("end" if at_an_end else "elsewhere", (rehearsed,))


def evidence(trial: Trial, beside: int) -> tuple[float, ...]:
    """Measure what speaks for a fill and against it, each in dB and within limits.

    Args:
        trial: of the gap.
        beside: samples on each side of the gap that are looked at.

    Returns:
        what a mix reached on the rehearsals, one in which more candidates have their say than in the fill;
        how closely the candidates agree with this mix, those with a greater share counting more;
        how much of the sound beside the gap the best recollection explains.
    """
    sketch, shares = trial.sketch, trial.shares(_DULL)
    mix = torch.tensordot(shares, trial.fills, 1)
    apart = (trial.fills - mix).square().sum((1, 2))
    before = sketch.rest[..., max(0, sketch.hole.start - beside) : sketch.hole.start].square().mean((1, 2))
    after = sketch.rest[..., sketch.hole.stop : sketch.hole.stop + beside].square().mean((1, 2))
    left = before.nan_to_num(0) + after.nan_to_num(0)  # at an end of the recording there is one side
    return (
        float(trial.rehearsed_snr(shares).clamp(LOWEST, HIGHEST).mean()),
        _decibels(mix.square().sum(), shares @ apart),
        _decibels(left[0], left.min()),
    )


def _referred(trial: Trial) -> float:
    """Share of other recordings in a fill."""
    shares = zip(trial.ways, trial.weights.tolist(), strict=True) if trial.sketch.guided else ()
    return sum(share for way, share in shares if way.guide not in ("", CHANNELS))


def at_the_end(scene: Scene, run: Gap) -> float | None:
    """Rehearse a gap at the start or the end of a recording on what is known nearest to it.

    Returns:
        dB that Burg's extrapolation reached; None for other gaps, and where too little is known in one piece.
    """
    audio, gap, size = scene.known, scene.gap, run.stop - run.start
    if run.start == 0:
        audio, gap = audio.flip(-1), gap.flip(0)
    elif run.stop < len(gap):
        return None
    end, found = len(gap) - size, []
    for stop in (end, end - size):
        start = stop - size
        first = start - scene.width
        if first < 0 or gap[first:stop].any() or not audio[:, start:stop].any():
            break
        truth, fill = audio[:, start:stop], extrapolate(audio[:, first:start], scene.order, size)
        found.append(_decibels(truth.square().sum(), (fill - truth).square().sum()))
    return sum(found) / len(found) if found else None


def beside(scene: Scene, run: Gap) -> float | None:
    """Rehearse what is left to Janssen, long gaps and close ones, with the losses around it moved to what is known.

    Returns:
        dB that `Janssen` reached, in the mean of up to one place before and one after; None if there is none.
    """
    start, stop = max(0, run.start - scene.width), min(len(scene.gap), run.stop + scene.width)
    lost, hole, size, found = scene.gap[start:stop], slice(run.start - start, run.stop - start), stop - start, []
    for side in (-1, 1):
        for step in range(5):
            first = start + side * (size + step * scene.width)
            if first < 0 or first + size > len(scene.gap):
                break
            audio = scene.known[:, first : first + size].double()
            truth = audio[:, hole]
            if not scene.gap[first : first + size].any() and truth.any():
                fill = Janssen().restore(audio.masked_fill(lost, 0), lost, scene.sample_rate)[:, hole]
                found.append(_decibels(truth.square().sum(), (fill - truth).square().sum()))
                break
    return sum(found) / len(found) if found else None


def _decibels(signal: Tensor, noise: Tensor) -> float:
    ratio = torch.where(noise > 0, signal / noise, 1e12).clamp_min(1e-12)
    return _within(float(10 * ratio.log10()))


def _inside(hole: Gap, part: slice) -> Gap:
    return Gap(hole.start + part.start, hole.start + part.stop)


def _within(value: float) -> float:
    return min(max(value, LOWEST), HIGHEST)
