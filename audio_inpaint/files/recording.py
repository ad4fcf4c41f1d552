"""Audio files: reading spans of them, writing at once or not at all."""

import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
import torch

from audio_inpaint.errors import InputError
from audio_inpaint.files import flac_frames, mp3_frames, ogg_pages
from audio_inpaint.files.atomic import reason, replacing
from audio_inpaint.files.containers import lacking, lacks_end
from audio_inpaint.files.decoder_noise import hushed
from audio_inpaint.files.formats import BITS, ENCODER_TAIL, LOSSLESS, create, fitting, format_of, sound_name, stored
from audio_inpaint.files.media import MEDIA, decoded, installed, is_media
from audio_inpaint.files.mended import Mended
from audio_inpaint.files.paths import as_path
from audio_inpaint.files.signatures import HEAD, junk, suffix_of
from audio_inpaint.files.unset_sizes import Completed, unset_sizes
from audio_inpaint.insertions import Insertion

BLOCK = 1 << 17  # samples of each channel held at once when a file is streamed
# Hz. What is slower is repaired, but has no milliseconds in which damage or another recording's sound could be found;
# converters end below the other one, and of what claims to be faster the header is damaged.
SLOWEST, FASTEST = 1000, 1_000_000
_CUT = 0.1  # seconds: what ffmpeg decodes may be shorter by the delay of an encoder

_MENDING = {"FLAC": flac_frames, "OGG": ogg_pages, "MP3": mp3_frames}
_TALKATIVE = (".mp1", ".mp2", ".mp3")  # decoded by libmpg123, which writes to standard error


class _Sound(soundfile.SoundFile):
    """A file whose lossy codec is read straight on: soundfile seeks after every read, and MP3 lacks bits after that."""

    def seekable(self) -> bool:
        """Whether soundfile may seek."""
        return self.subtype in LOSSLESS and super().seekable()


