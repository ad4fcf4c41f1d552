"""A recording with room for insertions."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch

from audio_inpaint.files.recording import Reader
from audio_inpaint.insertions import Insertion


class Widened(Reader):
    """An open recording with room for insertions, which are silent.

    Args:
        original: the recording, which stays open as long as this is read.
        insertions: in order.

    >>> import soundfile
    >>> soundfile.write("short.wav", [0.5, -0.5], 8000)
    >>> with Reader("short.wav") as reader:
    ...     Widened(reader, [Insertion(1, 2)]).read(0, 4)
    tensor([[ 0.5000,  0.0000,  0.0000, -0.5000]], dtype=torch.float64)
    """

    def __init__(self, original: Reader, insertions: Sequence[Insertion]):
        self.original, self.insertions = original, tuple(insertions)
        self.path, self.format, self.subtype = original.path, original.format, original.subtype
        self.sample_rate, self.channels = original.sample_rate, original.channels
        self.length = original.length + sum(one.length for one in insertions)
        self._pieces = _pieces(original.length, insertions)

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Read samples [start, stop) as float64 (channel, time)."""
        audio = torch.zeros(self.channels, stop - start, dtype=torch.float64)
        for first, last, by in self._pieces:
            begin, end = max(start - by, first), min(stop - by, last)
            if begin < end:
                audio[:, begin + by - start : end + by - start] = self.original.read(begin, end)
        return audio

    def metadata(self) -> dict[str, str]:
        """Title, artist and the other text fields that libsndfile knows."""
        return self.original.metadata()

    def remarks(self) -> list[str]:
        """Say what is wrong with the file that can be read all the same, one line each."""
        return self.original.remarks()

    def close(self) -> None:
        """Leave the recording to whoever opened it."""


def with_silence(audio: torch.Tensor, insertions: Sequence[Insertion]) -> torch.Tensor:
    """Return audio (channel, time) with zeros where something is inserted."""
    length = audio.shape[-1]
    wide = audio.new_zeros(len(audio), length + sum(one.length for one in insertions))
    for first, last, by in _pieces(length, insertions):
        wide[:, first + by : last + by] = audio[:, first:last]
    return wide


def _pieces(length: int, insertions: Sequence[Insertion]) -> list[tuple[int, int, int]]:
    """Return what lies between insertions: the first sample, the one after the last, and how much later it comes."""
    edges = [0, *(one.at for one in insertions), length]
    by = accumulate((one.length for one in insertions), initial=0)
    return [(first, last, more) for (first, last), more in zip(pairwise(edges), by, strict=True) if first < last]
