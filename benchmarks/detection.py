"""The table of docs/detection.md: what share of each kind of damage is found, and how often nothing is called damage.

    python benchmarks/detection.py FOLDER... [--clips N] [--seed N] [--undamaged MINUTES] [--coded] [--show]

FOLDER holds undamaged recordings. Each kind of damage is put into N of them, 20 times in each, and looked for among the
default kinds and its own; a finding counts if it covers half of a fault and is no more than 20 ms too long, of crackle,
which is many clicks, if it is one of them. A dropout counts as a fault where the sound on both sides is 20 dB over what
is left within: one that falls into a pause, or beside one, lowers no level. The damage is drawn anew with every seed,
so that what was tuned on one is judged on another.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from damage import DAMAGE, damaged

from audio_inpaint.detection import DEFAULT, Detection, detect, examine, search
from audio_inpaint.files.recording import Reader

_CLICKS = ("clicks, 1-3 samples", "clicks, 1-5 ms", "crackle")
_OWN = {**dict.fromkeys(_CLICKS, "clicks"), "bursts": "bursts", "jumps": "jumps"}
_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff"}
_EXCESS_S = 0.02
_SIDE_S, _EDGE_S, _DEEP = 0.02, 0.005, 20.0  # of sound beside a dropout, but for its edges; dB
_CODECS = {"Vorbis": ("ogg", "VORBIS"), "MP3": ("mp3", "MPEG_LAYER_III"), "Opus": ("ogg", "OPUS")}


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


def matched(
    faults: Sequence[tuple[int, int]], detections: Sequence[Detection], rate: int, part: bool = False
) -> tuple[set[int], set[int]]:
    """Return which faults were found, in part if that is enough, and which detections found one."""
    near, excess = round(0.002 * rate), _EXCESS_S * rate
    hits, right = set(), set()
    for number, detection in enumerate(detections):
        gap = detection.gap
        for index, (start, stop) in enumerate(faults):
            if gap.start <= stop + near and start - near <= gap.stop:
                right.add(number)
                covered = min(gap.stop, stop) - max(gap.start, start)
                if part or (covered >= 0.5 * (stop - start) - near and len(gap) <= stop - start + excess):
                    hits.add(index)
    return hits, right


def falls(audio: np.ndarray, start: int, stop: int, rate: int) -> bool:
    """Whether the sound on both sides of a dropout [start, stop) is 20 dB over what is left within.

    Args:
        audio: damaged (channel, time).
        start: of the dropout, in the middle of its edge.
        stop: of the dropout.
        rate: Hz.
    """
    side, edge = round(_SIDE_S * rate), round(_EDGE_S * rate)
    parts = (audio[:, start - side : start - edge], audio[:, stop + edge : stop + side])
    left = np.median(np.mean(audio[:, start:stop] ** 2, axis=0)) / 0.455  # of a chi-squared variable
    return min(np.mean(part**2) for part in parts) > 10 ** (_DEEP / 10) * left


@dataclass
class Tally:
    """Faults that were made and found, and findings that were right and wrong."""

    made: int = 0
    found: int = 0
    right: int = 0
    claimed: int = 0
    sure: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))  # of wrong ones, of right ones

    def add(
        self,
        name: str,
        faults: list[tuple[int, int]],
        detections: list[Detection],
        rate: int,
        show: bool,
        part: bool = False,
        counted: set[int] | None = None,
    ) -> None:
        """Count what was found of a recording's faults, or of those of them that are counted."""
        hits, good = matched(faults, detections, rate, part)
        counted = set(range(len(faults))) if counted is None else counted
        self.made, self.found = self.made + len(counted), self.found + len(hits & counted)
        self.right, self.claimed = self.right + len(good), self.claimed + len(detections)
        for place, one in enumerate(detections):
            self.sure[place in good].append(one.confidence)
        if show:
            print(f"    {name}: {len(hits & counted)} of {len(counted)}, {len(detections) - len(good)} false")
            print("      missed", *(f"{faults[place][0] / rate:.3f}" for place in sorted(counted - hits)))
            print("      false ", *(_shown(one, rate) for i, one in enumerate(detections) if i not in good))

    def line(self, name: str) -> str:
        """Return the table's line."""
        wrong, right = (f"{np.mean(each):.2f}" if each else "   -" for each in self.sure)
        recall, precision = self.found / max(self.made, 1), self.right / max(self.claimed, 1)
        return f"| {name:<20} | {self.made:>6} | {recall:>6.1%} | {precision:>9.1%} | {right:>5} | {wrong:>5} |"


def _shown(one: Detection, rate: int) -> str:
    return f"{one.kind} {one.gap.start / rate:.3f} s {1000 * len(one.gap) / rate:.1f} ms {one.confidence:.2f};"


def table(files: Sequence[Path], kinds: Sequence[str], clips: int, seed: int, show: bool) -> None:
    """Print a line for each kind of damage."""
    print("| damage               | faults | recall | precision | right | wrong |\n|-|-|-|-|-|-|")
    for kind in kinds:
        tally = Tally()
        for number, (file, audio, rate) in enumerate(bases(files, clips)):
            spoilt, faults = damaged(audio, kind, seed * 1000 + number, rate)
            kinds_of = (*DEFAULT, *filter(None, [_OWN.get(kind)]))
            listed = found(spoilt, rate, kinds=kinds_of)
            counted = {i for i, fault in enumerate(faults) if kind != "dropouts" or falls(spoilt, *fault, rate)}
            tally.add(file.name, faults, listed, rate, show, kind == "crackle", counted)
        print(tally.line(kind), flush=True)


def coded(files: Sequence[Path], clips: int, seed: int, show: bool) -> None:
    """Print a line for zeros in recordings that were then coded with loss."""
    for name, (suffix, subtype) in _CODECS.items():
        tally = Tally()
        for number, (file, audio, rate) in enumerate(bases(files, clips)):
            if name != "Opus" or rate in (8000, 16000, 24000, 48000):
                spoilt, faults = damaged(audio, "zeros", seed * 1000 + number, rate)
                tally.add(file.name, faults, found(spoilt, rate, suffix, subtype), rate, show)
        print(tally.line(f"zeros, then {name}"), flush=True)


def undamaged(files: Sequence[Path], minutes: float, kinds: Sequence[str], show: bool) -> None:
    """Print how many false alarms there are in ten minutes of undamaged recordings."""
    heard, alarms, silent, began = 0.0, 0, 0, time.process_time()
    for file in files:
        if heard > 60 * minutes:
            break
        with Reader(file) as reader:
            findings, rate = examine(reader, search(kinds)), reader.sample_rate
            heard += reader.length / rate
        alarms, silent = alarms + len(findings.damage), silent + len(findings.deliberate)
        if findings.damage and show:
            print(f"    {file}:", *(_shown(one, rate) for one in findings.damage[:6]))
    rate_of, cost = alarms / max(heard, 1) * 600, (time.process_time() - began) / max(heard, 1) * 3600
    print(
        f"undamaged, {','.join(kinds)}: {alarms} false alarms in {heard / 60:.1f} minutes, {rate_of:.2f} in ten; ",
        end="",
    )
    print(f"{silent} runs of zeros taken for meant; {cost:.0f} s of processor time an hour")


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
        coded(files, arguments.clips, arguments.seed, arguments.show)
    if arguments.undamaged:
        from audio_inpaint.detection import KINDS

        undamaged(files, arguments.undamaged, KINDS if arguments.all_kinds else DEFAULT, arguments.show)


if __name__ == "__main__":
    main()
