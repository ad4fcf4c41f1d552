"""Shards: tar archives in WebDataset's layout, each with a record that lets interrupted work continue after it."""

import contextlib
import hashlib
import io
import itertools
import json
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from data_prep.conversion import Converted, Refused

RECORDS = ".progress"
FEWEST = 8  # shards of a split, where it has as many recordings: as many readers can share it


@dataclass
class Shard:
    """What a shard holds, and how many recordings of the source it accounts for, the refused ones among them.

    Without a name it is only the files refused after the last shard.
    """

    name: str | None = None
    consumed: int = 0
    sha256: str = ""
    bytes: int = 0
    recordings: int = 0
    samples: int = 0
    segments: int = 0
    audible: int = 0
    licences: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def refuse(self, result: Refused) -> None:
        """Account for a file that cannot be used."""
        self.consumed += 1
        self.refused[result.key] = result.reason


def write_shards(
    results: Iterator[Converted | Refused], folder: Path, split: str, first: int, most_bytes: int, count: int | None
) -> Iterator[Shard]:
    """Write results as `folder`/`split`-000000.tar and so on, yielding each shard when it is whole and on record.

    Args:
        results: converted recordings in the order of the shards.
        folder: where they go.
        split: the beginning of their names.
        first: number of the first one.
        most_bytes: a shard ends with the recording that reaches this.
        count: recordings of the whole split, which small splits share out evenly; None where that is not known.
    """
    number, shard = first, Shard()
    for result in results:
        if isinstance(result, Refused):
            shard.refuse(result)
            continue
        shard.name = f"{split}-{number:06d}.tar"
        share = sys.maxsize if count is None else max(1, count // FEWEST + (number < count % FEWEST))
        _write(folder / shard.name, shard, itertools.chain([result], results), most_bytes, share)
        _record(folder, split, number, shard)
        yield shard
        number, shard = number + 1, Shard()
    if shard.consumed:
        _record(folder, split, number, shard)
        yield shard


def finished_shards(folder: Path, split: str) -> list[Shard]:
    """The shards of a split that an earlier run completed, in order.

    Raises:
        InputError: what was noted of one is damaged.
    """
    shards = []
    for number in itertools.count():
        path = folder / RECORDS / f"{split}-{number:06d}.json"
        if not path.is_file():
            return shards
        own = record(path, {key: value for key, value in asdict(Shard()).items() if key != "name"})
        shards.append(Shard(f"{split}-{number:06d}.tar" if own["sha256"] else None, **own))


def record(path: Path, like: dict) -> dict:
    """Read what interrupted work noted.

    Args:
        path: of the record.
        like: has all of its names, with values of the same kinds; numbers are not negative.

    Raises:
        InputError: it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        whole = all(isinstance(found[name], type(value)) for name, value in like.items()) and all(
            0 <= found[name] < sys.maxsize for name, value in like.items() if isinstance(value, int)
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise InputError(f"{path} is damaged: delete {path.parent.parent}, and the work begins anew")
    return {name: found[name] for name in like}


def remove_records(folder: Path) -> None:
    """Forget the records, once a manifest tells the same."""
    for path in (folder / RECORDS).glob("*"):
        path.unlink()
    with contextlib.suppress(OSError):
        (folder / RECORDS).rmdir()


def _write(path: Path, shard: Shard, results: Iterator[Converted | Refused], most_bytes: int, share: int) -> None:
    licences = Counter()
    with replacing(path) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
            for result in results:
                if isinstance(result, Refused):
                    shard.refuse(result)
                    continue
                _add(tar, f"{result.key}.flac", result.flac)
                _add(tar, f"{result.key}.json", result.json)
                licences[result.licence] += 1
                shard.consumed += 1
                shard.recordings += 1
                shard.samples += result.samples
                shard.segments += result.segments
                shard.audible += result.audible
                if tar.offset >= most_bytes or shard.consumed >= share:
                    break
        with open(temporary, "rb") as file:
            shard.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        shard.bytes = temporary.stat().st_size
    shard.licences = dict(sorted(licences.items()))


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """TarInfo's own owner (0) and time (0) make the same bytes everywhere."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def _record(folder: Path, split: str, number: int, shard: Shard) -> None:
    with replacing(folder / RECORDS / f"{split}-{number:06d}.json") as temporary:
        temporary.write_text(json.dumps(asdict(shard), ensure_ascii=False), encoding="utf-8")
