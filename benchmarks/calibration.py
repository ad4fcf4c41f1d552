"""Fit what `auto` expects of a fill, or see how right it is.

    python benchmarks/calibration.py music=data/open/music notes=data/open/notes speech=FOLDER [--limit 100] [--test]

Of each recording, at 16 kHz and in mono, one gap of 20 to 200 ms (log-uniform) at a random place is restored alone,
and one of the same length at its end. The first command prints the constants of
`audio_inpaint/methods/recall/auto.py`, fitted by least squares on the validation split of data sets and on all files of
other folders; `--test` takes the test split and prints how the constants that are there do: correlation of expected
and achieved SNR, slope and bias.
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np
import torch

from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.benchmark.masks import single
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.recall import auto
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.scores.snr import snr


@dataclass(frozen=True)
class Row:
    """What was known of a fill, and its SNR in dB; no evidence where nothing could be rehearsed."""

    kind: str
    evidence: tuple[float, ...] | None
    achieved: float


def measured(place: tuple[int, Recording]) -> tuple[Row | None, Row | None]:
    """Restore a gap inside a recording and one at its end; None where there is no sound, or no room."""
    index, recording = place
    length_ms = float(20 * 10 ** np.random.default_rng([1, index]).uniform())
    cases = single(recording, index, [length_ms], 1, 128.0, seed=1)
    if not cases:
        return None, None
    audio, rate = recording.audio()
    [run] = cases[0].mask.gaps
    end = Gap(audio.shape[-1] - (run.stop - run.start), audio.shape[-1])
    return _inside(recording.kind, audio, run, rate), _at_end(recording.kind, audio, end, rate)


def _inside(kind: str, audio: torch.Tensor, run: Gap, rate: int) -> Row:
    gap = gap_mask([run], audio.shape[-1])[0]
    known = audio.masked_fill(gap, 0)
    scene = Scene(auto.Auto(), known, gap, rate)
    trial = scene.trial(run)
    truth = audio[:, run.start : run.stop]
    if trial is None:
        return Row(kind, None, score(Janssen().restore(known, gap, rate)[:, run.start : run.stop], truth))
    return Row(kind, auto.evidence(trial, scene.width // 4), score(trial.mix, truth))


def _at_end(kind: str, audio: torch.Tensor, run: Gap, rate: int) -> Row | None:
    truth, gap = audio[:, run.start :], gap_mask([run], audio.shape[-1])[0]
    if truth.square().mean() < 1e-8:
        return None
    known = audio.masked_fill(gap, 0)
    rehearsed = auto.at_the_end(Scene(auto.Auto(), known, gap, rate), run)
    near = slice(max(0, run.start - rate), run.stop)
    fill = Janssen().restore(known[:, near], gap[near], rate)[:, gap[near]]
    return Row(kind, None if rehearsed is None else (rehearsed,), score(fill, truth))


def score(fill: torch.Tensor, truth: torch.Tensor) -> float:
    both = (each.reshape(1, -1) for each in (fill, truth))
    return float(snr(*both).clamp(auto.LOWEST, auto.HIGHEST))


def fitted(rows: list[Row]) -> np.ndarray:
    """Least squares of the achieved SNR on a constant and the evidence."""
    told = [row for row in rows if row.evidence is not None]
    return np.linalg.lstsq(np.array([(1, *row.evidence) for row in told]), [row.achieved for row in told])[0]


def judged(rows: list[Row], constants: np.ndarray) -> str:
    """Correlation, slope of achieved on expected, bias and spread, of each kind and of all."""
    told = [row for row in rows if row.evidence is not None]
    kinds = list(dict.fromkeys(row.kind for row in told))
    lines = [f"{'kind':12}{'n':>6}{'achieved':>10}{'expected':>10}{'corr':>7}{'slope':>7}{'rms dB':>8}{'none':>6}"]
    for kind in [*kinds, "all"]:
        own = [row for row in told if kind in (row.kind, "all")]
        achieved = np.array([row.achieved for row in own])
        expected = np.array([(1, *row.evidence) for row in own]) @ constants
        expected = expected.clip(auto.LOWEST, auto.HIGHEST)
        slope = np.polyfit(expected, achieved, 1)[0]
        left = sum(row.evidence is None and kind in (row.kind, "all") for row in rows)
        lines.append(
            f"{kind:12}{len(own):6}{achieved.mean():10.2f}{expected.mean():10.2f}"
            f"{np.corrcoef(expected, achieved)[0, 1]:7.3f}{slope:7.2f}"
            f"{np.sqrt(np.mean((expected - achieved) ** 2)):8.2f}{left:6}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="+", help="FOLDER or KIND=FOLDER of clean audio")
    parser.add_argument("--limit", type=int, default=100, help="recordings of each kind; %(default)s")
    parser.add_argument("--test", action="store_true", help="judge the constants that are there, on the test split")
    options = parser.parse_args()
    try:
        split = "test" if options.test else "validation"
        found = recordings(options.sources, options.limit, sample_rate=16000, split=split)
    except InputError as error:
        print(f"calibration: error: {error}", file=sys.stderr)
        return 2
    with one_thread() as cores:
        pairs = on_cores(measured, list(enumerate(found)), cores)
    report([[row for row in rows if row is not None] for rows in zip(*pairs, strict=True)], options.test)
    return 0


def report(rows: list[list[Row]], test: bool) -> None:
    """Print the constants, or those that are there, and how they do."""
    inside, at_end = rows
    constants = np.array([auto.CONSTANT, *auto.SLOPES]) if test else fitted(inside)
    edge = np.array(auto.EDGE) if test else fitted(at_end)
    if not test:
        print(f"CONSTANT = {constants[0]:.2f}\nSLOPES = ({', '.join(f'{slope:.3f}' for slope in constants[1:])})")
        print(f"EDGE = ({edge[0]:.2f}, {edge[1]:.3f})")
    print("gaps inside", judged(inside, constants), "gaps at the end", judged(at_end, edge), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
