"""What the context-encoder paper's experiments share: kinds of sound, their networks and rivals, and excerpts.

An excerpt is two seconds of a recording, at 16 kHz, whose one gap begins at 0.5 s, as the paper's ODG hears it, or
later where the recording ends soon after. Gaps that are silent in the original are left out, as there.

Source: Marafioti et al., 2019, "A context encoder for audio inpainting", sections 3.2 to 3.5.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audio_inpaint.benchmark.cases import Case, Mask, Recording
from audio_inpaint.benchmark.setting import Setting
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap
from audio_inpaint.nn import checkpoints
from audio_inpaint.nn.segment import SILENT, Segment
from audio_inpaint.nn.spectral_inpainter import SpectralInpainter

SAMPLE_RATE = 16000  # Hz
EXCERPT_MS, LEAD_MS = 2000, 500  # of an excerpt, and of what is before its gap
GAP_MS, CONTEXT_MS = 64, 128  # what the networks are trained for
SEGMENT = Segment(SAMPLE_RATE, CONTEXT_MS * SAMPLE_RATE // 1000, GAP_MS * SAMPLE_RATE // 1000)
BATCH = 64  # segments that a network gets at once, which bounds memory
QUICK, WHOLE = 100, 2000  # excerpts of each kind
_TRIES = 20  # places tried in a recording, beside two for each excerpt, to find some that are not silent

# kind of sound: output -> shipped checkpoint
NETWORKS = {
    "music": {"magnitude": "ce_music", "complex": "ce_music_complex"},
    "instruments": {"magnitude": "ce_instruments", "complex": "ce_instruments_complex"},
}
LPC = "burg:order=1000"  # section 3.5
JANSSEN = "janssen"  # not in the paper: the best linear prediction here
OPEN_CORPUS = {"music": Path("data/open/music"), "instruments": Path("data/open/notes")}
_OTHER_NAMES = {"notes": "instruments"}


def networks(kinds: Sequence[str], outputs: Sequence[str] = ("magnitude", "complex")) -> dict[tuple[str, str], Path]:
    """Find the shipped checkpoints: (kind, output) -> file, of those that there are."""
    wanted = {(kind, output): checkpoints.find(NETWORKS[kind][output]) for kind in kinds for output in outputs}
    return {key: path for key, path in wanted.items() if path is not None}


def load(checkpoint: Path) -> SpectralInpainter:
    """Build a network for segments of 320 ms.

    Raises:
        InputError: the checkpoint cannot be used, or is for segments of another size.
    """
    inpainter = checkpoints.load(checkpoint)
    if inpainter.segment != SEGMENT:
        raise InputError(f"{checkpoint} is not for gaps of 64 ms between 128 ms at 16 kHz, as these experiments are")
    return inpainter


def absent(kinds: Sequence[str], outputs: Sequence[str] = ("magnitude", "complex")) -> tuple[str, ...]:
    """Say which networks there are not, in a line each."""
    found = networks(kinds, outputs)
    missing = [NETWORKS[kind][output] for kind in kinds for output in outputs if (kind, output) not in found]
    return tuple(f"left out: {name}, which is not among the checkpoints of this package" for name in missing)


def methods(kind: str, outputs: Sequence[str] = ("magnitude", "complex")) -> dict[str, str]:
    """What restores a kind of sound in the tables: row -> method; the reference first."""
    names = {output: NETWORKS[kind][output] for _, output in networks([kind], outputs)}
    options = {"magnitude": ":phases=reconstructed", "complex": ""}  # the paper's phases
    return {"LPC": LPC} | {output: name + options[output] for output, name in names.items()} | {"Janssen": JANSSEN}


def excerpts(setting: Setting, split: str = "test", gap_ms: int = GAP_MS) -> dict[str, list[Case]]:
    """Draw excerpts of the given sources, or of the open corpus, evenly spread over their recordings.

    Args:
        setting: its sources, seed, and whether few are enough.
        split: of data sets.
        gap_ms: length of the gaps, ms.

    Returns:
        kind -> cases.

    Raises:
        InputError: there are no sources, they are of other kinds, or nothing sounds in them for two seconds.
    """
    wanted = QUICK if setting.quick else WHOLE
    found = recordings(_sources(setting), wanted, sample_rate=SAMPLE_RATE, seed=setting.seed, split=split)
    by_kind: dict[str, list[Recording]] = {kind: [] for kind in NETWORKS}
    for recording in found:
        kind = _OTHER_NAMES.get(recording.kind, recording.kind)
        if kind not in by_kind:
            raise InputError(
                f"{recording.path} is given as {kind}, but there are networks for music and for instruments alone: "
                "name what is in a folder, as in music=FOLDER instruments=FOLDER"
            )
        by_kind[kind].append(replace(recording, kind=kind))
    cases: dict[str, list[Case]] = {}
    for place, (kind, own) in enumerate(by_kind.items()):
        for index, recording in enumerate(own):
            count = wanted * (index + 1) // len(own) - wanted * index // len(own)
            rng = np.random.default_rng([setting.seed, place, index])
            try:
                cases.setdefault(kind, []).extend(_drawn(recording, count, gap_ms, rng))
            except InputError as error:
                print(f"left out: {error}", file=sys.stderr)
    if not any(cases.values()):
        raise InputError(f"nothing sounds in these recordings for {EXCERPT_MS / 1000:g} s: give longer or louder ones")
    return {kind: own for kind, own in cases.items() if own}


def _sources(setting: Setting) -> tuple[str, ...]:
    if setting.sources:
        return setting.sources
    found = tuple(f"{kind}={folder}" for kind, folder in OPEN_CORPUS.items() if folder.is_dir())
    if not found:
        raise InputError(
            "no clean audio is named: give music=FOLDER instruments=FOLDER, or build the open corpus with "
            "audio-inpaint-data open-corpus -o data/open --small"
        )
    return found


def _drawn(recording: Recording, count: int, gap_ms: int, rng: np.random.Generator) -> list[Case]:
    """Up to `count` excerpts with gaps at different places; none of a recording that is too short."""
    with Reader(recording.path) as reader:
        length = 1000 * reader.length // reader.sample_rate  # ms, like all here
    if length < EXCERPT_MS:
        return []
    cases: list[Case] = []
    places = rng.permutation(np.arange(LEAD_MS, length - GAP_MS - CONTEXT_MS + 1))
    for place in places[: _TRIES + 2 * count].tolist():
        if len(cases) == count:
            break
        start = min(place - LEAD_MS, length - EXCERPT_MS)
        name = f"{recording.name}@{place}ms"
        part = replace(recording, name=name, start=start / 1000, seconds=EXCERPT_MS / 1000)
        gap = Gap((place - start) * SAMPLE_RATE // 1000, (place - start + gap_ms) * SAMPLE_RATE // 1000)
        audio, _ = part.audio()
        if audio[:, gap.start : gap.stop].abs().mean() >= SILENT:
            cases.append(Case(part, Mask(f"{gap_ms} ms", gap_ms, (gap,))))
    return cases
