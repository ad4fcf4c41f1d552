"""What is restored in a benchmark: a recording, and the gaps that are made in it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.errors import InputError
from audio_inpaint.files.atomic import replacing
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap, gap_mask


@dataclass(frozen=True)
class Recording:
    """A stretch of an undamaged audio file.

    Args:
        name: unique among the recordings of a benchmark.
        kind: of sound, such as music or speech.
        path: the file.
        start: first second.
        seconds: how many, at most; None for all.
        sample_rate: Hz that it is resampled to; None leaves it.
        mono: whether its channels are averaged.
    """

    name: str
    kind: str
    path: Path
    start: float = 0.0
    seconds: float | None = None
    sample_rate: int | None = None
    mono: bool = True

    def audio(self) -> tuple[Tensor, int]:
        """The undamaged audio, (channel, time) float64, and its sample rate in Hz.

        Raises:
            InputError: the file cannot be read, holds nothing at that place, or numbers that are not finite.
        """
        return _read(self)

    @property
    def identity(self) -> str:
        """What the audio is made from: the bytes of the file, and how they are read."""
        how = (self.start, self.seconds, self.sample_rate, self.mono)
        return hashlib.sha256(f"{_digest(self.path)} {how}".encode()).hexdigest()


@dataclass(frozen=True)
class Mask:
    """Gaps that are made in a recording together.

    Args:
        label: what the table calls such masks, "64 ms".
        size_ms: length of the one gap, or of all gaps together.
        gaps: in samples of the recording, at the benchmark's sample rate.
    """

    label: str
    size_ms: float
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class Case:
    """One thing to restore.

    Args:
        recording: what is damaged.
        mask: where.
        number: of this mask among those of its label in the recording.
    """

    recording: Recording
    mask: Mask
    number: int = 0

    @property
    def name(self) -> str:
        """Unique among the cases of a benchmark, and a file name."""
        label = self.mask.label.replace(" ", "_").replace("/", "-")
        return f"{self.recording.name.replace('/', '__')}__{label}__{self.number}"

    @property
    def identity(self) -> str:
        """Tells cases apart by what they hold, whatever they are called."""
        places = [(gap.start, gap.stop) for gap in self.mask.gaps]
        return hashlib.sha256(f"{self.recording.identity} {places}".encode()).hexdigest()


@lru_cache(2)
def _read(recording: Recording) -> tuple[Tensor, int]:
    with Reader(recording.path) as reader:
        rate = reader.sample_rate
        first = round(recording.start * rate)
        last = (
            reader.length if recording.seconds is None else min(reader.length, first + round(recording.seconds * rate))
        )
        if first >= last:
            raise InputError(f"{recording.path} ends before {recording.start:g} s")
        audio = reader.read(first, last)
    if not audio.isfinite().all():
        raise InputError(f"{recording.path} has samples that are NaN or infinite: repair it, or leave it out")
    if recording.mono:
        audio = audio.mean(0, keepdim=True)
    if recording.sample_rate and recording.sample_rate != rate:
        audio, rate = resampled(audio, rate, recording.sample_rate), recording.sample_rate
    return audio, rate


@lru_cache(None)
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, cases: list[Case], seed: int) -> None:
    """Store the masks of a benchmark as JSON, to be read by `read`.

    Raises:
        InputError: the file cannot be written.
    """
    rows = [
        {
            "recording": {**asdict(case.recording), "path": str(case.recording.path)},
            "mask": case.mask.label,
            "size_ms": case.mask.size_ms,
            "number": case.number,
            "gaps": [[gap.start, gap.stop] for gap in case.mask.gaps],
        }
        for case in cases
    ]
    lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
    with replacing(path) as temporary:
        temporary.write_text(f'{{"seed": {seed}, "cases": [\n  {lines}\n]}}\n', encoding="utf-8")


def read(path: Path) -> list[Case]:
    """Read masks that `write` stored, with their recordings.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["cases"]
        return [
            Case(
                Recording(**{**row["recording"], "path": Path(row["recording"]["path"])}),
                Mask(row["mask"], row["size_ms"], tuple(Gap(*map(int, gap)) for gap in row["gaps"])),
                row["number"],
            )
            for row in rows
        ]
    except OSError as error:
        raise InputError(f"the masks {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no masks of a benchmark: give the masks.json of an earlier one") from error


def lost(case: Case, length: int) -> Tensor:
    """(time,) boolean, true = lost."""
    return gap_mask(case.mask.gaps, length)[0]
