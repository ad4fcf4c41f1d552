"""Formats of audio files: which suffix names which, what a sample format holds, and the nearest that holds samples."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile

from audio_inpaint.errors import InputError
from audio_inpaint.files.bit_rate import encoding
from audio_inpaint.files.media import MEDIA, UNWRITTEN, installed, is_media
from audio_inpaint.files.media import SUFFIXES as MEDIA_SUFFIXES
from audio_inpaint.files.media import encoding as media_encoding

if TYPE_CHECKING:
    from audio_inpaint.files.recording import Reader

FORMATS = {
    ".wav": "WAV", ".wave": "WAV", ".bwf": "WAV", ".rf64": "RF64", ".w64": "W64", ".aif": "AIFF", ".aiff": "AIFF",
    ".aifc": "AIFF", ".au": "AU", ".caf": "CAF", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG",
    ".mp3": "MP3",
}  # fmt: skip
# Further endings of what libsndfile reads, by the content, and writes where the input is so too.
READ = (
    ".8svx", ".avr", ".fap", ".htk", ".iff", ".ircam", ".mat4", ".mat5", ".mp1", ".mpc2k", ".nist", ".paf", ".pvf",
    ".sds", ".sf", ".snd", ".sph", ".svx", ".voc", ".wavex", ".wve", ".xi",
)  # fmt: skip
BITS = {
    "PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ULAW": 16, "ALAW": 16,
    "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32,
}  # fmt: skip
WIDTHS = {
    "PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1,
}  # fmt: skip
# Codecs that lose something, and whose decoders give 16 bits.
_COARSE = {
    "IMA_ADPCM", "MS_ADPCM", "VOX_ADPCM", "GSM610", "G721_32", "G723_24", "G723_40", "DPCM_8", "DPCM_16",
    "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32",
}  # fmt: skip
_CODECS = {"OPUS": "Opus", "VORBIS": "Ogg Vorbis", "MPEG_LAYER_III": "MP3"}
LOSSLESS = {*BITS, "FLOAT", "DOUBLE"}
# Where encoders crash rather than refuse: most Hz and channels, and times full scale (MP3 from 5e7 on).
_MOST = {"VORBIS": (200_000, 255)}
_LOUDEST = 1e6
ENCODER_TAIL = 0.05  # seconds: some encoders promise a little more than their last packet holds; it reads as silence
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 192000)  # Hz, the usual ones
_ROOMS = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")  # from little room to much


def readable() -> list[str]:
    """Return the suffixes of the files that can be read here, those that ffmpeg reads among them if it is installed."""
    return [*FORMATS, *(MEDIA_SUFFIXES if installed() else ()), *READ]


def writable() -> list[str]:
    """Return the suffixes that name the format of an output, whatever the input is."""
    return [*FORMATS, *(one for one in MEDIA_SUFFIXES if installed() and one not in UNWRITTEN)]


def bits_of(subtype: str) -> int | None:
    """Return the bits of the integers that samples of a format are decoded to; None where they are no integers."""
    return 16 if subtype in _COARSE else BITS.get(subtype)


def spoken(container: str, subtype: str) -> str:
    """Name a format as people do.

    >>> spoken("OGG", "OPUS"), spoken("WAV", "IMA_ADPCM")
    ('Opus', 'WAV (IMA_ADPCM)')
    """
    return _CODECS.get(subtype, f"{container} ({subtype})")


def target(reader: Reader, output: Path) -> tuple[str, str]:
    """Choose libsndfile's format and sample format for an output: the input's own, or the nearest that holds it.

    Raises:
        InputError: the suffix names no format that can be written, or one without such a rate or number of channels.
    """
    same = output.suffix.lower() == reader.path.suffix.lower()
    container = reader.format if same else format_of(output)
    if container == MEDIA:
        media_encoding(
            reader.path, output, reader.channels, reader.format == MEDIA
        )  # refuses what ffmpeg does not write
        return MEDIA, "FLOAT"
    if container == "WAV" and reader.format in ("WAVEX", "RF64"):
        container = reader.format
    opus = output.suffix.lower() == ".opus"
    if container == reader.format and not (opus and reader.subtype != "OPUS"):
        subtype = reader.subtype
    elif container == "OGG":
        subtype = "OPUS" if opus else "VORBIS"
    elif container == "MP3":
        subtype = "MPEG_LAYER_III"
    else:
        # those of a sample dump have up to 24 bits, whatever libsndfile says of them
        subtype = _nearest(container, "PCM_24" if reader.format == "SDS" else reader.subtype)
    if not soundfile.check_format(container, subtype):
        raise InputError(f"{container} with {subtype} samples cannot be written here: name an output ending in .wav")
    width = WIDTHS.get(subtype, 0)
    if container == "WAV" and reader.format != "WAV" and reader.length * reader.channels * width > 0xFFFF0000:
        container = "RF64"  # WAV's 32-bit sizes end at 4 GiB
    create(io.BytesIO(), container, subtype, reader.sample_rate, reader.channels).close()  # refuses what it must
    return container, subtype


def format_of(path: Path) -> str:
    """Return the format that a file's suffix names.

    Raises:
        InputError: it names none.
    """
    if is_media(path):
        return MEDIA
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise InputError(f"the output {path} should end in one of {', '.join(writable())}") from None


def _nearest(container: str, subtype: str) -> str:
    """The smallest sample format of a container that holds samples of `subtype`, otherwise its largest."""
    if subtype == "DOUBLE":
        need = "DOUBLE"
    elif (bits := bits_of(subtype)) is not None:
        need = {8: "PCM_S8", 16: "PCM_16", 20: "PCM_24", 24: "PCM_24", 32: "PCM_32"}[bits]
    else:
        need = "FLOAT"  # decoded MP3, Vorbis and Opus may pass full scale
    known = [room for room in _ROOMS if soundfile.check_format(container, room)]
    return next((room for room in known if _ROOMS.index(room) >= _ROOMS.index(need)), known[-1])


def fitting(container: str, samples: np.ndarray) -> str:
    """Choose the smallest sample format of a container that holds samples exactly, otherwise its largest.

    Args:
        container: libsndfile's name of a format.
        samples: float64 (time, channel), full scale 1.

    Raises:
        InputError: the container has integers only, and there are samples beyond their full scale or not finite.
    """
    rooms = [room for room in ("PCM_16", "PCM_24", "FLOAT", "DOUBLE") if soundfile.check_format(container, room)]
    if not rooms:
        return soundfile.default_subtype(container)  # of a lossy format
    exact = next((room for room in rooms if _holds(room, samples)), None)
    if exact is None and rooms[-1] in BITS and not bool((np.abs(samples) <= 1).all()):
        raise InputError(
            f"{container} cannot hold samples beyond full scale, NaN or infinite: "
            "scale them, or name an output ending in .wav"
        )
    return exact or rooms[-1]


def _holds(room: str, samples: np.ndarray) -> bool:
    """Whether a sample format holds samples exactly."""
    for start in range(0, len(samples), 1 << 17):
        block = samples[start : start + (1 << 17)]
        if room in BITS:
            full = 2.0 ** (BITS[room] - 1)
            scaled = block * full
            if not bool(((scaled == np.rint(scaled)) & (scaled >= -full) & (scaled < full)).all()):
                return False
        elif room == "FLOAT" and not np.array_equal(block, block.astype(np.float32), equal_nan=True):
            return False
    return True


def stored(samples: np.ndarray, subtype: str) -> np.ndarray:
    """Round and clip samples (time, channel) to a sample format: left-aligned int32, or float64 for all but integers.

    libsndfile's own conversion scales by one less than the integers' full scale and would change samples.

    Raises:
        InputError: samples are so far beyond full scale that an encoder would end the process.
    """
    bits = BITS.get(subtype)
    if subtype not in LOSSLESS and not bool((np.abs(samples) <= _LOUDEST).all()):
        raise InputError(
            f"no sample beyond {_LOUDEST:g} times full scale can be encoded: name an output ending in .wav"
        )
    if bits is None:
        return samples
    full = 2.0 ** (bits - 1)
    return (np.clip(np.rint(samples * full), -full, full - 1).astype(np.int64) << (32 - bits)).astype(np.int32)


def sound_name(path: str | Path) -> str | bytes:
    """Return a file's name as soundfile takes it: bytes, but for Windows, since a name on a disk may be no UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def create(
    path: Path | BinaryIO, container: str, subtype: str, sample_rate: int, channels: int, kbps: float | None = None
) -> soundfile.SoundFile:
    """Open a new file for writing.

    Args:
        path: of the file, or what it is written to.
        container: libsndfile's name of its format.
        subtype: of its samples.
        sample_rate: Hz.
        channels: how many.
        kbps: about how many kbit/s a lossy file gets; None for much.

    Raises:
        InputError: the format has no such rate or number of channels.
    """
    if container == "SD2":
        raise InputError("SD2 keeps its rate in a second file, which is not written: name an output ending in .wav")
    name = sound_name(path) if isinstance(path, Path) else path
    how = encoding(subtype, sample_rate, channels, kbps)
    try:
        if _crashes(subtype, sample_rate, channels):
            raise soundfile.SoundFileRuntimeError("the encoder would crash")
        return soundfile.SoundFile(name, "w", sample_rate, channels, subtype, None, container, **how)
    except soundfile.SoundFileError as error:
        raise InputError(_cannot_hold(container, subtype, sample_rate, channels)) from error


