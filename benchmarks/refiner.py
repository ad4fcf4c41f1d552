"""What the refiner makes of the default's fills: the tables of docs/refiner.md.

    python benchmarks/refiner.py music=data/open/music notes=data/open/notes --limit 150
    python benchmarks/refiner.py speech=data/open/speech/test --gaps 4 --scores snr_td,snr_ms,odg,level_bias,pesq,stoi
    python benchmarks/refiner.py music=data/open/music --sample-rate 44100 --gap-ms 20,40,80,120,200 --limit 20
    python benchmarks/refiner.py hiss
    python benchmarks/refiner.py hiss music=data/open/music

Each recording, of data sets the test split's, loses gaps at random places; every candidate is made once, and what
`janssen`, `auto:refine=false`, the noise floor alone (`auto:natural=0`) and `auto` make of it is scored. Then come the
differences from `auto:refine=false`, pair by pair, with standard errors, for all gaps and by what that one achieved.
"""

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.gap_workers import on_cores, one_thread
from audio_inpaint.methods.recall.auto import Auto, network
from audio_inpaint.methods.recall.recall import Scene
from audio_inpaint.methods.refiner.refinement import refined
from audio_inpaint.scores.registry import SCORES, score

SCORED = "snr_td,snr_ms,lsd,odg,level_bias,level_abs"
LONGEST = 30.0  # s of a recording that are searched
BESIDE = 0.35  # s that stay known beside a gap
BY = ((-np.inf, 3), (3, 10), (10, 20), (20, np.inf))  # dB that the evidence alone achieved
SILENT = 1e-3


@dataclass(frozen=True)
class Setting:
    """How recordings are damaged, restored and scored."""

    milliseconds: float
    gaps: int
    scores: tuple[str, ...]
    natural: tuple[float, ...]
    checkpoint: Path | None


def restored(place: tuple[int, Recording], setting: Setting) -> dict[str, list[float]] | None:
    """Score every method on the gaps of a recording; None where there is too little sound, or nothing to rehearse."""
    index, recording = place
    audio, rate = recording.audio()
    audio = audio[:, : round(LONGEST * rate)]
    runs = places(audio, rate, setting, np.random.default_rng([7, index, round(1000 * setting.milliseconds)]))
    if not runs:
        return None
    gap = gap_mask(runs, audio.shape[-1])[0]
    auto = Auto()
    scene = Scene(auto, audio.masked_fill(gap, 0), gap, rate)
    net, made = network(setting.checkpoint), {}
    for run in runs:
        trial = scene.trial(run)
        if trial is None:
            return None
        known = auto.evidence(scene, run, trial)
        fills = {"janssen": known.fills[0], "auto:refine=false": known.mix, "auto:natural=0": refined(known, None)}
        fills |= {f"auto:natural={natural:g}": refined(known, net, natural) for natural in setting.natural}
        for name, fill in fills.items():
            made.setdefault(name, audio.clone())[:, run.start : run.stop] = fill
    near = slice(max(0, runs[0].start - 2 * rate), runs[-1].stop + 2 * rate) if setting.gaps == 1 else slice(None)
    return {
        name: list(score(setting.scores, x[:, near], audio[:, near], gap[near], rate).values())
        for name, x in made.items()
    }


def places(audio: Tensor, rate: int, setting: Setting, rng: np.random.Generator) -> list[Gap]:
    """Draw gaps that stand apart and where there is sound, one in each equal part of a recording."""
    size, beside = round(setting.milliseconds * rate / 1000), round(BESIDE * rate)
    part = audio.shape[-1] // setting.gaps
    found = []
    for number in range(setting.gaps):
        for _ in range(20):
            room = part - size - 2 * beside
            if room < 1:
                return []
            start = number * part + beside + int(rng.integers(room))
            if audio[:, start : start + size].square().mean().sqrt() > SILENT:
                found.append(Gap(start, start + size))
                break
    return found if len(found) == setting.gaps else []


def table(rows: list[dict[str, list[float]]], scores: tuple[str, ...]) -> str:
    """Means, then paired differences from the evidence alone."""
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    base, last = values["auto:refine=false"], list(values)[-1]
    lines = [f"{'':24}" + "".join(f"{SCORES[name].label:>16}" for name in scores)]
    lines += [f"{name:24}" + "".join(f"{x:16.2f}" for x in _mean(own)) for name, own in values.items()]
    for name, own in values.items():
        if name != "auto:refine=false":
            lines.append(f"{'  ' + name:24}" + _differences(own - base))
    for low, high in BY:
        some = (base[:, 0] >= low) & (base[:, 0] < high)
        if some.sum() > 1:
            label = f"  {low:g} to {high:g} dB ({some.sum()})"
            lines.append(f"{label:24}" + _differences((values[last] - base)[some]))
    lines.append(f"  worst change of {SCORES[scores[0]].label}: {np.nanmin((values[last] - base)[:, 0]):.2f}")
    return "\n".join(lines)


