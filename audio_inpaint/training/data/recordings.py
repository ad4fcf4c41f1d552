"""Recordings in WebDataset shards: tar files of `KEY.flac` and `KEY.json`, in folders, behind URLs or from commands."""

import glob
import io
import json
import random
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import soundfile
import torch
from torch import Tensor
from webdataset.shardlists import expand_urls
from webdataset.tariterators import base_plus_ext

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason
from audio_inpaint.training.data import fetching

SUFFIXES = ("flac", "json")
_REMEDY = "build this shard again, or pass over such recordings by --data.init_args.damaged=skip"
Recording = dict[str, str | bytes]  # of its key, its shard and the bytes of its files, as WebDataset names them


class DamagedRecording(InputError):
    """One recording that cannot be read, where others of its shard can."""


@dataclass
class PassedOver:
    """What is left out of shards, and how much of it there is: a recording is counted once, however often it is met.

    Args:
        damaged: pass over damaged recordings; the first one is raised otherwise.
        why: of each damaged recording that was passed over, by shard and key.
        foreign: members that belong to no recording, which are passed over always.
    """

    damaged: bool = False
    why: dict[tuple[str, str], str] = field(default_factory=dict)
    foreign: set[tuple[str, str]] = field(default_factory=set)

    def add(self, shard: str, key: str, error: DamagedRecording) -> None:
        """Count a damaged recording, or raise what is wrong with it."""
        if not self.damaged:
            raise error
        self.why[shard, key] = str(error)

    def update(self, other: "PassedOver") -> None:
        """Count what another process passed over too."""
        self.why |= other.why
        self.foreign |= other.foreign

    def snapshot(self) -> "PassedOver":
        """Return a copy that stays as it is while another thread sends it."""
        return PassedOver(self.damaged, dict(self.why), set(self.foreign))

    def __len__(self) -> int:
        return len(self.why) + len(self.foreign)

    def __str__(self) -> str:
        parts = []
        if self.why:
            parts.append(f"{len(self.why)} damaged recordings (the first: {next(iter(self.why.values()))})")
        if self.foreign:
            shard, name = min(self.foreign)
            parts.append(f"{len(self.foreign)} files that belong to no recording (the first: {name} in {shard})")
        return f"passed over {' and '.join(parts)}"


def find(source: str | Sequence[str], option: str) -> list[str]:
    """List the shards that a configuration names.

    Args:
        source: paths, patterns (`*`, `{000000..000012}`), URLs, or commands that write a shard (`pipe:COMMAND`).
        option: of the configuration, for the message.

    Raises:
        InputError: a path or pattern matches nothing, a file is cut short, or nothing here fetches a URL.
    """
    found = []
    for pattern in [source] if isinstance(source, str) else source:
        for name in expand_urls(pattern):
            shards = [name] if fetching.remote(name) or Path(name).is_file() else sorted(glob.glob(name))
            if not shards:
                raise InputError(
                    f"no shards match {name}: build them with `audio-inpaint-data open-corpus` and "
                    f"`audio-inpaint-data shards` (see README), or give --data.init_args.{option}"
                )
            found += shards
    for shard in found:
        if fetching.remote(shard):
            fetching.check(shard)
        else:
            _check_end(shard)
    return found


def listed(shards: Sequence[str]) -> str:
    """Name some shards, for a message."""
    return " ".join(shards[:2]) + (f" and {len(shards) - 2} more" if shards[2:] else "")


def _check_end(shard: str) -> None:
    """A tar file ends in two blocks of zeros: one that was not copied to its end is told before a run begins."""
    try:
        with open(shard, "rb") as file:
            file.seek(max(0, Path(shard).stat().st_size - 1024))
            whole = file.read() == bytes(1024)
    except OSError as error:
        raise InputError(f"the shard {shard} cannot be read: {reason(error)}") from error
    if not whole:
        raise InputError(f"{shard} is no tar file, or is cut short: copy or build this shard again")


