"""Writing a copy of an audio file in which nothing but its gaps differs."""

import contextlib
import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing, temporary_folder
from audio_inpaint.files.containers import copy_flac_metadata, copy_mp3_tags, first_sample, other_chunks, vorbis_nominal
from audio_inpaint.files.formats import BITS, LOSSLESS, WIDTHS, create, sound_name, stored, target
from audio_inpaint.files.media import MEDIA, encoding, remuxed
from audio_inpaint.files.paths import Paths
from audio_inpaint.files.recording import BLOCK, Reader
from audio_inpaint.gaps import Gap, mask_gaps

# Formats whose tags are copied whole, since libsndfile knows some of their fields alone.
_RETAGGED = {"FLAC": copy_flac_metadata, "MP3": copy_mp3_tags}


@dataclass(frozen=True)
class Fill:
    """New samples for a gap: `audio` is (channel, time), of the gap's channel or of all channels."""

    gap: Gap
    audio: Tensor

    def into(self, block: Tensor, start: int) -> None:
        """Put what belongs there into a block (channel, time) of the recording whose first sample is `start`."""
        first, last = max(start, self.gap.start), min(start + block.shape[-1], self.gap.stop)
        if first < last:
            new = self.audio[:, first - self.gap.start : last - self.gap.start]
            block[self.channels, first - start : last - start] = new.to(block)

    def without(self, rejected: Sequence[Gap]) -> "list[Fill]":
        """Return what of the fill lies in none of some gaps: the fill itself where it meets none of them."""
        first, last = self.gap.start, self.gap.stop
        met = [gap for gap in rejected if gap.start < last and first < gap.stop]
        if not met:
            return [self]
        channels = range(len(self.audio)) if self.gap.channel is None else [self.gap.channel]
        kept, parts = np.ones((len(channels), last - first), bool), []
        for row, channel in enumerate(channels):
            for gap in met:
                if gap.channel in (None, channel):
                    kept[row, max(0, gap.start - first) : max(0, gap.stop - first)] = False
            for part in mask_gaps(kept[row]):
                audio = self.audio[row : row + 1, part.start : part.stop]
                parts.append(Fill(Gap(first + part.start, first + part.stop, channel), audio))
        return parts

    @property
    def channels(self) -> slice:
        """The channels that the gap concerns."""
        channel = self.gap.channel
        return slice(None) if channel is None else slice(channel, channel + 1)


def write_patched(reader: Reader, output: str | Path, fills: Sequence[Fill]) -> list[str]:
    """Copy an audio file with its gaps filled; all other samples stay as they are.

    Where input and output are the same uncompressed format, the file's bytes are copied and those of the fills
    overwritten, so that every chunk and tag survives. Otherwise samples are streamed through libsndfile: bit for bit
    where the output's sample format holds the input's, re-encoded for Ogg, Opus and MP3.

    Args:
        reader: the input.
        output: the file to write or replace, another than the input; its suffix names the format.
        fills: rounded and clipped to the output's sample format.

    Returns:
        Lines that the user should read about what the output format could not keep.

    Raises:
        InputError: either file cannot be used, or they are the same, or the output's format cannot hold known samples,
            or does not keep them.
    """
    output = Path(output)
    paths = Paths()
    paths.reads(reader.path, "the input")
    paths.writes(output, "the output")
    paths.check(overwrite=True)
    container, subtype = target(reader, output)
    if container == MEDIA:
        return _write_media(reader, output, fills)
    with replacing(output, like=reader.path) as temporary, open(reader.path, "rb") as source:
        if (container, subtype) == (reader.format, reader.subtype) and (place := _samples_at(reader, source)):
            source.seek(0)
            with open(temporary, "r+b") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
                _overwrite(copy, reader, place, fills)
        else:
            _stream(reader, source, temporary, container, subtype, fills)
        chunks = [] if container == reader.format else other_chunks(source)
    lost = [f"{container} has no place for the chunks {', '.join(chunks)} of a WAV file"] if chunks else []
    heard = [f"the decoder of {reader.path} found damage: {reader.complaints[0][:150]}"] if reader.complaints else []
    return _losses(reader, container, subtype) + lost + heard


def _write_media(reader: Reader, output: Path, fills: Sequence[Fill]) -> list[str]:
    """Write the repaired sound into a file of a format that ffmpeg writes."""
    arguments, notes = encoding(reader.path, output, reader.channels)
    with replacing(output, like=reader.path) as temporary, temporary_folder() as folder:
        wav = folder / "repaired.wav"
        with open(reader.path, "rb") as source:
            _stream(reader, source, wav, "RF64" if reader.length * reader.channels > 1 << 29 else "WAV", "FLOAT", fills)
        remuxed(reader.path, wav, temporary, arguments)
    return notes


def _kbps(reader: Reader, source: BinaryIO) -> float:
    """The bit rate that a lossy file was encoded for, if it says so, or else the one that it has, tags included."""
    if reader.subtype == "VORBIS" and (nominal := vorbis_nominal(source)):
        return nominal / 1000
    return source.seek(0, os.SEEK_END) * 8 / 1000 / (reader.length / reader.sample_rate)


