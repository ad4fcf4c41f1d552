"""What every score asks of its arguments."""

from torch import Tensor

from audio_inpaint.errors import InputError


def check(restored: Tensor, original: Tensor, gap: Tensor | None = None) -> None:
    """Refuse what has no score.

    Args:
        restored: (..., time).
        original: (..., time).
        gap: true = lost, (time,) or (..., time); None where every sample is scored.

    Raises:
        InputError: shapes differ, there are no samples, or none of them is lost.
    """
    if restored.shape != original.shape:
        raise InputError(f"restored {tuple(restored.shape)} and original {tuple(original.shape)} differ in shape")
    if not original.shape or not original.shape[-1]:
        raise InputError(f"no samples to score in audio of shape {tuple(original.shape)}: give (..., time)")
    if gap is None:
        return
    if gap.shape[-1:] != original.shape[-1:]:
        raise InputError(f"the gap of shape {tuple(gap.shape)} is not as long as the audio {tuple(original.shape)}")
    if not gap.any(-1).all():
        raise InputError("no sample is lost, so there is nothing to score: mark a gap, or score all samples")
