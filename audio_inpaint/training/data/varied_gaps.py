"""Gaps of random lengths at random places, for models that restore more than one gap length."""

import math
import random
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.nn.segment import SILENT, Segment

Place = tuple[int, int]  # first sample of a gap, and the first after it


class Gapped(NamedTuple):
    """A batch whose segments have gaps of their own.

    Args:
        audio: (batch, time), undamaged.
        gap: (batch, time) boolean, true = lost.
    """

    audio: Tensor
    gap: Tensor


@dataclass(frozen=True)
class VariedGaps:
    """One gap in each segment: every octave of lengths is equally likely, and so is every place.

    Args:
        shortest_ms: length of the shortest gaps.
        longest_ms: length of the longest gaps.
        context_ms: stays known on both sides, at least.
    """

    shortest_ms: float = 5.0
    longest_ms: float = 200.0
    context_ms: float = 20.0

    def lengths(self, segment: Segment) -> tuple[int, int]:
        """Return the shortest and the longest gap in samples.

        Raises:
            InputError: they do not fit into a segment.
        """
        shortest, longest, context = (
            round(ms * segment.sample_rate / 1000) for ms in (self.shortest_ms, self.longest_ms, self.context_ms)
        )
        if not (1 <= shortest <= longest and context >= 0 and longest + 2 * context <= segment.length):
            raise InputError(
                f"gaps of {self.shortest_ms:g} to {self.longest_ms:g} ms between contexts of {self.context_ms:g} ms do "
                f"not fit into segments of {1000 * segment.length / segment.sample_rate:g} ms: change "
                "--data.init_args.gaps or --data.init_args.segment"
            )
        return shortest, longest

    def draw(self, segment: Segment, chance: random.Random) -> Place:
        """Draw the gap of a segment."""
        shortest, longest = self.lengths(segment)
        context = round(self.context_ms * segment.sample_rate / 1000)
        length = round(math.exp(chance.uniform(math.log(shortest - 0.499), math.log(longest + 0.499))))
        start = chance.randint(context, segment.length - context - length)
        return start, start + length


def audible(segments: Tensor, gaps: list[Place]) -> Tensor:
    """Which of the segments (segment, time) have something in their gap, (segment,) boolean."""
    means = [part[start:stop].abs().mean() for part, (start, stop) in zip(segments, gaps, strict=True)]
    return torch.stack(means) >= SILENT if means else torch.zeros(0, dtype=torch.bool)


def gapped(audio: Tensor, gaps: list[Place]) -> Gapped:
    """Join segments (batch, time) with the masks of their gaps."""
    first, end = torch.tensor(gaps).unsqueeze(-1).unbind(1)
    places = torch.arange(audio.shape[-1])
    gap = torch.empty(audio.shape, dtype=torch.bool, pin_memory=audio.is_pinned())
    torch.logical_and(places >= first, places < end, out=gap)
    return Gapped(audio, gap)
