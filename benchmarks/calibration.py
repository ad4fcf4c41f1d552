"""Fit what `auto` expects of a fill, or see how right it is.

    python benchmarks/calibration.py music=data/open/music notes=data/open/notes speech=data/open/speech/validation
    python benchmarks/calibration.py music=data/open/music speech=data/open/speech/test --test --only long,cluster

Each recording, at 16 kHz and in mono, is damaged in every situation: one gap of 20 to 200 ms (log-uniform) at a random
place, `single`; one as long at its start or end, `end`; one of 300 to 1000 ms, `long`; three to six gaps of 20 ms with
5 to 25 ms between them, `cluster`. What is expected is the signal-to-noise ratio of the fill as it is delivered.

The first command fits the constants of `audio_inpaint/methods/recall/auto.py` by least squares, on the validation split
of data sets and on all files of other folders. `--test` takes the test split and prints how the constants that are
there do: correlation of expected and achieved SNR, slope, bias and spread, and how many fills are marked as too quiet.
"""

import argparse
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.benchmark.masks import SILENT_RMS
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.fill_level import missing_octaves
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.recall import auto
from audio_inpaint.methods.recall.recall import neighbourhoods
from audio_inpaint.methods.recall.scene import JANSSEN, Scene
from audio_inpaint.scores.snr import snr

SITUATIONS = ("single", "end", "long", "cluster")
BESIDE = 0.128  # s that stay known beside what is lost
PLACES = 20  # tried until one is not silent


@dataclass(frozen=True)
class Row:
    """What was known of a fill, and its SNR in dB; no evidence where nothing could be rehearsed.

    Args:
        kind: of sound.
        evidence: in dB, None where nothing could be rehearsed.
        achieved: dB.
        known: which of the constants it counts for.
        situation: of the gap.
        missing: whether the fill is marked as too quiet.
    """

    kind: str
    evidence: tuple[float, ...] | None
    achieved: float
    known: str = "trial"
    situation: str = "single"
    missing: bool = False


def lost(situation: str, rate: int, rng: np.random.Generator) -> list[Gap]:
    """Draw what a situation loses, from sample 0."""
    size = round(0.02 * 10 ** rng.uniform() * rate)
    if situation == "long":
        size = round(0.3 * (10 / 3) ** rng.uniform() * rate)
    if situation != "cluster":
        return [Gap(0, size)]
    size, gaps = round(0.02 * rate), [Gap(0, round(0.02 * rate))]
    for _ in range(rng.integers(2, 6)):
        start = gaps[-1].stop + round(rng.uniform(0.005, 0.025) * rate)
        gaps.append(Gap(start, start + size))
    return gaps


def drawn(situation: str, audio: Tensor, rate: int, rng: np.random.Generator) -> list[Gap]:
    """Draw the gaps of a situation; none where there is no sound, or no room."""
    gaps, beside = lost(situation, rate, rng), round(BESIDE * rate)
    most = audio.shape[-1] - gaps[-1].stop
    for _ in range(PLACES):
        if most < 2 * beside:
            return []
        start = most * int(rng.integers(2)) if situation == "end" else int(rng.integers(beside, most - beside + 1))
        moved = [gap.moved(start) for gap in gaps]
        if all(audio[:, gap.start : gap.stop].square().mean().sqrt() >= SILENT_RMS for gap in moved):
            return moved
    return []


def measured(place: tuple[int, Recording], situations: tuple[str, ...]) -> list[Row]:
    """Restore a recording in every situation."""
    index, recording = place
    audio, rate = recording.audio()
    rows = []
    for situation in situations:
        rng = np.random.default_rng([1, index, SITUATIONS.index(situation)])
        runs = drawn(situation, audio, rate, rng)
        if runs:
            rows.append(restored(audio, runs, rate, recording.kind, situation))
            print(recording.name, rows[-1], file=sys.stderr, flush=True)
    return rows


