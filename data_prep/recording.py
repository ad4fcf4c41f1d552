"""A recording on its way into shards: its name, what is known of it, and how to get its bytes."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from data_prep.limits import read_file, read_member

SPLITS = ("training", "validation", "test")
SHARES = (0.7, 0.2, 0.1)  # of a source without splits of its own: those of Marafioti et al., 2019, for FMA


@dataclass(frozen=True)
class Recording:
    """One audio file of a source, unread.

    Args:
        key: its name in the shards, unique in its source; no dot, which ends a key in a WebDataset shard.
        metadata: what goes into the shard beside the audio.
        read: gives the file's bytes; goes to another process by pickle.
        seconds: how long the audio should be, where the source tells.
    """

    key: str
    metadata: dict[str, str | int]
    read: Callable[[], bytes]
    seconds: float | None = None


@dataclass(frozen=True)
class Split:
    """The recordings of a split in their order.

    Args:
        recordings: read once from the start.
        count: how many there are; None where that is known only after reading them all.
        identity: changes when the list does, so that interrupted work is never continued with another.
    """

    recordings: Iterable[Recording]
    count: int | None
    identity: str


def file_bytes(path: Path) -> Callable[[], bytes]:
    """What reads a file."""
    return partial(read_file, path)


def member_bytes(archive: Path, name: str) -> Callable[[], bytes]:
    """What reads a member of a ZIP archive."""
    return partial(_read_member, archive, name)


def given_bytes(data: bytes) -> Callable[[], bytes]:
    """What gives bytes that have been read already."""
    return partial(bytes, data)


def shuffled(keys: Iterable[str]) -> list[str]:
    """Put keys into an order that looks random and is the same everywhere.

    Neighbours of a folder, an album or an instrument would otherwise share a shard, and so a training batch.
    """
    return sorted(keys, key=_digest)


def hashed_split(group: str) -> str:
    """The split of everything that must stay together under the name `group`: 70 % training, 20 %, 10 %."""
    place = int(_digest(group)[:12], 16) / 16**12
    return SPLITS[0] if place < SHARES[0] else SPLITS[1] if place < SHARES[0] + SHARES[1] else SPLITS[2]


def identity(keys: Iterable[str]) -> str:
    """A digest of keys in their order."""
    digest = hashlib.sha256()
    for key in keys:
        digest.update(key.encode() + b"\n")
    return digest.hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_member(archive: Path, name: str) -> bytes:
    return read_member(_opened(archive), name)


@lru_cache(maxsize=4)
def _opened(archive: Path) -> zipfile.ZipFile:
    """Stays open: each worker would otherwise read the list of members again for every recording."""
    return zipfile.ZipFile(archive)
