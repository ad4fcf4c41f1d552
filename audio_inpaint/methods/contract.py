"""What every method keeps to: `restore(audio, gap, sample_rate) -> audio`, known samples returned bit for bit."""

from typing import Protocol

import torch
from torch import Tensor

from audio_inpaint.errors import InputError


class Method(Protocol):
    """A restoration method; `context` is the audio in seconds that it wants on each side of a gap."""

    context: float

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (time,) is true; same shape, dtype and known samples."""
        ...


def silenced(audio: Tensor, gap: Tensor) -> Tensor:
    """Check a method's input and set its lost samples to zero, so that no method can see them.

    Args:
        audio: (channel, time), floating point.
        gap: true = lost, (time,).

    Returns:
        (channel, time) in the same precision: the audio itself, not a copy, where its lost samples are zero already.

    Raises:
        InputError: shapes or types do not fit, or a known sample is not finite.
    """
    if audio.ndim != 2 or not audio.is_floating_point():
        raise InputError(f"audio must be floating point (channel, time), not {audio.dtype} {tuple(audio.shape)}")
    if gap.dtype != torch.bool or gap.shape != audio.shape[-1:]:
        raise InputError(f"gap must be boolean ({audio.shape[-1]},) for this audio, not {gap.dtype} {tuple(gap.shape)}")
    known = audio.masked_fill(gap, 0) if audio[:, gap].any() else audio
    # The extremes, which are NaN if any sample is: isfinite of them all would take more memory than the audio.
    if known.numel() and not torch.stack(known.aminmax()).isfinite().all():
        raise InputError("audio holds NaN or infinite samples outside the gaps: mark them as a gap too")
    return known


def damaged(audio: Tensor, gap: Tensor) -> Tensor:
    """Give a float64 copy of audio (channel, time), `silenced`, for a method to write its fills into."""
    return silenced(audio, gap).to(torch.float64, copy=True)


def repaired(audio: Tensor, gap: Tensor, filled: Tensor) -> Tensor:
    """Take the lost samples from `filled` and all others, bit for bit, from `audio`; all (channel, time)."""
    return torch.where(gap, filled.to(audio), audio)
