"""FMA (Defferrard et al., 2017): recordings of fma_small and its like, from the archives or extracted."""

import contextlib
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason
from data_prep.limits import ARCHIVE_ERRORS
from data_prep.recording import (
    SPLITS,
    Recording,
    Split,
    file_bytes,
    hashed_split,
    identity,
    member_bytes,
    shuffled,
)

CLIP_SECONDS = 30  # FMA's clips are of 30 s, or as long as the track where that is shorter
MOST_TABLE_BYTES = 1 << 30  # FMA's own has 260 MB
AGAIN = "download it again"
COLUMNS = {
    "title": ("track", "title"),
    "artist": ("artist", "name"),
    "album": ("album", "title"),
    "album_id": ("album", "id"),
    "genre": ("track", "genre_top"),
    "licence": ("track", "license"),
    "split": ("set", "split"),
    "duration": ("track", "duration"),
}
_AUDIO = re.compile(r"(?:^|/)(\d{6})\.(?!csv|txt|json)\w+$")


def splits(sources: list[Path]) -> dict[str, Split]:
    """List the recordings of each split.

    Args:
        sources: fma_small.zip and fma_metadata.zip, or a folder that holds them, extracted or not.

    Raises:
        InputError: no tracks.csv or no audio in the sources.
    """
    places = [inner for source in sources for inner in _archives(source)]
    with _open_tracks(places) as file:
        rows = read_tracks(file)
    audio: dict[str, Callable[[], bytes]] = {}
    for place in places:
        for name, read in _audio_of(place):
            audio.setdefault(name, read)
    if not audio:
        raise InputError(f"no audio like 000/000002.mp3 under {_named(sources)}: name fma_small.zip or its folder")
    # The table says what belongs to the corpus: audio that it does not list could be of any album, and so of any split.
    known = {name: rows[int(name)] for name in shuffled(audio) if int(name) in rows}
    if not known:
        raise InputError(f"none of the audio under {_named(sources)} is listed in tracks.csv: name the one that fits")
    split_of = {name: row.get("split") or hashed_split(_album(name, row)) for name, row in known.items()}
    if unknown := set(split_of.values()) - set(SPLITS):
        raise InputError(f"tracks.csv has a split {min(unknown)!r}: it should be one of {', '.join(SPLITS)}, or empty")
    result = {}
    for split in SPLITS:
        names = [name for name in known if split_of[name] == split]
        recordings = [_recording(name, known[name], split, audio[name]) for name in names]
        result[split] = Split(recordings, len(names), identity(names))
    return result


def read_tracks(file: TextIO) -> dict[int, dict[str, str]]:
    """Read tracks.csv: for each track id the fields of `COLUMNS` that are there and not empty.

    Its header is two rows of column names and a row that names the index.

    Raises:
        InputError: not FMA's tracks.csv.
    """
    csv.field_size_limit(1 << 24)  # albums carry whole web pages
    lines = csv.reader(file)
    try:
        columns = list(zip(next(lines), next(lines), strict=True))
        if next(lines)[0] != "track_id":
            raise ValueError
        places = {field: columns.index(column) for field, column in COLUMNS.items() if column in columns}
        return {int(line[0]): {field: line[place] for field, place in places.items() if line[place]} for line in lines}
    except (StopIteration, IndexError, csv.Error, *ARCHIVE_ERRORS) as error:
        raise InputError(f"tracks.csv is not FMA's (two rows of column names, then track_id): {AGAIN}") from error


def _archives(source: Path) -> Iterator[Path]:
    if source.is_dir():
        archives = sorted(source.glob("fma_*.zip"))
        yield from archives
        yield source
    elif source.suffix == ".zip" and source.is_file():
        yield source
    else:
        raise InputError(f"{source} is neither a folder nor a ZIP archive: name fma_small.zip and fma_metadata.zip")


def _open_tracks(places: list[Path]) -> TextIO:
    for place in places:
        if place.is_dir():
            for path in (place / "fma_metadata" / "tracks.csv", place / "tracks.csv"):
                if path.is_file():
                    _check_table(path, path.stat().st_size)
                    return open(path, encoding="utf-8", newline="")
        else:
            archive = _zip(place)
            for name in archive.namelist():
                if name.rpartition("/")[2] == "tracks.csv":
                    _check_table(place, archive.getinfo(name).file_size)
                    try:
                        return io.TextIOWrapper(archive.open(name), encoding="utf-8", newline="")
                    except ARCHIVE_ERRORS as error:
                        raise InputError(f"{name} in {place} cannot be read ({reason(error)}): {AGAIN}") from error
    raise InputError(
        f"no tracks.csv under {_named(places)}: download fma_metadata.zip too and name it, or put it beside the audio"
    )


def _check_table(place: Path, size: int) -> None:
    if size > MOST_TABLE_BYTES:
        raise InputError(f"tracks.csv of {place} has {size / 1e6:,.0f} MB, which is not FMA's: {AGAIN}")


def _audio_of(place: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if place.is_dir():
        inside = "[0-9][0-9][0-9]/*"
        for path in (*place.glob(f"fma_*/{inside}"), *place.glob(inside)):
            if found := _AUDIO.search(path.as_posix()):
                yield found[1], file_bytes(path)
    else:
        for name in _zip(place).namelist():
            if found := _AUDIO.search(name):
                yield found[1], member_bytes(place, name)


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except ARCHIVE_ERRORS as error:
        raise InputError(f"{path} is not a whole ZIP archive ({reason(error)}): {AGAIN}") from error


def _album(name: str, row: dict[str, str]) -> str:
    """What must not be split: an album where the metadata tells, otherwise the track."""
    if "album_id" in row:
        return f"album {row['album_id']}"
    return f"album {row.get('artist', '')} {row['album']}" if "album" in row else f"track {name}"


def _recording(name: str, row: dict[str, str], split: str, read: Callable[[], bytes]) -> Recording:
    metadata = {field: row[field] for field in ("title", "artist", "album", "genre") if field in row}
    metadata |= {"source": f"fma {name}", "split": split, "licence": row.get("licence", "unknown")}
    seconds = None
    with contextlib.suppress(KeyError, ValueError):
        seconds = min(CLIP_SECONDS, float(row["duration"]))
    return Recording(name, metadata, read, seconds)


def _named(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths)
