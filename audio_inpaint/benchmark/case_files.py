"""The sound of a benchmark's cases as audio files, for listening tests and for other programs."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from audio_inpaint.benchmark.case_audio import whole
from audio_inpaint.benchmark.results import Results, Row
from audio_inpaint.files.folders import replacing_folder
from audio_inpaint.files.recording import write

_FLAC = re.compile(r"([^/]+)/([^/]+)\.flac")
_LONGEST_NAME = 100  # characters: with a number and a suffix every file system has room for it


def write_audio(folder: Path, results: Results, limit: int | None = None) -> None:
    """Write a folder for each case with original.flac, damaged.flac and METHOD.flac, 24 bits, of the whole recording.

    Args:
        folder: appears, or replaces one of an earlier call, only when whole.
        results: of a benchmark.
        limit: most cases that are written, the first ones; None for all.

    Raises:
        InputError: it cannot be written, or holds something else.
    """
    cases = results.by_case()[:limit]
    methods = dict(zip(results.methods, file_names(results.methods, ("original", "damaged")), strict=True))
    with replacing_folder(folder, are_cases) as temporary:
        for rows, name in zip(cases, file_names(rows[0].case.name for rows in cases), strict=True):
            _write_case(temporary / name, results, rows, methods)


def are_cases(names: Sequence[str]) -> bool:
    """Whether these are files of cases: of nothing but FLAC, two of them in every folder called as only cases are."""
    found = [_FLAC.fullmatch(name) for name in names]
    if not all(found):
        return False
    held = {(match[1], match[2]) for match in found}
    return all({(folder, "original"), (folder, "damaged")} <= held for folder, _ in held)


def _write_case(folder: Path, results: Results, rows: Sequence[Row], methods: dict[str, str]) -> None:
    folder.mkdir()
    item = whole(results, rows)
    signals = {"original": item.truth, "damaged": item.damaged}
    signals |= {methods[name]: audio for name, audio in item.restored.items()}
    for name, audio in signals.items():
        write(folder / f"{name}.flac", audio, item.sample_rate, "PCM_24")


def file_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Names that every file system takes, in the order of the given ones, all different even if case does not count.

    Args:
        names: any text, such as the path of a checkpoint.
        taken: names that must not be among them.
    """
    used, found = {name.lower() for name in taken}, []
    for name in names:
        plain = re.sub(r"[^\w.=+-]+", "_", name, flags=re.ASCII).strip("._")[-_LONGEST_NAME:] or "unnamed"
        safe, twin = plain, 2
        while safe.lower() in used:
            safe, twin = f"{plain}_{twin}", twin + 1
        used.add(safe.lower())
        found.append(safe)
    return found
