"""The table of docs/detection.md: what share of each kind of damage is found, and how often nothing is called damage.

    python benchmarks/detection.py FOLDER... [--clips N] [--seed N] [--kinds NAMES] [--undamaged] [--gated]

FOLDER holds undamaged recordings. Each kind of damage is put into N of them, 20 times in each, and looked for among the
default kinds and its own; a finding counts if it covers half of a fault and is no more than 20 ms too long. The damage
is drawn anew with every seed, so that what was tuned on one is judged on another.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from damage import DAMAGE, damaged

from audio_inpaint.detection import DEFAULT, Detection, detect, examine, search
from audio_inpaint.files.recording import Reader

_OWN = {
    "clicks, 1-3 samples": "clicks",
    "clicks, 1-5 ms": "clicks",
    "crackle": "clicks",
    "bursts": "bursts",
    "jumps": "jumps",
}
_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff"}
_EXCESS_S = 0.02
_CODECS = {"vorbis": ("ogg", "VORBIS"), "mp3": ("mp3", "MPEG_LAYER_III"), "opus": ("opus", "OPUS")}


def recordings(folders: Sequence[Path], seed: int) -> list[Path]:
    """Return all audio files below folders, in an order that the seed draws."""
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES)
    return [files[place] for place in np.random.default_rng(seed).permutation(len(files))]


def bases(files: Sequence[Path], clips: int) -> Iterator[tuple[Path, np.ndarray, int]]:
    """Yield files that are long and loud enough to be damaged, as audio (channel, time) and rate."""
    for file in files:
        if clips and soundfile.info(file).duration >= 5:
            audio, rate = soundfile.read(file, always_2d=True)
            if np.sqrt(np.mean(audio**2)) > 0.01:
                clips -= 1
                yield file, audio.T, rate


def found(audio: np.ndarray, rate: int, suffix: str = "wav", subtype: str = "PCM_16", **options) -> list[Detection]:
    """Write audio (channel, time) to a file for a time, and return what is found in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"damaged.{suffix}"
        soundfile.write(path, np.clip(audio, -1, 1).T, rate, subtype=subtype)
        return detect(path, **options)


def matched(faults: Sequence[tuple[int, int]], detections: Sequence[Detection], rate: int) -> tuple[set[int], set[int]]:
    """Return which faults were found, and which detections found one."""
    near, excess = round(0.002 * rate), _EXCESS_S * rate
    hits, right = set(), set()
    for number, detection in enumerate(detections):
        gap = detection.gap
        for index, (start, stop) in enumerate(faults):
            if gap.start <= stop + near and start - near <= gap.stop:
                right.add(number)
                covered = min(gap.stop, stop) - max(gap.start, start)
                if covered >= 0.5 * (stop - start) - near and len(gap) <= stop - start + excess:
                    hits.add(index)
    return hits, right


def table(files: Sequence[Path], kinds: Sequence[str], clips: int, seed: int, show: bool) -> None:
    """Print a line for each kind of damage."""
    print(f"{'damage':<22} {'faults':>6} {'recall':>7} {'precision':>9}   confidence of the right, of the wrong")
    for kind in kinds:
        made = recall = right = claimed = 0
        sure: dict[bool, list[float]] = {True: [], False: []}
        for number, (file, audio, rate) in enumerate(bases(files, clips)):
            spoilt, faults = damaged(audio, kind, seed * 1000 + number, rate)
            detections = found(spoilt, rate, kinds=(*DEFAULT, *filter(None, [_OWN.get(kind)])))
            hits, good = matched(faults, detections, rate)
            made, recall, right, claimed = (
                made + len(faults),
                recall + len(hits),
                right + len(good),
                claimed + len(detections),
            )
            for place, one in enumerate(detections):
                sure[place in good].append(one.confidence)
            if show:
                print(f"    {file.name}: {len(hits)} of {len(faults)}, {len(detections) - len(good)} false")
                missed = [faults[i] for i in range(len(faults)) if i not in hits]
                print("      missed", [(round(a / rate, 4), round(1000 * (b - a) / rate, 2)) for a, b in missed][:8])
                wrong = [one for place, one in enumerate(detections) if place not in good]
                print(
                    "      false",
                    [(o.kind, round(o.gap.start / rate, 4), len(o.gap), round(o.confidence, 2)) for o in wrong][:8],
                )
        means = ", ".join(f"{np.mean(each):.2f}" if each else "-" for each in (sure[True], sure[False]))
        print(
            f"{kind:<22} {made:>6} {recall / max(made, 1):>7.1%} {right / max(claimed, 1):>9.1%}   {means}", flush=True
        )


def coded(files: Sequence[Path], clips: int, seed: int) -> None:
    """Print how many of 20 runs of zeros in each recording are found after it was coded."""
    for name, (suffix, subtype) in _CODECS.items():
        made = recall = right = claimed = 0
        for number, (_, audio, rate) in enumerate(bases(files, clips)):
            if name == "opus" and rate not in (8000, 16000, 24000, 48000):
                continue
            spoilt, faults = damaged(audio, "zeros", seed * 1000 + number, rate)
            detections = found(spoilt, rate, suffix, subtype)
            hits, good = matched(faults, detections, rate)
            made, recall, right, claimed = (
                made + len(faults),
                recall + len(hits),
                right + len(good),
                claimed + len(detections),
            )
        line = f"{'zeros, then ' + name:<22} {made:>6} {recall / max(made, 1):>7.1%} {right / max(claimed, 1):>9.1%}"
        print(line, flush=True)


def undamaged(files: Sequence[Path], minutes: float, kinds: Sequence[str], show: bool) -> None:
    """Print how many false alarms there are in ten minutes of undamaged recordings."""
    heard, alarms, silent, began = 0.0, 0, 0, time.process_time()
    for file in files:
        if heard > 60 * minutes:
            break
        with Reader(file) as reader:
            findings = examine(reader, search(kinds))
            heard += reader.length / reader.sample_rate
        alarms, silent = alarms + len(findings.damage), silent + len(findings.deliberate)
        if findings.damage and show:
            print(
                f"    {file}:",
                [
                    (o.kind, round(o.gap.start / reader.sample_rate, 4), len(o.gap), round(o.confidence, 2))
                    for o in findings.damage
                ][:6],
            )
    spent = time.process_time() - began
    print(
        f"undamaged, {','.join(kinds)}: {alarms} false alarms in {heard / 60:.1f} minutes, "
        f"{alarms / max(heard, 1) * 600:.2f} in 10 minutes; {silent} deliberate silences; {spent / max(heard, 1) * 3600:.0f} s an hour"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=";".join(DAMAGE), help="names of damage, with semicolons")
    parser.add_argument("--undamaged", type=float, default=0.0, metavar="MINUTES", help="count false alarms too")
    parser.add_argument(
        "--all-kinds", action="store_true", help="count false alarms of all kinds, not the default ones"
    )
    parser.add_argument("--coded", action="store_true", help="code damaged recordings as Vorbis, MP3 and Opus too")
    parser.add_argument("--show", action="store_true", help="list what was missed and what was wrong")
    arguments = parser.parse_args()
    files = recordings(arguments.folders, arguments.seed)
    table(files, [kind for kind in arguments.kinds.split(";") if kind], arguments.clips, arguments.seed, arguments.show)
    if arguments.coded:
        coded(files, arguments.clips, arguments.seed)
    if arguments.undamaged:
        from audio_inpaint.detection import KINDS

        undamaged(files, arguments.undamaged, KINDS if arguments.all_kinds else DEFAULT, arguments.show)


if __name__ == "__main__":
    main()
