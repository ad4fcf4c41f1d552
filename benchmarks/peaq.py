"""Time the objective difference grade on one core: seconds of audio graded in a second.

    python benchmarks/peaq.py [--seconds 10]

Processor seconds of a single thread, which other work on the machine disturbs less than it does the clock.
"""

import argparse
import time

import torch

from audio_inpaint.scores import odg

RATES = (8000, 16000, 44100, 48000)
REPEATS = 5


def audio(seconds: float, sample_rate: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy tones that come and go, and the same with a little more noise: original and test."""
    time_axis = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    noise = torch.randn(2, len(time_axis), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tones = torch.sin(2 * torch.pi * torch.tensor([[220.0], [1330.0], [3100.0]]) * time_axis).sum(0)
    original = 0.1 * tones * torch.sin(2 * torch.pi * time_axis) + 0.01 * noise[0]
    return original, original + 0.003 * noise[1]


def processor_seconds(seconds: float, sample_rate: int) -> float:
    """Best of several runs."""
    original, test = audio(seconds, sample_rate)
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        odg(test, original, sample_rate)
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10, help="length of the recording (default: %(default)s)")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    for sample_rate in RATES:
        took = processor_seconds(seconds, sample_rate)
        print(f"{sample_rate:6} Hz  {seconds:g} s graded in {took:.3f} s   x{seconds / took:.0f} real time")


if __name__ == "__main__":
    main()
