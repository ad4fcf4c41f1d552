"""Audio files: reading spans of them, choosing a format that holds their samples, writing at once or not at all."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch

from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import reason, replacing

BLOCK = 1 << 17  # samples of each channel held at once when a file is streamed
ENCODER_TAIL = 0.05  # seconds: some encoders promise a little more than their last packet holds; it reads as silence

FORMATS = {
    ".wav": "WAV", ".wave": "WAV", ".bwf": "WAV", ".rf64": "RF64", ".w64": "W64", ".aif": "AIFF", ".aiff": "AIFF",
    ".aifc": "AIFF", ".au": "AU", ".caf": "CAF", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG",
    ".mp3": "MP3",
}  # fmt: skip
BITS = {
    "PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ULAW": 16, "ALAW": 16,
    "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32,
}  # fmt: skip
WIDTHS = {
    "PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1,
}  # fmt: skip
LOSSLESS = {*BITS, "FLOAT", "DOUBLE"}
_ROOMS = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")  # from little room to much


class Reader:
    """An open audio file that gives spans of samples, whole files never being loaded.

    Args:
        path: WAV, AIFF, FLAC, Ogg, Opus, MP3 or another format that libsndfile knows.

    Raises:
        InputError: not there, not readable, not audio, or without samples.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._file = self._open()
        self.sample_rate, self.channels, self.length = self._file.samplerate, self._file.channels, self._file.frames
        self.format, self.subtype = self._file.format, self._file.subtype
        if self.length == 0:
            self.close()
            raise InputError(f"{self.path} holds no samples: there is nothing to read")

    def _open(self) -> soundfile.SoundFile:
        try:
            return soundfile.SoundFile(self.path)
        except (soundfile.SoundFileError, TypeError, OSError) as error:
            # TypeError: soundfile takes *.raw for headerless
            raise InputError(self._why_not()) from error

    def _why_not(self) -> str:
        """Say why the file could not be opened."""
        try:
            if self.path.is_dir():
                return f"{self.path} is a folder: name an audio file"
            if self.path.stat().st_size == 0:
                return f"{self.path} is empty (0 bytes): copy or export it again"
            with open(self.path, "rb"):
                pass
        except OSError as error:
            return f"{self.path} cannot be read: {error.strerror or error}"
        return (
            f"{self.path} cannot be read as audio (damaged, or none of WAV, AIFF, FLAC, Ogg, Opus, MP3): "
            f"convert it first, for example with ffmpeg -i {self.path.name} {self.path.stem}.wav"
        )

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def dtype(self) -> torch.dtype:
        """The smallest type that holds the file's samples exactly: float32 up to 24 bits, otherwise float64."""
        wide = self.subtype == "DOUBLE" or BITS.get(self.subtype, 0) > 24
        return torch.float64 if wide else torch.float32

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Read samples [start, stop) as float64 (channel, time); integers are scaled to [-1, 1).

        Raises:
            InputError: the file ends before the length that its header promises.
        """
        self._seek(start)
        return torch.from_numpy(self._take(start, stop).T.copy())

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield (first sample, audio (channel, time)) from the start to the end in steps of `size` samples."""
        for start in range(0, self.length, size):
            yield start, self.read(start, min(start + size, self.length))

    def _seek(self, start: int) -> None:
        if self.subtype in LOSSLESS:
            if self._file.tell() != start:
                self._file.seek(start)
            return
        # After a seek libsndfile 1.2 is beside the wanted sample in MP3 files, and the first samples of Vorbis and Opus
        # lack what overlaps from before: read up to the place instead.
        if self._file.tell() > start:
            self._file.close()
            self._file = self._open()
        while (position := self._file.tell()) < start:
            self._take(position, min(start, position + BLOCK))

    def _take(self, start: int, stop: int) -> np.ndarray:
        try:
            samples = self._file.read(stop - start, dtype="float64", always_2d=True)
        except soundfile.SoundFileError as error:
            raise InputError(f"{self.path} is damaged at {start / self.sample_rate:.3f} s: {reason(error)}") from error
        short = stop - start - len(samples)
        if (
            short
            and self.subtype not in LOSSLESS
            and start + len(samples) + ENCODER_TAIL * self.sample_rate >= self.length
        ):
            samples = np.pad(samples, ((0, short), (0, 0)))
        elif short:
            raise InputError(
                f"{self.path} is cut short: it ends at {(start + len(samples)) / self.sample_rate:.3f} s, "
                f"its header promises {self.length / self.sample_rate:.3f} s; "
                f"ffmpeg -i {self.path.name} {self.path.stem}.wav saves what is left"
            )
        return samples

    def metadata(self) -> dict[str, str]:
        """Title, artist and the other text fields that libsndfile knows."""
        return self._file.copy_metadata()


