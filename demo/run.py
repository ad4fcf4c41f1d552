"""Damage the recordings in demo/clips, repair them, and write demo/report.html to hear and see the result.

    python demo/run.py [--methods auto,auto:refine=false,janssen] [--full] [--seed 0]

Protocol `time`: gaps of 20 to 80 ms, 250 ms in all, are cut into 2.5 seconds of each recording, and the methods see
zeros there. The damaged and repaired WAV files and the gaps, as Audacity labels, are left in demo/output; what is done
here by files is what `audio-inpaint inpaint` does. A stereo clip is also repaired from its other channel, and from a
lossy copy of it, as by `--reference`.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import read, write
from audio_inpaint.gap_files import resolve_gaps, write_labels
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.contract import Method
from audio_inpaint.methods.registry import method
from audio_inpaint.random_gaps import random_gaps
from audio_inpaint.repairing import repair_file
from audio_inpaint.report import Item, Scores, score, write_report
from audio_inpaint.scores.speech import pesq

HERE = Path(__file__).parent
OUTPUT, REPORT = HERE / "output", HERE / "report.html"
TOTAL_MS, SHORTEST_MS, LONGEST_MS = 250, 20, 80
FIT, STEPS, FITTED = "dpai_fast", 200, "music_16k"  # all of its 700 steps take minutes for each recording
STRETCH = 2.5  # seconds that hold all gaps of a recording: a deep prior is fitted to them and a second around them


def damage(clip: Path, seed: list[int], name: str, channel: int | None = None) -> tuple[Path, Path]:
    """Write a copy of a clip with zeros in random gaps, of a channel or of all, and the gaps as labels.

    Returns:
        both files.
    """
    truth, rate = read(clip)
    rng = np.random.default_rng(seed)
    stretch = min(round(STRETCH * rate), truth.shape[-1])
    first = int(rng.integers(truth.shape[-1] - stretch + 1))
    places = random_gaps(stretch, rate, TOTAL_MS, rng, SHORTEST_MS, LONGEST_MS)
    gaps = [Gap(first + gap.start, first + gap.stop, channel) for gap in places]
    damaged, labels = OUTPUT / f"{name}.damaged.wav", OUTPUT / f"{name}.gaps.txt"
    write(damaged, truth.masked_fill(gap_mask(gaps, truth.shape[-1], len(truth)), 0), rate, "PCM_16")
    write_labels(labels, gaps, rate)
    return damaged, labels


def repair(
    clip: Path, damaged: Path, labels: Path, methods: dict[str, Method], references: dict[str, list[Path]] | None = None
) -> Item:
    """Fill the gaps of a damaged file by each method, file to file, with references for those that have some."""
    truth, rate = read(clip)
    stem = damaged.name.removesuffix(".damaged.wav")
    item = Item(stem, rate, read(damaged)[0], {}, resolve_gaps(str(labels), rate, truth.shape[-1]), truth)
    for name, restore in methods.items():
        repaired = OUTPUT / f"{stem}.{name}.wav"
        others = (references or {}).get(name, [])
        result = repair_file(damaged, repaired, item.gaps, restore, references=others, overwrite=True)
        item.seconds[name], item.explanations[name] = result.seconds, result.explanations
        item.restored[name] = read(repaired)[0]
        print(f"{stem}: {len(item.gaps)} gaps filled by {name} in {item.seconds[name]:.1f} s", flush=True)
    if clip.stem.startswith("speech") and find_spec("pesq"):
        item.scores = {name: {"PESQ": speech_score(item, audio)} for name, audio in item.restored.items()}
    return item


def with_company(clip: Path, seed: list[int]) -> Iterator[Item]:
    """Repair a stereo clip from its other channel, and from another recording: a lossy copy that begins earlier."""
    name = f"{clip.stem}_one_channel"
    yield repair(clip, *damage(clip, seed, name, channel=0), {one: method(one) for one in ("auto", "janssen")})
    truth, rate = read(clip)
    other = OUTPUT / f"{clip.stem}.copy.mp3"
    write(other, torch.nn.functional.pad(0.7 * truth, (rate // 2, 0)), rate)
    name = f"{clip.stem}_reference"
    methods = {"with_the_copy": method("auto"), "auto": method("auto")}
    yield repair(clip, *damage(clip, seed, name), methods, {"with_the_copy": [other]})


def speech_score(item: Item, audio: Tensor) -> float:
    """PESQ of the whole recording."""
    return float(pesq(audio, item.truth, item.sample_rate).mean())


def table(items: list[Item]) -> Iterator[str]:
    """The scores in plain text, the damaged recording being the first row of each."""
    scores: list[Scores] = []
    for item in items:
        extra = {"damaged": {"PESQ": speech_score(item, item.damaged)}} if item.scores else {}
        restored = {"damaged": item.damaged, **item.restored}
        scores.append(score(replace(item, restored=restored, scores=extra | item.scores)))
    metrics = list(dict.fromkeys(metric for rows in scores for row in rows.values() for metric in row))
    heads = [*metrics, "time (s)"]
    yield f"{'recording':<22}{'method':<19}" + "".join(f"  {head}" for head in heads)
    for item, rows in zip(items, scores, strict=True):
        for name, row in rows.items():
            values = [*(row.get(metric) for metric in metrics), item.seconds.get(name)]
            cells = ("" if value is None else f"{round(value, 2) + 0.0:.2f}" for value in values)
            line = "".join(f"  {cell:>{len(head)}}" for head, cell in zip(heads, cells, strict=True))
            yield f"{item.name:<22}{name:<19}{line}".rstrip()


def main() -> int:
    """Run the demonstration; returns the exit code, 2 for an error that the user can fix."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    methods = "auto,auto:refine=false,janssen"
    parser.add_argument("--methods", default=methods, help="see `audio-inpaint methods`; %(default)s")
    parser.add_argument("--full", action="store_true", help=f"fit {FIT} to every recording, all its steps")
    parser.add_argument("--seed", type=int, default=0, help="of the places and lengths of the gaps; %(default)s")
    options = parser.parse_args()
    try:
        OUTPUT.mkdir(exist_ok=True)
        methods = {name: method(name) for name in options.methods.split(",")}
        clips = sorted((HERE / "clips").glob("*.flac"))
        items = []
        for n, clip in enumerate(clips):
            fit = FIT if options.full else f"{FIT}:steps={STEPS}"
            fits = {FIT: method(fit)} if options.full or clip.stem == FITTED else {}
            items.append(repair(clip, *damage(clip, [options.seed, n], clip.stem), methods | fits))
        for n, clip in enumerate(clips):
            if len(read(clip)[0]) > 1:
                items += with_company(clip, [options.seed, n])
        details = {
            "Seed": str(options.seed),
            "Protocol": f"time: {TOTAL_MS} ms lost in gaps of {SHORTEST_MS} to {LONGEST_MS} ms, all in {STRETCH} s",
            "Recordings": "authors and licences in demo/clips/LICENCES.md",
        }
        command = shlex.join(["python", "demo/run.py", *sys.argv[1:]])
        write_report(REPORT, items, command, "Audio inpainting demonstration", details)
    except InputError as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    print("", *table(items), "", sep="\n")
    print(f"damaged and repaired files: {os.path.relpath(OUTPUT)}\nreport: {os.path.relpath(REPORT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
