"""Copies of uncompressed audio files with more in them: insertions, and a line of a broadcast file's coding history.

Everything else stays as it is, byte for byte, but for sizes, markers, and places of what comes later.
"""

import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from audio_inpaint.errors import InputError
from audio_inpaint.files.containers import first_sample, riff_chunks
from audio_inpaint.files.formats import WIDTHS
from audio_inpaint.files.markers import move_markers
from audio_inpaint.files.recording import Reader
from audio_inpaint.files.unset_sizes import unset_sizes
from audio_inpaint.insertions import later

_MOST = 0xFFFFFFFF  # bytes that a size of 32 bits counts; it stands for a size that is elsewhere, or unknown
_BLOCK = 1 << 20
_HISTORY = 602  # bytes of a broadcast extension chunk before its coding history


@dataclass
class _Larger:
    """How a copy differs.

    Attributes:
        room: (byte in the file, bytes of zeros that come before it, or how many are left out there), in order.
        sizes: (byte in the file where a size is, its format, what is added).
        texts: (byte in the file where a broadcast extension begins, its coding history).
    """

    room: list[tuple[int, int]] = field(default_factory=list)
    sizes: list[tuple[int, str, int]] = field(default_factory=list)
    texts: list[tuple[int, bytes]] = field(default_factory=list)

    def at(self, place: int) -> int:
        """Return where a byte of the file is in the copy."""
        return place + sum(size for before, size in self.room if before <= place)


def copied_larger(source: BinaryIO, copy: BinaryIO, original: Reader, reader: Reader, history: str = "") -> bool:
    """Copy a WAV, RF64, AIFF or AU file with zeros for what is inserted, and a line more of its coding history.

    Args:
        source: the file, open for reading.
        copy: an empty file, open for reading and writing.
        original: the recording as it is.
        reader: the same with room for insertions, if there are any.
        history: the line; of a file that is no broadcast WAV nothing is kept of it.

    Returns:
        Whether this was done; nothing is written where it cannot be: for other formats, and for sizes in the file that
        are not those it has.

    Raises:
        InputError: the file would be larger than its format allows.

    Source: EBU Tech 3285, "Specification of the Broadcast Wave Format"; EBU R 98, "Format for the coding history".
    """
    plan = _plan(source, original, reader, history)
    if plan is None:
        return False
    source.seek(0)
    for place, size in plan.room:
        _copy(source, copy, place - source.tell() + min(0, size))
        source.seek(place)
        while size > 0:
            size -= copy.write(bytes(min(_BLOCK, size)))
    shutil.copyfileobj(source, copy, _BLOCK)
    unset = unset_sizes(source)  # which are those of the whole copy, and not for adding to
    for place, kind, more in (one for one in plan.sizes if one[0] not in unset):
        _enlarge(copy, plan.at(place), kind, more, reader.path)
    for place, text in plan.texts:
        copy.seek(plan.at(place) + _HISTORY)
        copy.write(text)
    if reader.insertions:
        move_markers(copy, reader.insertions)
    return True


def added_bytes(reader: Reader, path: Path) -> list[tuple[int, int]]:
    """Return (first byte, length) of what a repaired file has more than the damaged one; nothing if encoded anew.

    Args:
        reader: of the damaged file, with room for insertions.
        path: of the repaired one.
    """
    with open(path, "rb") as file, open(reader.path, "rb") as source:
        place = first_sample(file) if reader.subtype in WIDTHS else None
        sizes = [next((at for at in riff_chunks(one) if at[0] == b"bext"), (b"", 0, 0)) for one in (source, file)]
    if place is None:
        return []
    frame = reader.channels * WIDTHS[reader.subtype]
    (*_, before), (_, content, after) = sizes
    added = [(content + before, after - before)] if after > before else []
    added += [
        (place[0] + frame * later(one.at, reader.insertions, end=True), frame * one.length) for one in reader.insertions
    ]
    return sorted(added)


def _plan(source: BinaryIO, original: Reader, reader: Reader, history: str) -> _Larger | None:
    plan, place = _Larger(), first_sample(source)
    source.seek(0)
    head = source.read(12)[:4]
    if place is None or head not in (b"RIFF", b"RF64", b"RIFX", b"FORM", b".snd"):
        return None
    frame, more = original.channels * WIDTHS[original.subtype], reader.length - original.length
    plan.room = [(place[0] + frame * one.at, frame * one.length) for one in reader.insertions]
    if head == b".snd":
        plan.sizes = [(8, ">I", frame * more)]
        return plan
    order = ">" if head in (b"RIFX", b"FORM") else "<"
    chunks = list(riff_chunks(source, order="BIG" if order == ">" else "LITTLE"))
    if history and head in (b"RIFF", b"RF64"):
        for _, content, size in (one for one in chunks if one[0] == b"bext" and one[2] >= _HISTORY):
            _add_history(plan, source, content, size, history)
    if more:
        name, stop = b"SSND" if head == b"FORM" else b"data", place[0] + frame * original.length
        content, size = next(((content, size) for found, content, size in chunks if found == name), (0, 0))
        if content + size != stop:
            return None
        plan.sizes.append((content - 4, f"{order}I", frame * more))
        if (size + frame * more) % 2 > size % 2:  # chunks begin at even places
            plan.room.append((stop, 1))
        elif (size + frame * more) % 2 < size % 2:
            plan.room.append((stop + 1, -1))
    plan.room.sort()
    whole = sum(size for _, size in plan.room)
    plan.sizes.append((4, f"{order}I", whole))
    for start in (content for name, content, _ in chunks if name == b"ds64"):
        plan.sizes += [(start, "<Q", whole), (start + 8, "<Q", frame * more), (start + 16, "<Q", more)]
    return plan


def _add_history(plan: _Larger, source: BinaryIO, content: int, size: int, line: str) -> None:
    """Add a line to the coding history of a broadcast extension, in what room it has left or in more."""
    source.seek(content + _HISTORY)
    text = source.read(size - _HISTORY).rstrip(b"\0")
    if text and not text.endswith(b"\n"):
        text += b"\r\n"
    text += line.encode("ascii", "replace") + b"\r\n"
    lacking = max(0, _HISTORY + len(text) - size)
    lacking += lacking % 2  # so that no padding changes
    plan.texts.append((content, text))
    if lacking:
        plan.room.append((content + size, lacking))
        plan.sizes.append((content - 4, "<I", lacking))


def _copy(source: BinaryIO, copy: BinaryIO, size: int) -> None:
    while size > 0 and (block := source.read(min(_BLOCK, size))):
        size -= copy.write(block)


def _enlarge(copy: BinaryIO, where: int, kind: str, more: int, path: Path) -> None:
    """Add to a size in a file."""
    copy.seek(where)
    (size,) = struct.unpack(kind, copy.read(struct.calcsize(kind)))
    if kind[1] == "I":
        if size == _MOST:
            return
        if size + more >= _MOST:
            raise InputError(f"{path} would pass the 4 GiB of its format: convert it to RF64 first")
    copy.seek(where)
    copy.write(struct.pack(kind, size + more))
