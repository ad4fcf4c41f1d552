"""How much of a recording is read, whatever its header promises: what holds more was damaged, or made to do harm."""

import io
import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import soundfile

MOST_BYTES = 1 << 31
MOST_SECONDS = 2 * 3600  # at 16 kHz some 3 GB of memory while silence is cut and segments are counted
RATES = 4000, 768000  # Hz
MOST_CHANNELS = 64
# What opening or reading an archive, whole or damaged, may raise; RuntimeError asks for a password, or is of a method
# of compression that is not there.
ARCHIVE_ERRORS = (OSError, EOFError, KeyError, ValueError, RuntimeError, struct.error, zlib.error, lzma.LZMAError,
                  zipfile.BadZipFile, zipfile.LargeZipFile)  # fmt: skip


class Unusable(ValueError):
    """A recording that is larger than one may be, or does not hold what it should."""


def checked_size(size: int, most: int = MOST_BYTES) -> int:
    """Return a number of bytes.

    Raises:
        Unusable: there are too many.
    """
    if size > most:
        raise Unusable(f"too large: {size / 1e6:,.0f} MB, {most / 1e6:,.0f} are the most")
    return size


def read_file(path: Path) -> bytes:
    """Read a file.

    Raises:
        Unusable: it is too large, or no regular file.
        OSError: it cannot be read.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Unusable("is no regular file")
    with open(path, "rb") as file:
        return file.read(checked_size(status.st_size))


def read_member(archive: zipfile.ZipFile, name: str, most: int = MOST_BYTES) -> bytes:
    """Read a member of a ZIP archive: as many bytes as its header promises.

    Raises:
        Unusable: it is too large.
        Exception: one of `ARCHIVE_ERRORS`.
    """
    size = checked_size(archive.getinfo(name).file_size, most)
    with archive.open(name) as file:
        return file.read(size)  # ZipFile.read would expand a false header's data whole before it cuts them


def opened(source: Path | bytes, most_seconds: float = MOST_SECONDS) -> soundfile.SoundFile:
    """Open a recording, a file or its bytes, whose header promises what one may be.

    Raises:
        Unusable: its rate, its channels or its length are none of a recording.
        soundfile.SoundFileError: it is not audio.
    """
    file = soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    try:
        if not RATES[0] <= file.samplerate <= RATES[1]:
            raise Unusable(f"has a rate of {file.samplerate} Hz, {RATES[0]} to {RATES[1]} can be used")
        if file.channels > MOST_CHANNELS:
            raise Unusable(f"has {file.channels} channels, {MOST_CHANNELS} are the most")
        if file.frames > most_seconds * file.samplerate:
            raise Unusable(f"lasts {file.frames / file.samplerate:.0f} s, {most_seconds:.0f} s are the most: cut it")
    except Unusable:
        file.close()
        raise
    return file
