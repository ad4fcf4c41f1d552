"""FLAC files with damaged frames: all others are kept, bit for bit and in their places, with silence between them.

Source: RFC 9639, sections 8.2 (STREAMINFO) and 9 (frames).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import temporary_folder
from audio_inpaint.files.containers import flac_blocks, id3_tag
from audio_inpaint.files.mended import Mended, joined

_FRAME_HEAD = 17  # bytes, at most
_SYNC = b"\xff\xf8"  # of a frame whose number is counted in frames, all of one length


class _Stream(NamedTuple):
    """What STREAMINFO says: samples of a frame, bytes of the largest one, samples in all, channels and bits of each."""

    info: bytes
    block: int
    largest: int
    total: int
    channels: int
    bits: int


class _Head(NamedTuple):
    """Where a frame begins, its number and its samples."""

    place: int
    number: int
    length: int


def complete(path: Path) -> bool:
    """Whether a FLAC file says how many samples it has, and does not break off before them.

    Where much follows the last frame that has a head, that is damage, and not the end.
    """
    with open(path, "rb") as file:
        stream = _stream(path, file)
        most = stream.largest or stream.block * stream.channels * (stream.bits + 7) // 8 + _FRAME_HEAD
        file.seek(max(file.tell(), file.seek(0, os.SEEK_END) - 2 * most))
        tail = file.read()
    heads = _heads(tail, stream)
    if not heads or heads[-1].place + most < len(tail):
        return bool(stream.total)
    return 0 < stream.total <= (heads[-1].number + 1) * stream.block


@contextmanager
def mended(path: Path) -> Iterator[Mended]:
    """Write a FLAC file again without its damaged frames, silent where they were; it lives as long as the block.

    One that breaks off ends with its last whole frame.

    Args:
        path: of the damaged file.

    Raises:
        InputError: its frames have no numbers, or none of them is whole.
    """
    with open(path, "rb") as file:
        stream = _stream(path, file)
        data = file.read()
    frames, end = _whole(data, stream)
    if not frames:
        raise InputError(f"{path} is damaged: none of its frames is whole")
    total = stream.total if complete(path) else end
    count = -(-total // stream.block)
    lost = [
        (number * stream.block, min((number + 1) * stream.block, total))
        for number in range(count)
        if number not in frames
    ]
    with temporary_folder() as folder:
        made = folder / "mended.flac"
        with open(made, "wb") as file:
            # neither the sizes of frames nor the checksum of all samples hold any longer
            packed = int.from_bytes(stream.info[10:18], "big") >> 36 << 36 | total
            head = stream.info[:4] + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
            file.write(b"fLaC\x80\0\0\x22" + head)
            for number in range(count):
                file.write(frames.get(number) or _silent(number, total, stream))
        yield Mended(made, joined(lost), stream.total if stream.total > total else 0)


def _stream(path: Path, file: BinaryIO) -> _Stream:
    """Read STREAMINFO, and leave the file at its first frame."""
    id3_tag(file)
    info = next((content for kind, content in flac_blocks(file) if kind == 0), b"")
    if len(info) < 34:
        raise InputError(f"{path} is damaged: none of its frames is whole")
    packed = int.from_bytes(info[10:18], "big")
    block, largest = int.from_bytes(info[:2], "big"), int.from_bytes(info[7:10], "big")
    return _Stream(
        info, max(block, 1), largest, packed & (1 << 36) - 1, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    )


def _heads(data: bytes, stream: _Stream) -> list[_Head]:
    """Return what looks like the heads of frames."""
    found, place = [], data.find(_SYNC)
    while place >= 0:
        head = _head(data[place : place + _FRAME_HEAD], stream.block)
        if head is not None and (not stream.total or head[0] * stream.block < stream.total):
            found.append(_Head(place, *head))
        place = data.find(_SYNC, place + 1)
    return found


def _whole(data: bytes, stream: _Stream) -> tuple[dict[int, bytes], int]:
    """Return the frames whose checksums are right, by number, and the first sample after the last of them."""
    heads = _heads(data, stream)
    frames, last = {}, 0
    ends = [*(one.place for one in heads[1:]), len(data)]
    for head, end in zip(heads, ends, strict=False):  # the one too many of none
        if _checksum(data[head.place : end], 16, 0x8005) == 0:
            frames[head.number] = data[head.place : end]
            last = max(last, head.number * stream.block + head.length)
    return frames, last


def _head(head: bytes, block: int) -> tuple[int, int] | None:
    """Return the number of a frame and how many samples it has, None where this is no head of one."""
    head = head.ljust(_FRAME_HEAD, b"\0")
    first, kind = head[4], head[2] >> 4
    more = 0 if first < 0x80 else 8 - (first ^ 0xFF).bit_length() - 1
    if head[3] & 1 or more > 5 or (first >= 0x80 and more < 1):
        return None
    number = first & (0x7F if not more else 0x3F >> more)
    for byte in head[5 : 5 + more]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    after = 5 + more
    length = {6: head[after] + 1, 7: int.from_bytes(head[after : after + 2], "big") + 1}.get(kind, block)
    size = after + {6: 1, 7: 2}.get(kind, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return (number, length) if _checksum(head[:size], 8, 0x07) == head[size] else None


def _silent(number: int, total: int, stream: _Stream) -> bytes:
    """Return a frame of zeros of a stream of so many samples."""
    length = min(stream.block, total - number * stream.block)
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
