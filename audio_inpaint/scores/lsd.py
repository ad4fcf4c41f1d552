"""Log-spectral distance, which hears a fill that fades away in the middle of a long gap where the SNR does not."""

import torch
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.scores.checks import check
from audio_inpaint.scores.frames import spectra

# Bins this far (80 dB) below the loudest one of the target are equal to each other.
_FLOOR = 1e-8


def lsd(preds: Tensor, target: Tensor, gap: Tensor, n_fft: int = 2048, hop_length: int = 512) -> Tensor:
    """Log-spectral distance in dB over the frames that overlap a lost sample.

    The root mean square over frequency of the difference of the two spectra in dB, averaged over frames. Levels more
    than 80 dB below the original's loudest bin in those frames count as 80 dB below it.

    Args:
        preds: (..., time).
        target: (..., time).
        gap: true = lost, (time,).
        n_fft: window length of the centred, periodic Hann STFT, samples.
        hop_length: samples between frames.

    Returns:
        dB, (...): 0 for an exact restoration, infinite for sound where the target is digital silence, NaN where a
        sample in those frames is.

    Raises:
        InputError: shapes differ, or no sample is lost.

    Source: Gray and Markel, 1976, "Distance measures for speech processing".
    """
    check(preds, target, gap)
    stft = STFT(n_fft, hop_length).to(target.device)
    touched = stft.touched(gap)
    powers = [spectra(stft, x.double(), touched).abs().square() for x in (preds, target)]
    floor = _FLOOR * powers[1].amax((-2, -1), keepdim=True)
    above, truth = (power.maximum(floor) for power in powers)
    # equal powers differ by nothing, which their ratio would not say where both are zero
    ratio = torch.where(above == truth, 1.0, above / truth)
    return (10 * ratio.log10()).square().mean(-2).sqrt().mean(-1)
