"""Time the classical methods on one core: a 60 ms gap, and many segments at once against one by one.

    python benchmarks/classical.py

Processor seconds of a single thread, which other work on the machine disturbs less than it does the clock.
"""

import argparse

import torch
from processor_time import seconds

from audio_inpaint.methods.burg import Burg
from audio_inpaint.methods.janssen import Janssen

SEGMENTS = 1000


def damaged(rows: int, sample_rate: int, gap_ms: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy tones with one gap between 128 ms of context, both (rows, time)."""
    context, lost = round(0.128 * sample_rate), round(gap_ms * sample_rate / 1000)
    time_axis = torch.arange(2 * context + lost, dtype=torch.float64) / sample_rate
    generator = torch.Generator().manual_seed(0)
    pitch = 100 + 900 * torch.rand(rows, 8, 1, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, len(time_axis), generator=generator, dtype=torch.float64)
    audio = 0.1 * torch.sin(2 * torch.pi * pitch * time_axis).sum(1) + 0.01 * noise
    gap = torch.zeros(len(time_axis), dtype=torch.bool)
    gap[context : context + lost] = True
    return audio, gap.expand(rows, -1)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    torch.set_num_threads(1)
    print("one 60 ms gap")
    for rate in (16000, 44100):
        audio, gap = damaged(1, rate, 60)
        methods = {"burg": Burg(), "janssen, 1 iteration": Janssen(1), "janssen, 2 iterations": Janssen(2)}
        times = {name: seconds(lambda m=m, x=audio, g=gap, r=rate: m(x, g, r)) for name, m in methods.items()}
        for name, took in times.items():
            print(f"  {rate} Hz  {name:<22}{1000 * took:8.1f} ms   x{took / times['burg']:.2f} of burg")
    audio, gap = damaged(SEGMENTS, 16000, 64)
    loop = seconds(lambda: [Burg()(row[None], gap[:1], 16000) for row in audio], repeats=1)
    batch = seconds(lambda: Burg()(audio, gap, 16000), repeats=1)
    print(f"burg, {SEGMENTS} segments of one 64 ms gap, 16 kHz")
    print(f"  one by one {loop:.2f} s   batched {batch:.2f} s   x{loop / batch:.2f} faster")


if __name__ == "__main__":
    main()
