"""What other recordings of the same programme are worth: SNR of fills with and without, and how well they were aligned.

    python benchmarks/reference.py MUSIC [--gaps 100] [--lengths 20 64 250 1000 2000]

MUSIC is a folder of audio files, such as that of the open corpus (docs/benchmark.md). One gap is cut into each of as
many files as there are gaps, lengths in turn, all channels, at its own rate. Of every file three other recordings
are made: a lossy copy (an equaliser, a clock 200 ppm slower, 5.3 s of something else before it, MP3 at 128 kbit/s), one
with white noise 30 dB under the recording, 200 ppm too, and an unrelated one, which is another file.
"""

import argparse
import io
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from scipy.signal import butter, lfilter

from audio_inpaint import repair
from audio_inpaint.files.recording import read

PPM, LATER, NOISE = 200, 5.3, -30.0
BITRATE = (320 - 128) / (320 - 32)  # as libsndfile takes it: 0 is the highest of MP3, 1 the lowest


def slower(audio: np.ndarray) -> np.ndarray:
    """Audio (channel, time) as a clock plays it that runs 200 ppm slower."""
    return np.ascontiguousarray(soxr.resample(np.ascontiguousarray(audio.T), 1, 1 + 1e-6 * PPM, quality="VHQ").T)


def equalised(audio: np.ndarray, rate: int) -> np.ndarray:
    """Audio with about 6 dB more bass and less treble."""
    bass, treble = butter(1, 200, fs=rate), butter(1, min(5000, 0.4 * rate), fs=rate)
    return 0.5 * (audio + lfilter(*bass, audio) + lfilter(*treble, audio))


def through_mp3(audio: np.ndarray, rate: int) -> np.ndarray:
    """Audio (channel, time) as MP3 leaves it."""
    file = io.BytesIO()
    options = {"format": "MP3", "compression_level": BITRATE, "bitrate_mode": "CONSTANT"}
    with soundfile.SoundFile(file, "w", rate, len(audio), "MPEG_LAYER_III", **options) as writer:
        writer.write((audio / max(1.0, 1.01 * np.abs(audio).max())).T)
    file.seek(0)
    return soundfile.read(file, always_2d=True)[0].T


def lossy_copy(audio: np.ndarray, rate: int, before: np.ndarray) -> np.ndarray:
    """The recording as it was published: equalised, later, on another clock, through MP3."""
    return through_mp3(np.concatenate([before[:, : round(LATER * rate)], equalised(slower(audio), rate)], 1), rate)


def mp3_itself(audio: np.ndarray, rate: int, gap: slice) -> float:
    """What MP3 alone leaves of a gap, in dB: not equalised, and on the same clock, but for what the decoder is late."""
    other = through_mp3(audio, rate)
    size = min(audio.shape[-1], other.shape[-1])
    cross = np.fft.rfft(other[:, :size], 2 * size) * np.fft.rfft(audio[:, :size], 2 * size).conj()
    late = int(np.argmax(np.fft.irfft(cross.sum(0))))
    late -= 2 * size * (late > size)
    truth, left = audio[:, gap], other[:, gap.start + late : gap.stop + late]
    return snr(truth, left * np.sum(left * truth) / np.sum(left**2))


def noisy_copy(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The recording on another clock, with white noise."""
    other = slower(audio)
    return other + 10 ** (NOISE / 20) * np.sqrt(np.mean(audio**2)) * random.standard_normal(other.shape)


def snr(truth: np.ndarray, other: np.ndarray) -> float:
    """Signal-to-noise ratio in dB."""
    return float(10 * np.log10(np.sum(truth**2) / np.sum((truth - other) ** 2)))


def like(audio: np.ndarray, channels: int) -> np.ndarray:
    """Audio of so many channels."""
    return audio[np.arange(channels) % len(audio)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("music", type=Path)
    parser.add_argument("--gaps", type=int, default=100)
    parser.add_argument("--lengths", type=float, nargs="+", default=[20, 64, 250, 1000, 2000], help="milliseconds")
    parser.add_argument("--method", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(path for path in options.music.rglob("*") if path.suffix in (".flac", ".wav", ".mp3", ".ogg"))
    files = [files[int(place)] for place in np.linspace(0, len(files) - 1, options.gaps)]
    random, scores = np.random.default_rng(0), defaultdict(lambda: defaultdict(list))
    for number, path in enumerate(files):
        began, length = time.perf_counter(), options.lengths[number % len(options.lengths)]
        audio, rate = read(path)
        audio = audio.numpy()
        unrelated = like(read(files[number - 1])[0].numpy(), len(audio))
        size = round(length * rate / 1000)
        middle = audio.shape[-1] - size
        start = int(random.uniform(0.3, 0.7) * middle)
        truth = audio[:, start : start + size]
        if not truth.any():
            continue
        damaged = audio.astype(np.float32)
        damaged[:, start : start + size] = 0
        noise = snr(truth, truth + np.sqrt(np.mean(audio**2)) * 10 ** (NOISE / 20))
        others = {
            "none": [],
            "lossy": [lossy_copy(audio, rate, unrelated)],
            "noisy": [noisy_copy(audio, random)],
            "unrelated": [unrelated],
        }
        for name, references in others.items():
            done = repair(damaged, [(start, start + size)], rate, options.method, references=references)
            scores[length][name].append(snr(truth, done.audio[:, start : start + size]))
            if name in ("lossy", "noisy"):
                print(f"  {path.name:16} {length:5g} ms  {done.references[0]}")
        scores[length]["MP3 itself"].append(mp3_itself(audio, rate, slice(start, start + size)))
        scores[length]["noise itself"].append(noise)
        shown = "  ".join(f"{name} {scores[length][name][-1]:.1f}" for name in scores[length])
        print(f"{number + 1:4} of {len(files)}  {shown}  ({time.perf_counter() - began:.0f} s)", flush=True)
    print(f"\nmean SNR, dB, of {options.method}; in brackets the median")
    rows = {f"{length:g} ms": scores[length] for length in sorted(scores)}
    names = next(iter(scores.values()))
    rows["all"] = {name: [one for own in scores.values() for one in own[name]] for name in names}
    print("| gap | gaps | no reference | lossy copy | MP3 itself | noisy copy | its noise | unrelated, less none |")
    print("|-|-|-|-|-|-|-|-|")
    for row, own in rows.items():
        apart = np.subtract(own["unrelated"], own["none"])
        columns = "none", "lossy", "MP3 itself", "noisy", "noise itself"
        cells = [f"{np.mean(own[name]):.1f} ({np.median(own[name]):.1f})" for name in columns]
        cells.append(f"{np.mean(apart):+.2f} (worst {apart.min():+.2f})")
        print(f"| {row} | {len(apart)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
