"""Whether hiss goes on in a fill: level in the middle of a gap, with and without the refiner (docs/refiner.md).

    python benchmarks/hiss.py
    python benchmarks/hiss.py music=data/open/music

White noise at -50 dBFS, alone or under the test split's music, loses gaps of 20 to 150 ms at 16 and 44.1 kHz.
"""

import argparse
import sys
from functools import partial

import torch
from torch import Tensor

from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.recall.auto import Auto

GAPS = 20  # of each length
LEVEL = 10 ** (-50 / 20)


def table(found: list[Recording]) -> str:
    """Level in dB of the middle of fills against the truth's, in the upper five octaves, lowest first.

    Args:
        found: recordings that have the noise added; none: the noise is alone.
    """
    lines = [f"{'':24}{'without':>40}{'auto':>40}"]
    for rate in (16000, 44100):
        for milliseconds in (20, 40, 80, 150):
            with one_thread() as cores:
                ratios = on_cores(partial(levels, found=found, rate=rate, ms=milliseconds), range(GAPS), cores)
            plain, full, true = torch.stack(ratios).mean(0)
            shown = ["  ".join(f"{x:6.1f}" for x in 10 * (own / true).log10()) for own in (plain, full)]
            lines.append(f"{f'{rate} Hz, {milliseconds} ms':24}{shown[0]:>40}{shown[1]:>40}")
    return "\n".join(lines)


def levels(number: int, found: list[Recording], rate: int, ms: int) -> Tensor:
    """Power of the upper octaves in the middle of a gap: without refinement, with it, and the truth's, (3, octave)."""
    size, length = round(ms * rate / 1000), (4 if found else 1) * rate
    noise = torch.randn(1, length, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    audio, run = LEVEL * noise, Gap(length // 2, length // 2 + size)
    if found:
        under, own = found[number % len(found)].audio()
        middle = resampled(under.mean(0, keepdim=True), own, rate).double()
        first = (middle.shape[-1] - length) // 2
        audio = audio + middle[:, first : first + length]
    gap = gap_mask([run], length)
    middle = slice(run.start + size // 4, run.stop - size // 4)
    made = (Auto(refine=False)(audio, gap, rate), Auto()(audio, gap, rate), audio)
    return torch.stack([octaves(x[:, middle], rate) for x in made])


def octaves(x: Tensor, rate: int) -> Tensor:
    """Power of the upper five octaves of x, (1, time)."""
    window = torch.hann_window(x.shape[-1], dtype=x.dtype)
    power = torch.fft.rfft(x * window).abs().square()[0]
    hertz = torch.arange(len(power)) * rate / x.shape[-1]
    tops = [rate / 2 / 2**octave for octave in reversed(range(5))]
    return torch.stack([power[(hertz > top / 2) & (hertz <= top)].sum() for top in tops])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="*", help="FOLDER or KIND=FOLDER of music to have under the hiss")
    parser.add_argument("--limit", type=int, default=150, help="recordings of each kind to choose; %(default)s")
    options = parser.parse_args()
    try:
        print(table(recordings(options.sources, options.limit) if options.sources else []))
    except InputError as error:
        print(f"hiss: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
