"""The piece of audio that a supervised method learns from: context, gap, context."""

from dataclasses import dataclass

import torch
from torch import Tensor

# Gaps whose mean magnitude is below this are silence: there is nothing to learn (the published code's value).
SILENT = 1e-3


@dataclass(frozen=True)
class Segment:
    """The sizes of a segment; the gap lies in its middle.

    Args:
        sample_rate: Hz.
        context: samples known on each side of the gap.
        gap: samples lost.
    """

    sample_rate: int = 16000
    context: int = 2048
    gap: int = 1024

    @property
    def length(self) -> int:
        """Samples in all."""
        return 2 * self.context + self.gap

    @property
    def place(self) -> slice:
        """The lost samples."""
        return slice(self.context, self.context + self.gap)

    @property
    def lost(self) -> Tensor:
        """(time,) boolean, true = lost."""
        lost = torch.zeros(self.length, dtype=torch.bool)
        lost[self.place] = True
        return lost

    def audible(self, segments: Tensor) -> Tensor:
        """Which of the segments (..., time) have something in their gap, (...) boolean."""
        return segments[..., self.place].abs().mean(-1) >= SILENT
