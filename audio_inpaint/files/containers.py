"""Where the samples lie inside an audio file, for what libsndfile does not keep when it writes a file anew."""

import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from audio_inpaint.files.unset_sizes import unset_sizes

_W64_DATA = b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a")
_OGG_PAGE = 65307  # bytes, at most
_OPEN = 0x7FFFF000  # bytes: sizes from here on are what programs write that do not know them
# Everything but STREAMINFO, padding and the seek table, which belong to the encoded frames.
_FLAC_KEPT = {2: "application", 4: "comments", 5: "cue sheet", 6: "picture"}


def first_sample(file: BinaryIO) -> tuple[int, str] | None:
    """Find the uncompressed samples of a WAV, RF64, RIFX, Wave64, AIFF or AU file.

    Args:
        file: open for reading.

    Returns:
        Byte offset of the first sample and the byte order, "LITTLE" or "BIG"; None for other or broken containers.
    """
    file.seek(0)
    head = file.read(40)
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        order = "BIG" if head[:4] == b"RIFX" else "LITTLE"
        found = _walk(file, 12, b"data", order)
        return found and (found, order)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _aiff_sample(file)
    if head[:4] == b"riff" and head[24:28] == b"wave":
        found = _walk_w64(file)
        return found and (found, "LITTLE")
    if head[:4] == b".snd":
        return struct.unpack(">I", head[4:8])[0], "BIG"
    return None


def riff_chunks(file: BinaryIO, position: int = 12, order: str = "LITTLE") -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, place of the content, size) of the chunks of a RIFF-like file, or of a list inside one.

    Args:
        file: open for reading; it may be read and moved between two chunks.
        position: of the first chunk.
        order: of the bytes of a size, "LITTLE" or "BIG".
    """
    large = 0  # bytes of the samples of an RF64 file, whose own size has no room for them
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        size = struct.unpack("<I" if order == "LITTLE" else ">I", head[4:])[0]
        if head[:4] == b"ds64" and len(sizes := file.read(16)) == 16:
            large = struct.unpack("<Q", sizes[8:])[0]
        elif head[:4] == b"data" and size == 0xFFFFFFFF and large:
            size = large
        elif head[:4] in (b"data", b"SSND") and unset_sizes(file):
            size = file.seek(0, 2) - position - 8
        yield head[:4], position + 8, size
        position += 8 + size + size % 2


def _walk(file: BinaryIO, position: int, name: bytes, order: str) -> int | None:
    """Byte position of the content of chunk `name` in a RIFF-like file whose first chunk is at `position`."""
    return next((place for found, place, _ in riff_chunks(file, position, order) if found == name), None)


def _aiff_sample(file: BinaryIO) -> tuple[int, str] | None:
    """AIFF keeps an offset in front of its samples, and AIFF-C may hold them in little-endian order."""
    common, sound = _walk(file, 12, b"COMM", "BIG"), _walk(file, 12, b"SSND", "BIG")
    if common is None or sound is None:
        return None
    file.seek(common + 18)
    order = "LITTLE" if file.read(4) == b"sowt" else "BIG"
    file.seek(sound)
    return sound + 8 + struct.unpack(">I", file.read(4))[0], order


def _walk_w64(file: BinaryIO) -> int | None:
    """Wave64 chunks have 16-byte names, 8-byte sizes that count their own head, and lie at multiples of 8."""
    position = 40
    while True:
        file.seek(position)
        head = file.read(24)
        if len(head) < 24:
            return None
        if head[:16] == _W64_DATA:
            return position + 24
        size = struct.unpack("<Q", head[16:])[0]
        position += max(size + -size % 8, 24)


def lacking(file: BinaryIO) -> tuple[int, int] | None:
    """Find out whether a WAV, RF64 or AIFF file ends before its samples do.

    Args:
        file: open for reading.

    Returns:
        Bytes of samples that are there, and that its header promises; None where nothing is lacking. A size that a
        program left open which could not go back to the header promises nothing.
    """
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64", b"RIFX", b"FORM"):
        return None
    order = "LITTLE" if head[:4] in (b"RIFF", b"RF64") else "BIG"
    sound = b"SSND" if head[:4] == b"FORM" else b"data"
    place, size = next(((place, size) for name, place, size in riff_chunks(file, order=order) if name == sound), (0, 0))
    there = file.seek(0, 2) - place
    return (there, size) if place and there < size < _OPEN else None


def lacks_end(file: BinaryIO) -> bool:
    """Whether an Ogg file breaks off in a page, or after one that does not end its stream.

    Source: RFC 3533, section 6.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 2 * _OGG_PAGE))
    tail = file.read()
    place = tail.rfind(b"OggS")
    if place < 0 or len(tail) < place + 27:
        return True
    segments = tail[place + 27 : place + 27 + tail[place + 26]]
    return not tail[place + 5] & 4 or len(tail) < place + 27 + tail[place + 26] + sum(segments)


