"""FLAC files with damaged frames: all others are kept, bit for bit and in their places, with silence between them.

Source: RFC 9639, sections 8.2 (STREAMINFO) and 9 (frames).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import temporary_folder
from audio_inpaint.files.containers import flac_blocks, id3_tag

_SYNC = b"\xff\xf8"  # of a frame whose number is counted in frames, all of one length


class _Stream(NamedTuple):
    """What STREAMINFO says: samples of a frame, and in all, the channels and bits of each."""

    block: int
    total: int
    channels: int
    bits: int


@contextmanager
def mended(path: Path, most: int) -> Iterator[Path]:
    """Write a FLAC file again without its damaged frames, silent where they were; it lives as long as the block.

    Args:
        path: of the damaged file.
        most: samples that may lack at its end, at most.

    Raises:
        InputError: its frames have no numbers, or none of them is whole, or it is cut short.
    """
    with open(path, "rb") as file:
        id3_tag(file)
        info = next((content for kind, content in flac_blocks(file) if kind == 0), b"")
        data = file.read()
    if len(info) < 34 or data.find(_SYNC) < 0:
        raise InputError(f"{path} is damaged: none of its frames is whole")
    packed = int.from_bytes(info[10:18], "big")
    stream = _Stream(
        int.from_bytes(info[:2], "big"), packed & (1 << 36) - 1, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    )
    frames = _whole(data, stream)
    if not frames or (max(frames) + 1) * stream.block + most < stream.total:
        left = (max(frames, default=-1) + 1) * stream.block / max(packed >> 44, 1)
        raise InputError(f"{path} is cut short: it ends at {left:.3f} s")
    with temporary_folder() as folder:
        made = folder / "mended.flac"
        with open(made, "wb") as file:
            # neither the sizes of frames nor the checksum of all samples hold any longer
            file.write(b"fLaC\x80\0\0\x22" + info[:4] + bytes(6) + info[10:18] + bytes(16))
            for number in range(-(-stream.total // stream.block)):
                file.write(frames.get(number) or _silent(number, stream))
        yield made


def _whole(data: bytes, stream: _Stream) -> dict[int, bytes]:
    """Return the frames whose checksums are right, by number."""
    starts = []  # of what looks like a frame, and its number
    place = data.find(_SYNC)
    while place >= 0:
        if (number := _number(data[place : place + 17])) is not None and number * stream.block < stream.total:
            starts.append((place, number))
        place = data.find(_SYNC, place + 1)
    ends = [place for place, _ in starts[1:]] + [len(data)]
    frames = {}
    for (place, number), end in zip(starts, ends, strict=True):
        if _checksum(data[place:end], 16, 0x8005) == 0:
            frames[number] = data[place:end]
    return frames


def _number(head: bytes) -> int | None:
    """Return the number of a frame, None where this is no head of one."""
    if len(head) < 17:
        head = head.ljust(17, b"\0")
    first = head[4]
    more = 0 if first < 0x80 else 8 - (first ^ 0xFF).bit_length() - 1
    if head[3] & 1 or more > 5 or (first >= 0x80 and more < 1):
        return None
    number = first & (0x7F if not more else 0x3F >> more)
    for byte in head[5 : 5 + more]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    size = 5 + more + {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return number if _checksum(head[:size], 8, 0x07) == head[size] else None


def _silent(number: int, stream: _Stream) -> bytes:
    """Return a frame of zeros."""
    length = min(stream.block, stream.total - number * stream.block)
    digits = [number]
    if number >= 0x80:
        digits, lead = [], 0x3F
        while number > lead:
            digits.append(0x80 | number & 0x3F)
            number, lead = number >> 6, lead >> 1
        digits = [(~(lead << 1 | 1) & 0xFF) | number, *reversed(digits)]
    head = _SYNC + bytes([0x70, stream.channels - 1 << 4, *digits]) + (length - 1).to_bytes(2, "big")
    head += bytes([_checksum(head, 8, 0x07)])
    body = head + bytes(-(-stream.channels * (8 + stream.bits) // 8))  # of each channel, a constant 0
    return body + _checksum(body, 16, 0x8005).to_bytes(2, "big")


def _checksum(data: bytes, bits: int, polynomial: int) -> int:
    """Return the remainder of a cyclic redundancy check of 8 or 16 bits."""
    table, crc, high = _table(bits, polynomial), 0, bits - 8
    mask = (1 << bits) - 1
    for byte in data:
        crc = (crc << 8 & mask) ^ table[crc >> high ^ byte]
    return crc


@cache
def _table(bits: int, polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << bits - 8
        for _ in range(8):
            crc = crc << 1 ^ (polynomial if crc >> bits - 1 else 0)
            crc &= (1 << bits) - 1
        table.append(crc)
    return table
