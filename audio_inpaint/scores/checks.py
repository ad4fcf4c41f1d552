"""What every score asks of its arguments."""

from torch import Tensor

from audio_inpaint.errors import InputError


def check(preds: Tensor, target: Tensor, gap: Tensor | None = None) -> None:
    """Refuse what has no score.

    Args:
        preds: (..., time).
        target: (..., time).
        gap: true = lost, (time,) or (..., time); None where every sample is scored.

    Raises:
        InputError: shapes differ, there are no samples, or none of them is lost.
    """
    if preds.shape != target.shape:
        raise InputError(f"preds {tuple(preds.shape)} and target {tuple(target.shape)} differ in shape")
    if not target.shape or not target.shape[-1]:
        raise InputError(f"no samples to score in audio of shape {tuple(target.shape)}: give (..., time)")
    if gap is None:
        return
    if gap.shape[-1:] != target.shape[-1:]:
        raise InputError(f"the gap of shape {tuple(gap.shape)} is not as long as the audio {tuple(target.shape)}")
    if not gap.any(-1).all():
        raise InputError("no sample is lost, so there is nothing to score: mark a gap, or score all samples")