def _differences(apart: np.ndarray) -> str:
    count = np.isfinite(apart).sum(0)
    squares = _mean((apart - _mean(apart)) ** 2) * count / np.maximum(count - 1, 1)
    errors = np.sqrt(squares / np.maximum(count, 1))
    return "".join(f"{f'{d:+.2f} ± {e:.2f}':>16}" for d, e in zip(_mean(apart), errors, strict=True))


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over rows of what is there; not every score knows gaps of every length."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0).sum(0) / there.sum(0)


def hiss(found: list[Recording], count: int = 20) -> str:
    """Level in dB of the middle of fills against the truth's, in the upper five octaves, lowest first.

    Args:
        found: recordings that have white noise at -50 dBFS added; none: the noise is alone.
        count: of gaps of each length.
    """
    lines = [f"{'':24}{'without':>40}{'auto':>40}"]
    for rate in (16000, 44100):
        for milliseconds in (20, 40, 80, 150):
            with one_thread() as cores:
                ratios = on_cores(partial(_hissing, found=found, rate=rate, ms=milliseconds), range(count), cores)
            plain, full, true = torch.stack(ratios).mean(0)
            shown = ["  ".join(f"{x:6.1f}" for x in 10 * (own / true).log10()) for own in (plain, full)]
            lines.append(f"{f'{rate} Hz, {milliseconds} ms':24}{shown[0]:>40}{shown[1]:>40}")
    return "\n".join(lines)


def _hissing(number: int, found: list[Recording], rate: int, ms: int) -> Tensor:
    """Power of the upper octaves in the middle of a gap: without refinement, with it, and the truth's, (3, octave)."""
    size, length = round(ms * rate / 1000), (4 if found else 1) * rate
    noise = torch.randn(1, length, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    audio, run = 10 ** (-50 / 20) * noise, Gap(length // 2, length // 2 + size)
    if found:
        under, own = found[number % len(found)].audio()
        middle = resampled(under.mean(0, keepdim=True), own, rate).double()
        first = (middle.shape[-1] - length) // 2
        audio = audio + middle[:, first : first + length]
    gap = gap_mask([run], length)
    middle = slice(run.start + size // 4, run.stop - size // 4)
    made = (Auto(refine=False)(audio, gap, rate), Auto()(audio, gap, rate), audio)
    return torch.stack([_octaves(x[:, middle], rate) for x in made])


def _octaves(x: Tensor, rate: int) -> Tensor:
    window = torch.hann_window(x.shape[-1], dtype=x.dtype)
    power = torch.fft.rfft(x * window).abs().square()[0]
    hertz = torch.arange(len(power)) * rate / x.shape[-1]
    tops = [rate / 2 / 2**octave for octave in reversed(range(5))]
    return torch.stack([power[(hertz > top / 2) & (hertz <= top)].sum() for top in tops])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="+", help="FOLDER or KIND=FOLDER of clean audio; `hiss` alone or under it")
    parser.add_argument("--limit", type=int, default=150, help="recordings of each kind; %(default)s")
    parser.add_argument("--gap-ms", default="64", help="lengths; %(default)s")
    parser.add_argument("--gaps", type=int, default=1, help="of a recording; %(default)s")
    parser.add_argument("--sample-rate", type=int, default=16000, help="Hz, mono; 0 keeps rates and channels")
    parser.add_argument("--scores", default=SCORED, help="the first one sorts the gaps; %(default)s")
    parser.add_argument("--natural", default="1", help="values; %(default)s")
    parser.add_argument("--split", default="test", help="of data sets; %(default)s")
    parser.add_argument("--checkpoint", type=Path, help="of another network")
    options = parser.parse_args()
    if options.sources[0] == "hiss":
        under = recordings(options.sources[1:], options.limit, split=options.split) if options.sources[1:] else []
        print(hiss(under))
        return 0
    scores, natural = tuple(options.scores.split(",")), tuple(float(x) for x in options.natural.split(","))
    rate = options.sample_rate or None
    try:
        found = {
            source: recordings([source], options.limit, sample_rate=rate, mono=rate is not None, split=options.split)
            for source in options.sources
        }
    except InputError as error:
        print(f"refiner: error: {error}", file=sys.stderr)
        return 2
    for source, own in found.items():
        for length in map(float, options.gap_ms.split(",")):
            setting = Setting(length, options.gaps, scores, natural, options.checkpoint)
            with one_thread() as cores:
                rows = on_cores(partial(restored, setting=setting), list(enumerate(own)), cores)
            rows = [row for row in rows if row is not None]
            print(f"\n{source}, {length:g} ms, {options.sample_rate or 'own'} Hz: {len(rows)} recordings", flush=True)
            if rows:
                print(table(rows, scores), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
