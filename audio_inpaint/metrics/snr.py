"""Waveform errors on the lost samples: signal-to-noise ratio and normalised mean squared error."""

import torch
from torch import Tensor

from audio_inpaint.errors import InputError


def snr(restored: Tensor, original: Tensor, gap: Tensor | None = None) -> Tensor:
    """Signal-to-noise ratio in dB of each waveform on its lost samples (SNR_TD).

    Args:
        restored: (..., time).
        original: (..., time).
        gap: true = lost, (time,) or (..., time); None scores every sample.

    Returns:
        dB, (...): infinite for an exact restoration, -infinity for an error where the original is silent.

    Raises:
        InputError: shapes differ, or no sample is lost.
    """
    return -10 * error_ratio(restored, original, gap).log10()


def nmse(restored: Tensor, original: Tensor, gap: Tensor | None = None) -> Tensor:
    """Normalised mean squared error in dB over a set of waveforms, the mean inside the logarithm.

    Args:
        restored: (..., time), every leading dimension an item of the set.
        original: (..., time).
        gap: true = lost, (time,) or (..., time), gives NMSE_miss; None gives NMSE_tot.

    Returns:
        dB, a scalar; the lower the better, 0 for silence in place of the scored samples.

    Raises:
        InputError: shapes differ, or no sample is lost.

    Source: "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural networks", eq. 16.
    """
    return 10 * error_ratio(restored, original, gap).mean().log10()


def error_ratio(restored: Tensor, original: Tensor, gap: Tensor | None = None) -> Tensor:
    """Energy of the error over that of the original on the lost samples, (...); see `snr` for arguments and errors."""
    if restored.shape != original.shape:
        raise InputError(f"restored {tuple(restored.shape)} and original {tuple(original.shape)} differ in shape")
    if gap is not None:
        if gap.shape[-1:] != original.shape[-1:]:
            raise InputError(f"the gap is {gap.shape[-1]} samples long and the audio {original.shape[-1]}")
        if not gap.any(-1).all():
            raise InputError("no sample is lost, so there is nothing to score: mark a gap, or score all samples")
        restored, original = restored.masked_fill(~gap, 0), original.masked_fill(~gap, 0)
    error = (restored.double() - original.double()).square().sum(-1)
    energy = original.double().square().sum(-1)
    return torch.where(error == 0, 0.0, error / energy)
