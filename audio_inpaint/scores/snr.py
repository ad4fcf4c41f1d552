"""Signal-to-noise ratios of waveforms (SNR_TD) and of magnitudes (SNR_MS), of each waveform and of all together."""

import torch
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.errors import InputError
from audio_inpaint.scores.checks import check
from audio_inpaint.scores.frames import spectra


def snr(preds: Tensor, target: Tensor, gap: Tensor | None = None) -> Tensor:
    """Signal-to-noise ratio in dB of each waveform on its lost samples (SNR_TD).

    Args:
        preds: (..., time).
        target: (..., time).
        gap: true = lost, (time,) or (..., time); None scores every sample.

    Returns:
        dB, (...): infinite for an exact restoration, -infinity for an error where the target is silent, NaN where a
        scored sample is.

    Raises:
        InputError: shapes differ, there are no samples, or none of them is lost.
    """
    return -10 * error_ratio(preds, target, gap).log10()


def magnitude_snr(preds: Tensor, target: Tensor, gap: Tensor, n_fft: int = 512, hop_length: int = 128) -> Tensor:
    """Signal-to-noise ratio in dB of the magnitudes in the frames that lie wholly in the gap (SNR_MS).

    Args:
        preds: (..., time).
        target: (..., time).
        gap: true = lost, (time,).
        n_fft: window length of the STFT, samples.
        hop_length: samples between frames.

    Returns:
        dB, (...), without bounds as in `snr`.

    Raises:
        InputError: shapes differ, or no frame lies wholly in the gap.

    Source: Marafioti et al., 2019, "A context encoder for audio inpainting", section 3.3.
    """
    check(preds, target, gap)
    return snr(*central_magnitudes(torch.stack([preds, target]), gap, n_fft, hop_length).flatten(-2))


def central_magnitudes(audio: Tensor, gap: Tensor, n_fft: int = 512, hop_length: int = 128) -> Tensor:
    """Magnitudes of the frames that lie wholly in the gap, (..., freq, frame); see `magnitude_snr`."""
    stft = STFT(n_fft, hop_length).to(audio.device)
    inside = ~stft.touched(~gap)
    if not inside.any():
        raise InputError(f"no frame of {n_fft} samples lies wholly in the gap: choose a shorter window")
    return spectra(stft, audio, inside).abs()


def frames_snr(preds: Tensor, target: Tensor, inside: slice | Tensor) -> Tensor:
    """Signal-to-noise ratio in dB of the magnitudes of a network's frames, without synthesis (`snr_network`).

    Args:
        preds: coefficients, (batch, part, freq, frame): one part is a magnitude, below zero as good as zero; two are
            real and imaginary.
        target: of the same shape.
        inside: the frames that are scored, a slice or (frame,) boolean.

    Returns:
        dB, (batch,).

    Source: Marafioti et al., 2019, "A context encoder for audio inpainting", Table 3.
    """
    magnitudes = (x[:, 0].clamp(min=0) if x.shape[1] == 1 else x.norm(dim=1) for x in (preds, target))
    return snr(*(x[..., inside].flatten(1) for x in magnitudes))


def pooled_snr(preds: Tensor, target: Tensor, gap: Tensor | None = None) -> Tensor:
    """Signal-to-noise ratio in dB of all samples together: the energies of all channels are added.

    Args:
        preds: any shape.
        target: of the same shape.
        gap: true = lost, of a shape that expands to theirs; None scores every sample.

    Returns:
        dB, a scalar: infinite for an exact restoration, NaN where the original is silent or a scored sample is NaN.

    Raises:
        InputError: shapes differ, there are no samples, or none of them is lost.
    """
    check(preds, target)
    if gap is not None:
        if gap.shape[-1:] != target.shape[-1:]:
            raise InputError(f"the gap of shape {tuple(gap.shape)} is not as long as the audio {tuple(target.shape)}")
        gap = gap.expand(target.shape)
        preds, target = preds[gap], target[gap]
        if not target.numel():
            raise InputError("no sample is lost, so there is nothing to score: mark a gap, or score all samples")
    ratio = snr(preds.flatten(), target.flatten())
    return ratio if target.any() else torch.full_like(ratio, torch.nan)


def error_ratio(preds: Tensor, target: Tensor, gap: Tensor | None = None) -> Tensor:
    """Energy of the error over that of the target on the lost samples, (...); see `snr` for arguments and errors."""
    check(preds, target, gap)
    if gap is not None:
        preds, target = preds.masked_fill(~gap, 0), target.masked_fill(~gap, 0)
    error = (preds.double() - target.double()).square().sum(-1)
    energy = target.double().square().sum(-1)
    return torch.where(error == 0, 0.0, error / energy)
