"""Writing a copy of an audio file in which nothing but its gaps differs."""

import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import torch
from torch import Tensor

from audio_inpaint import __version__
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing, temporary_folder
from audio_inpaint.files.containers import copy_flac_metadata, copy_mp3_tags, first_sample, id3_tag, vorbis_nominal
from audio_inpaint.files.formats import BITS, LOSSLESS, WIDTHS, bits_of, create, sound_name, spoken, stored, target
from audio_inpaint.files.larger import copied_larger
from audio_inpaint.files.markers import moved_cue_sheet
from audio_inpaint.files.media import MEDIA, beside_audio, encoding, sample_rate
from audio_inpaint.files.metadata import beside_sound
from audio_inpaint.files.paths import Paths
from audio_inpaint.files.recording import BLOCK, Reader
from audio_inpaint.files.remuxing import remuxed
from audio_inpaint.files.room import Widened
from audio_inpaint.files.unset_sizes import complete
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.insertions import what_was_done

_RETAGGED = ("FLAC", "MP3")  # their tags are copied whole, since libsndfile knows some of the fields alone


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


def write_patched(reader: Reader, output: str | Path, fills: Sequence[Fill], gain: float = 1.0) -> list[str]:
    """Copy an audio file with its gaps filled; all other samples stay as they are.

    Where input and output are the same uncompressed format, the file's bytes are copied and those of the fills
    overwritten, so that every chunk and tag survives. Otherwise samples are streamed through libsndfile: bit for bit
    where the output's sample format holds the input's, re-encoded for Ogg, Opus and MP3.

    Args:
        reader: the input.
        output: the file to write or replace, another than the input; its suffix names the format.
        fills: rounded and clipped to the output's sample format.
        gain: by which everything is multiplied.

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
        return _write_media(reader, output, fills, gain)
    with replacing(output, like=reader.path) as temporary, open(reader.path, "rb") as source:
        in_place = (container, subtype) == (reader.format, reader.subtype) and gain == 1
        if in_place and _patched(reader, source, temporary, fills):
            lost = []
        else:
            lost = _stream(reader, source, temporary, container, subtype, fills, gain)
            retagged = container == reader.format and container in _RETAGGED
            lost = [] if retagged else lost + beside_sound(source, reader.format)
        if reader.format == MEDIA:
            lost += beside_audio(reader.path)
    return _losses(reader, container, subtype) + _named(lost)


def _named(lost: Sequence[str]) -> list[str]:
    return [f"not kept: {', '.join(lost)}"] if lost else []


def _write_media(reader: Reader, output: Path, fills: Sequence[Fill], gain: float) -> list[str]:
    """Write the repaired sound into a file of a format that ffmpeg writes."""
    own, seconds = reader.format == MEDIA, reader.length / reader.sample_rate
    arguments, notes, lost = encoding(reader.path, output, reader.channels, own, seconds)
    with replacing(output, like=reader.path) as temporary, temporary_folder() as folder:
        wav = folder / "repaired.wav"
        with open(reader.path, "rb") as source:
            container = "RF64" if reader.length * reader.channels > 1 << 29 else "WAV"
            _stream(reader, source, wav, container, "FLOAT", fills, gain)
            lost += [] if reader.format == MEDIA else beside_sound(source, reader.format)
        notes = notes + remuxed(reader.path, wav, temporary, arguments)
        if (rate := sample_rate(temporary)) not in (0, reader.sample_rate):
            notes.append(
                f"the sound is at {rate} Hz now, since {output.suffix} files cannot hold {reader.sample_rate} Hz"
            )
        notes += _longer(reader, lost)
    return notes + _named(lost)


def _longer(reader: Reader, lost: Sequence[str]) -> list[str]:
    """Say that the sound of a video, into which something was inserted, is longer than what it is shown with."""
    if not reader.insertions or reader.format != MEDIA:
        return []
    beside = [name for name in beside_audio(reader.path) if name not in ("the picture", *lost)]
    longer = 1000 * sum(one.length for one in reader.insertions) / reader.sample_rate
    late = f"the sound alone is {longer:.6g} ms longer: after what was inserted it comes later than"
    return [f"{late} {' and '.join(beside)}"] if beside else []


def _kbps(reader: Reader, source: BinaryIO) -> float:
    """The bit rate that a lossy file was encoded for, if it says so, or else the one that it has."""
    if reader.subtype == "VORBIS" and (nominal := vorbis_nominal(source)):
        return nominal / 1000
    tags = len(id3_tag(source))  # with pictures, which may be larger than the sound
    return (source.seek(0, os.SEEK_END) - tags) * 8 / 1000 / (reader.length / reader.sample_rate)


def _losses(reader: Reader, container: str, subtype: str) -> list[str]:
    if subtype not in LOSSLESS:
        other = ".flac" if container in ("WAV", "RF64") else ".wav"
        name = spoken(container, subtype)
        return [f"{name} is re-encoded, which changes all samples a little: a {other} file keeps them"]
    if _rounds(reader, subtype):
        name = spoken(reader.format, reader.subtype) if reader.subtype not in LOSSLESS else reader.subtype
        return [f"{container} holds {BITS[subtype]} bits: the {name} samples are rounded, a .wav output keeps them"]
    return []


def _rounds(reader: Reader, subtype: str) -> bool:
    """Whether the integers of a sample format hold less than the input's samples."""
    bits, own = BITS.get(subtype), bits_of(reader.subtype)
    return bits is not None and (own is None or own > bits)


