"""Gaps that are close to each other: what the islands between them are worth.

    python benchmarks/close_gaps.py music=data/open/music speech=data/open/speech/test [--limit 20]

In each recording, in mono at 16 kHz unless told otherwise, two gaps of 20 ms are cut with 5 ms known between them, and
at the same place one of 45 ms: all fills are judged on the 40 ms of the pair. Then 20 ms of every 60 are lost, for ten
seconds, or all but a second at each end of what is shorter. With `--sample-rate 0` recordings keep their rates and
channels.
"""

import argparse
import sys

import numpy as np
import torch

from audio_inpaint.benchmark.masks import SILENT_RMS
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.registry import method
from audio_inpaint.scores.snr import snr

GAP, ISLAND, PERIOD, BURST = 0.020, 0.005, 0.060, 10.0  # seconds
METHODS = "janssen", "auto:refine=false", "auto"


def measured(place) -> dict[str, list[float]] | None:
    """SNR in dB by each method of what is lost, in each situation; None where the recording is too short or silent."""
    index, recording = place
    audio, rate = recording.audio()
    size, island, length = round(GAP * rate), round(ISLAND * rate), audio.shape[-1]
    burst = min(round(BURST * rate), length - 2 * rate)
    random = np.random.default_rng([7, index])
    if burst < rate:
        return None
    start = int(random.integers(rate, length - rate - 2 * size - island))
    pair = [Gap(start, start + size), Gap(start + size + island, start + 2 * size + island)]
    first = int(random.integers(rate, length - rate - burst + 1))
    losses = [Gap(first + at, first + at + size) for at in range(0, burst - size, round(PERIOD * rate))]
    if audio[:, pair[0].start : pair[1].stop].square().mean() < SILENT_RMS**2:
        return None
    cases = {"two of 20 ms": (pair, pair), "one of 45 ms": ([Gap(pair[0].start, pair[1].stop)], pair)}
    cases["20 of every 60 ms"] = losses, losses
    scores = {}
    for name, (gaps, judged) in cases.items():
        gap, where = (gap_mask(each, length) for each in (gaps, judged))
        known = audio.masked_fill(gap, 0)
        fills = [method(each)(known, gap.expand_as(known), rate) for each in METHODS]
        scores[name] = [float(snr(fill[:, where[0]].flatten(), audio[:, where[0]].flatten())) for fill in fills]
    print(recording.name, *(f"{value:.1f}" for row in scores.values() for value in row), file=sys.stderr, flush=True)
    return {"kind": recording.kind, **scores}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="+", help="FOLDER or KIND=FOLDER of clean audio")
    parser.add_argument("--limit", type=int, default=20, help="recordings of each kind; %(default)s")
    parser.add_argument("--sample-rate", type=int, default=16000, help="Hz, in mono; 0 keeps rates and channels")
    options = parser.parse_args()
    rate = options.sample_rate or None
    try:
        found = recordings(options.sources, options.limit, sample_rate=rate, mono=rate is not None)
    except InputError as error:
        print(f"close_gaps: error: {error}", file=sys.stderr)
        return 2
    with one_thread() as cores:
        rows = [row for row in on_cores(measured, list(enumerate(found)), cores) if row is not None]
    print(f"| | gaps | {' | '.join(METHODS)} | `auto` less `janssen` | worst |\n|-|-|{'-|' * len(METHODS)}-|-|")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        for name in list(own[0])[1:]:
            table = np.array([row[name] for row in own])
            apart = table[:, -1] - table[:, 0]
            error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else float("nan")
            means = " | ".join(f"{value:.2f}" for value in table.mean(0))
            print(f"| {kind}, {name} | {len(own)} | {means} | {apart.mean():+.2f} ± {error:.2f} | {apart.min():+.2f} |")
    return 0


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    sys.exit(main())