def _losses(reader: Reader, container: str, subtype: str) -> list[str]:
    if subtype not in LOSSLESS:
        other = ".flac" if container in ("WAV", "RF64") else ".wav"
        return [f"{container} ({subtype}) is re-encoded, which changes all samples a little: a {other} file keeps them"]
    if subtype in BITS and _rounds(reader, subtype):
        said = f"the {reader.subtype} samples are rounded, a .wav output keeps them"
        return [f"{container} holds {BITS[subtype]} bits: {said}"]
    return []


def _rounds(reader: Reader, subtype: str) -> bool:
    """Whether a sample format holds less than the input's."""
    if subtype in BITS:
        return reader.subtype not in BITS or BITS[reader.subtype] > BITS[subtype]
    return subtype == "FLOAT" and reader.dtype == torch.float64


def _samples_at(reader: Reader, source: BinaryIO) -> tuple[int, str] | None:
    """Offset and byte order of the samples in the file, if they are where the container's chunks say."""
    if reader.subtype not in WIDTHS or (place := first_sample(source)) is None:
        return None
    count, width = min(reader.length, BLOCK), reader.channels * WIDTHS[reader.subtype]
    if place[0] + reader.length * width > source.seek(0, os.SEEK_END):
        return None
    source.seek(place[0])
    raw = io.BytesIO(source.read(count * width))
    kind = {"format": "RAW", "subtype": reader.subtype, "endian": place[1], "channels": reader.channels}
    samples, _ = soundfile.read(raw, samplerate=reader.sample_rate, always_2d=True, **kind)
    return place if np.array_equal(samples.T, reader.read(0, count).numpy(), equal_nan=True) else None


def _overwrite(copy: BinaryIO, reader: Reader, place: tuple[int, str], fills: Sequence[Fill]) -> None:
    """Put the bytes of the fills into a copy of the file."""
    offset, endian = place
    width = WIDTHS[reader.subtype]
    for fill in fills:
        raw = io.BytesIO()
        samples = stored(fill.audio.double().T.numpy(), reader.subtype)
        soundfile.write(raw, samples, reader.sample_rate, reader.subtype, endian, "RAW")
        time = len(fill.gap)
        position = offset + fill.gap.start * reader.channels * width
        copy.seek(position)
        old = copy.read(time * reader.channels * width)
        frames = np.frombuffer(old, np.uint8).reshape(time, reader.channels, width).copy()
        frames[:, fill.channels] = np.frombuffer(raw.getvalue(), np.uint8).reshape(time, len(fill.audio), width)
        copy.seek(position)
        copy.write(frames.tobytes())


def _stream(
    reader: Reader, source: BinaryIO, output: Path, container: str, subtype: str, fills: Sequence[Fill]
) -> None:
    """Write the file anew block by block, with its text fields."""
    if subtype in BITS:
        fills = [Fill(fill.gap, fill.audio.clamp(-1, 1)) for fill in fills]
    kbps = None if reader.subtype in LOSSLESS else _kbps(reader, source)
    with create(output, container, subtype, reader.sample_rate, reader.channels, kbps) as file:
        for name, text in reader.metadata().items():
            with contextlib.suppress(soundfile.SoundFileError):  # some formats have no room for text
                setattr(file, name, text)
        for start, block in reader.blocks():
            for fill in fills:
                fill.into(block, start)
            if subtype not in ("FLOAT", "DOUBLE") and not bool(torch.isfinite(block).all()):
                raise InputError(f"{reader.path} has samples that are no numbers, which {container} cannot hold")
            if subtype in BITS and bool((block.abs() > 1).any()):  # known ones, which would be clipped
                raise InputError(
                    f"{reader.path} has samples beyond full scale, which {container} cannot hold: "
                    "name an output ending in .wav"
                )
            file.write(stored(block.T.numpy(), subtype))
    if container == reader.format and container in _RETAGGED:
        with replacing(output) as retagged:
            _RETAGGED[container](source, output, retagged)
    _compare(reader, output, container, subtype, fills)


def _compare(reader: Reader, output: Path, container: str, subtype: str, fills: Sequence[Fill]) -> None:
    """Refuse an output of another length, or of other known samples: not every lossless encoder keeps what it gets."""
    with soundfile.SoundFile(sound_name(output)) as file:
        if file.frames != reader.length:
            raise InputError(f"{container} does not keep the length of {reader.path}: name an output ending in .wav")
        for start, block in reader.blocks() if subtype in LOSSLESS else ():
            known = np.ones((block.shape[1], reader.channels), bool)
            for fill in fills:
                known[max(0, fill.gap.start - start) : max(0, fill.gap.stop - start), fill.channels] = False
            wanted = block.T.numpy()
            if _rounds(reader, subtype):
                wanted = stored(wanted, subtype) / 2.0**31 if subtype in BITS else wanted.astype("f4")
            kept = file.read(block.shape[1], dtype="float64", always_2d=True)
            if not np.array_equal(kept[known], wanted[known], equal_nan=True):
                raise InputError(
                    f"{container} ({subtype}) is lossless, but its encoder changes known samples of {reader.path}: "
                    "name an output ending in .wav"
                )
