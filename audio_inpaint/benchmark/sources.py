"""The recordings of a benchmark: the audio files of folders, of data sets in their published layouts the test split."""

import csv
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio_inpaint.benchmark.cases import Recording
from audio_inpaint.errors import InputError
from audio_inpaint.files.formats import FORMATS
from audio_inpaint.files.recording import Reader

_CLIP = re.compile(r"\d{6}")
_NSYNTH = {"training": "train", "validation": "valid", "test": "test"}  # its names of the splits


def recordings(
    sources: Sequence[str],
    limit: int | None = None,
    seconds: float | None = None,
    sample_rate: int | None = None,
    mono: bool = True,
    seed: int = 0,
    split: str = "test",
) -> list[Recording]:
    """List the recordings of folders and files.

    A folder in FMA's layout (`fma_metadata/tracks.csv`) or NSynth's (`nsynth-test`) gives its test split alone, so that
    no method is judged by what it was trained on. Below any other folder every audio file is taken.

    Args:
        sources: `FOLDER`, `FILE`, or `KIND=FOLDER`, which names the kind of sound; without that name it is the
            sub-folder's, or the folder's own.
        limit: recordings of each kind, chosen by the seed; None for all.
        seconds: of each recording, from its middle; None for all of it.
        sample_rate: Hz to resample to; None leaves each as it is.
        mono: average the channels.
        seed: of the choice.
        split: training, validation or test, of data sets.

    Raises:
        InputError: a source has no audio, or a name that is no text.
    """
    found: list[tuple[str, str, Path]] = []
    for source in sources:
        found += _listed(source, split)
    for _, _, path in found:
        if os.fsencode(path).decode("utf-8", "replace") != str(path):
            raise InputError(f"the name of {path} is no UTF-8, and tables and masks hold text: rename it")
    if twins := {name for name, count in Counter(name for name, _, _ in found).items() if count > 1}:
        raise InputError(f"two recordings would be called {min(twins)}: name their kinds apart, as in KIND=FOLDER")
    chosen = found if limit is None else _chosen(found, limit, seed)
    return [
        Recording(name, kind, path, _middle(path, seconds), seconds, sample_rate, mono) for name, kind, path in chosen
    ]


def _chosen(found: list[tuple[str, str, Path]], limit: int, seed: int) -> list[tuple[str, str, Path]]:
    """At most `limit` of each kind, in their order."""
    kept = []
    for kind in dict.fromkeys(kind for _, kind, _ in found):
        own = [entry for entry in found if entry[1] == kind]
        places = np.random.default_rng(seed).permutation(len(own))[:limit]
        kept += [own[place] for place in sorted(places)]
    return kept


def _middle(path: Path, seconds: float | None) -> float:
    if seconds is None:
        return 0.0
    with Reader(path) as reader:
        return max(0.0, (reader.length / reader.sample_rate - seconds) / 2)


def named(source: str) -> tuple[str, Path]:
    """Return the kind of sound that a source names, "" if it names none, and its folder or file."""
    kind, _, place = source.rpartition("=") if not Path(source).exists() else ("", "", source)
    return kind, Path(place)


def _listed(source: str, split: str) -> list[tuple[str, str, Path]]:
    """(name, kind, file) of each recording of a source."""
    given, folder = named(source)
    if folder.is_file():
        kind = given or "recordings"
        return [(f"{kind}/{folder.stem}", kind, folder)]
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} of clean audio")
    own = given or folder.resolve().name
    if (table := folder / "fma_metadata" / "tracks.csv").is_file():
        files = _fma(folder, table, split)
    elif (notes := folder / f"nsynth-{_NSYNTH[split]}" / "audio").is_dir():
        files = sorted(notes.glob("*.wav"))
    else:
        files = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in FORMATS and not f.name.startswith(".")]
        if files and not given:
            parts = [file.relative_to(folder).parts for file in files]
            kinds = [part[0] if len(part) > 1 else own for part in parts]
            stems = ["/".join((*part[1:-1], file.stem)) for part, file in zip(parts, files, strict=True)]
            return [(f"{kind}/{stem}", kind, file) for kind, stem, file in zip(kinds, stems, files, strict=True)]
    if not files:
        raise InputError(f"the folder {folder} holds no audio files ({', '.join(FORMATS)})")
    return [(f"{own}/{_stem(file, folder)}", own, file) for file in files]


def _stem(file: Path, folder: Path) -> str:
    return file.stem if _CLIP.fullmatch(file.stem) else str(file.relative_to(folder).with_suffix(""))


def _fma(folder: Path, table: Path, split: str) -> list[Path]:
    """The clips of one split, as FMA's table has it."""
    csv.field_size_limit(1 << 24)  # albums carry whole web pages
    try:
        with table.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            column = list(zip(next(lines), next(lines), strict=True)).index(("set", "split"))
            tracks = {int(line[0]) for line in lines if line and line[0].isdigit() and line[column] == split}
    except (StopIteration, ValueError, IndexError, OSError) as error:
        raise InputError(f"{table} is not FMA's table of tracks: download it again") from error
    return [
        file for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in FORMATS and _CLIP.fullmatch(file.stem) and int(file.stem) in tracks
    ]  # fmt: skip
