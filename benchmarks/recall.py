"""What recall costs beside Janssen's interpolation: seconds a gap and memory, and many gaps on one core and on all.

    python benchmarks/recall.py [FILE] [--seconds 180] [--gap-ms 64] [--gaps 100] [--clicks] [--before CHECKOUT]

The file (demo/clips/music_44k.flac, 44.1 kHz stereo, if none is named) is repeated to the length asked for, with noise
at -60 dB so that no two places are equal, in single precision, as `inpaint` reads files of up to 24 bits. Memory is the
peak beyond the audio itself. Times by the clock, so run it on an idle machine; the ratios are what to look at. With
--clicks the gaps are of 1 to 5 ms at random places, and all of `auto` on all cores is timed, nothing else. With
--before, the folder of another version of this project, the same is measured by that one in the same run.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from audio_inpaint.benchmark.restoration import measured
from audio_inpaint.files.recording import read
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.registry import method

CLIP = Path(__file__).parents[1] / "demo" / "clips" / "music_44k.flac"


def long(path: Path, seconds: float) -> tuple[torch.Tensor, int]:
    """A recording of this length, (channel, time), float32."""
    audio, rate = read(path)
    length = round(seconds * rate)
    audio = audio.repeat(1, -(-length // audio.shape[-1]))[:, :length]
    noise = torch.randn(audio.shape, generator=torch.Generator().manual_seed(0), dtype=audio.dtype)
    return (audio + 1e-3 * audio.square().mean().sqrt() * noise).float(), rate


def places(length: int, size: int, count: int) -> list[Gap]:
    """Gaps at even distances."""
    starts = np.linspace(0.05, 0.95, count) * (length - size)
    return [Gap(int(start), int(start) + size) for start in starts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=CLIP)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--gap-ms", type=float, default=64.0)
    parser.add_argument("--gaps", type=int, default=100)
    parser.add_argument("--clicks", action="store_true")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    options = parser.parse_args()
    (measure_clicks if options.clicks else measure)(options)
    if options.before is not None:
        print(f"the same by {options.before}:", flush=True)
        place = sys.argv.index("--before")
        again = [sys.executable, __file__, *sys.argv[1:place], *sys.argv[place + 2 :]]
        subprocess.run(again, env={**os.environ, "PYTHONPATH": str(options.before.resolve())}, check=True)


def measure_clicks(options: argparse.Namespace) -> None:
    """Print what clicks cost."""
    audio, rate = long(options.file, options.seconds)
    random, lengths = np.random.default_rng(0), (round(0.001 * rate), round(0.005 * rate))
    starts = np.sort(random.integers(rate, audio.shape[-1] - rate, options.gaps))
    gap = gap_mask([Gap(start, start + int(random.integers(*lengths))) for start in starts.tolist()], audio.shape[-1])
    gap = gap.expand(len(audio), -1)
    began = time.perf_counter()
    method("auto")(audio.masked_fill(gap, 0), gap, rate)
    took, runs = time.perf_counter() - began, len(mask_gaps(gap))
    print(f"{options.seconds:g} s of {len(audio)} channels at {rate} Hz: {runs} clicks of 1 to 5 ms")
    print(f"  auto {took:.1f} s   {took / runs:.3f} s a click on {torch.get_num_threads()} cores", flush=True)


def measure(options: argparse.Namespace) -> None:
    """Print what one gap and many cost."""
    audio, rate = long(options.file, options.seconds)
    size = round(options.gap_ms * rate / 1000)
    cores = torch.get_num_threads()
    print(f"{options.seconds:g} s of {len(audio)} channels at {rate} Hz, gaps of {options.gap_ms:g} ms")
    torch.set_num_threads(1)
    took = {}
    for name in ("janssen", "recall", "auto"):
        place = places(audio.shape[-1], size, 3)[1]
        gap = gap_mask([place], audio.shape[-1], len(audio))
        restore, damaged = method(name), audio.masked_fill(gap, 0)
        near = slice(place.start - 2 * rate, place.stop + 2 * rate)
        restore(damaged[:, near], gap[:, near], rate)  # imports, plans, what is compiled
        with measured() as cost:
            restore(damaged, gap, rate)
        took[name] = cost[0].seconds
        ratio = took[name] / took["janssen"]
        print(f"  one gap     {name:<8}{took[name]:8.2f} s   x{ratio:.1f} of janssen   {cost[0].memory_mb:6.0f} MB")
    gap = gap_mask(places(audio.shape[-1], size, options.gaps), audio.shape[-1], len(audio))
    damaged = audio.masked_fill(gap, 0)
    times = []
    for threads in (1, cores):
        torch.set_num_threads(threads)
        began = time.perf_counter()
        method("recall")(damaged, gap, rate)
        times.append(time.perf_counter() - began)
        each = times[-1] / options.gaps
        print(f"  {options.gaps} gaps    recall  {times[-1]:8.1f} s   {each:.2f} s a gap on {threads} of {cores} cores")
    print(f"  x{times[0] / times[1]:.2f} faster on all cores", flush=True)


if __name__ == "__main__":
    main()