def _patched(reader: Reader, source: BinaryIO, output: Path, fills: Sequence[Fill]) -> bool:
    """Write a copy of the file's bytes with those of the fills in it; returns whether its format allows that."""
    original = reader.original if isinstance(reader, Widened) else reader
    if (place := _samples_at(original, source)) is None:
        return False
    with open(output, "r+b") as copy:
        if copied_larger(source, copy, original, reader, _history(reader, fills)):
            place = first_sample(copy)
        elif reader.insertions:
            return False
        else:
            source.seek(0)
            shutil.copyfileobj(source, copy, 1 << 20)
        complete(copy)
        _overwrite(copy, reader, place, fills)
    return True


def _history(reader: Reader, fills: Sequence[Fill]) -> str:
    """Say in a line of a coding history what was done."""
    channels = {1: "mono", 2: "stereo"}.get(reader.channels, f"{reader.channels} channels")
    what = what_was_done([fill.gap for fill in fills], reader.insertions, reader.sample_rate)
    done = f"audio_inpaint {__version__}; {what}"
    return f"A=PCM,F={reader.sample_rate},W={8 * WIDTHS[reader.subtype]},M={channels},T={done}"


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
    reader: Reader, source: BinaryIO, output: Path, container: str, subtype: str, fills: Sequence[Fill], gain: float
) -> list[str]:
    """Write the file anew block by block, with its text fields; returns those that the format has no room for."""
    if subtype in BITS:
        fills = [Fill(fill.gap, fill.audio.clamp(-1 / gain, 1 / gain)) for fill in fills]
    lost = []
    kbps = None if reader.subtype in LOSSLESS else _kbps(reader, source)
    with create(output, container, subtype, reader.sample_rate, reader.channels, kbps) as file:
        for name, text in reader.metadata().items():
            try:
                setattr(file, name, text)
            except soundfile.SoundFileError:  # some formats have no room for text
                lost += [f"the {name}"] * (name != "software")  # which wrote the other file
        for start, block in reader.blocks():
            for fill in fills:
                fill.into(block, start)
            if gain != 1:
                block = block * gain
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
            if container == "FLAC":
                sheet = partial(moved_cue_sheet, insertions=reader.insertions)
                copy_flac_metadata(source, output, retagged, sheet)
            else:
                copy_mp3_tags(source, output, retagged)
    _compare(reader, output, container, subtype, fills, gain)
    return lost


def _compare(reader: Reader, output: Path, container: str, subtype: str, fills: Sequence[Fill], gain: float) -> None:
    """Refuse an output of another length, or of other known samples: not every lossless encoder keeps what it gets."""
    with soundfile.SoundFile(sound_name(output)) as file:
        if file.frames != reader.length:
            raise InputError(f"{container} does not keep the length of {reader.path}: name an output ending in .wav")
        for start, block in reader.blocks() if subtype in LOSSLESS else ():
            known = np.ones((block.shape[1], reader.channels), bool)
            for fill in fills:
                known[max(0, fill.gap.start - start) : max(0, fill.gap.stop - start), fill.channels] = False
            wanted = (block if gain == 1 else block * gain).T.numpy()
            if subtype in BITS and (gain != 1 or _rounds(reader, subtype)):
                wanted = stored(wanted, subtype) / 2.0**31
            elif subtype == "FLOAT":
                wanted = wanted.astype("f4")
            kept = file.read(block.shape[1], dtype="float64", always_2d=True)
            if not np.array_equal(kept[known], wanted[known], equal_nan=True):
                raise InputError(
                    f"{container} ({subtype}) is lossless, but its encoder changes known samples of {reader.path}: "
                    "name an output ending in .wav"
                )
