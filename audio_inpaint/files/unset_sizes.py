"""Files whose recorder died before it wrote the size of the samples: their header says 0, with sound after it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

_CHUNKS = 1 << 10  # more lie behind the samples of no file
_MOST = 0xFFFFFFFF
_ORDERS = {b"RIFF": "<I", b"RF64": "<I", b"RIFX": ">I"}
_UNCOMPRESSED = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")


class Completed(io.FileIO):
    """A file that reads as if its header had its sizes.

    Args:
        path: the file.
        sizes: as `unset_sizes` finds them.
    """

    def __init__(self, path: Path, sizes: dict[int, bytes]) -> None:
        super().__init__(path)
        self._sizes = sizes

    def readinto(self, buffer: memoryview) -> int:
        """Read what has room in a buffer."""
        start = self.tell()
        count = super().readinto(buffer) or 0
        for place, size in self._sizes.items():
            first, last = max(start, place), min(start + count, place + len(size))
            if first < last:
                buffer[first - start : last - start] = size[first - place : last - place]
        return count


def unset_sizes(file: BinaryIO) -> dict[int, bytes]:
    """Find the sizes that the header of a WAV, RF64, AIFF or AU file lacks.

    Args:
        file: open for reading.

    Returns:
        What should stand there by its place in the file; nothing where the header is complete.
    """
    file.seek(0)
    head, end = file.read(12), file.seek(0, 2)
    if head[:4] == b".snd" and len(head) == 12:
        start, size = struct.unpack(">II", head[4:])
        return {} if size or start >= end else {8: struct.pack(">I", min(end - start, _MOST))}
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return _unset_in_aiff(file, end)
    if head[:4] in _ORDERS and head[8:] == b"WAVE":
        return _unset_in_wav(file, end, _ORDERS[head[:4]])
    return {}


def _unset_in_wav(file: BinaryIO, end: int, order: str) -> dict[int, bytes]:
    chunks = _chunks(file, b"data", end, order)
    if b"data" not in chunks:
        return {}
    place, size = chunks[b"data"]
    large = {b"ds64", b"fmt "} <= set(chunks) and size in (0, _MOST)  # RF64, whose sizes are those of ds64
    if (size and not large) or place == end or _are_chunks(file, place, end, order):
        return {}
    if large:
        sizes = chunks[b"ds64"][0]
        file.seek(sizes + 8)
        if file.read(8) != bytes(8):
            return {}
        file.seek(chunks[b"fmt "][0] + 12)
        frames = (end - place) // max(1, struct.unpack("<H", file.read(2))[0])
        whole = {sizes: end - 8, sizes + 8: end - place, sizes + 16: frames}
        found = {where: struct.pack("<Q", size) for where, size in whole.items()}
        return found | dict.fromkeys((4, place - 4), struct.pack("<I", _MOST))
    return {4: struct.pack(order, min(end - 8, _MOST)), place - 4: struct.pack(order, min(end - place, _MOST))}


def _unset_in_aiff(file: BinaryIO, end: int) -> dict[int, bytes]:
    chunks = _chunks(file, b"SSND", end, ">I")
    if not {b"COMM", b"SSND"} <= set(chunks):
        return {}
    common, (place, size) = chunks[b"COMM"][0], chunks[b"SSND"]
    start = place + 8  # after an offset and the size of a block
    file.seek(common)
    channels, frames, bits = struct.unpack(">HIH", file.read(8))
    if size > 8 or frames or start >= end or not channels * bits or _are_chunks(file, start, end, ">I"):
        return {}
    file.seek(common + 18)
    if chunks[b"COMM"][1] > 18 and file.read(4) not in _UNCOMPRESSED:
        return {}
    frames = (end - start) // (channels * -(-bits // 8))
    most = {4: end - 8, place - 4: end - place, common + 2: frames}
    return {where: struct.pack(">I", min(size, _MOST)) for where, size in most.items()}


def _chunks(file: BinaryIO, last: bytes, end: int, order: str) -> dict[bytes, tuple[int, int]]:
    """Return (place of the content, size) of a file's chunks by name, up to and with one of them."""
    found: dict[bytes, tuple[int, int]] = {}
    position = 12
    while position + 8 <= end and last not in found:
        file.seek(position)
        name, size = file.read(4), struct.unpack(order, file.read(4))[0]
        position += 8
        found.setdefault(name, (position, size))
        position += size + size % 2
    return found


def _are_chunks(file: BinaryIO, position: int, end: int, order: str) -> bool:
    """Whether a file goes on with chunks up to its end, as it does where there truly are no samples."""
    for _ in range(_CHUNKS):
        if position >= end:
            return position <= end + 1  # the last may lack its padding
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or not all(32 <= letter < 127 for letter in head[:4]):
            return False
        size = struct.unpack(order, head[4:])[0]
        position += 8 + size + size % 2
    return False


def complete(file: BinaryIO) -> None:
    """Write the sizes that the header of a file lacks into it, open for both."""
    for place, size in unset_sizes(file).items():
        file.seek(place)
        file.write(size)
