"""What the other channels are worth where one of them is lost: `auto` with them and without, gap by gap.

    python benchmarks/guides.py data/open/music [--limit 100] [--gap-ms 64] [--split test]

Of each recording with several channels, at its own rate, one gap in one of them, both drawn from a seed. Both fills
come from the same candidates and rehearsals, those that listen to other channels left out of one, and both are refined.
Recordings come in random order, so that a part of the output is a sample. Then what `auto`
expects of the fills, and for the validation split the constants of `audio_inpaint/methods/recall/auto.py` that fit.
"""

import argparse
import sys

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

# SNR in dB without and with the other channels, and of the best candidate in hindsight; what was known of the second.
Measured = tuple[float, float, float, Row]


def measured(place: tuple[int, Recording, float]) -> Measured | None:
    """Fill a gap of one channel without the others and with them; None where there is no sound, or one channel."""
    index, recording, gap_ms = place
    audio, rate = recording.audio()
    cases = single(recording, index, [gap_ms], 1, 128.0, seed=2) if len(audio) > 1 else []
    if not cases:
        return None
    [run], audio = cases[0].mask.gaps, audio.float()
    channel = int(np.random.default_rng([2, index]).integers(len(audio)))
    truth = audio[channel : channel + 1, run.start : run.stop].double()
    if truth.square().mean() < 1e-8:
        return None
    gap = gap_mask([Gap(run.start, run.stop, channel)], audio.shape[-1], len(audio))
    known = audio.masked_fill(gap, 0)
    guides = guides_of(known, gap, [channel], {})
    scene = Scene(auto.Auto(), known[channel : channel + 1], gap[channel], rate, guides)
    trial = scene.trial(run)
    if trial is None:
        return None
    fills = [scene.recall.finished(scene, run, each) for each in (trial.without_guides(), trial)]
    known, evidence = auto.told(scene, run, trial)
    row = Row(recording.kind, evidence, score(fills[1], truth), known, "channel")
    without, together = (score(fill, truth) for fill in fills)
    best = max(score(fill, truth) for fill in trial.fills)
    print(f"{recording.name} {without:.2f} {together:.2f}", file=sys.stderr, flush=True)
    return without, together, best, row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="+", help="FOLDER or KIND=FOLDER of clean audio")
    parser.add_argument("--limit", type=int, help="recordings of each kind; all if left out")
    parser.add_argument("--gap-ms", type=float, default=64.0)
    parser.add_argument("--split", default="test", help="of data sets; %(default)s")
    options = parser.parse_args()
    try:
        found = recordings(options.sources, options.limit, mono=False, split=options.split)
    except InputError as error:
        print(f"guides: error: {error}", file=sys.stderr)
        return 2
    with one_thread() as cores:
        order = np.random.default_rng(2).permutation(len(found)).tolist()
        places = [(index, found[index], options.gap_ms) for index in order]
        pairs = [pair for pair in on_cores(measured, places, cores) if pair is not None]
    report(pairs, options.split == "validation")
    return 0


def report(pairs: list[Measured], fit: bool) -> None:
    """Print the differences, and how right the expectations are."""
    without, together, best = (np.array(values) for values in list(zip(*pairs, strict=True))[:3])
    gain = together - without
    error = gain.std() / np.sqrt(len(gain))
    print(f"\n{len(pairs)} gaps; dB, mean (median)")
    fills = {"auto without the other channels": without, "auto": together, "the best candidate, in hindsight": best}
    for name, values in fills.items():
        print(f"  {name:34}{values.mean():7.2f} ({np.median(values):.2f})")
    print(f"  {'difference':34}{gain.mean():+7.2f} ± {error:.2f} ({np.median(gain):+.2f})")
    print(
        f"  worse by 0.5 dB: {100 * (gain < -0.5).mean():.1f} %, by 3 dB: {(gain < -3).sum()}; worst {gain.min():+.2f}"
    )
    rows = [row for *_, row in pairs]
    constants = {name: np.array(values) for name, values in auto.EXPECTED.items()}
    if fit:
        constants["guided"] = fitted([row for row in rows if row.known == "guided"])
        print(f'"guided": ({", ".join(f"{value:.3f}" for value in constants["guided"])})')
    print(judged(rows, constants))


if __name__ == "__main__":
    sys.exit(main())