def read(path: str | Path) -> tuple[torch.Tensor, int]:
    """Read a whole file as float64 (channel, time) and its sample rate in Hz.

    Raises:
        InputError: the file cannot be read.
    """
    with Reader(path) as reader:
        return reader.read(0, reader.length), reader.sample_rate


def write(path: str | Path, audio: torch.Tensor, sample_rate: int, subtype: str | None = None) -> None:
    """Write a whole file in the format that its suffix names, at once or not at all.

    Args:
        path: the output.
        audio: (channel, time) or (time,), full scale 1.
        sample_rate: Hz.
        subtype: libsndfile's name of the sample format; None takes libsndfile's default (PCM_16 for WAV).

    Raises:
        InputError: unknown suffix or unwritable place.
    """
    path = Path(path)
    container = _format_of(path)
    subtype = subtype or soundfile.default_subtype(container)
    samples = torch.atleast_2d(audio.detach().cpu()).double().T.numpy()
    with replacing(path) as temporary, create(temporary, container, subtype, sample_rate, samples.shape[1]) as file:
        for start in range(0, len(samples), BLOCK):
            file.write(stored(samples[start : start + BLOCK], subtype))


def target(reader: Reader, output: Path) -> tuple[str, str]:
    """Choose libsndfile's format and sample format for an output: the input's own, or the nearest that holds it.

    Raises:
        InputError: the suffix names no format that can be written.
    """
    same = output.suffix.lower() == reader.path.suffix.lower()
    container = reader.format if same else _format_of(output)
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
        subtype = _nearest(container, reader.subtype)
    if not soundfile.check_format(container, subtype):
        raise InputError(f"{container} with {subtype} samples cannot be written here: name an output ending in .wav")
    width = WIDTHS.get(subtype, 0)
    if container == "WAV" and reader.format != "WAV" and reader.length * reader.channels * width > 0xFFFF0000:
        container = "RF64"  # WAV's 32-bit sizes end at 4 GiB
    return container, subtype


def _format_of(path: Path) -> str:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise InputError(f"the output {path} should end in one of {', '.join(FORMATS)}") from None


def _nearest(container: str, subtype: str) -> str:
    """The smallest sample format of a container that holds samples of `subtype`, otherwise its largest."""
    if subtype == "DOUBLE":
        need = "DOUBLE"
    elif subtype in BITS:
        need = {8: "PCM_S8", 16: "PCM_16", 20: "PCM_24", 24: "PCM_24", 32: "PCM_32"}[BITS[subtype]]
    else:
        need = "FLOAT"  # decoded MP3, Vorbis and Opus may pass full scale
    known = [room for room in _ROOMS if soundfile.check_format(container, room)]
    return next((room for room in known if _ROOMS.index(room) >= _ROOMS.index(need)), known[-1])


def stored(samples: np.ndarray, subtype: str) -> np.ndarray:
    """Round and clip samples (time, channel) to a sample format: left-aligned int32, or float64 for all but integers.

    libsndfile's own conversion scales by one less than the integers' full scale and would change samples.
    """
    bits = BITS.get(subtype)
    if bits is None:
        return samples
    full = 2.0 ** (bits - 1)
    return (np.clip(np.rint(samples * full), -full, full - 1).astype(np.int64) << (32 - bits)).astype(np.int32)


def create(path: Path, container: str, subtype: str, sample_rate: int, channels: int) -> soundfile.SoundFile:
    """Open a new file for writing.

    Raises:
        InputError: the format has no such rate or number of channels.
    """
    # A second lossy encoding should not be heard: 0.1 is about 320 kbit/s in stereo, 0 is the largest.
    level = 0.1 if container in ("OGG", "MP3") else None
    try:
        return soundfile.SoundFile(path, "w", sample_rate, channels, subtype, None, container, compression_level=level)
    except soundfile.SoundFileError as error:
        raise InputError(
            f"{container} ({subtype}) cannot hold {channels} channels at {sample_rate} Hz: "
            "name an output ending in .wav"
        ) from error
