"""Shards of steady tones, which a context encoder learns to continue in a few steps, and the command that trains it."""

import json
import os
from pathlib import Path

import numpy as np
import webdataset
from shard_files import flac

from audio_inpaint.training.cli import main

TESTS = Path(__file__).parent
TINY = TESTS / "tiny_ce.yaml"
# of the command in a process of its own
_PATHS = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": _PATHS}
RATE, SAMPLES = 16000, 6400  # five segments of the tiny config


def write_tones(folder):
    """Shards for training, validation and test, of 8, 4 and 3 recordings."""
    for seed, (name, count) in enumerate({"training": 8, "validation": 4, "test": 3}.items()):
        random = np.random.default_rng(seed)
        with webdataset.TarWriter(str(folder / f"{name}-000000.tar")) as tar:
            for number in range(count):
                frequency, phase = random.uniform(200, 4000, (3, 1)), random.uniform(0, 6, (3, 1))
                audio = 0.2 * np.sin(2 * np.pi * frequency * np.arange(SAMPLES) / RATE + phase).sum(0)
                metadata = json.dumps({"sample_rate": RATE, "samples": SAMPLES}).encode()
                tar.write({"__key__": f"{number:05d}", "flac": flac(audio), "json": metadata})
    return folder


def arguments(command, shards, folder, *options):
    """Of `python -m audio_inpaint.train`."""
    data = [f"--data.init_args.{name}={shards}/{name}-*.tar" for name in ("training", "validation", "test")]
    return [command, "-c", str(TINY), f"--trainer.default_root_dir={folder}", *data, *options]


def run(command, shards, folder, *options):
    """Run it in this process."""
    assert main(arguments(command, shards, folder, *options)) == 0
    return folder
