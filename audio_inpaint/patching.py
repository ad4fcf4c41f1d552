"""Writing a copy of an audio file in which nothing but patches differs."""

import contextlib
import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from audio_inpaint.atomic import replacing
from audio_inpaint.audio import BITS, BLOCK, LOSSLESS, WIDTHS, Reader, create, stored, target
from audio_inpaint.containers import copy_flac_metadata, first_sample
from audio_inpaint.errors import InputError


@dataclass(frozen=True)
class Patch:
    """New samples for some channels of a file: `audio` is (channel, time), its first column is sample `start`."""

    start: int
    channels: tuple[int, ...]
    audio: torch.Tensor

    @property
    def stop(self) -> int:
        """The sample after the last one."""
        return self.start + self.audio.shape[-1]


def write_patched(path: str | Path, output: str | Path, patches: Sequence[Patch]) -> list[str]:
    """Copy an audio file with some samples replaced; all others stay as they are.

    Where input and output are the same uncompressed format, the file's bytes are copied and those of the patches
    overwritten, so that every chunk and tag survives. Otherwise samples are streamed through libsndfile: bit for bit
    where the output's sample format holds the input's, re-encoded for Ogg, Opus and MP3.

    Args:
        path: the input.
        output: the file to write, another than the input; its suffix names the format.
        patches: the new samples, rounded and clipped to the output's sample format.

    Returns:
        Lines that the user should read about what the output format could not keep.

    Raises:
        InputError: either file cannot be used, or they are the same.
    """
    path, output = Path(path), Path(output)
    with Reader(path) as reader:
        check_output(path, output)
        container, subtype = target(reader, output)
        with replacing(output) as temporary:
            if (container, subtype) == (reader.format, reader.subtype) and (place := _samples_at(reader)):
                shutil.copyfile(path, temporary)
                _overwrite(temporary, reader, place, patches)
            else:
                _stream(reader, temporary, container, subtype, patches)
        return _losses(reader, container, subtype)


def check_output(path: str | Path, output: str | Path) -> None:
    """Refuse an output that would destroy its input or that has no place to go.

    Raises:
        InputError: the same file (through links too), no such folder, not a regular file.
    """
    output = Path(output)
    if not output.parent.is_dir():
        raise InputError(f"the folder {output.parent} of the output does not exist: create it first")
    if output.exists():
        if os.path.samefile(path, output):
            raise InputError(f"the output {output} is the input itself: name another file")
        if not output.is_file():
            raise InputError(f"the output {output} is not a regular file: name another one")


def _losses(reader: Reader, container: str, subtype: str) -> list[str]:
    if subtype not in LOSSLESS:
        return [f"{container} is re-encoded, which changes all samples a little: a .wav output keeps them as they are"]
    bits = BITS.get(subtype)
    if bits and (reader.subtype not in BITS or BITS[reader.subtype] > bits):
        return [f"{container} holds {bits} bits: the {reader.subtype} samples are rounded, a .wav output keeps them"]
    return []


def _samples_at(reader: Reader) -> tuple[int, str] | None:
    """Offset and byte order of the samples in the file, if they are where the container's chunks say."""
    if reader.subtype not in WIDTHS or (place := first_sample(reader.path)) is None:
        return None
    count, width = min(reader.length, BLOCK), reader.channels * WIDTHS[reader.subtype]
    with open(reader.path, "rb") as file:
        if place[0] + reader.length * width > file.seek(0, os.SEEK_END):
            return None
        file.seek(place[0])
        raw = io.BytesIO(file.read(count * width))
    kind = {"format": "RAW", "subtype": reader.subtype, "endian": place[1], "channels": reader.channels}
    samples, _ = soundfile.read(raw, samplerate=reader.sample_rate, always_2d=True, **kind)
    return place if np.array_equal(samples.T, reader.read(0, count).numpy(), equal_nan=True) else None


def _overwrite(path: Path, reader: Reader, place: tuple[int, str], patches: Sequence[Patch]) -> None:
    """Put the bytes of the patches into a copy of the file."""
    offset, endian = place
    width = WIDTHS[reader.subtype]
    with open(path, "r+b") as file:
        for patch in patches:
            raw = io.BytesIO()
            samples = stored(patch.audio.double().T.numpy(), reader.subtype)
            soundfile.write(raw, samples, reader.sample_rate, reader.subtype, endian, "RAW")
            time = patch.stop - patch.start
            position = offset + patch.start * reader.channels * width
            file.seek(position)
            old = file.read(time * reader.channels * width)
            frames = np.frombuffer(old, np.uint8).reshape(time, reader.channels, width).copy()
            new = np.frombuffer(raw.getvalue(), np.uint8).reshape(time, len(patch.channels), width)
            frames[:, list(patch.channels)] = new
            file.seek(position)
            file.write(frames.tobytes())


def _stream(reader: Reader, output: Path, container: str, subtype: str, patches: Sequence[Patch]) -> None:
    """Write the file anew block by block, with its text fields."""
    with create(output, container, subtype, reader.sample_rate, reader.channels) as file:
        for name, text in reader.metadata().items():
            with contextlib.suppress(soundfile.SoundFileError):  # some formats have no room for text
                setattr(file, name, text)
        for start, block in reader.blocks():
            stop = start + block.shape[-1]
            for patch in patches:
                first, last = max(start, patch.start), min(stop, patch.stop)
                if first < last:
                    new = patch.audio[:, first - patch.start : last - patch.start]
                    block[list(patch.channels), first - start : last - start] = new.to(block)
            if subtype not in ("FLOAT", "DOUBLE") and not bool(torch.isfinite(block).all()):
                raise InputError(f"{reader.path} has samples that are no numbers, which {container} cannot hold")
            file.write(stored(block.T.numpy(), subtype))
    if container == reader.format == "FLAC":
        with replacing(output) as retagged:
            copy_flac_metadata(reader.path, output, retagged)
    if soundfile.info(output).frames != reader.length:
        raise InputError(f"{container} does not keep the length of {reader.path}: name an output ending in .wav")
