"""Scores under the `columns` protocol, where columns of a spectrogram are lost and their neighbours know of the gap."""

import math

import torch
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.scores.snr import snr


def column_scores(stft: STFT, gap: Tensor, output: Tensor, truth: Tensor) -> dict[str, float]:
    """SNR in dB under the `columns` protocol, on three sets of samples.

    Args:
        stft: whose columns centred in a gap were lost.
        gap: (time,) boolean.
        output: (channel, time), with the known columns put back.
        truth: (channel, time).

    Returns:
        snr_whole: the whole signal; snr_affected: the samples under a lost column; snr_core: those under no observed
        column, the only ones that were lost; NaN where there are none, as with up to three columns in a row.
    """
    lost, length = stft.centred(gap), gap.shape[-1]
    sets = {"whole": torch.ones_like(gap), "affected": stft.covered(lost, length), "core": ~stft.covered(~lost, length)}
    return {
        f"snr_{name}": snr(output, truth, samples).mean().item() if samples.any() else math.nan
        for name, samples in sets.items()
    }
