"""What a repair replaced, as a small file from which the damaged original comes back, bit for bit.

WAV, AIFF and AU files are repaired in place, so a few ranges of bytes say all. Formats that are encoded anew, such as
FLAC, differ everywhere: of these the whole original is kept.

The file is a ZIP archive of two members, `about.json` (names, sizes, SHA-256 sums, ranges of the original, and what was
inserted into the repaired file) and `bytes` (what stood in the ranges of the original).
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing

SUFFIX = ".original"  # after the whole name of the repaired file
_BLOCK = 1 << 20
_NEAR = 64  # bytes: differences nearer than this are one range
_FORMAT = 1


def difference_of(repaired: str | Path) -> Path:
    """Name the difference file of a repaired file.

    >>> difference_of("fixed.wav").name
    'fixed.wav.original'
    """
    path = Path(repaired)
    return path.with_name(path.name + SUFFIX)


def checksum(path: Path) -> str:
    """Return the SHA-256 sum of a file; an OSError where it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_difference(original: Path, repaired: Path, output: Path, inserted: Sequence[tuple[int, int]] = ()) -> int:
    """Write what turns a repaired file into the original again, and return its size in bytes.

    Args:
        original: the damaged file.
        repaired: the file that was made of it.
        output: the difference file, written at once or not at all.
        inserted: (first byte, length) in the repaired file, in order, of what the original does not have.

    Raises:
        InputError: a file cannot be read, or the output cannot be written.
    """
    try:
        if repaired.stat().st_size - sum(length for _, length in inserted) != original.stat().st_size:
            inserted = ()
        with open(repaired, "rb") as file:
            ranges = list(_ranges(original, _Without(file, inserted)))
        about = {
            "format": _FORMAT,
            "original": {"name": original.name, **_sum(original)},
            "repaired": {"name": repaired.name, **_sum(repaired)},
            "ranges": ranges,
            "inserted": [list(one) for one in inserted],
        }
        with replacing(output) as temporary:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("about.json", json.dumps(about, indent=1))
                with archive.open("bytes", "w", force_zip64=True) as kept, open(original, "rb") as file:
                    for start, length in ranges:
                        _copy(file, kept, start, length)
            return temporary.stat().st_size
    except OSError as error:
        raise InputError(f"the original of {repaired} cannot be kept: {error.strerror or error}") from error


def revert(repaired: Path, difference: Path, output: Path) -> str:
    """Write the original of a repaired file, and return its SHA-256 sum, which is checked.

    Args:
        repaired: a file that `audio-inpaint inpaint --keep-original` wrote, as it was written.
        difference: what was kept.
        output: the file to write, at once or not at all.

    Raises:
        InputError: the difference is damaged, or belongs to another file, or the repaired file was changed since.
    """
    try:
        with zipfile.ZipFile(difference) as archive:
            about = _about(archive, difference)
            found = _sum(repaired)
            if found["sha256"] != about["repaired"]["sha256"]:
                raise InputError(
                    f"{repaired} is not the file that {difference} belongs to: another file, or changed since"
                )
            with replacing(output) as temporary:
                with open(repaired, "rb") as file, archive.open("bytes") as kept, open(temporary, "wb") as made:
                    _rebuild(_Without(file, about.get("inserted", ())), kept, made, about)
                found = _sum(temporary)
                if found != {name: about["original"][name] for name in found}:
                    raise InputError(f"{difference} is damaged: what it gives is not the original")
            return found["sha256"]
    except FileNotFoundError as error:
        raise InputError(f"there is no file {error.filename}") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, zlib.error, EOFError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{difference} is damaged, or no difference file of audio-inpaint") from error
    except OSError as error:
        raise InputError(f"{repaired} cannot be reverted: {error.strerror or error}") from error


class _Without:
    """A file that is read as if some stretches, (first byte, length) in order, were not there."""

    def __init__(self, file: IO[bytes], left_out: Sequence[Sequence[int]]):
        self._file, self._pieces, place, shorter = file, [], 0, 0  # [place here, place in the file, length]
        for first, length in [*left_out, (os.fstat(file.fileno()).st_size, 0)]:
            if not (isinstance(first, int) and isinstance(length, int) and first >= place and length >= 0):
                raise ValueError
            self._pieces.append((shorter, place, first - place))
            shorter, place = shorter + first - place, first + length
        self.size, self._place = shorter, 0

    def seek(self, place: int) -> None:
        self._place = place

    def read(self, size: int) -> bytes:
        read = b""
        for here, place, length in self._pieces:
            if here <= self._place < here + length and len(read) < size:
                self._file.seek(place + self._place - here)
                part = self._file.read(min(size - len(read), here + length - self._place))
                self._place += len(part)
                read += part
        return read


def _ranges(original: Path, repaired: _Without) -> Iterator[list[int]]:
    """Yield [first byte, length] of what differs in the original; all of it where the sizes differ."""
    size = original.stat().st_size
    if size != repaired.size:
        yield [0, size]
        return
    start = stop = -1
    with open(original, "rb") as one:
        for place in range(0, size, _BLOCK):
            mine, theirs = (np.frombuffer(file.read(_BLOCK), np.uint8) for file in (one, repaired))
            unlike = np.flatnonzero(mine != theirs) + place
            if not len(unlike):
                continue
            ends = np.flatnonzero(np.diff(unlike) > _NEAR)
            firsts, lasts = unlike[np.r_[0, ends + 1]], unlike[np.r_[ends, len(unlike) - 1]] + 1
            for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
                if start >= 0 and first - stop > _NEAR:
                    yield [start, stop - start]
                    start = -1
                start, stop = first if start < 0 else start, last
    if start >= 0:
        yield [start, stop - start]


def _rebuild(file: _Without, kept: IO[bytes], made: IO[bytes], about: dict) -> None:
    """Copy a repaired file with the ranges of the original in their places."""
    place, size = 0, about["original"]["bytes"]
    for start, length in about["ranges"]:
        if not (isinstance(start, int) and isinstance(length, int) and place <= start and start + length <= size):
            raise ValueError
        _copy(file, made, place, start - place)
        _copy(kept, made, None, length)
        place = start + length
    _copy(file, made, place, size - place)


def _copy(source: IO[bytes] | _Without, target: IO[bytes], start: int | None, length: int) -> None:
    if start is not None:
        source.seek(start)
    while length:
        block = source.read(min(_BLOCK, length))
        if not block:
            raise EOFError
        target.write(block)
        length -= len(block)


def _sum(path: Path) -> dict[str, object]:
    return {"sha256": checksum(path), "bytes": path.stat().st_size}


def _about(archive: zipfile.ZipFile, path: Path) -> dict:
    if archive.getinfo("about.json").file_size > 1 << 26:
        raise ValueError
    about = json.loads(archive.read("about.json"))
    if about["format"] != _FORMAT:
        raise InputError(f"{path} was written by a newer version: update audio_inpaint")
    return about