def _crashes(subtype: str, sample_rate: int, channels: int) -> bool:
    most = _MOST.get(subtype)
    return most is not None and (sample_rate > most[0] or channels > most[1])


def _cannot_hold(container: str, subtype: str, sample_rate: int, channels: int) -> str:
    """Say what a format has instead of such a rate or number of channels."""
    name = spoken(container, subtype)
    rates = [rate for rate in _RATES if _holds_shape(container, subtype, rate, channels)]
    if not rates or sample_rate in rates:
        return f"{name} cannot hold {channels} channels at {sample_rate} Hz: name an output ending in .wav"
    near = next((rate for rate in rates if rate >= sample_rate), rates[-1])
    listed = ", ".join(map(str, rates))
    return (
        f"{name} cannot hold {sample_rate} Hz, only {listed}: resample the input to {near} Hz first, "
        "or name an output ending in .wav"
    )


def _holds_shape(container: str, subtype: str, sample_rate: int, channels: int) -> bool:
    if _crashes(subtype, sample_rate, channels):
        return False
    how = encoding(subtype, sample_rate, channels, None)
    try:
        soundfile.SoundFile(io.BytesIO(), "w", sample_rate, channels, subtype, None, container, **how).close()
    except soundfile.SoundFileError:
        return False
    return True
