"""Indexes of recordings: what is searched of each, one channel at the search rate, kept for the next time.

They lie in the user's cache folder, a file for each recording, named by all that it depends on. One that is damaged, or
of a recording that has changed since, is made anew; those used longest ago go when all take more than `_MOST` bytes.
"""

import contextlib
import hashlib
import json
import mmap
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.dsp.resampling import resampled_blocks
from audio_inpaint.dsp.template_search import SEARCH_RATE
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason, replacing

# To be raised when an index of the same recording would hold something else.
_VERSION = 1
# Bytes of all indexes, about 35 hours of recordings.
_MOST = 2 * 10**9
# Bytes before the samples.
_HEAD = 256
_SUFFIX = ".index"


def cache_folder() -> Path:
    """Return the folder of the indexes: `audio_inpaint/pool` in `$XDG_CACHE_HOME`, or in `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home, "audio_inpaint", "pool")


def index_of(path: Path, sound: Callable[[], AbstractContextManager[Sound]]) -> tuple[np.ndarray, bool]:
    """Return what is searched of a file, and whether it had to be read for this.

    Args:
        path: of the file.
        sound: opens it.

    Returns:
        (time,) in half precision at the search rate, on the disk.

    Raises:
        InputError: the file cannot be read, or has too low a rate.
    """
    try:
        place = cache_folder() / (_key(path) + _SUFFIX)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        samples = _opened(place)
        os.utime(place)
        return samples, False
    with tempfile.TemporaryFile() as file:
        with sound() as opened:
            opened.check(str(path))
            _write(file, opened)
        with contextlib.suppress(OSError, InputError):  # there is no cache then, or it is full
            place.parent.mkdir(parents=True, exist_ok=True)
            file.seek(0)
            with replacing(place) as temporary, temporary.open("wb") as kept:
                while block := file.read(2**20):
                    kept.write(block)
            _prune(place)
        return _mapped(file), True


def is_kept(path: Path) -> bool:
    """Whether there is an index of a file on the disk."""
    return (cache_folder() / (_key(path) + _SUFFIX)).is_file()


def signal_of(sound: Sound) -> np.ndarray:
    """Return what is searched of a recording in memory, as `index_of` does of a file."""
    sound.check("a further recording")
    return np.concatenate(list(_coarse(sound)))


def _key(path: Path) -> str:
    status = os.stat(path)
    parts = os.path.realpath(path), status.st_size, status.st_mtime_ns, SEARCH_RATE, _VERSION
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _coarse(sound: Sound) -> Iterator[np.ndarray]:
    """Yield the mean of all channels at the search rate in half precision, block by block."""
    largest = np.finfo(np.float16).max
    blocks = (block.mean(0).numpy() for block in sound.blocks())
    for block in resampled_blocks(blocks, sound.sample_rate, SEARCH_RATE):
        yield block.clip(-largest, largest).astype("<f2")


def _write(file: BinaryIO, sound: Sound) -> None:
    checksum, count = 0, 0
    file.seek(_HEAD)
    for block in _coarse(sound):
        checksum, count = zlib.crc32(block.tobytes(), checksum), count + len(block)
        file.write(block.tobytes())
    file.seek(0)
    file.write(json.dumps({"samples": count, "crc32": checksum}).encode().ljust(_HEAD))
    file.flush()


def _opened(place: Path) -> np.ndarray:
    """Return the samples of an index.

    Raises:
        OSError, ValueError, KeyError, TypeError: there is none, or it is damaged.
    """
    with place.open("rb") as file:
        head = json.loads(file.read(_HEAD))
        samples = _mapped(file)
    if len(samples) != head["samples"] or zlib.crc32(samples) != head["crc32"]:
        raise ValueError("another checksum")
    return samples


def _mapped(file: BinaryIO) -> np.ndarray:
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), "<f2", offset=_HEAD)


def _prune(newest: Path) -> None:
    """Remove the indexes used longest ago, so that all take no more than is theirs."""
    found = []
    for place in newest.parent.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            found.append((place != newest, -place.stat().st_mtime, place.stat().st_size, place))
    total = 0
    for _, _, size, place in sorted(found):
        total += size
        if total > _MOST and place != newest:
            with contextlib.suppress(OSError):
                place.unlink()
