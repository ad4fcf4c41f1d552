"""How fast training segments come from shards, beside what a training step consumes.

    python benchmarks/loader.py [--shards 'shards/fma/training-*.tar'] [--consumes 9] [--tflops 400] [--batches 100]

Without shards some are made: music-like tones and noise, in recordings of 30 s. A core's rate is that of its own
processor time, which other programs on the machine do not change; the rate by the clock is what a training would see.
"""

import argparse
import io
import json
import os
import resource
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile
import torch
import webdataset

from audio_inpaint.nn.segment import Segment
from audio_inpaint.training.data.shards import Shards

MACS = 3.07e9  # of the paper's network, forward, a segment; the backward pass takes twice as many
FLOP = 2 * 3 * MACS


def make_shards(folder, shards=8, each=8, seconds=30, sample_rate=16000):
    random = np.random.default_rng(0)
    time = np.arange(seconds * sample_rate) / sample_rate
    for shard in range(shards):
        with webdataset.TarWriter(f"{folder}/training-{shard:06d}.tar") as tar:
            for number in range(each):
                tones = sum(np.sin(2 * np.pi * f * time) / 10 for f in random.uniform(50, 4000, 8))
                audio = tones * (0.6 + 0.4 * np.sin(2 * np.pi * time)) + 0.003 * random.standard_normal(len(time))
                file = io.BytesIO()
                soundfile.write(file, audio, sample_rate, format="FLAC", subtype="PCM_16")
                metadata = json.dumps({"sample_rate": sample_rate, "samples": len(audio)}).encode()
                tar.write({"__key__": f"{shard}-{number}", "flac": file.getvalue(), "json": metadata})
    return f"{folder}/training-*.tar"


def processor_seconds():
    """Of this process and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure(shards, workers, batches):
    """Segments a second by the clock, and a second of processor time."""
    # the buffer costs nothing but its first filling, which should not count
    data = Shards(shards, segment=Segment(), workers=workers, steps=batches + 1, buffer=32)
    data.setup("fit")
    used = processor_seconds()
    loader = iter(data.train_dataloader())
    next(loader)
    started = time.perf_counter()
    for _ in islice(loader, batches):
        pass
    elapsed = time.perf_counter() - started
    del loader
    segments = batches * data.batch_size
    return segments / elapsed, segments / (processor_seconds() - used)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", metavar="PATTERN")
    parser.add_argument(
        "--consumes", type=float, default=9.0, metavar="N", help="segments/s of a training (9: two CPU cores)"
    )
    parser.add_argument("--tflops", type=float, default=400.0, metavar="N", help="what one H200 sustains in bfloat16")
    parser.add_argument("--batches", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        shards = options.shards or make_shards(Path(folder))
        print(f"{'workers':8} {'segments/s':>12} {'segments/s of a core':>22}   ({os.cpu_count()} cores)")
        for workers in (0, 1):
            clock, of_core = measure(shards, workers, options.batches)
            print(f"{workers:<8} {clock:12.0f} {of_core:22.0f}", flush=True)
    print(f"\n{'what a training consumes':38} {'segments/s':>12} {'cores that read':>16}")
    on_paper = f"one H200, {options.tflops:g} TFLOP/s on paper"
    consumers = {"as measured (--consumes)": options.consumes, on_paper: options.tflops * 1e12 / FLOP}
    for name, consumed in consumers.items():
        print(f"{name:38} {consumed:12.0f} {consumed / of_core:16.3f}")


if __name__ == "__main__":
    main()
