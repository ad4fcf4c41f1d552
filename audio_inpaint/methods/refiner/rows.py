"""Rows of a refiner's maps: all bins of a spectrogram up to 8 kHz, bands of eight bins above."""

import torch
from torch import Tensor

# Bins of the STFT of 32 ms up to 8 kHz, and of one band above.
_RESOLVED, _BAND = 257, 8


def row_of_bin(bins: int) -> Tensor:
    """Number the row that each bin belongs to, (bin,)."""
    bin_ = torch.arange(bins)
    return torch.where(bin_ < _RESOLVED, bin_, _RESOLVED + (bin_ - _RESOLVED) // _BAND)


def to_rows(power: Tensor) -> Tensor:
    """Average power (..., bin, frame) over the bins of each row, (..., row, frame)."""
    bins = power.shape[-2]
    if bins <= _RESOLVED:
        return power
    place = row_of_bin(bins).to(power.device)
    shape = (*power.shape[:-2], int(place[-1]) + 1, power.shape[-1])
    sums = power.new_zeros(shape).index_add(-2, place, power)
    return sums / place.bincount().to(power)[:, None]


def to_bins(values: Tensor, bins: int) -> Tensor:
    """Give every bin the value of its row: (..., row, frame) to (..., bin, frame)."""
    return values if bins <= _RESOLVED else values[..., row_of_bin(bins).to(values.device), :]
