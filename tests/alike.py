"""Methods called with one mask (time,) for all channels, as most tests have it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from audio_inpaint.gaps import Gap, mask_gaps


class alike:
    """A method for channels that lost the same samples.

    Args:
        method: keeps to the contract, with a mask (channel, time).
    """

    def __init__(self, method):
        self.method = method

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        return self.method(audio, gap.expand(audio.shape), sample_rate)

    def explain(self, audio: Tensor, gap: Tensor, sample_rate: int, wanted: Sequence[Gap] | None = None):
        wanted = mask_gaps(gap) if wanted is None else wanted
        return self.method.explain(audio, gap.expand(audio.shape), sample_rate, wanted)


def one_mask(gaps, length) -> torch.Tensor:
    """Return the mask (time,) of gaps of all channels."""
    from audio_inpaint.gaps import gap_mask

    return gap_mask(gaps, length)[0]
