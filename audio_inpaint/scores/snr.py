"""Signal-to-noise ratios of waveforms (SNR_TD) and of magnitudes (SNR_MS), and the normalised mean squared error."""

import torch
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.scores.checks import check
from audio_inpaint.scores.frames import spectra


def snr(restored: Tensor, original: Tensor, gap: Tensor | None = None) -> Tensor:
    """Signal-to-noise ratio in dB of each waveform on its lost samples (SNR_TD).

    Args:
        restored: (..., time).
        original: (..., time).
        gap: true = lost, (time,) or (..., time); None scores every sample.

    Returns:
        dB, (...): infinite for an exact restoration, -infinity for an error where the original is silent, NaN where a
        scored sample is.

    Raises:
        InputError: shapes differ, there are no samples, or none of them is lost.
    """
    return -10 * error_ratio(restored, original, gap).log10()


def magnitude_snr(restored: Tensor, original: Tensor, gap: Tensor, n_fft: int = 512, hop_length: int = 128) -> Tensor:
    """Signal-to-noise ratio in dB of the magnitudes in the frames that lie wholly in the gap (SNR_MS).

    Args:
        restored: (..., time).
        original: (..., time).
        gap: true = lost, (time,).
        n_fft: window length of the STFT, samples.
        hop_length: samples between frames.

    Returns:
        dB, (...), without bounds as in `snr`.

    Raises:
        InputError: shapes differ, or no frame lies wholly in the gap.

    Source: Marafioti et al., 2019, "A context encoder for audio inpainting", section 3.3.
    """
    check(restored, original, gap)
    return snr(*central_magnitudes(torch.stack([restored, original]), gap, n_fft, hop_length).flatten(-2))


def central_magnitudes(audio: Tensor, gap: Tensor, n_fft: int = 512, hop_length: int = 128) -> Tensor:
    """Magnitudes of the frames that lie wholly in the gap, (..., freq, frame); see `magnitude_snr`."""
    stft = STFT(n_fft, hop_length).to(audio.device)
    inside = ~stft.touched(~gap)
    if not inside.any():
        raise InputError(f"no frame of {n_fft} samples lies wholly in the gap: choose a shorter window")
    return spectra(stft, audio, inside).abs()


def nmse(restored: Tensor, original: Tensor, gap: Tensor | None = None) -> Tensor:
    """Normalised mean squared error in dB over a set of waveforms, the mean inside the logarithm.

    Args:
        restored: (..., time), every leading dimension an item of the set.
        original: (..., time).
        gap: true = lost, (time,) or (..., time), gives NMSE_miss; None gives NMSE_tot.

    Returns:
        dB, a scalar; the lower the better, 0 for silence in place of the scored samples.

    Raises:
        InputError: shapes differ, there are no samples, or none of them is lost.

    Source: "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural networks", eq. 16.
    """
    return 10 * error_ratio(restored, original, gap).mean().log10()


def error_ratio(restored: Tensor, original: Tensor, gap: Tensor | None = None) -> Tensor:
    """Energy of the error over that of the original on the lost samples, (...); see `snr` for arguments and errors."""
    check(restored, original, gap)
    if gap is not None:
        restored, original = restored.masked_fill(~gap, 0), original.masked_fill(~gap, 0)
    error = (restored.double() - original.double()).square().sum(-1)
    energy = original.double().square().sum(-1)
    return torch.where(error == 0, 0.0, error / energy)
