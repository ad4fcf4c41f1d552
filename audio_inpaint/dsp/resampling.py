"""The one resampler: soxr, whose cost does not depend on how odd the two rates are."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
import torch
from torch import Tensor


def resampled(audio: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Resample audio, in high quality and without a delay.

    Args:
        audio: (channel, time), of any floating-point type, which the result keeps.
        from_rate: Hz.
        to_rate: Hz.

    Returns:
        (channel, ceil(time * to_rate / from_rate)).

    >>> resampled(torch.zeros(2, 441), 44100, 16000).shape
    torch.Size([2, 160])
    """
    if from_rate == to_rate:
        return audio
    length = -(-audio.shape[-1] * to_rate // from_rate)
    samples = audio.detach().to("cpu", torch.float64).numpy()
    columns = np.ascontiguousarray(samples.T)
    output = soxr.resample(columns, from_rate, to_rate, quality="VHQ").T[:, :length]
    output = np.pad(output, ((0, 0), (0, length - output.shape[-1])))  # soxr rounds, and may stop a sample short
    return torch.as_tensor(np.ascontiguousarray(output)).to(audio)


def resampled_blocks(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Resample one channel (time,) that comes block by block, in high quality and without a delay, in single precision.

    Args:
        blocks: of the signal, in order.
        from_rate: Hz.
        to_rate: Hz.
    """
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block, np.float32))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
