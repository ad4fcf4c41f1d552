"""Ogg files, Vorbis and Opus, with damaged or missing pages: what is left is decoded, and keeps its time.

Every page says at which sample it ends, so that the pieces between damaged pages are decoded one by one and put there.

Source: RFC 3533, section 6 (pages); Vorbis I specification, section 4 (headers); RFC 7845, section 4 (Opus).
"""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import temporary_folder
from audio_inpaint.files.mended import Mended, joined

_HEAD = struct.Struct("<4sBBqIIIB")  # of a page: its capture pattern, ..., and how many segments it has
_CHECKSUM = 22  # place of it in the head
_HEADERS = {b"\x01vorbis": 3, b"OpusHead": 2}  # packets that come before sound
_OPUS_RATE = 48_000  # Hz, of its granules
_BLOCK = 1 << 17  # samples
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    """A whole page.

    Attributes:
        start, stop: where it lies.
        begins: whether it is the first one of a stream.
        ends: the sample at its end; -1 if it has none.
        stream: which one it belongs to.
        number: in this stream.
        segments: their lengths.
    """

    start: int
    stop: int
    begins: bool
    ends: int
    stream: int
    number: int
    segments: bytes


def complete(path: Path) -> bool:
    """Whether an Ogg file is one stream, and all pages between its first and its last one are there and whole."""
    streams = _streams(_pages(path.read_bytes()))
    if not all(pages[0].begins for pages in streams[1:]):  # they are mixed, and left to libsndfile
        return True
    return len(streams) < 2 and all(_follows(*pair) for pages in streams for pair in pairwise(pages))


@contextmanager
def mended(path: Path) -> Iterator[Mended]:
    """Decode what is whole of an Ogg file to a WAV file, silent elsewhere, which lives as long as the block.

    Streams that follow each other, as a recorded broadcast has them, are put together.

    Raises:
        InputError: nothing of its sound is whole, or its streams differ in rate or channels.
    """
    data, lost, end, output = path.read_bytes(), [], 0, None
    with temporary_folder() as folder, contextlib.ExitStack() as files:
        made = folder / "mended.wav"
        for stream in _streams(_pages(data)):
            begin = end
            for audio, rate, first in _sounds(data, stream):
                if output is None:
                    wav = soundfile.SoundFile(str(made), "w", rate, audio.shape[1], "FLOAT", format="RF64")
                    output = files.enter_context(wav)
                if (output.samplerate, output.channels) != (rate, audio.shape[1]):
                    raise InputError(f"{path} changes its rate or its channels: cut it there, and repair each part")
                start = max(end, begin + first)
                lost.append((end, start))
                _silence(output, start - end)
                output.write(audio[start - begin - first :])
                end = max(end, begin + first + len(audio))
        if output is None:
            raise InputError(f"{path} is damaged: none of its sound is whole")
        output.close()
        yield Mended(made, joined(span for span in lost if span[0] < span[1]), 0)


def _sounds(data: bytes, pages: Sequence[_Page]) -> Iterator[tuple[np.ndarray, int, int]]:
    """Yield what can be decoded of a stream: samples (time, channel), their rate in Hz, the first one's place in it."""
    heads = _headers(data, pages)
    if not heads:
        return
    skipped, data = _without_skip(data, heads[0])
    origin = None
    for piece in _pieces(pages[len(heads) :]):
        sound = _decoded(data, heads, piece)
        if sound is None:
            continue
        audio, rate, scale = sound
        first = round(piece[-1].ends * scale) - len(audio)
        if origin is None:
            # what follows the headers at once is the beginning, at whatever sample a cut stream counts it
            origin = round(skipped * scale) + (first if _follows(heads[-1], piece[0]) else 0)
        yield audio, rate, first - origin


def _streams(pages: Sequence[_Page]) -> list[list[_Page]]:
    """Return the pages of each stream of a file, one stream after the other."""
    found: list[list[_Page]] = []
    for page in pages:
        if not found or page.begins or page.stream != found[-1][-1].stream:
            found.append([])
        found[-1].append(page)
    return found


