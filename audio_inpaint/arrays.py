"""Audio in memory: arrays and tensors that somebody gives, as tensors (channel, time), and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.errors import InputError

_FLOATS = (np.float16, np.float32, np.float64)  # which torch has too, whatever their order of bytes


def as_rate(sample_rate: Any) -> int:
    """Check a sample rate in Hz.

    Raises:
        InputError: it is no whole number, or less than 1.
    """
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int | np.integer) or sample_rate < 1:
        raise InputError(f"the sample rate is a whole number of Hz, not {sample_rate!r}")
    return int(sample_rate)


def as_samples(audio: Any) -> Tensor:
    """Return audio in any form as a tensor (channel, time) in the processor's memory, copied only if it must be.

    Args:
        audio: (channel, time) or (time,), floating point, array or tensor, or nested lists.

    Raises:
        InputError: it is no audio.

    >>> as_samples(np.zeros(4, ">f4"))
    tensor([[0., 0., 0., 0.]])
    """
    samples = audio.detach().cpu() if isinstance(audio, Tensor) else _from_array(audio)
    if not samples.is_floating_point():
        raise InputError(_not_floating(samples.dtype, samples.is_complex()))
    if samples.ndim not in (1, 2) or not samples.numel():
        raise InputError(f"audio is (channel, time) or (time,), not {tuple(samples.shape)}")
    samples = torch.atleast_2d(samples)
    if len(samples) > samples.shape[-1]:
        raise InputError(f"audio is (channel, time), and {tuple(samples.shape)} has more channels than samples: use .T")
    return samples


def like(audio: Any, output: Tensor) -> Any:
    """Return samples (channel, time) in the kind, type and axes that `audio` has, which `as_samples` took."""
    output = output.reshape(*np.shape(audio)[:-1], -1)
    if isinstance(audio, Tensor):
        return output.to(audio.device)
    return output.numpy().astype(np.asarray(audio).dtype, copy=False)


def _from_array(audio: Any) -> Tensor:
    if isinstance(audio, np.ma.MaskedArray):
        raise InputError("audio is a masked array: give audio.filled(0), and audio.mask as the gaps")
    try:
        array = np.ascontiguousarray(audio)
    except (TypeError, ValueError) as error:  # lists of different lengths
        raise InputError(f"audio is an array or tensor (channel, time), not {type(audio).__name__}") from error
    if not isinstance(audio, np.ndarray) and array.dtype.kind in "OUSV":
        raise InputError(f"audio is an array or tensor (channel, time), not {type(audio).__name__}")
    native = array.dtype.newbyteorder("=")
    if native not in _FLOATS:
        raise InputError(_not_floating(array.dtype.name, array.dtype.kind == "c"))
    # torch would warn of memory that it must not write to
    return torch.from_numpy(array.astype(native, copy=not array.flags.writeable))


def _not_floating(dtype: object, is_complex: bool) -> str:
    if is_complex:
        advice = "give its real part"
    elif "int" in str(dtype):
        advice = "divide integers by full scale"
    else:
        advice = "convert it"
    return f"audio is floating point of 16, 32 or 64 bits, full scale 1, not {dtype}: {advice}"
