"""Log-spectral distance, which hears a fill that fades away in the middle of a long gap where the SNR does not."""

import torch
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError

# Bins this far (80 dB) below the loudest one of the original are equal to each other.
_FLOOR = 1e-8


def lsd(restored: Tensor, original: Tensor, gap: Tensor, n_fft: int = 2048, hop_length: int = 512) -> Tensor:
    """Log-spectral distance in dB over the frames that overlap a lost sample.

    The root mean square over frequency of the difference of the two spectra in dB, averaged over frames. Levels more
    than 80 dB below the original's loudest bin in those frames count as 80 dB below it.

    Args:
        restored: (..., time).
        original: (..., time).
        gap: true = lost, (time,).
        n_fft: window length of the centred, periodic Hann STFT, samples.
        hop_length: samples between frames.

    Returns:
        dB, (...); 0 for an exact restoration.

    Raises:
        InputError: shapes differ, or no sample is lost.

    Source: Gray and Markel, 1976, "Distance measures for speech processing".
    """
    if restored.shape != original.shape or gap.shape != original.shape[-1:]:
        raise InputError(
            f"shapes differ: restored {tuple(restored.shape)}, original {tuple(original.shape)}, gap {tuple(gap.shape)}"
        )
    if not gap.any():
        raise InputError("no sample is lost, so there is nothing to score: mark a gap")
    stft = STFT(n_fft, hop_length).to(original.device)
    touched = stft.touched(gap)
    powers = [stft(x.double())[..., touched].abs().square() for x in (restored, original)]
    floor = (_FLOOR * powers[1].amax((-2, -1), keepdim=True)).clamp_min(torch.finfo(torch.float64).tiny)
    levels = [10 * power.maximum(floor).log10() for power in powers]
    return (levels[0] - levels[1]).square().mean(-2).sqrt().mean(-1)
