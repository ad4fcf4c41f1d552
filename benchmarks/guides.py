"""What the other channels are worth where one of them is lost: `auto` with them and without, gap by gap.

    python benchmarks/guides.py data/open/music [--limit 100] [--gap-ms 64] [--split test] [--staggered] [--copies]

Of each recording with several channels, at its own rate, one gap in one of them, both drawn from a seed. Both fills
come from the same candidates and rehearsals, those that listen to other channels left out of one, and both are refined.
With `--staggered` the others lose as much from three quarters of the gap on, as in dropouts of a tape, and
what they play of it is judged by itself as well; with `--copies` they play the same as the lost one. Recordings come in
random order, so that a part of the output is a sample. Then what `auto` expects of the fills, and for the validation
split the constants of `audio_inpaint/methods/recall/auto.py` that fit.
"""

import argparse
import sys
from dataclasses import replace
from functools import partial

import numpy as np
from calibration import Row, fitted, judged, score

from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.benchmark.masks import single
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.recall import auto
from audio_inpaint.methods.recall.guides import guides_of
from audio_inpaint.methods.recall.scene import Scene

# SNR in dB without and with the other channels, of the best candidate in hindsight, and with and without them of what
# the others play of the gap; what was known of the second.
Measured = tuple[float, float, float, float, float, Row]


def measured(place: tuple[int, Recording], gap_ms: float, staggered: bool, copies: bool) -> Measured | None:
    """Fill a gap of one channel without the others and with them; None where there is no sound, or one channel."""
    index, recording = place
    audio, rate = recording.audio()
    cases = single(recording, index, [gap_ms], 1, 128.0, seed=2) if len(audio) > 1 else []
    if not cases:
        return None
    [run], audio = cases[0].mask.gaps, audio.float()
    channel = int(np.random.default_rng([2, index]).integers(len(audio)))
    truth = audio[channel : channel + 1, run.start : run.stop].double()
    if truth.square().mean() < 1e-8:
        return None
    if copies:
        audio = audio[channel].expand_as(audio)
    heard = 3 * len(run) // 4 if staggered else len(run)
    others = Gap(run.start + heard, run.start + heard + len(run) * staggered)
    lost = [replace(others, channel=other) for other in range(len(audio)) if other != channel]
    gap = gap_mask([Gap(run.start, run.stop, channel), *lost], audio.shape[-1], len(audio))
    known = audio.masked_fill(gap, 0)
    guides = guides_of(known, gap, [channel], {})
    scene = Scene(auto.Auto(), known[channel : channel + 1], gap[channel], rate, guides)
    trial = scene.trial(run)
    if trial is None:
        return None
    fills = [scene.recall.finished(scene, run, each) for each in (trial.without_guides(), trial)]
    known, evidence = auto.told(scene, run, trial)
    if trial.parts:  # each is expected something of
        known, evidence = "parts", (scene.recall.expected(scene, run, trial),)
    row = Row(recording.kind, evidence, score(fills[1], truth), known, "channel")
    without, together = (score(fill, truth) for fill in fills)
    best = max(score(fill, truth) for fill in trial.fills)
    part = [score(fill[:, :heard], truth[:, :heard]) for fill in fills]
    print(f"{recording.name} {without:.2f} {together:.2f}", file=sys.stderr, flush=True)
    return without, together, best, *part, row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="+", help="FOLDER or KIND=FOLDER of clean audio")
    parser.add_argument("--limit", type=int, help="recordings of each kind; all if left out")
    parser.add_argument("--gap-ms", type=float, default=64.0)
    parser.add_argument("--split", default="test", help="of data sets; %(default)s")
    parser.add_argument("--staggered", action="store_true", help="the other channels are lost later")
    parser.add_argument("--copies", action="store_true", help="the other channels play the same")
    options = parser.parse_args()
    try:
        found = recordings(options.sources, options.limit, mono=False, split=options.split)
    except InputError as error:
        print(f"guides: error: {error}", file=sys.stderr)
        return 2
    with one_thread() as cores:
        order = np.random.default_rng(2).permutation(len(found)).tolist()
        places = [(index, found[index]) for index in order]
        work = partial(measured, gap_ms=options.gap_ms, staggered=options.staggered, copies=options.copies)
        pairs = [pair for pair in on_cores(work, places, cores) if pair is not None]
    report(pairs, options.split == "validation")
    return 0


def report(pairs: list[Measured], fit: bool) -> None:
    """Print the differences, and how right the expectations are."""
    *values, rows = zip(*pairs, strict=True)
    without, together, best, part_without, part = map(np.array, values)
    gain = together - without
    error = gain.std() / np.sqrt(len(gain))
    print(f"\n{len(pairs)} gaps; dB, mean (median)")
    fills = {
        "auto without the other channels": without,
        "auto": together,
        "the best candidate, in hindsight": best,
        "what the others play, without them": part_without,
        "what the others play": part,
    }
    for name, values in fills.items():
        print(f"  {name:34}{values.mean():7.2f} ({np.median(values):.2f})")
    print(f"  {'difference':34}{gain.mean():+7.2f} ± {error:.2f} ({np.median(gain):+.2f})")
    print(
        f"  worse by 0.5 dB: {100 * (gain < -0.5).mean():.1f} %, by 3 dB: {(gain < -3).sum()}; worst {gain.min():+.2f}"
    )
    constants = {name: np.array(values) for name, values in auto.EXPECTED.items()} | {"parts": np.array([0.0, 1.0])}
    if fit:
        constants["guided"] = fitted([row for row in rows if row.known == "guided"])
        print(f'"guided": ({", ".join(f"{value:.3f}" for value in constants["guided"])})')
    print(judged(rows, constants))


if __name__ == "__main__":
    sys.exit(main())
