"""Fill gaps as the default method does, and store the fills with all that speaks for them: a refiner learns from these.

    audio-inpaint-data fills music=data/open/music notes=data/open/notes -o data/shards/fills --count 4000
    audio-inpaint-data fills music=data/open/music -o data/shards/fills --count 200 --split validation

Each kind of sound gets as many fills. The shards do not depend on the number of processes, and one that is there is
not made again: work that was interrupted continues when the same command is given.
"""

import argparse
import io
import json
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.commands.console import Parser
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.recall.auto import Auto
from audio_inpaint.methods.recall.scene import Scene
from audio_inpaint.methods.refiner.evidence import REACH, Evidence
from data_prep.augmentation import augment
from data_prep.parallel import available_cores, ordered_map
from data_prep.recording import SPLITS

PER_SHARD = 64
PER_RECORDING = 4  # of a recording that is decoded, in excerpts of their own
SECONDS = 4.0, 16.0  # of an excerpt: recall finds more in longer ones, and both kinds are met
GAP_MS = 5.0, 200.0  # all that are refined; three in four are of the usual lengths
USUAL_MS = 20.0, 100.0
SILENT_RMS = 1e-4  # what is lost there is nothing to learn from
NOISY = 0.15  # of the excerpts get noise at a level that recordings have, so that floors are learned
NOISE_DB = -60.0, -25.0  # below the excerpt
# A third of the time of all candidates; their fills are worse, and so the evidence is learned at more levels.
CHEAPER = Auto(templates=(0.064,), contexts=(1.0, 0.5, 0.1875))


@dataclass(frozen=True)
class Plan:
    """What the fills of a kind are drawn from.

    Args:
        found: recordings, in the order that they are taken.
        kind: of sound.
        split: training, validation or test.
        cheaper: share of the fills that have fewer candidates.
        augmented: share of the fills whose recording is equalised, filtered or coded first.
        seed: of everything random.
    """

    found: tuple[Recording, ...]
    kind: str
    split: str
    cheaper: float
    augmented: float
    seed: int


def drawn(audio: Tensor, sample_rate: int, rng: np.random.Generator, cheaper: float) -> Evidence | None:
    """Cut an excerpt with one gap out of a recording and fill it; None where there is too little sound.

    Args:
        audio: (channel, time).
        sample_rate: Hz.
        rng: chooses.
        cheaper: chance of fewer candidates.
    """
    length = min(audio.shape[-1], round(float(np.exp(rng.uniform(*np.log(SECONDS)))) * sample_rate))
    usual = rng.uniform() < 0.75
    ms = rng.uniform(*USUAL_MS) if usual else float(np.exp(rng.uniform(*np.log(GAP_MS))))
    size, beside = round(ms * sample_rate / 1000), round(REACH * sample_rate)
    auto = CHEAPER if rng.uniform() < cheaper else Auto()
    noisy, level, seed = rng.uniform() < NOISY, 10 ** (rng.uniform(*NOISE_DB) / 20), int(rng.integers(2**31))
    first, place = rng.uniform(size=2)
    begin = int(first * (audio.shape[-1] - length + 1))
    audio = audio[:, begin : begin + length]
    if length < size + 2 * beside:
        return None
    start = beside + int(place * (length - size - 2 * beside + 1))
    hole = Gap(start, start + size)
    if audio[:, start : hole.stop].square().mean().sqrt() < SILENT_RMS:
        return None
    if noisy:
        noise = torch.randn(audio.shape, generator=torch.Generator().manual_seed(seed), dtype=audio.dtype)
        audio = audio + level * audio.square().mean().sqrt() * noise
    gap = gap_mask([hole], length)[0]
    scene = Scene(auto, audio.masked_fill(gap, 0), gap, sample_rate)
    trial = scene.trial(hole)
    if trial is None:
        return None
    return replace(auto.evidence(scene, hole, trial), audio=audio[:, start - beside : hole.stop + beside])


