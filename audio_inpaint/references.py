"""References: other recordings of the same programme, aligned, as further channels of the one that is repaired."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.alignment.clock import Clock, around, clock
from audio_inpaint.alignment.novelty import novelty
from audio_inpaint.alignment.reading import read_at
from audio_inpaint.alignment.sound import Sound
from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.contract import listens

if TYPE_CHECKING:
    from audio_inpaint.files.paths import Paths
    from audio_inpaint.methods.contract import Method
    from audio_inpaint.spans import Span

# Around a gap, seconds and gaps that are read on each side: what a filter is fitted to, and as much around a rehearsal.
_BESIDE, _GAPS = 0.7, 2
_DOUBTFUL = 1e-4  # seconds by which its clock may be wrong: what is read there is no evidence
_LONGEST = 8.0  # seconds that are aligned at once, unless one gap wants more: a clock wanders


@dataclass(frozen=True)
class Reference:
    """Another recording of the programme.

    Attributes:
        name: of its file.
        sound: what it plays.
        clock: when; None where it does not fit.
    """

    name: str
    sound: Sound
    clock: Clock | None

    def __str__(self) -> str:
        """How it fits, for the user."""
        if self.clock is None:
            return f"{self.name}: nothing in it is surely the same as in the recording, left out"
        offset, drift = self.clock.line.offset, 1e6 * self.clock.line.drift
        when = f"{abs(offset):.3f} s {'later' if offset >= 0 else 'earlier'}"
        coherence = math.floor(1000 * self.clock.coherence) / 1000  # 1 is for what is equal
        return f"{self.name}: {when}, {drift:+.0f} ppm, coherence {coherence:.3f}"

    def beside(self, ours: Sound, start: int, stop: int, gaps: Sequence[Gap]) -> tuple[Tensor, Tensor]:
        """Read it around some gaps of a recording, on that one's clock.

        Args:
            ours: the recording, with all its gaps.
            start: first sample of it that is wanted.
            stop: the sample after the last.
            gaps: of which the surroundings are read.

        Returns:
            Audio (channel, time) of so many samples in double precision, and where it was not read (channel, time).
        """
        audio = torch.zeros(self.sound.channels, stop - start, dtype=torch.float64)
        missing = torch.ones(self.sound.channels, stop - start, dtype=torch.bool)
        for first, last in _windows(gaps, ours.sample_rate, start, stop):
            local = around(ours, self.sound, self.clock, first, last)
            seconds, inside = np.arange(first, last) / ours.sample_rate, slice(first - start, last - start)
            audio[:, inside], unread = read_at(self.sound, local.at(seconds), ours.sample_rate)
            missing[:, inside] = unread | torch.from_numpy(local.doubt(seconds, self.clock) > _DOUBTFUL)
        return audio, missing


def accompanied(
    audio: Tensor, gap: Tensor, references: Sequence[Reference], ours: Sound, span: Span
) -> tuple[Tensor, Tensor, dict[int, str]]:
    """Append what the references that fit play around the gaps of a span as further channels.

    Args:
        audio: of the span, (channel, time).
        gap: (channel, time), true = lost.
        references: other recordings.
        ours: the recording, with all its gaps.
        span: of it.

    Returns:
        Audio and gap with further channels, lost where the references were not read, and the names of these channels.
    """
    names: dict[int, str] = {}
    for reference in references:
        if reference.clock is None:
            continue
        other, missing = reference.beside(ours, span.start, span.stop, span.gaps)
        names.update({len(audio) + number: f"reference {reference.name}" for number in range(len(other))})
        audio, gap = torch.cat([audio, other.to(audio)]), torch.cat([gap, missing])
    return audio, gap, names


def _windows(gaps: Sequence[Gap], sample_rate: int, start: int, stop: int) -> list[tuple[int, int]]:
    """The surroundings of gaps, in [start, stop); those that overlap are one, or meet halfway between two gaps."""
    windows: list[list[int]] = []
    end = 0
    for gap in sorted(gaps):
        beside = _GAPS * len(gap) + round(_BESIDE * sample_rate)
        first, last = max(start, gap.start - beside), min(stop, gap.stop + beside)
        if windows and first < windows[-1][1]:
            if last - windows[-1][0] <= _LONGEST * sample_rate or gap.start < end:
                windows[-1][1], end = max(last, windows[-1][1]), max(end, gap.stop)
                continue
            windows[-1][1] = first = (end + gap.start) // 2
        windows.append([first, last])
        end = gap.stop
    return [(first, last) for first, last in windows]


@contextmanager
def aligned(given: Sequence[Any], ours: Sound, method: Method) -> Iterator[list[Reference]]:
    """Open references and align each to a recording.

    Args:
        given: files, open ones for several recordings; or audio in memory, which has the recording's rate, or is a pair
            of audio and its rate.
        ours: the recording, with its gaps.
        method: that is to make use of them.

    Yields:
        The references; those with a clock fit.

    Raises:
        InputError: a reference cannot be read, or is too short, or the method makes no use of any.
    """
    if isinstance(given, str | bytes | Path) or hasattr(given, "shape"):
        raise InputError("references are a list of files or of audio in memory: put this one in a list")
    if len(given) and not listens(method):
        name = getattr(method, "__name__", type(method).__name__)
        raise InputError(f"{name} makes no use of references: take auto or recall, or leave them out")
    with ExitStack() as files:
        references = []
        for name, sound, levels in [_opened(one, number, ours.sample_rate, files) for number, one in enumerate(given)]:
            try:
                found = clock(ours, sound, levels)
            except InputError as error:
                raise InputError(f"the reference {name} cannot be used: {error}") from error
            references.append(Reference(name, sound, found))
        yield references


def reads_references(given: Sequence[Any], own: str | Path, paths: Paths) -> None:
    """Add the references that are files to those a command reads; none may be the recording itself."""
    for one in given:
        if isinstance(one, str | Path):
            paths.reads_another(one, "the reference", own)


# How levels change in a reference that is open for several recordings: computed once.
_LEVELS: WeakKeyDictionary[Reader, np.ndarray] = WeakKeyDictionary()


def _opened(given: Any, number: int, sample_rate: int, files: ExitStack) -> tuple[str, Sound, np.ndarray | None]:
    """Return the name of a reference, what it plays, and how its levels change, if that is known already."""
    if isinstance(given, str | Path):
        reader = files.enter_context(Reader(given))
        return reader.path.name, Sound.of(reader), None
    if isinstance(given, Reader):
        sound = Sound.of(given)
        if given not in _LEVELS:
            sound.check(f"the reference {given.path.name}")
            _LEVELS[given] = novelty(sound)
        return given.path.name, sound, _LEVELS[given]
    return f"{number + 1}", Sound.held(given, sample_rate), None
