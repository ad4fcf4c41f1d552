"""Markers as gaps: of RX, Reaper, Audition, grooveclean, of a log of `inpaint`, and cue points inside a WAV file.

A region is a gap; a point means a millisecond on each side of it.
"""

import csv
import io
import json
import math
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from audio_inpaint.errors import InputError
from audio_inpaint.files.containers import riff_chunks
from audio_inpaint.gaps import Gap
from audio_inpaint.insertions import Insertion, earlier

POINT = 0.001  # seconds on each side of a point
_LARGEST = 1 << 26  # bytes of a list
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:[.,]\d*)?)")
_RX = "marker file version"

Marker = tuple[Gap | Insertion, str]


def read_markers(path: str | Path, sample_rate: int) -> list[Marker] | None:
    """Read the markers of another program, with their texts; None if the file is of none of these programs.

    Args:
        path: a list of markers, or a WAV file with cue points.
        sample_rate: Hz.

    Raises:
        InputError: the file cannot be read, or is of such a program and damaged.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
                return _found(_cues(file, sample_rate), path)
            content = head + file.read(_LARGEST)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = content.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")
    if text.lstrip().startswith("{"):
        return _found(_from_json(text, path), path)
    lines = text.splitlines()
    if lines and lines[0].lower().startswith(_RX):
        return _found(_rx(lines, path, sample_rate), path)
    if lines and (columns := _columns(lines[0])):
        return _found(_table(lines, columns, path, sample_rate), path)
    return None


def _found(markers: Iterator[Marker], path: str | Path) -> list[Marker]:
    found = list(markers)
    if not found:
        raise InputError(f"{path} holds no marker that could be a gap")
    return found


def _from_json(text: str, path: str | Path) -> Iterator[Marker]:
    """Yield the gaps of a log of `inpaint`, or what grooveclean left unrepaired."""
    try:
        content = json.loads(text)
        if "audio_inpaint" in content:
            insertions = [Insertion(int(one["at"]), int(one["length"])) for one in content.get("insertions", [])]
            yield from ((one, "inserted") for one in insertions)
            for one in content["gaps"]:
                channel = None if one["channel"] is None else int(one["channel"]) - 1
                start, stop = (earlier(int(one[side]), insertions) for side in ("start", "stop"))
                if start < stop or not insertions:
                    yield _region(start, stop, str(one.get("label", "")), channel)
            return
        for one in content["clicks"]:
            if one["repair"] == "unrepaired":
                yield _region(int(one["start_sample"]), int(one["end_sample"]), "unrepaired", int(one["channel"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is JSON, but neither a log of inpaint nor a report of grooveclean") from error


def _rx(lines: list[str], path: str | Path, sample_rate: int) -> Iterator[Marker]:
    """Yield the markers of RX's text file: name, start, and the end of a region, between tabs."""
    form = next(
        (line.partition(":")[2].strip().lower() for line in lines if line.lower().startswith("time format")), ""
    )
    read = _samples if form == "samples" else _clock
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) < 2:
            continue
        places = [_place(read, cell, path, number, sample_rate) for cell in cells[1:3] if cell]
        if places:
            yield _marker(places[0], places[1] if len(places) > 1 else None, cells[0], sample_rate)


def _columns(line: str) -> dict[str, int] | None:
    """Find the columns of a table of Reaper or Audition in its first line."""
    names = [cell.strip().strip('"').lower() for cell in re.split(r"[,;\t]", line)]
    if "name" not in names or "start" not in names or not {"end", "length", "duration"} & set(names):
        return None
    return {name: names.index(name) for name in names}


def _table(lines: list[str], columns: dict[str, int], path: str | Path, sample_rate: int) -> Iterator[Marker]:
    delimiter = re.search(r"[,;\t]", lines[0])[0]
    for number, cells in enumerate(csv.reader(lines[1:], delimiter=delimiter), 2):
        if not any(cells):
            continue
        if len(cells) <= columns["start"]:
            raise InputError(f"{path}, line {number}: it lacks the columns of the first line")

        def cell(name: str, cells: list[str] = cells) -> str:
            place = columns.get(name, len(cells))
            return cells[place].strip() if place < len(cells) else ""

        read = _samples if "sample" in cell("time format").lower() else _clock
        start = _place(read, cell("start"), path, number, sample_rate)
        end = cell("end")
        stop = _place(read, end, path, number, sample_rate) if end else None
        if stop is None and (size := cell("length") or cell("duration")):
            stop = start + _place(read, size, path, number, sample_rate)
        yield _marker(start, stop, cell("name"), sample_rate)


def _place(read: Callable[[str], float], cell: str, path: str | Path, number: int, sample_rate: int) -> float:
    """Read a place in samples."""
    try:
        value = read(cell)
    except ValueError:
        said = f"{cell!r:.40} is no time: export seconds, minutes:seconds or samples"
        raise InputError(f"{path}, line {number}: {said}") from None
    return value if read is _samples else value * sample_rate


def _samples(cell: str) -> float:
    return float(int(cell))


def _clock(cell: str) -> float:
    """Read seconds, minutes:seconds or hours:minutes:seconds; measures and beats, 3.2.00, are refused."""
    match = _CLOCK.fullmatch(cell)
    if not match:
        raise ValueError
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def _marker(start: float, stop: float | None, text: str, sample_rate: int) -> Marker:
    if stop is None or stop <= start:
        start, stop = start - POINT * sample_rate, start + POINT * sample_rate
    return _region(round(max(0, start)), max(round(max(0, start)) + 1, round(stop)), text)


def _region(start: int, stop: int, text: str, channel: int | None = None) -> Marker:
    if not (0 <= start < stop < math.inf):
        raise InputError(f"a marker from sample {start} to {stop} is no gap")
    return Gap(start, stop, channel), text


def _cues(file: BinaryIO, sample_rate: int) -> Iterator[Marker]:
    """Yield the cue points of a WAV file, with their lengths and labels.

    Source: Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991, "cue " and "adtl".
    """
    points, lengths, labels = {}, {}, {}
    for name, place, size in riff_chunks(file):
        if name not in (b"cue ", b"LIST") or size > _LARGEST:
            continue
        file.seek(place)
        content = file.read(size)
        if name == b"cue ":
            for place in range(4, len(content) - 23, 24):
                identity, *_, start = struct.unpack_from("<II4sIII", content, place)
                points[identity] = start
        elif content[:4] == b"adtl":
            inner = io.BytesIO(content)
            for kind, start, length in riff_chunks(inner, 4):
                inner.seek(start)
                part = inner.read(length)
                if kind == b"ltxt" and len(part) >= 8:
                    identity, size = struct.unpack_from("<II", part)
                    lengths[identity] = size
                elif kind == b"labl" and len(part) > 4:
                    labels[struct.unpack_from("<I", part)[0]] = part[4:].split(b"\0")[0].decode("utf-8", "replace")
    for identity, start in sorted(points.items(), key=lambda item: item[1]):
        size = lengths.get(identity)
        yield _marker(start, start + size if size else None, labels.get(identity, ""), sample_rate)