def write_shard(number: int, plan: Plan, out: Path) -> int:
    """Write a shard unless it is there; returns how many fills it has, 0 for one that was there."""
    path = out / f"{plan.split}-{plan.kind}-{number:06d}.tar"
    if path.is_file():
        return 0
    torch.set_num_threads(1)
    count, turns = 0, PER_SHARD // PER_RECORDING
    with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
        for turn in range(number * turns, (number + 1) * turns):
            recording = plan.found[turn % len(plan.found)]
            audio, rate = recording.audio()
            for again in range(PER_RECORDING):
                rng = np.random.default_rng([plan.seed, turn, again])
                effects = np.random.default_rng([plan.seed, turn, again, 1])
                changed = augment(audio, rate, effects) if effects.uniform() < plan.augmented else audio
                evidence = drawn(changed, rate, rng, plan.cheaper)
                if evidence is None:
                    continue
                key = f"{plan.kind}-{turn:06d}-{again}"
                about = {"recording": recording.name, "kind": plan.kind, "split": plan.split, "sample_rate": rate}
                about |= {"channels": len(audio), "seconds": (evidence.hole.stop - evidence.hole.start) / rate}
                _add(tar, f"{key}.npz", evidence.packed())
                _add(tar, f"{key}.json", json.dumps(about, ensure_ascii=False).encode())
                count += 1
    return count


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def write(
    sources: Sequence[str],
    out: Path,
    split: str = "training",
    count: int = 1000,
    sample_rate: int | None = 16000,
    cheaper: float = 0.5,
    augmented: float = 0.0,
    workers: int = 1,
    seed: int = 0,
) -> int:
    """Write the fills of all sources, and return how many were made.

    Args:
        sources: KIND=FOLDER each; of data sets that have splits, the split's recordings alone are taken.
        out: folder of the shards, made where it is missing.
        split: training, validation or test.
        count: fills of each kind, before those are dropped that have too little sound.
        sample_rate: Hz that mono recordings are resampled to; None leaves rates and channels as they are.
        cheaper: share of the fills that have fewer candidates.
        augmented: share of the fills whose recording is changed first; the other fills stay as they are.
        workers: processes.
        seed: of everything random.

    Raises:
        InputError: a source has no audio, or a shard cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = 0
    for source in sources:
        found = recordings([source], sample_rate=sample_rate, mono=sample_rate is not None, split=split)
        order = np.random.default_rng(seed).permutation(len(found))
        plan = Plan(tuple(found[place] for place in order), found[0].kind, split, cheaper, augmented, seed)
        plan = replace(plan, kind=plan.kind if sample_rate else f"{plan.kind}_whole")
        shards = -(-count // PER_SHARD)
        results = ordered_map(partial(write_shard, plan=plan, out=out), range(shards), workers)
        made += sum(tqdm(results, total=shards, unit=" shards", desc=plan.kind, disable=None))
    return made


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, write the shards, print how many fills they hold; returns the exit code."""
    parser = Parser(
        prog="audio-inpaint-data fills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", metavar="KIND=FOLDER", help="undamaged recordings")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="folder for the shards")
    parser.add_argument("--split", choices=SPLITS, default="training", help="of data sets (default: training)")
    parser.add_argument("--count", type=int, default=1000, help="fills of each kind (default: 1000)")
    parser.add_argument("--whole", action="store_true", help="keep sample rates and channels, instead of 16 kHz mono")
    parser.add_argument("--cheaper", type=float, default=0.5, help="share with fewer candidates (default: 0.5)")
    parser.add_argument("--augmented", type=float, default=0.0, help="share equalised, filtered or coded (default: 0)")
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes (default: all cores)")
    options = parser.parse_args(arguments)
    shares = options.cheaper, options.augmented
    try:
        if options.count < 1 or options.workers < 1 or not 0 <= min(shares) <= max(shares) <= 1:
            raise InputError("--count and --workers must be at least 1, --cheaper and --augmented from 0 to 1")
        rate = None if options.whole else 16000
        made = write(options.sources, options.out, options.split, options.count, rate, *shares, options.workers)
    except (InputError, OSError) as error:
        print(f"audio-inpaint-data fills: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("audio-inpaint-data fills: interrupted; the same command continues", file=sys.stderr)
        return 130
    print(f"{options.out}: {made} fills made")
    return 0
