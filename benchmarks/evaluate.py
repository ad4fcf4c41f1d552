"""Cut gaps into clean audio, restore them and score the lost samples.

    python benchmarks/evaluate.py FOLDER --methods janssen,burg --gap-ms 40,60,80 --seed 0

Protocol `time`: an interval of samples is lost, a method sees zeros there, and scores are computed on the lost samples.
Every gap stands alone (the context-encoder paper's mask: one gap, free context on both sides), all methods get the same
gaps, and gaps where the original is silent (RMS below 1e-4) are left out. The table has the mean, the standard
deviation and the number of gaps, and for every method after the first the paired difference to the first with the
p-value of Wilcoxon's signed-rank test.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.stats import wilcoxon
from torch import Tensor

from audio_inpaint.audio import read
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, single_gap
from audio_inpaint.methods import method
from audio_inpaint.metrics.lsd import lsd
from audio_inpaint.metrics.snr import snr

SILENT_RMS = 1e-4


def clips(folder: Path, sample_rate: int | None) -> Iterator[tuple[Path, Tensor, int]]:
    """Read every audio file below a folder as mono (1, time), whatever its suffix, with its sample rate."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            audio, rate = read(path)
        except InputError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        audio = audio.mean(0, keepdim=True)
        if sample_rate and rate != sample_rate:
            from torchaudio.functional import resample

            audio, rate = resample(audio, rate, sample_rate), sample_rate
        yield path, audio, rate


def draw_gaps(audio: Tensor, rate: int, gap_ms: float, count: int, context_ms: float, seed: list[int]) -> list[Gap]:
    """Draw gaps where the original is not silent, each on its own; none where the clip is too short."""
    rng = np.random.default_rng(seed)
    try:
        gaps = [single_gap(audio.shape[-1], rate, gap_ms, rng, context_ms) for _ in range(count)]
    except InputError:
        return []
    return [gap for gap in gaps if audio[:, gap.start : gap.stop].square().mean().sqrt() >= SILENT_RMS]


def score(restore, audio: Tensor, rate: int, lost: Gap) -> tuple[float, float]:
    """Restore one gap from as much context as the method asks for; its SNR and log-spectral distance in dB."""
    reach = int(min(restore.context * rate + 1, audio.shape[-1]))
    start, stop = max(0, lost.start - reach), min(audio.shape[-1], lost.stop + reach)
    original = audio[:, start:stop]
    gap = torch.zeros(stop - start, dtype=torch.bool)
    gap[lost.start - start : lost.stop - start] = True
    restored = restore(original.masked_fill(gap, 0), gap, rate)
    return float(snr(restored, original, gap)), float(lsd(restored, original, gap))


def evaluate(options: argparse.Namespace) -> list[dict]:
    """Score every method on the same gaps; one row a gap and method, with the gap, so that it can be made again."""
    methods = {name: method(name) for name in options.methods}
    rows = []
    for index, (path, audio, rate) in enumerate(clips(options.folder, options.sample_rate)):
        for gap_ms in options.gap_ms:
            seed = [options.seed, index, round(1000 * gap_ms)]
            for gap in draw_gaps(audio, rate, gap_ms, options.gaps_per_file, options.context_ms, seed):
                where = {"file": path.relative_to(options.folder), "sample_rate": rate, "gap_ms": gap_ms}
                for name, restore in methods.items():
                    db, distance = score(restore, audio, rate, gap)
                    rows.append(
                        where | {"start": gap.start, "stop": gap.stop, "method": name, "snr": db, "lsd": distance}
                    )
    return rows


def table(rows: list[dict], gap_lengths: list[float], methods: list[str]) -> Iterator[str]:
    head = f"{'gap ms':>6}  {'method':<12}{'SNR dB':>8}{'std':>7}{'LSD dB':>8}{'n':>7}"
    yield f"{head}  paired with {methods[0]}: SNR dB, std, p"
    for gap_ms in gap_lengths:
        first = None
        for name in methods:
            chosen = [row for row in rows if row["gap_ms"] == gap_ms and row["method"] == name]
            db, distance = (np.array([row[key] for row in chosen]) for key in ("snr", "lsd"))
            if not len(db):
                continue
            line = f"{gap_ms:>6g}  {name:<12}{db.mean():>8.2f}{db.std():>7.2f}{distance.mean():>8.2f}{len(db):>7}"
            if first is None:
                first = db
            else:
                gain = db - first
                p = wilcoxon(gain).pvalue if gain.any() else 1.0
                line += f"  {gain.mean():+.2f}, {gain.std():.2f}, {p:.2g}"
            yield line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="clean audio, searched recursively")
    parser.add_argument("--methods", type=lambda text: text.split(","), default=["janssen", "burg"])
    parser.add_argument("--gap-ms", type=lambda text: [float(ms) for ms in text.split(",")], default=[64.0])
    parser.add_argument("--gaps-per-file", type=int, default=10)
    parser.add_argument("--context-ms", type=float, default=128.0, help="kept free between a gap and the file's ends")
    parser.add_argument("--sample-rate", type=int, help="resample to this rate first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="write every gap and its scores here")
    options = parser.parse_args()
    try:
        rows = evaluate(options)
        if not rows:
            raise InputError(f"no gap fits in the audio below {options.folder}: give longer or louder clips")
    except InputError as error:
        print(f"evaluate: error: {error}", file=sys.stderr)
        return 2
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    print(*table(rows, options.gap_ms, options.methods), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
