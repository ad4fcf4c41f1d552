"""What a file says beside its sound that libsndfile does not copy: named where an output lacks it.

Sources: RFC 9639 (FLAC), RFC 3533 (Ogg), RFC 7845 (Opus), Vorbis I specification, section 5, ID3 tag 2.2 to 2.4.
"""

import io
import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from audio_inpaint.files.containers import flac_blocks, id3_tag, riff_chunks

# What libsndfile copies as text.
_COMMENTS = {
    "TITLE", "COPYRIGHT", "ENCODER", "SOFTWARE", "ARTIST", "COMMENT", "DATE", "ALBUM", "LICENSE",
    "TRACKNUMBER", "GENRE",
}  # fmt: skip
_FRAMES = {
    "TIT2", "TCOP", "TENC", "TSSE", "TPE1", "COMM", "TYER", "TDRC", "TALB", "TRCK", "TCON",
    "TT2", "TCR", "TEN", "TP1", "COM", "TYE", "TAL", "TRK", "TCO",
}  # fmt: skip
_INFO = {b"INAM", b"ICOP", b"ISFT", b"IART", b"ICMT", b"ICRD", b"IALB", b"IPRD", b"IGNR", b"ITRK"}
_SOUND = {
    b"fmt ", b"data", b"fact", b"PEAK", b"JUNK", b"junk", b"FLLR", b"PAD ", b"ds64",
    b"COMM", b"SSND", b"FVER", b"FORM", b"NAME", b"AUTH", b"(c) ", b"ANNO",
}  # fmt: skip
_BLOCKS = {2: "application data", 5: "cue sheet", 6: "picture"}


def beside_sound(source: BinaryIO, container: str) -> list[str]:
    """Name what libsndfile would not copy from a file to another one.

    Args:
        source: the file, open for reading.
        container: libsndfile's name of its format.

    >>> beside_sound(io.BytesIO(b"RIFF\\0\\0\\0\\0WAVEbext\\2\\0\\0\\0..data\\0\\0\\0\\0"), "WAV")
    ['the chunk bext']
    """
    if container in ("WAV", "WAVEX", "RF64", "AIFF"):
        return _plural("the chunk", _chunks(source))
    if container == "MP3":
        return _plural("the ID3 frame", [name for name in _id3_frames(id3_tag(source)) if name not in _FRAMES])
    names, others = [], []
    if container == "FLAC":
        blocks = flac_blocks(source)
        others = [f"the {_BLOCKS[kind]}" for kind, _ in blocks if kind in _BLOCKS]
        names = [name for kind, content in blocks if kind == 4 for name in _comments(content)]
    elif container == "OGG":
        names = _comments(_ogg_comments(source))
    return _plural("the tag", [name for name in names if name not in _COMMENTS]) + list(dict.fromkeys(others))


def _plural(what: str, names: list[str]) -> list[str]:
    names = list(dict.fromkeys(names))
    return [f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"] if names else []


def _chunks(source: BinaryIO) -> list[str]:
    source.seek(0)
    head = source.read(12)
    order, names = "BIG" if head[:4] in (b"FORM", b"RIFX") else "LITTLE", []
    for name, place, size in islice(riff_chunks(source, order=order), 1000):
        source.seek(place)
        if name == b"LIST" and source.read(4) == b"INFO":
            fields = io.BytesIO(source.read(min(size, 1 << 20) - 4))
            names += [field.decode("latin-1") for field, *_ in riff_chunks(fields, 0) if field not in _INFO]
        elif name not in _SOUND:
            names.append(name.decode("latin-1").strip())
    return names


def _id3_frames(tag: bytes) -> Iterator[str]:
    if len(tag) < 10:
        return
    version, place = tag[3], 10
    width, head = (3, 6) if version == 2 else (4, 10)
    while place + head <= len(tag) and tag[place : place + width].isalnum():
        size = tag[place + width : place + 2 * width]
        yield tag[place : place + width].decode()
        bits = 7 if version == 4 else 8
        place += head + sum(byte << bits * (width - 1 - digit) for digit, byte in enumerate(size))


def _comments(content: bytes) -> list[str]:
    """Read the names of the fields of a Vorbis comment."""
    names = []
    try:
        (vendor,) = struct.unpack_from("<I", content)
        (count,) = struct.unpack_from("<I", content, 4 + vendor)
        place = 8 + vendor
        for _ in range(min(count, 1000)):
            (size,) = struct.unpack_from("<I", content, place)
            name = content[place + 4 : place + 4 + min(size, 64)].partition(b"=")[0]
            names.append(name.decode("ascii", "replace").upper())
            place += 4 + size
    except struct.error:  # damaged, which is no reason not to repair the sound
        pass
    return names


def _ogg_comments(source: BinaryIO) -> bytes:
    """Read the second packet of an Ogg file, without what marks it as comments."""
    source.seek(0)
    packets, packet = 0, b""
    while (head := source.read(27))[:4] == b"OggS" and len(head) == 27 and len(packet) < 1 << 24:
        for size in source.read(head[26]):
            packet += source.read(size)
            if size == 255:
                continue
            packets += 1
            if packets == 2:
                return packet[8:] if packet.startswith(b"OpusTags") else packet[7:]
            packet = b""
    return b""