def copy_flac_metadata(
    tagged: BinaryIO, encoded: str | Path, output: str | Path, sheet: Callable[[bytes], bytes] = bytes
) -> None:
    """Write a FLAC file with the tags, pictures and cue sheets of one file and the audio of another.

    Args:
        tagged: the FLAC file that has the metadata; an ID3 tag in front of it is kept too.
        encoded: the FLAC file that has the audio.
        output: the file that is written.
        sheet: gives what a cue sheet becomes.

    Source: RFC 9639, section 8; ID3 tag version 2.4.0, section 3.1.
    """
    with open(encoded, "rb") as new, open(output, "wb") as file:
        file.write(id3_tag(tagged))
        own = [block for block in flac_blocks(tagged) if block[0] in _FLAC_KEPT]
        kept = [(kind, sheet(content) if kind == 5 else content) for kind, content in own]
        blocks = [block for block in flac_blocks(new) if block[0] == 0] + kept
        file.write(b"fLaC")
        for number, (kind, content) in enumerate(blocks):
            last = 0x80 if number == len(blocks) - 1 else 0
            file.write(bytes([kind | last]) + len(content).to_bytes(3, "big") + content)
        shutil.copyfileobj(new, file)


def copy_mp3_tags(tagged: BinaryIO, encoded: str | Path, output: str | Path) -> None:
    """Write an MP3 file with the tags of one file, the pictures among them, and the audio of another.

    Args:
        tagged: the MP3 file that has the tags.
        encoded: the MP3 file that has the audio, with or without tags.
        output: the file that is written.

    Source: ID3 tag version 2.4.0, section 3; ID3v1.
    """
    with open(encoded, "rb") as new, open(output, "wb") as file:
        file.write(id3_tag(tagged))
        end = tagged.seek(0, 2)
        tagged.seek(max(0, end - 128))
        trailer = tagged.read(128)
        id3_tag(new)
        start, stop = new.tell(), new.seek(0, 2)
        new.seek(max(start, stop - 128))
        if new.read(3) == b"TAG":
            stop -= 128
        new.seek(start)
        while start < stop and (block := new.read(min(1 << 20, stop - start))):
            file.write(block)
            start += len(block)
        if trailer[:3] == b"TAG":
            file.write(trailer)


def vorbis_nominal(file: BinaryIO) -> int:
    """Read the bit rate that an Ogg Vorbis file was encoded for, in bit/s; 0 if it does not say.

    Source: Vorbis I specification, section 4.2.2.
    """
    file.seek(0)
    head = file.read(4096)
    place = head.find(b"\x01vorbis")
    if place < 0 or len(head) < place + 28:
        return 0
    return max(0, struct.unpack_from("<i", head, place + 20)[0])


def id3_tag(file: BinaryIO) -> bytes:
    """Read the ID3 tag that some programs put in front of a FLAC file, and leave the file behind it."""
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        file.seek(0)
        return b""
    size = sum(byte << 7 * (3 - place) for place, byte in enumerate(head[6:10]))
    footer = 10 if head[5] & 0x10 else 0
    return head + file.read(size + footer)


def flac_blocks(file: BinaryIO) -> list[tuple[int, bytes]]:
    """Read (kind, content) of every metadata block and leave the file at its first audio frame."""
    if file.read(4) != b"fLaC":
        return []
    blocks, last = [], False
    while not last:
        head = file.read(4)
        last = len(head) < 4 or bool(head[0] & 0x80)
        if len(head) == 4:
            blocks.append((head[0] & 0x7F, file.read(int.from_bytes(head[1:], "big"))))
    return blocks
