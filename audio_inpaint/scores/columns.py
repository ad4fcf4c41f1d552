"""Scores under the `columns` protocol, where columns of a spectrogram are lost and their neighbours know of the gap."""

import math

import torch
from torch import Tensor

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.scores.snr import pooled_snr


def column_scores(preds: Tensor, target: Tensor, gap: Tensor, stft: STFT) -> dict[str, float]:
    """Return the SNR in dB under the `columns` protocol on three sets of samples, energies of all channels added.

    Args:
        preds: (channel, time), with the known columns put back.
        target: (channel, time).
        gap: boolean, (time,) or (channel, time).
        stft: whose columns centred in a gap were lost.

    Returns:
        snr_whole: the whole signal; snr_affected: the samples under a lost column; snr_core: those under no observed
        column, the only ones that were lost; NaN where there are none, as with up to three columns in a row.
    """
    gap = gap.expand(target.shape)
    lost, length = stft.centred(gap), gap.shape[-1]
    sets = {"whole": torch.ones_like(gap), "affected": stft.covered(lost, length), "core": ~stft.covered(~lost, length)}
    return {
        f"snr_{name}": float(pooled_snr(preds, target, samples)) if samples.any() else math.nan
        for name, samples in sets.items()
    }
