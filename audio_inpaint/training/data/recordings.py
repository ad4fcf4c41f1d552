"""Recordings in WebDataset shards: tar files of `KEY.flac` and `KEY.json`, in folders, behind URLs or from commands."""

import contextlib
import glob
import io
import json
import random
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import torch
from torch import Tensor
from webdataset.gopen import gopen
from webdataset.shardlists import expand_urls
from webdataset.tariterators import base_plus_ext, group_by_keys, tar_file_expander

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason

SUFFIXES = ("flac", "json")
Recording = dict[str, str | bytes]  # of its key, its shard and the bytes of its files, as WebDataset names them


def find(source: str | Sequence[str], option: str) -> list[str]:
    """List the shards that a configuration names.

    Args:
        source: paths, patterns (`*`, `{000000..000012}`), URLs, or commands that write a shard (`pipe:COMMAND`).
        option: of the configuration, for the message.

    Raises:
        InputError: a path or pattern matches nothing, or a file is cut short.
    """
    found = []
    for pattern in [source] if isinstance(source, str) else source:
        for name in expand_urls(pattern):
            shards = [name] if _remote(name) or Path(name).is_file() else sorted(glob.glob(name))
            if not shards:
                raise InputError(
                    f"no shards match {name}: build them with `audio-inpaint-data open-corpus` and "
                    f"`audio-inpaint-data shards` (see README), or give --data.init_args.{option}"
                )
            found += shards
    for shard in found:
        if not _remote(shard):
            _check_end(shard)
    return found


def listed(shards: Sequence[str]) -> str:
    """Name some shards, for a message."""
    return " ".join(shards[:2]) + (f" and {len(shards) - 2} more" if shards[2:] else "")


def _remote(name: str) -> bool:
    return re.match(r"[a-z]+:", name) is not None


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
    shard: str, part: int = 0, parts: int = 1, order: random.Random | None = None, suffixes: Sequence[str] = SUFFIXES
) -> Iterator[Recording]:
    """Read the recordings of a shard, or every `parts`-th of them.

    Args:
        shard: a path, URL or command.
        part: 0 to `parts` - 1.
        parts: in how many the shard is divided.
        order: shuffles the recordings of a file, which need not be read from its beginning; those of a URL or a
            command come as they are, so that what ends before the shard does never sees its last ones.
        suffixes: the files of each recording that are wanted.

    Raises:
        InputError: the shard is damaged, or lacks a file of a recording.
    """
    read = _stream if _remote(shard) else _file
    try:
        for recording in read(shard, part, parts, order, suffixes):
            missing = [suffix for suffix in suffixes if suffix not in recording]
            if missing:
                raise InputError(f"{shard} has no {recording['__key__']}.{missing[0]}: build this shard again")
            yield recording
    except InputError:
        raise
    except (OSError, EOFError, ValueError, tarfile.TarError) as error:
        why = getattr(error, "strerror", None) or next(iter(error.args), "")  # WebDataset adds to the arguments
        raise InputError(f"the shard {shard} cannot be read: {' '.join(str(why).split())}") from error


def _file(
    shard: str, part: int, parts: int, order: random.Random | None, suffixes: Sequence[str]
) -> Iterator[Recording]:
    with tarfile.open(shard, "r:") as tar:
        groups: dict[str, dict[str, tarfile.TarInfo]] = {}
        for member in tar:
            key, suffix = base_plus_ext(member.name)
            if member.isreg() and key is not None:
                groups.setdefault(key, {})[suffix] = member
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(512) != bytes(512):  # tarfile takes a spoilt header for the end
            raise InputError(f"the shard {shard} is damaged at byte {tar.offset}: build it again")
        keys = list(groups)[part::parts]
        if order is not None:
            order.shuffle(keys)
        for key in keys:
            wanted = {s: tar.extractfile(m).read() for s, m in groups[key].items() if s in suffixes}
            yield {"__key__": key, "__url__": shard, **wanted}


def _stream(
    shard: str, part: int, parts: int, order: random.Random | None, suffixes: Sequence[str]
) -> Iterator[Recording]:
    stream = gopen(shard)
    try:
        files = tar_file_expander([{"url": shard, "stream": stream}])
        for number, recording in enumerate(group_by_keys(files, suffixes=set(suffixes))):
            if number % parts == part:
                yield recording
        while stream.read(1 << 16):  # to the end: a command that fails says so there
            pass
        stream.close()
    finally:
        with contextlib.suppress(OSError):  # a command whose output nobody reads any more fails
            stream.close()


def length(recording: Recording) -> int:
    """Samples of a recording, as its metadata has them.

    Raises:
        InputError: they are damaged.
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
        InputError: it is damaged, not mono, or has another sample rate.
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


def _damaged(recording: Recording, why: str) -> InputError:
    return InputError(
        f"{recording['__key__']} in {recording['__url__']} is damaged ({why.strip().rstrip('.')}): "
        "build this shard again"
    )
