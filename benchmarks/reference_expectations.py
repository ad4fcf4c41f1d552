"""What `auto` expects of fills from references that lack something, against what they reach.

    python benchmarks/reference_expectations.py MUSIC [--files 12] [--lengths 20 64 120] [--kinds low-pass opus ...]

MUSIC is a folder of audio files, such as that of the open corpus (docs/benchmark.md). Of as many files the middle
twelve seconds are damaged, at their own rate, by a gap of each length in all channels, and restored with one reference
of each kind, in time with them.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from reference import noisy_copy, snr
from scipy.signal import butter, sosfilt

from audio_inpaint import repair
from audio_inpaint.files.recording import read

SECONDS, SILENT = 12.0, 1e-4  # of a file; the root of the mean square of a gap that has no score
OPUS_RATE = 48000
# As libsndfile takes them: of MP3 0 is 320 kbit/s and 1 is 32, of Opus 512 and 12 in stereo.
MP3_64, OPUS_24 = (320 - 64) / (320 - 32), (512 - 24) / (512 - 12)


def coded(audio: np.ndarray, rate: int, **options) -> np.ndarray:
    """Audio (channel, time) as a lossy codec leaves it."""
    file = io.BytesIO()
    audio = audio / max(1.0, 1.01 * np.abs(audio).max())
    with soundfile.SoundFile(file, "w", rate, len(audio), **options) as writer:
        writer.write(audio.T)
    file.seek(0)
    return soundfile.read(file, always_2d=True)[0].T


def through_mp3(audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": MP3_64, "bitrate_mode": "CONSTANT"}
    return coded(audio, rate, **options), rate


def through_opus(audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    audio = soxr.resample(audio.T, rate, OPUS_RATE, quality="VHQ").T
    return coded(audio, OPUS_RATE, format="OGG", subtype="OPUS", compression_level=OPUS_24), OPUS_RATE


def low_pass(audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    return sosfilt(butter(8, 4000, fs=rate, output="sos"), audio), rate


KINDS = {
    "noisy": lambda audio, rate: (noisy_copy(audio, np.random.default_rng(0)), rate),
    "low-pass": low_pass,
    "opus": through_opus,
    "mp3": through_mp3,
    "mono": lambda audio, rate: (audio.mean(0, keepdims=True), rate),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("music", type=Path)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--lengths", type=float, nargs="+", default=[20, 64, 120], help="milliseconds")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(path for path in options.music.rglob("*") if path.suffix in (".flac", ".wav", ".mp3", ".ogg"))
    files = [files[int(place)] for place in np.linspace(0, len(files) - 1, options.files)]
    rows: dict[str, list[tuple[float, float]]] = {kind: [] for kind in options.kinds}
    for number, path in enumerate(files):
        audio, rate = read(path)
        first = max(0, audio.shape[-1] - round(SECONDS * rate)) // 2
        audio = audio.numpy()[:, first : first + round(SECONDS * rate)].astype(float)
        random, gaps = np.random.default_rng(number), []
        for place, length in enumerate(options.lengths):
            part = audio.shape[-1] / len(options.lengths)
            start = round(part * (place + random.uniform(0.3, 0.6)))
            gap = slice(start, start + round(length * rate / 1000))
            if np.sqrt(np.mean(audio[:, gap] ** 2)) > SILENT:
                gaps.append(gap)
        damaged = audio.copy()
        for gap in gaps:
            damaged[:, gap] = 0
        for kind in options.kinds:
            if kind == "mono" and len(audio) == 1:
                continue
            other = KINDS[kind](audio, rate)
            done = repair(damaged, [(gap.start, gap.stop) for gap in gaps], rate, references=[other])
            for gap, told in zip(gaps, done.explanations, strict=True):
                rows[kind].append((told.expected_snr, snr(audio[:, gap], done.audio[:, gap])))
                expected, achieved = rows[kind][-1]
                print(f"{path.name:16} {kind:9} expected {expected:5.1f}, achieved {achieved:5.1f}", flush=True)
    print("| reference | gaps | achieved | expected - achieved | rms | correlation |\n|-|-|-|-|-|-|")
    for kind, pairs in rows.items():
        expected, achieved = np.array(pairs).T
        apart = expected - achieved.clip(-10, 40)
        error = apart.std() / np.sqrt(len(apart))
        cells = f"{achieved.mean():.1f} | {apart.mean():+.1f} ± {error:.1f} | {np.sqrt(np.mean(apart**2)):.1f}"
        print(f"| {kind} | {len(pairs)} | {cells} | {np.corrcoef(expected, achieved)[0, 1]:.2f} |")


if __name__ == "__main__":
    main()
