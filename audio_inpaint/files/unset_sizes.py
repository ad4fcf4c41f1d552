"""WAV files whose recorder died before it wrote the size of the samples: their header says 0, with sound after it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

_CHUNKS = 1 << 10  # more lie behind the samples of no file


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
    """Find the sizes that the header of a WAV file lacks: 4 bytes by their place; none where it is complete.

    Args:
        file: open for reading.
    """
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RIFX") or head[8:] != b"WAVE":
        return {}
    kind = "<I" if head[:4] == b"RIFF" else ">I"
    position, end = 12, file.seek(0, 2)
    while position + 8 <= end:
        file.seek(position)
        name, size = file.read(4), struct.unpack(kind, file.read(4))[0]
        position += 8
        if name == b"data":
            if size or position == end or _are_chunks(file, position, end, kind):
                return {}
            most = 0xFFFFFFFF
            return {
                4: struct.pack(kind, min(end - 8, most)),
                position - 4: struct.pack(kind, min(end - position, most)),
            }
        position += size + size % 2
    return {}


def _are_chunks(file: BinaryIO, position: int, end: int, kind: str) -> bool:
    """Whether a file goes on with chunks up to its end, as it does where there truly are no samples."""
    for _ in range(_CHUNKS):
        if position >= end:
            return position <= end + 1  # the last may lack its padding
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or not all(32 <= letter < 127 for letter in head[:4]):
            return False
        size = struct.unpack(kind, head[4:])[0]
        position += 8 + size + size % 2
    return False


def complete(file: BinaryIO) -> None:
    """Write the sizes that the header of a WAV file lacks into it, open for both."""
    for place, size in unset_sizes(file).items():
        file.seek(place)
        file.write(size)
