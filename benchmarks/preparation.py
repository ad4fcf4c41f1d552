"""Time the way of recordings into shards: where the seconds go on one core, and what all cores do together.

    python benchmarks/preparation.py

Recordings like FMA's (30 s, 44.1 kHz, stereo, MP3) and NSynth's (4 s, 16 kHz, mono, WAV), made here. The stages are
timed in processor seconds, which other work on the machine disturbs less than it does the clock.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from processor_time import seconds

from data_prep import conversion, shards
from data_prep.parallel import available_cores
from data_prep.recording import Recording, given_bytes

TARGET = shards.target_at(16000)


def recording(seconds: float, sample_rate: int, channels: int, form: str, seed: int) -> bytes:
    """Tones that come and go over pink-like noise: what compresses as music does."""
    rng = np.random.default_rng(seed)
    time_axis = np.arange(round(seconds * sample_rate)) / sample_rate
    audio = np.cumsum(rng.standard_normal((len(time_axis), channels)), axis=0) * 1e-4
    audio -= np.cumsum(audio, axis=0) / np.arange(1, len(audio) + 1)[:, None]
    for hertz in rng.uniform(80, 4000, 12):
        envelope = 0.04 * (1 + np.sin(2 * np.pi * rng.uniform(0.2, 3) * time_axis))
        audio += (envelope * np.sin(2 * np.pi * hertz * time_axis))[:, None]
    file = io.BytesIO()
    soundfile.write(file, np.clip(audio, -1, 1), sample_rate, format=form)
    return file.getvalue()


def stages(data: bytes) -> dict[str, float]:
    """Processor seconds of each step of `conversion.convert`."""
    sample_rate = soundfile.info(io.BytesIO(data)).samplerate
    decode = seconds(lambda: conversion.decode(data, sample_rate))
    both = seconds(lambda: conversion.decode(data, TARGET.sample_rate))
    audio, _ = conversion.decode(data, TARGET.sample_rate)
    samples = conversion.to_16_bit(audio)
    trim = seconds(lambda: conversion.count_segments(conversion.trim(conversion.to_16_bit(audio)), TARGET))
    encode = seconds(lambda: conversion.to_flac(samples, TARGET.sample_rate))
    return {"decode, mono": decode, "resample": max(0.0, both - decode), "trim, count": trim, "FLAC": encode}


def clock(folder: Path, workers: int) -> float:
    """Seconds that the whole command takes, by the clock."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        shards.prepare("folder", [folder], Path(out), workers=workers)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=64, help="in the run with all cores (default: 64)")
    options = parser.parse_args()
    kinds = {"FMA clip": (30, 44100, 2, "MP3"), "NSynth note": (4, 16000, 1, "WAV")}
    print("one core                  " + "".join(f"{name:>14}" for name in (*stages_of(kinds), "all")))
    for name, (length, *form) in kinds.items():
        data = recording(length, *form, seed=0)
        times = stages(data)
        total = seconds(lambda data=data: conversion.convert(Recording("a", {}, given_bytes(data)), TARGET))
        row = "".join(f"{1000 * value:>11.1f} ms" for value in (*times.values(), total))
        print(f"{name:<26}{row}   {1 / total:.0f} recordings/s, {length / total:,.0f} x real time")
    for name, (length, *form) in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            some = [recording(length, *form, seed=seed) for seed in range(4)]
            for index in range(options.recordings * (30 // length)):
                Path(folder, f"{index:05d}.{form[2].lower()}").write_bytes(some[index % len(some)])
            count = len(list(Path(folder).iterdir()))
            for workers in sorted({1, available_cores()}):
                taken = clock(Path(folder), workers)
                print(
                    f"{name}: {count} in {taken:.1f} s with {workers} workers, {count / taken:.0f} recordings/s, "
                    f"{length * count / taken:,.0f} x real time"
                )


def stages_of(kinds: dict) -> list[str]:
    return list(stages(recording(1, *next(iter(kinds.values()))[1:], seed=0)))


if __name__ == "__main__":
    main()
