"""Gaps left silent: what every method must be better than."""

from dataclasses import dataclass

from torch import Tensor

from audio_inpaint.methods.contract import damaged, repaired
from audio_inpaint.methods.options import Context, checked


@checked
@dataclass(frozen=True)
class Silence:
    """Put zeros in the gaps."""

    context: Context = 0.01

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Silence audio (channel, time) where gap (channel, time) is true."""
        return repaired(audio, gap, damaged(audio, gap))
