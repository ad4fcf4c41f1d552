"""What alignment reads: a recording of any kind, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from audio_inpaint.arrays import as_rate, as_samples
from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import BLOCK, SLOWEST
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps, within

if TYPE_CHECKING:
    from audio_inpaint.files.recording import Reader

_SILENT = 0.001  # seconds of zeros, at least, that are digital silence


class Sound(NamedTuple):
    """A recording that is read where it is needed.

    Attributes:
        read: `read(start, stop)` gives its samples, (channel, time).
        channels: of it.
        length: samples of each channel.
        sample_rate: Hz.
        gaps: what of it is lost.
    """

    read: Callable[[int, int], Tensor]
    channels: int
    length: int
    sample_rate: int
    gaps: Sequence[Gap] = ()

    @classmethod
    def of(cls, reader: Reader, gaps: Sequence[Gap] = ()) -> Sound:
        """Return an open file as alignment reads it."""
        return cls(reader.read, reader.channels, reader.length, reader.sample_rate, gaps)

    @classmethod
    def held(cls, given: Any, sample_rate: int) -> Sound:
        """Return audio in memory as alignment reads it.

        Args:
            given: audio, or a pair of audio and its own rate.
            sample_rate: Hz of audio without one.

        Raises:
            InputError: it is no audio, or the rate no rate.
        """
        if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Integral):
            given, sample_rate = given
        sample_rate, samples = as_rate(sample_rate), as_samples(given)
        return cls(lambda start, stop: samples[:, start:stop], *samples.shape, sample_rate)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.length / self.sample_rate

    def check(self, which: str) -> None:
        """Refuse what is too slow to be compared with others: at their rate it would be thousands of times as long.

        Args:
            which: recording it is.

        Raises:
            InputError: it is.
        """
        if self.sample_rate < SLOWEST:
            raise InputError(f"{which} has {self.sample_rate} Hz: recordings are compared from {SLOWEST} Hz on")

    def around(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Read samples [start, stop), which may lie outside, in double precision.

        Returns:
            Audio (channel, time), zero where it is lost, outside or not finite, and where that is, (channel, time).
        """
        first, last = min(max(start, 0), self.length), max(min(stop, self.length), 0)
        audio = torch.zeros(self.channels, stop - start, dtype=torch.float64)
        missing = torch.ones(self.channels, stop - start, dtype=torch.bool)
        if first < last:
            inside = slice(first - start, last - start)
            audio[:, inside] = self.read(first, last)
            missing[:, inside] = gap_mask(within(self.gaps, first, last), last - first, self.channels)
        missing |= ~audio.isfinite()
        return audio.masked_fill_(missing, 0), missing

    def heard(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Read as `around` does, and count as missing where every channel is digital silence.

        That is no more evidence than a gap: the other recording may have lost the same, or be silent before it begins.
        """
        audio, missing = self.around(start, stop)
        shortest = round(_SILENT * self.sample_rate)
        silent = torch.zeros(audio.shape[-1], dtype=torch.bool)
        for run in mask_gaps(~audio.any(0)):
            silent[run.start : run.stop] = len(run) >= shortest
        return audio, missing | silent

    def blocks(self) -> Iterator[Tensor]:
        """Yield all of it, (channel, time), zero where it is lost, block by block."""
        for start in range(0, self.length, BLOCK):
            yield self.around(start, min(start + BLOCK, self.length))[0]
