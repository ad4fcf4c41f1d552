"""Time the phase reconstruction of 64 ms gaps on one core, and score it with the true magnitudes.

    python benchmarks/phase.py                    the demonstration's clips
    python benchmarks/phase.py music/*.flac

Processor milliseconds of a single thread for each gap; mean SNR_MS and SNR_TD over segments spread over each file.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from processor_time import seconds

from audio_inpaint.dsp.phase import fast_griffin_lim, phase_gradient_heap_integration
from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.files.recording import read
from audio_inpaint.nn.segment import Segment
from audio_inpaint.scores.snr import magnitude_snr, snr

CLIPS = sorted((Path(__file__).parent.parent / "demo" / "clips").glob("*.flac"))
SEGMENT, STFT_OF_THE_PAPER = Segment(), STFT(512, 128)
LOST = STFT_OF_THE_PAPER.touched(SEGMENT.lost)


def heap(spectrum: torch.Tensor) -> torch.Tensor:
    return phase_gradient_heap_integration(STFT_OF_THE_PAPER, spectrum, LOST)


def griffin_lim(spectrum: torch.Tensor) -> torch.Tensor:
    return fast_griffin_lim(STFT_OF_THE_PAPER, spectrum, LOST, SEGMENT.length)


STAGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "heap integration": heap,
    "Griffin-Lim from phase zero": griffin_lim,
    "both": lambda spectrum: griffin_lim(heap(spectrum)),
}


def segments(path: Path, count: int) -> torch.Tensor:
    """Audible segments spread evenly over a file, (count, time)."""
    audio, rate = read(path)
    windows = resampled(audio.mean(0, keepdim=True), rate, SEGMENT.sample_rate)[0].unfold(-1, SEGMENT.length, 512)
    audible = windows[SEGMENT.audible(windows)]
    return audible[torch.linspace(0, len(audible) - 1, count).long()]


def without_phase(audio: torch.Tensor) -> torch.Tensor:
    """Spectra (..., freq, frame) with the magnitudes alone in the lost frames."""
    spectrum = STFT_OF_THE_PAPER(audio)
    return torch.where(LOST, spectrum.abs().to(spectrum.dtype), spectrum)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=CLIPS, help="audio, at least 320 ms of sound each")
    parser.add_argument("--count", type=int, default=16, help="segments scored of each file (16)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'':<30}" + "".join(f"{f'batch {batch}':>12}" for batch in (1, 64)))
    for name, stage in STAGES.items():
        took = []
        for batch in (1, 64):
            spectrum = without_phase(0.1 * torch.randn(batch, SEGMENT.length))
            took.append(1000 * seconds(lambda s=stage, x=spectrum: s(x)) / batch)
        print(f"{name:<30}" + "".join(f"{ms:9.2f} ms" for ms in took))
    for path in options.files:
        audio = segments(path, options.count)
        print(path.name)
        for name, stage in STAGES.items():
            restored = STFT_OF_THE_PAPER.inverse(stage(without_phase(audio)), SEGMENT.length)
            ms, td = (score(restored, audio, SEGMENT.lost).mean() for score in (magnitude_snr, snr))
            print(f"  {name:<28}SNR_MS {ms:5.1f} dB   SNR_TD {td:5.1f} dB")


if __name__ == "__main__":
    main()
