"""What a deep prior's settings are worth on lost samples, and what they cost.

    python benchmarks/deep_prior_quality.py CLIP... [--methods dpai_fast,janssen] [--seconds 2.5] [-- "{steps: 300}"]

Protocol `time`: random gaps of 40-80 ms from a seed in the first seconds of the first channel of each clip. For each
clip and method one line: SNR on all lost samples, mean SNR of the gaps, log-spectral distance, and seconds. What stands
behind `--` are changes of the config in YAML, such as "{steps: 300, level: 1, net: {harmonic: false}}".
"""

import argparse
import statistics
import sys
import time

import torch
import yaml

from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import gap_mask
from audio_inpaint.methods.deep_prior.config import Config
from audio_inpaint.methods.deep_prior.method import DeepPrior
from audio_inpaint.methods.deep_prior.presets import presets
from audio_inpaint.methods.registry import method
from audio_inpaint.random_gaps import random_gaps
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.snr import snr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--methods", default="dpai_fast,janssen")
    parser.add_argument("--seconds", type=float, default=2.5)
    parser.add_argument("--total-ms", type=float, default=240)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    own, changes = sys.argv[1:cut], yaml.safe_load(" ".join(sys.argv[cut + 1 :])) or {}
    options = parser.parse_args(own)
    torch.set_num_threads(options.threads)
    print(f"{'clip':40}  {'method':12}  {'SNR':>6}  {'of gaps':>7}  {'LSD':>6}  {'s':>6}", flush=True)
    for clip in options.clips:
        with Reader(clip) as reader:
            rate = reader.sample_rate
            truth = reader.read(0, min(reader.length, round(options.seconds * rate)))[:1]
        gaps = random_gaps(truth.shape[-1], rate, options.total_ms, options.seed)
        gap = gap_mask(gaps, truth.shape[-1])
        for name in options.methods.split(","):
            restore = DeepPrior(Config.load(name).changed(**changes)) if name in presets() else method(name)
            began = time.perf_counter()
            restored = restore(truth.masked_fill(gap, 0), gap, rate)
            seconds = time.perf_counter() - began
            each = [snr(restored[:, g.start : g.stop], truth[:, g.start : g.stop]).item() for g in gaps]
            whole = snr(restored, truth, gap[0]).item()
            scores = whole, statistics.mean(each), lsd(restored, truth, gap[0]).item(), seconds
            print(f"{clip[-40:]:40}  {name:12}  " + "  ".join(f"{score:6.2f}" for score in scores), flush=True)


if __name__ == "__main__":
    main()