def _pages(data: bytes) -> list[_Page]:
    """Find the pages whose checksums are right."""
    found, place = [], data.find(b"OggS")
    while place >= 0:
        page = _page(data, place)
        if page is not None:
            found.append(page)
        place = data.find(b"OggS", place + 1 if page is None else page.stop)
    return found


def _page(data: bytes, place: int) -> _Page | None:
    """Read the page at a place; None if it is not whole."""
    if len(data) < place + _HEAD.size:
        return None
    _, _, flags, ends, stream, number, checksum, count = _HEAD.unpack_from(data, place)
    segments = data[place + _HEAD.size : place + _HEAD.size + count]
    page = _Page(place, place + _HEAD.size + count + sum(segments), bool(flags & 2), ends, stream, number, segments)
    whole = page.stop <= len(data) and _checksum(data[place : page.stop]) == checksum
    return page if whole else None


def _checksum(page: bytes) -> int:
    """Return the checksum of a page: that of zlib with the bits of each byte and of the sum in the other order."""
    blank = page[:_CHECKSUM] + bytes(4) + page[_CHECKSUM + 4 :]
    found = zlib.crc32(blank.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)


def _follows(page: _Page, after: _Page) -> bool:
    return page.stop == after.start and page.number + 1 == after.number


def _headers(data: bytes, pages: Sequence[_Page]) -> list[_Page]:
    """Return the pages that come before those with sound; none if they are not whole."""
    begin = pages[0].start + _HEAD.size + len(pages[0].segments)
    wanted = next((count for name, count in _HEADERS.items() if data.startswith(name, begin)), 0)
    packets = 0
    for number, page in enumerate(pages):
        if number and not _follows(pages[number - 1], page):
            return []
        packets += sum(size < 255 for size in page.segments)  # a segment of 255 bytes goes on in the next one
        if packets >= wanted:
            return list(pages[: number + 1]) if wanted else []
    return []


def _pieces(pages: Sequence[_Page]) -> Iterator[list[_Page]]:
    """Yield runs of pages that follow each other, each up to its last page that says where it ends."""
    piece: list[_Page] = []
    for page in [*pages, None]:
        if piece and (page is None or not _follows(piece[-1], page)):
            while piece and piece[-1].ends < 0:
                piece.pop()
            if piece:
                yield piece
            piece = []
        if page is not None:
            piece.append(page)


def _decoded(data: bytes, heads: Sequence[_Page], piece: Sequence[_Page]) -> tuple[np.ndarray, int, float] | None:
    """Decode a piece: samples (time, channel), their rate in Hz, samples for each that pages count; None if empty."""
    stream = bytearray()
    for number, page in enumerate([*heads, *piece]):
        new = bytearray(data[page.start : page.stop])
        new[18:_CHECKSUM] = struct.pack("<I", number)
        new[_CHECKSUM : _CHECKSUM + 4] = struct.pack("<I", _checksum(bytes(new)))
        stream += new
    try:
        with soundfile.SoundFile(io.BytesIO(stream)) as file:
            audio = file.read(dtype="float32", always_2d=True)
            return audio, file.samplerate, file.samplerate / _OPUS_RATE if file.subtype == "OPUS" else 1.0
    except soundfile.SoundFileError:
        return None


def _without_skip(data: bytes, head: _Page) -> tuple[int, bytes]:
    """Return how many samples a decoder of Opus leaves out at the beginning, and a file of which it leaves out none."""
    place = data.find(b"OpusHead", head.start, head.stop) + 10
    if place < 10:
        return 0, data  # Vorbis has none
    return struct.unpack_from("<H", data, place)[0], data[:place] + bytes(2) + data[place + 2 :]


def _silence(file: soundfile.SoundFile, length: int) -> None:
    for start in range(0, length, _BLOCK):
        file.write(np.zeros((min(_BLOCK, length - start), file.channels), np.float32))
