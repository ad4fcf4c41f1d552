"""Level of a fill: how much louder or quieter it is than what it replaces, band by band.

A fill that is the mean of all that might have been is close in SNR and too thin to the ear; its level says so.
"""

import torch
from torch import Tensor

from audio_inpaint.scores.checks import check

BANDS = 24
LOWEST = 50.0  # Hz, the lower end of the first band, unless the gap is too short to resolve it
# Bands this far (80 dB) below the loudest one of the original are left out, and no fill counts as quieter than this.
_FLOOR = 1e-8


def band_levels(preds: Tensor, target: Tensor, sample_rate: int, bands: int = BANDS) -> Tensor:
    """Energy of a fill over that of the original in dB, in logarithmic bands from 50 Hz to half the sample rate.

    The lost samples alone are transformed, under a Hann window that is zero one sample before and after them. In a gap
    of less than 20 ms the first band begins at the transform's lowest frequency above zero.

    Args:
        preds: the fill of one gap, (..., time).
        target: what was lost there, (..., time).
        sample_rate: hertz.
        bands: how many.

    Returns:
        dB, (..., band): NaN for a band that holds no frequency of the transform, or in which the original is more than
        80 dB below its own loudest band, or silent. A fill that is quieter than that counts as 80 dB below that band.

    Raises:
        InputError: shapes differ, or there are no samples.
    """
    check(preds, target)
    length = target.shape[-1]
    window = torch.hann_window(length + 2, periodic=False, dtype=torch.float64, device=target.device)[1:-1]
    powers = [torch.fft.rfft(x.double() * window).abs().square() for x in (preds, target)]
    frequencies = torch.arange(length // 2 + 1, device=target.device, dtype=torch.float64) * sample_rate / length
    lowest, highest = max(LOWEST, sample_rate / length), sample_rate / 2
    steps = torch.arange(1, bands, device=target.device, dtype=torch.float64) / bands
    place = torch.bucketize(frequencies, lowest * (highest / lowest) ** steps, right=True)
    inside = (frequencies >= lowest).to(torch.float64)
    fill, truth = (
        torch.zeros(*power.shape[:-1], bands, dtype=torch.float64, device=power.device).index_add(
            -1, place, power * inside
        )
        for power in powers
    )
    floor = _FLOOR * truth.amax(-1, keepdim=True)
    heard = (truth > 0) & (truth >= floor)
    return torch.where(heard, 10 * (fill.maximum(floor) / truth).log10(), torch.nan)
