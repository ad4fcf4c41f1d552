"""Time per step and peak memory of a deep-prior fit: this package's harmonic convolution against the textbook form.

    python benchmarks/deep_prior.py [--steps 3] [--rounds 2] [--presets dpai,dpai_fast] [--threads 2]
    python benchmarks/deep_prior.py --flops

A step is the whole of it: the network, the loss of the config, the gradient and Adam, on five seconds at 16 kHz. The
textbook form stacks resampled copies as channels (harmonic lowering) in the plain memory layout. Every case runs in a
process of its own, one after the other, and again in the next round; the fastest step counts, since other programs can
only slow one down. Ratios are to the textbook form in float32 of the same preset.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

CASES = {
    "textbook, float32": ("textbook", "32-true"),
    "textbook, bfloat16": ("textbook", "bf16-mixed"),
    "this package, float32": ("fast", "32-true"),
    "this package, bfloat16": ("fast", "bf16-mixed"),
}


def use_textbook_form():
    """Replace the harmonic convolution by harmonic lowering: K resampled copies, stacked, then one convolution."""
    import torch
    from torch import nn

    from audio_inpaint.nn import harmonic

    def lowered(self, x):
        bins = x.shape[2]
        tables = self.__dict__.setdefault("tables", {})  # index and weight of both neighbours, made once for each size
        if bins not in tables:
            tables[bins] = []
            for k in range(1, self.weight.shape[2] + 1):
                position = torch.arange(bins, dtype=torch.float64) * k / self.anchor
                low = position.floor().long()
                part = (position - low).float()[:, None]
                tables[bins].append((low.clamp(max=bins), (low + 1).clamp(max=bins), part))
        padded = nn.functional.pad(x, (0, 0, 0, 1))
        copies = [padded[:, :, low] * (1 - part) + padded[:, :, high] * part for low, high, part in tables[bins]]
        kernel = self.weight.transpose(1, 2).flatten(1, 2)[:, :, None]
        pad = (0, self.weight.shape[3] // 2)
        return torch.conv2d(torch.cat(copies, 1), kernel, self.bias, self.stride, pad)

    harmonic.HarmonicConv2d.forward = lowered
    torch.nn.Module.to = _ignoring_layout(torch.nn.Module.to)


def _ignoring_layout(to):
    def plain(self, *args, **options):
        options.pop("memory_format", None)
        return to(self, *args, **options) if args or options else self

    return plain


def prepared(preset, gaps, **changes):
    """Return a fit of a preset to five seconds of noise at 16 kHz with gaps, (start, stop) in samples."""
    import torch

    from audio_inpaint.methods.deep_prior.config import Config

    config = Config.load(preset).changed(enough=0.0, **changes)
    torch.manual_seed(0)
    gap = torch.zeros(80000, dtype=torch.bool)
    for start, stop in gaps:
        gap[start:stop] = True
    return config.fit(config.signal(0.1 * torch.randn(1, 80000), gap, 16000))


def measure(preset, form, precision, steps, threads):
    """Fit a few steps in this process; prints seconds a step, processor seconds a step and peak memory in GB."""
    import torch

    torch.set_num_threads(threads)
    if form == "textbook":
        use_textbook_form()
    gaps = [(start, start + 960) for start in range(8000, 72000, 10000)]
    clocks = []
    fit = prepared(preset, gaps, steps=steps + 1, precision=precision)
    fit.run(lambda *_: clocks.append((time.perf_counter(), time.process_time())))
    wall, cpu = (min(b[i] - a[i] for a, b in pairwise(clocks)) for i in (0, 1))
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))


def flops(preset):
    """GFLOP of the convolutions of one step, forward and backward, on five seconds at 16 kHz."""
    from torch.utils.flop_counter import FlopCounterMode

    prior = prepared(preset, [(40000, 41000)], steps=1).prior
    with FlopCounterMode(display=False) as counter:
        prior(prior.noise).abs().square().mean().backward()
    return counter.get_total_flops() / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--presets", default="dpai,dpai_fast")
    parser.add_argument("--flops", action="store_true")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure, options.steps, options.threads)
        return
    if options.flops:
        for preset in options.presets.split(","):
            print(f"{preset:12}  {flops(preset):6.1f} GFLOP a step")
        return
    for preset in options.presets.split(","):
        best = {}
        for _ in range(options.rounds):
            for name, case in CASES.items():
                command = [sys.executable, str(Path(__file__)), "--measure", preset, *case]
                command += ["--steps", str(options.steps), "--threads", str(options.threads)]
                output = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
                run = json.loads(output.stdout.strip().splitlines()[-1])
                best[name] = {key: min(value, best.get(name, run)[key]) for key, value in run.items()}
        base = best["textbook, float32"]
        print(f"\n{preset}, {options.threads} threads\n{'':24}  s/step  CPU-s/step  times faster  peak GB")
        for name, run in best.items():
            faster = base["wall"] / run["wall"]
            print(
                f"{name:24}  {run['wall']:6.2f}  {run['cpu']:10.2f}  {faster:12.2f}  {run['memory']:7.2f}", flush=True
            )


if __name__ == "__main__":
    main()
