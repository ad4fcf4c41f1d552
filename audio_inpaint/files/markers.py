"""Places in samples that the chunks of an audio file name, moved along where samples are inserted before them.

Sources: Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991 ("cue ", "plst", "adtl");
its update of 1994 ("fact", "smpl"); Audio Interchange File Format 1.3, Apple, 1989 ("COMM", "MARK"); RFC 9639,
section 8.7 (the cue sheet of FLAC). "PEAK" is what libsndfile writes.
"""

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from audio_inpaint.files.containers import riff_chunks
from audio_inpaint.insertions import Insertion, later

_LARGEST = 1 << 24  # bytes of a chunk of markers
_UNKNOWN = 0xFFFFFFFF
_CD = 588  # samples of a sector, whose multiples the places of a CD are


def move_markers(file: BinaryIO, insertions: Sequence[Insertion]) -> None:
    """Move what the chunks of a WAV, RF64 or AIFF file say of places, and of the number of samples.

    Args:
        file: open for reading and writing, with the inserted samples in it.
        insertions: in order.
    """
    file.seek(0)
    head = file.read(4)
    if head not in (b"RIFF", b"RF64", b"RIFX", b"FORM"):
        return
    order = ">" if head in (b"RIFX", b"FORM") else "<"
    chunks = []
    for name, place, size in islice(riff_chunks(file, order="BIG" if order == ">" else "LITTLE"), 1000):
        if name in _FIELDS and size <= _LARGEST:
            file.seek(place)
            chunks.append((name, place, bytearray(file.read(size))))
    cues = b"".join(content[4:] for name, _, content in chunks if name == b"cue ")
    points = {identity: start for identity, *_, start in struct.iter_unpack(f"{order}6I", cues[: len(cues) // 24 * 24])}
    for name, place, content in chunks:
        for field, start in _FIELDS[name](content, order):
            _move(content, field, order, start, points, insertions)
        file.seek(place)
        file.write(content)


def _move(content: bytearray, field: int, order: str, of: int | None, points: dict, insertions) -> None:
    """Move a place of 32 bits in a chunk; or, of a cue point, let its length cover what is inserted in it."""
    if field + 4 > len(content):
        return
    (value,) = struct.unpack_from(f"{order}I", content, field)
    if of is None:
        value = value if value == _UNKNOWN else later(value, insertions)
    elif value and (start := points.get(struct.unpack_from(f"{order}I", content, of)[0])) is not None:
        value = later(start + value, insertions, end=True) - later(start, insertions)
    struct.pack_into(f"{order}I", content, field, min(value, _UNKNOWN))


# -- of each chunk: the places in it, and for lengths also where the cue point is named --------------------------------

Fields = Iterator[tuple[int, int | None]]


def _cue(content: bytearray, order: str) -> Fields:
    for point in range(4, len(content) - 23, 24):
        yield from ((point + 4, None), (point + 20, None))


def _labels(content: bytearray, order: str) -> Fields:
    if content[:4] != b"adtl":
        return
    for name, place, _ in riff_chunks(io.BytesIO(content), 4, "BIG" if order == ">" else "LITTLE"):
        if name == b"ltxt":
            yield place + 4, place


def _playlist(content: bytearray, order: str) -> Fields:
    yield from ((segment + 4, segment) for segment in range(4, len(content) - 11, 12))


def _sampler(content: bytearray, order: str) -> Fields:
    for loop in range(36, len(content) - 23, 24):
        yield from ((loop + 8, None), (loop + 12, None))


def _peaks(content: bytearray, order: str) -> Fields:
    yield from ((place, None) for place in range(12, len(content) - 3, 8))


def _marks(content: bytearray, order: str) -> Fields:
    mark = 2
    while mark + 6 < len(content):
        yield mark + 2, None
        mark += 6 + (content[mark + 6] + 2) // 2 * 2


_FIELDS: dict[bytes, Callable[[bytearray, str], Fields]] = {
    b"cue ": _cue,
    b"LIST": _labels,
    b"plst": _playlist,
    b"smpl": _sampler,
    b"PEAK": _peaks,
    b"MARK": _marks,
    b"fact": lambda content, order: iter([(0, None)]),
    b"COMM": lambda content, order: iter([(2, None)]),
}


def moved_cue_sheet(content: bytes, insertions: Sequence[Insertion]) -> bytes:
    """Return the cue sheet of a FLAC file with its tracks moved; it is no CD's where they leave its sectors."""
    sheet, place = bytearray(content), 396
    for _ in range(sheet[395] if len(sheet) > 395 else 0):
        if place + 36 > len(sheet):
            break
        (track,) = struct.unpack_from(">Q", sheet, place)
        moved = later(track, insertions)
        struct.pack_into(">Q", sheet, place, moved)
        for index in range(place + 36, min(place + 36 + 12 * sheet[place + 35], len(sheet) - 11), 12):
            (offset,) = struct.unpack_from(">Q", sheet, index)
            struct.pack_into(">Q", sheet, index, later(track + offset, insertions) - moved)
        place += 36 + 12 * sheet[place + 35]
    if any(one.length % _CD for one in insertions):
        sheet[136] &= 0x7F
    return bytes(sheet)