def recordings(
    shard: str,
    part: int = 0,
    parts: int = 1,
    order: random.Random | None = None,
    suffixes: Sequence[str] = SUFFIXES,
    cache: Path | None = None,
    passed_over: PassedOver | None = None,
) -> Iterator[Recording]:
    """Read the recordings of a shard, or every `parts`-th of them.

    Args:
        shard: a path, URL or command.
        part: 0 to `parts` - 1.
        parts: in how many the shard is divided.
        order: shuffles the recordings.
        suffixes: the files of each recording that are wanted.
        cache: folder of fetched shards, for URLs and commands.
        passed_over: counts what is left out; without it nothing damaged is.

    Raises:
        InputError: the shard cannot be fetched, or is damaged, or lacks a file of a recording.
    """
    passed_over = PassedOver() if passed_over is None else passed_over
    path = fetching.fetched(shard, cache) if fetching.remote(shard) else shard
    try:
        with tarfile.open(path, "r:") as tar:
            groups = _members(tar, shard, passed_over)
            keys = list(groups)[part::parts]
            if order is not None:
                order.shuffle(keys)
            for key in keys:
                missing = [suffix for suffix in suffixes if suffix not in groups[key]]
                if missing:
                    error = DamagedRecording(f"{shard} has no {key}.{missing[0]}: {_REMEDY}")
                    passed_over.add(shard, key, error)
                    continue
                wanted = {suffix: tar.extractfile(groups[key][suffix]).read() for suffix in suffixes}
                yield {"__key__": key, "__url__": shard, **wanted}
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"the shard {shard} cannot be read: {reason(error)}") from error


def _members(tar: tarfile.TarFile, shard: str, passed_over: PassedOver) -> dict[str, dict[str, tarfile.TarInfo]]:
    """The files of each recording, by key and suffix."""
    groups: dict[str, dict[str, tarfile.TarInfo]] = {}
    for member in tar:
        key, suffix = base_plus_ext(member.name)
        if member.isreg():
            groups.setdefault(key or member.name, {})[(suffix or "").lower()] = member
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(512) != bytes(512):  # tarfile takes a spoilt header for the end
        raise InputError(f"the shard {shard} is damaged at byte {tar.offset}: build it again")
    foreign = [key for key, files in groups.items() if not files.keys() & set(SUFFIXES)]
    for key in foreign:
        passed_over.foreign |= {(shard, member.name) for member in groups.pop(key).values()}
    return groups


def length(recording: Recording) -> int:
    """Samples of a recording, as its metadata has them.

    Raises:
        DamagedRecording: they are damaged.
    """
    try:
        return int(json.loads(recording["json"])["samples"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(recording, "its metadata name no number of samples") from error


def decode(recording: Recording, sample_rate: int) -> Tensor:
    """Decode a recording: (time,), float32, full scale 1.

    Args:
        recording: with its `flac` and `json`.
        sample_rate: Hz that are wanted.

    Raises:
        DamagedRecording: it is damaged, or not mono.
        InputError: it has another sample rate.
    """
    try:
        audio, rate = soundfile.read(io.BytesIO(recording["flac"]), dtype="float32")
    except soundfile.SoundFileError as error:
        raise _damaged(recording, str(error)) from error
    if rate != sample_rate:
        raise InputError(
            f"{recording['__key__']} in {recording['__url__']} has {rate} Hz, the model takes {sample_rate} Hz: "
            "build the shards at that rate"
        )
    if audio.shape != (length(recording),):
        raise _damaged(recording, f"it has {audio.shape} samples, its metadata say {length(recording)}, mono")
    return torch.from_numpy(audio)


def _damaged(recording: Recording, why: str) -> DamagedRecording:
    return DamagedRecording(
        f"{recording['__key__']} in {recording['__url__']} is damaged ({why.strip().rstrip('.')}): {_REMEDY}"
    )