def restored(audio: Tensor, runs: list[Gap], rate: int, kind: str, situation: str) -> Row:
    """Fill gaps as `auto` does, and see what was known of the fill."""
    method, gap = auto.Auto(), gap_mask(runs, audio.shape[-1])[0]
    scene = Scene(method, audio.masked_fill(gap, 0), gap, rate)
    [problem] = scene.problems(runs)
    trial, filled = scene.trial(problem), scene.known.clone()
    if trial is not None:
        filled[:, gap] = method.finished(scene, problem, trial).to(filled)
    else:
        [near] = neighbourhoods([problem], len(gap), rate)
        filled[:, near] = JANSSEN.restore(filled[:, near], gap[near], rate)
        method.finish(filled, gap, [problem], rate)
    missing = any(missing_octaves(filled, run, gap, rate) is not None for run in runs)
    known, evidence = auto.told(scene, problem, trial) or ("elsewhere", None)
    return Row(kind, evidence, score(filled[:, gap], audio[:, gap]), known, situation, missing)


def score(fill: Tensor, truth: Tensor) -> float:
    both = (each.reshape(1, -1).double() for each in (fill, truth))
    return float(snr(*both).clamp(auto.LOWEST, auto.HIGHEST))


def fitted(rows: list[Row]) -> np.ndarray:
    """Least squares of the achieved SNR on a constant and the evidence."""
    told = [row for row in rows if row.evidence is not None]
    return np.linalg.lstsq(np.array([(1, *row.evidence) for row in told]), [row.achieved for row in told])[0]


def judged(rows: list[Row], constants: dict[str, np.ndarray]) -> str:
    """Correlation, slope of achieved on expected, bias and spread, of each situation and kind, and of all."""
    told = [row for row in rows if row.evidence is not None]
    groups = list(dict.fromkeys((row.situation, row.kind) for row in told))
    groups = [*groups, *((each, "all") for each in dict.fromkeys(situation for situation, _ in groups))]
    lines = [
        f"{'':18}{'n':>6}{'achieved':>10}{'expected':>10}{'bias':>7}{'corr':>7}{'slope':>7}{'rms dB':>8}"
        f"{'none':>6}{'quiet':>7}"
    ]
    for group in groups:
        own = [row for row in rows if group in ((row.situation, row.kind), (row.situation, "all"))]
        left = sum(row.evidence is None for row in own)
        quiet = np.mean([row.missing for row in own])
        own = [row for row in own if row.evidence is not None]
        achieved = np.array([row.achieved for row in own])
        expected = np.array([np.dot((1, *row.evidence), constants[row.known]) for row in own])
        expected = expected.clip(auto.LOWEST, auto.HIGHEST)
        slope = np.polyfit(expected, achieved, 1)[0] if len(own) > 1 else np.nan
        together = np.corrcoef(expected, achieved)[0, 1] if len(own) > 1 else np.nan
        lines.append(
            f"{' '.join(group):18}{len(own):6}{achieved.mean():10.2f}{expected.mean():10.2f}"
            f"{(expected - achieved).mean():+7.2f}{together:7.3f}{slope:7.2f}"
            f"{np.sqrt(np.mean((expected - achieved) ** 2)):8.2f}{left:6}{100 * quiet:6.0f}%"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="+", help="FOLDER or KIND=FOLDER of clean audio")
    parser.add_argument("--limit", type=int, default=100, help="recordings of each kind; %(default)s")
    parser.add_argument("--only", default=",".join(SITUATIONS), help="situations; %(default)s")
    parser.add_argument("--test", action="store_true", help="judge the constants that are there, on the test split")
    options = parser.parse_args()
    try:
        situations = tuple(options.only.split(","))
        if not set(situations) <= set(SITUATIONS):
            raise InputError(f"--only takes {', '.join(SITUATIONS)}, not {options.only}")
        split = "test" if options.test else "validation"
        found = recordings(options.sources, options.limit, sample_rate=16000, split=split)
    except InputError as error:
        print(f"calibration: error: {error}", file=sys.stderr)
        return 2
    with one_thread() as cores:
        rows = on_cores(partial(measured, situations=situations), list(enumerate(found)), cores)
    report([row for own in rows for row in own], options.test)
    return 0


def report(rows: list[Row], test: bool) -> None:
    """Print the constants, or those that are there, and how they do."""
    constants = {name: np.array(values) for name, values in auto.EXPECTED.items()}
    for name in [] if test else constants:
        own = [row for row in rows if row.known == name and row.evidence is not None]
        if len(own) > len(constants[name]):
            constants[name] = fitted(own)
            print(f'"{name}": ({constants[name][0]:.2f}, {", ".join(f"{slope:.3f}" for slope in constants[name][1:])})')
    print(judged(rows, constants))


if __name__ == "__main__":
    sys.exit(main())
