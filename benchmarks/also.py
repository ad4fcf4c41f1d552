"""What further recordings are worth, and what they cost: SNR of fills with some that know, and some that do not.

    python benchmarks/also.py MUSIC [--gaps 30] [--lengths 20 64 200] [--pool 20]

MUSIC is a folder of audio files, such as that of the open corpus (docs/benchmark.md). One gap is cut into each of as
many files as there are gaps, lengths in turn, all channels, at its own rate. The pools: none; an episode, in which the
four seconds around the gap are heard between five of other sound each, through MP3 at 128 kbit/s, at 44.1 or 48 kHz,
whichever the file has not; and so many unrelated files.
"""

import argparse
import io
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

from audio_inpaint import repair
from audio_inpaint.also import opened
from audio_inpaint.files.recording import read

BITRATE = (320 - 128) / (320 - 32)  # as libsndfile takes it: 0 is the highest of MP3, 1 the lowest


def lossy(audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Audio (channel, time) at another rate, through MP3, and that rate."""
    other = 48000 if rate != 48000 else 44100
    audio = soxr.resample(np.ascontiguousarray(audio.T), rate, other, quality="VHQ")
    file = io.BytesIO()
    options = {"format": "MP3", "compression_level": BITRATE, "bitrate_mode": "CONSTANT"}
    with soundfile.SoundFile(file, "w", other, audio.shape[1], "MPEG_LAYER_III", **options) as writer:
        writer.write(audio / max(1.0, 1.01 * np.abs(audio).max()))
    file.seek(0)
    return soundfile.read(file, always_2d=True)[0].T, other


def snr(truth: np.ndarray, other: np.ndarray) -> float:
    """Signal-to-noise ratio in dB."""
    return float(10 * np.log10(np.sum(truth**2) / np.sum((truth - other) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("music", type=Path)
    parser.add_argument("--gaps", type=int, default=30)
    parser.add_argument("--lengths", type=float, nargs="+", default=[20, 64, 200], help="milliseconds")
    parser.add_argument("--pool", type=int, default=20, help="unrelated files")
    parser.add_argument("--method", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(path for path in options.music.rglob("*") if path.suffix in (".flac", ".wav", ".mp3", ".ogg"))
    files = [files[int(place)] for place in np.linspace(0, len(files) - 1, options.gaps + options.pool)]
    chosen = files[:: max(1, len(files) // options.gaps)][: options.gaps]
    others = [file for file in files if file not in chosen][: options.pool]
    random, scores, seconds = np.random.default_rng(0), defaultdict(list), defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for again in (False, True):
            began = time.perf_counter()
            with opened(others) as pool:
                print(f"{pool.notes[0]}: opened in {time.perf_counter() - began:.2f} s{' again' if again else ''}")
        with opened(others) as pool:
            for number, path in enumerate(chosen):
                length = options.lengths[number % len(options.lengths)]
                audio, rate = read(path)
                audio, size = audio.numpy(), round(length * rate / 1000)
                start = int(random.uniform(0.3, 0.7) * (audio.shape[-1] - size))
                truth, around = audio[:, start : start + size], audio[:, max(0, start - 2 * rate) :][:, : 4 * rate]
                if not truth.any():
                    continue
                damaged = audio.astype(np.float32)
                damaged[:, start : start + size] = 0
                other = read(others[number % len(others)])[0].numpy()[np.arange(len(audio)) % 1]
                episode = np.concatenate([other[:, : 5 * rate], around, other[:, 5 * rate : 10 * rate]], 1)
                for name, also in {"none": [], "episode": [lossy(episode, rate)], "unrelated": pool}.items():
                    began = time.perf_counter()
                    done = repair(damaged, [(start, start + size)], rate, options.method, also=also)
                    seconds[name].append(time.perf_counter() - began)
                    scores[name].append(snr(truth, done.audio[:, start : start + size]))
                shown = "  ".join(f"{name} {own[-1]:.2f} ({seconds[name][-1]:.1f} s)" for name, own in scores.items())
                print(f"{number + 1:4} of {len(chosen)}  {path.name:16} {length:5g} ms  {shown}", flush=True)
    print(
        f"\nmean SNR, dB, of {options.method} (median); difference to none, its standard error, and the worst; seconds"
    )
    for name, own in scores.items():
        apart, took = np.subtract(own, scores["none"]), np.median(seconds[name])
        error = apart.std(ddof=1) / np.sqrt(len(apart))
        print(
            f"| {name} | {len(own)} | {np.mean(own):.2f} ({np.median(own):.2f}) | {apart.mean():+.2f} ± {error:.2f} | "
            f"{apart.min():+.2f} | {took:.1f} |"
        )


if __name__ == "__main__":
    main()
