"""A recording with room for insertions: what is read of it, and the bytes of a file with all that follows later."""

import os
import shutil
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import torch

from audio_inpaint.errors import InputError
from audio_inpaint.files.containers import first_sample, riff_chunks
from audio_inpaint.files.formats import WIDTHS
from audio_inpaint.files.markers import move_markers
from audio_inpaint.files.recording import Reader
from audio_inpaint.insertions import Insertion, later

_MOST = 0xFFFFFFFF  # bytes that a size of 32 bits counts
_BLOCK = 1 << 20


class Widened(Reader):
    """An open recording with room for insertions, which are silent.

    Args:
        original: the recording, which stays open as long as this is read.
        insertions: in order.

    >>> import soundfile
    >>> soundfile.write("short.wav", [0.5, -0.5], 8000)
    >>> with Reader("short.wav") as reader:
    ...     Widened(reader, [Insertion(1, 2)]).read(0, 4)
    tensor([[ 0.5000,  0.0000,  0.0000, -0.5000]], dtype=torch.float64)
    """

    def __init__(self, original: Reader, insertions: Sequence[Insertion]):
        self.original, self.insertions = original, tuple(insertions)
        self.path, self.format, self.subtype = original.path, original.format, original.subtype
        self.sample_rate, self.channels = original.sample_rate, original.channels
        self.length = original.length + sum(one.length for one in insertions)

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Read samples [start, stop) as float64 (channel, time)."""
        audio = torch.zeros(self.channels, stop - start, dtype=torch.float64)
        for first, last in _pieces(self.original.length, self.insertions):
            by = later(first, self.insertions) - first
            begin, end = max(start - by, first), min(stop - by, last)
            if begin < end:
                audio[:, begin + by - start : end + by - start] = self.original.read(begin, end)
        return audio

    def metadata(self) -> dict[str, str]:
        """Title, artist and the other text fields that libsndfile knows."""
        return self.original.metadata()

    def close(self) -> None:
        """Leave the recording to whoever opened it."""


def inserted_bytes(reader: Reader, path: Path) -> list[tuple[int, int]]:
    """Return (first byte, length) of what was inserted into a repaired file; nothing where it was encoded anew."""
    with open(path, "rb") as file:
        place = first_sample(file) if reader.subtype in WIDTHS else None
    if place is None:
        return []
    frame = reader.channels * WIDTHS[reader.subtype]
    firsts = [later(one.at, reader.insertions, end=True) for one in reader.insertions]
    return [(place[0] + frame * at, frame * one.length) for at, one in zip(firsts, reader.insertions, strict=True)]


def with_silence(audio: torch.Tensor, insertions: Sequence[Insertion]) -> torch.Tensor:
    """Return audio (channel, time) with zeros where something is inserted."""
    length = audio.shape[-1]
    wide = audio.new_zeros(len(audio), length + sum(one.length for one in insertions))
    for first, last in _pieces(length, insertions):
        by = later(first, insertions) - first
        wide[:, first + by : last + by] = audio[:, first:last]
    return wide


def _pieces(length: int, insertions: Sequence[Insertion]) -> list[tuple[int, int]]:
    """Return what lies between insertions: first samples, and those after the last."""
    edges = [0, *(one.at for one in insertions), length]
    return [(first, last) for first, last in pairwise(edges) if first < last]


def copied_with_room(source: BinaryIO, copy: BinaryIO, place: int, frame: int, reader: Widened) -> bool:
    """Copy a WAV, RF64, AIFF or AU file with zero bytes where something is inserted, its sizes and markers moved.

    Args:
        source: the file, open for reading.
        copy: an empty file, open for reading and writing.
        place: of the first sample, in bytes.
        frame: bytes of a sample of all channels.
        reader: of the file, with room.

    Returns:
        Whether this was done; nothing is written for other formats, and where sizes in the file are not those it has.

    Raises:
        InputError: the file would be larger than its format allows.
    """
    source.seek(0)
    head = source.read(12)
    stop = place + frame * reader.original.length
    order = ">" if head[:4] in (b"RIFX", b"FORM", b".snd") else "<"
    sound = b"SSND" if head[:4] == b"FORM" else b"data"
    grown = frame * (reader.length - reader.original.length)
    if head[:4] == b".snd":
        sizes = [(8, "I", grown)]
    elif head[:4] in (b"RIFF", b"RF64", b"RIFX", b"FORM"):
        chunks = list(riff_chunks(source, order="BIG" if order == ">" else "LITTLE"))
        content, size = next(((start, size) for name, start, size in chunks if name == sound), (0, 0))
        if content + size != stop:
            return False
        padding = (size + grown) % 2 - size % 2
        sizes = [(4, "I", grown + padding), (content - 4, "I", grown)]
        for start in (start for name, start, _ in chunks if name == b"ds64"):
            sizes += [(start, "Q", grown + padding), (start + 8, "Q", grown)]
            sizes += [(start + 16, "Q", reader.length - reader.original.length)]
    else:
        return False
    source.seek(0)
    _copy(source, copy, place)
    for first, last in _pieces(reader.original.length, reader.insertions):
        _zeros(copy, place + frame * later(first, reader.insertions))
        _copy(source, copy, frame * (last - first))
    _zeros(copy, stop + grown)
    if head[:4] != b".snd":
        source.seek(size % 2, os.SEEK_CUR)
        _zeros(copy, stop + grown + (size + grown) % 2)
    shutil.copyfileobj(source, copy, _BLOCK)
    for where, kind, more in sizes:
        _enlarge(copy, where, order + kind, more, reader)
    move_markers(copy, reader.insertions)
    return True


def _copy(source: BinaryIO, copy: BinaryIO, size: int) -> None:
    while size and (block := source.read(min(_BLOCK, size))):
        copy.write(block)
        size -= len(block)


def _zeros(copy: BinaryIO, end: int) -> None:
    """Write zeros up to a place."""
    while (size := min(_BLOCK, end - copy.tell())) > 0:
        copy.write(bytes(size))


def _enlarge(copy: BinaryIO, where: int, kind: str, more: int, reader: Widened) -> None:
    """Add to a size in a file; the largest number stands for a size that is elsewhere, or unknown."""
    copy.seek(where)
    (size,) = struct.unpack(kind, copy.read(struct.calcsize(kind)))
    if kind[1] == "I":
        if size == _MOST:
            return
        if size + more >= _MOST:
            raise InputError(f"{reader.path} would pass the 4 GiB of its format: convert it to RF64 first")
    copy.seek(where)
    copy.write(struct.pack(kind, size + more))