class Reader:
    """An open audio file that gives spans of samples, whole files never being loaded.

    A lossy file is decoded once, from the start as far as somebody reads: in the middle libsndfile 1.2 is next to the
    wanted sample in MP3, the first samples of Vorbis and Opus lack what overlaps from before, and GSM and most ADPCM
    have no way there. What is decoded waits in a temporary file without a name for whoever reads it again.

    Args:
        path: WAV, AIFF, FLAC, Ogg, Opus, MP3 or another format that libsndfile knows; or one of `files.media`, which
            ffmpeg decodes.

    Attributes:
        insertions: what it has room for that the file lacks; `files.room` makes it.

    Raises:
        InputError: not there, not readable, not audio, of a codec that libsndfile does not decode, of a rate that no
            converter has, or without samples.
    """

    insertions: Sequence[Insertion] = ()

    def __init__(self, path: str | Path):
        self.path = as_path(path, "the audio file")
        self._spool: IO[bytes] | None = None
        self._opened = contextlib.ExitStack()
        self._said: list[str] = []  # by the decoder
        self._mended: Mended | None = None
        self._promised = 0.0  # seconds, by the header; 0 for as many as there are
        self._silent = 0.0  # seconds that could not be decoded
        self._by_ffmpeg = False
        self._unset = False  # the header lacks the size
        self._decoded_to = 0  # counted here, since not every codec can tell
        self._file = self._open()
        self.format, self.subtype = self._file.format, self._file.subtype
        self._texts = self._file.copy_metadata()
        self._mend_at_once()
        self.sample_rate, self.channels, self.length = self._file.samplerate, self._file.channels, self._file.frames
        if self._by_ffmpeg:
            self.format = MEDIA
        if self.subtype.startswith("DWVW"):  # claims to seek, cannot, and fails at the first block
            self.close()
            raise InputError(
                f"{self.path} holds {self.subtype} samples, a codec that cannot be read here: "
                f"convert it first, for example with sndfile-convert {self.path.name} {self.path.stem}.wav"
            )
        if self.sample_rate > FASTEST:
            self.close()
            raise InputError(
                f"{self.path} claims {self.sample_rate} Hz, and up to {FASTEST} Hz can be read: "
                "its header seems to be damaged, mend that first"
            )
        if self.length < 1:  # a damaged header may promise fewer than none
            self.close()
            raise InputError(f"{self.path} holds no samples: there is nothing to read")

    def _open(self) -> soundfile.SoundFile:
        place = str(self.path)
        if os.path.exists(place) and not (os.path.isfile(place) or os.path.isdir(place)):  # a pipe would be waited for
            raise InputError(f"{self.path} is not a regular file: name an audio file on a disk")
        if is_media(self.path) and os.path.isfile(place) and os.path.getsize(place):
            return self._converted()
        try:
            with self._hushed():
                file = _Sound(sound_name(self.path))
            return file if file.frames else self._completed(file)
        except (soundfile.SoundFileError, TypeError, OSError) as error:
            # TypeError: soundfile takes *.raw for headerless
            if installed() and self._may_be_audio():
                with contextlib.suppress(InputError):
                    return self._converted()
            raise InputError(self._why_not()) from error

    def _completed(self, file: soundfile.SoundFile) -> soundfile.SoundFile:
        """Open a file without samples as one up to its end, if its recorder only lacked the time to say how many."""
        with open(self.path, "rb") as header:
            sizes = unset_sizes(header)
        if not sizes:
            return file
        file.close()
        self._unset = True
        return _Sound(self._opened.enter_context(Completed(self.path, sizes)))

    def _converted(self) -> soundfile.SoundFile:
        """Open what ffmpeg decodes of the file."""
        wav, said, self._promised, self._silent = self._opened.enter_context(decoded(self.path))
        self._said += said
        self._by_ffmpeg = True
        return _Sound(str(wav))

    def _may_be_audio(self) -> bool:
        """Whether the file is none of what is no audio, whatever its name says."""
        try:
            with open(self.path, "rb") as file:
                head = file.read(HEAD)
        except OSError:
            return False
        return bool(head) and junk(head) is None

    def _why_not(self) -> str:
        """Say why the file could not be opened."""
        try:
            if self.path.is_dir():
                return f"{self.path} is a folder: name an audio file"
            if self.path.stat().st_size == 0:
                return f"{self.path} is empty (0 bytes): copy or export it again"
            with open(self.path, "rb") as file:
                head = file.read(HEAD)
        except OSError as error:
            return f"{self.path} cannot be read: {error.strerror or error}"
        if (kind := junk(head)) is not None:
            return f"{self.path} is no audio, whatever its name says: it holds {kind}"
        if suffix_of(head) is None:
            more = "" if installed() else "; ffmpeg, which reads more of them, is not installed"
            return f"{self.path} is no audio, or damaged at its beginning, which is that of no format known here{more}"
        return (
            f"{self.path} cannot be read as audio (damaged, or none of WAV, AIFF, FLAC, Ogg, Opus, MP3): "
            f"convert it first, for example with {_conversion(self.path)}"
        )

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._opened.close()
        if self._spool is not None:
            self._spool.close()

    @property
    def dtype(self) -> torch.dtype:
        """The smallest type that holds the file's samples exactly: float32 up to 24 bits, otherwise float64."""
        wide = self.subtype == "DOUBLE" or BITS.get(self.subtype, 0) > 24
        return torch.float64 if wide else torch.float32

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Read samples [start, stop) as float64 (channel, time); integers are scaled to [-1, 1).

        Raises:
            InputError: the file ends before the length that its header promises, or cannot be decoded.
        """
        try:
            if self.subtype in LOSSLESS:
                try:
                    return self._exact(start, stop)
                except (soundfile.SoundFileError, InputError):
                    if not self._mend():
                        raise
                    return self._exact(start, stop)
            return torch.from_numpy(self._decoded(start, stop).T.astype(np.float64))
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be decoded into {tempfile.gettempdir()}: {reason(error)}; "
                "let TMPDIR name a folder with more room"
            ) from error
        except soundfile.SoundFileError as error:
            raise InputError(f"{self.path} is damaged at {start / self.sample_rate:.3f} s: {reason(error)}") from error

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield (first sample, audio (channel, time)) from the start to the end in steps of `size` samples."""
        for start in range(0, self.length, size):
            yield start, self.read(start, min(start + size, self.length))

    def _decoded(self, start: int, stop: int) -> np.ndarray:
        """Read samples (time, channel) from the temporary file, after decoding what it lacks."""
        if self._spool is None:
            self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the reader
        while self._decoded_to < min(stop, self.length):
            block = self._take(self._decoded_to, min(self._decoded_to + BLOCK, self.length))
            self._spool.seek(4 * self.channels * self._decoded_to)
            self._spool.write(block.astype(np.float32).tobytes())  # decoders compute in single precision
            self._decoded_to += len(block)
        self._spool.seek(4 * self.channels * start)
        raw = self._spool.read(4 * self.channels * (stop - start))
        return np.frombuffer(raw, np.float32).reshape(-1, self.channels)

    def _exact(self, start: int, stop: int) -> torch.Tensor:
        if self._file.tell() != start:
            self._file.seek(start)
        return torch.from_numpy(self._take(start, stop).T.copy())

    def _mend_at_once(self) -> None:
        """Read what is left of a file of which the container says that something lacks."""
        try:
            if self.format in _MENDING and not _MENDING[self.format].complete(self.path):
                self._mend()
        except (InputError, OSError):
            self.close()
            raise

    def _mend(self) -> bool:
        """Read a file without its damaged parts from now on; returns whether it goes on after them.

        Raises:
            InputError: none of it is whole.
        """
        if self._mended or self.format not in _MENDING:
            return False
        try:
            found = self._opened.enter_context(_MENDING[self.format].mended(self.path))
            with self._hushed():
                file = _Sound(str(found.place))
        except soundfile.SoundFileError:
            return False
        self._file.close()
        self._said.clear()  # of what was mended
        self._file, self._mended = file, found
        self._promised = found.promised / file.samplerate
        return True

    def _hushed(self) -> contextlib.AbstractContextManager[None]:
        """Keep what a decoder writes to standard error, as that of MP3 does, for `remarks`."""
        return hushed(self._said) if self.path.suffix.lower() in _TALKATIVE else contextlib.nullcontext()

    def _take(self, start: int, stop: int) -> np.ndarray:
        with self._hushed():
            samples = self._file.read(stop - start, dtype="float64", always_2d=True)
        short = stop - start - len(samples)
        if short and self.subtype not in LOSSLESS and stop - short + ENCODER_TAIL * self.sample_rate >= self.length:
            samples = np.pad(samples, ((0, short), (0, 0)))
        elif short:
            raise InputError(
                f"{self.path} is cut short: it ends at {(start + len(samples)) / self.sample_rate:.3f} s, "
                f"{self.length - start - len(samples)} samples before its header says; "
                f"{_conversion(self.path)} saves what is left"
            )
        return samples

    def remarks(self) -> list[str]:
        """Say what is wrong with the file that can be read all the same, one line each."""
        found, seconds, promised = [], self.length / self.sample_rate, self._promised
        with contextlib.suppress(OSError), open(self.path, "rb") as file:
            if (sizes := lacking(file)) is not None:
                promised = seconds * sizes[1] / max(sizes[0], 1)
            said, left = f"{promised:.3f} s", f"{seconds:.3f} s"
            cut = promised > seconds + (0 if self._mended else _CUT)
            if self._unset:
                found.append(f"{self.path} is read up to its end, {left}: its header was never completed")
            elif cut if sizes is None else said != left:
                found.append(f"{self.path} is cut short: its header promises {said}, {left} are there")
            elif self.format == "OGG" and lacks_end(file):
                found.append(f"{self.path} is cut short: it breaks off without the end of its stream, {left} are there")
        silent, place = self._silent, ""
        if self._mended and (lost := self._mended.lost):
            silent = sum(stop - start for start, stop in lost) / self.sample_rate
            more = f" and at {len(lost) - 1} places more" if len(lost) > 1 else ""
            place = f" at {lost[0][0] / self.sample_rate:.3f} s{more}"
        if silent:
            lost_ms = f"{1000 * silent:.0f} ms could not be decoded and are silent"
            found.append(f"{self.path} is damaged{place}: {lost_ms}, and all else is in its place")
        if self._said:
            others = f", and {len(self._said) - 1} lines more" if len(self._said) > 1 else ""
            found.append(f"the decoder says of {self.path}: {self._said[0]}{others}")
        return found

    def metadata(self) -> dict[str, str]:
        """Title, artist and the other text fields that libsndfile knows."""
        return self._texts


def _conversion(path: Path) -> str:
    """Return the command that writes a file anew, beside itself, as a shell takes it."""
    names = (path, path.with_name(f"{path.stem}_converted.wav"))
    return shlex.join(["ffmpeg", "-i", *(f"./{name}" if str(name).startswith("-") else str(name) for name in names)])


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
        subtype: libsndfile's name of the sample format, to which samples are rounded and clipped; None takes the
            smallest of PCM_16, PCM_24, FLOAT and DOUBLE that holds them exactly, or the largest that the format has.

    Raises:
        InputError: unknown suffix, unwritable place, or samples beyond full scale for a format without floats.
    """
    path = Path(path)
    container = format_of(path)
    samples = torch.atleast_2d(audio.detach().cpu()).double().T.numpy()
    if subtype is None:
        subtype = "OPUS" if path.suffix.lower() == ".opus" else fitting(container, samples)
    with replacing(path) as temporary, create(temporary, container, subtype, sample_rate, samples.shape[1]) as file:
        for start in range(0, len(samples), BLOCK):
            file.write(stored(samples[start : start + BLOCK], subtype))
