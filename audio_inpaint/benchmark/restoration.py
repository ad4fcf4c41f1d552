"""One method on one case, under one of the two protocols.

- `time`: the gaps' samples are lost. The method sees zeros there, as in a damaged file.
- `columns`: the columns of a spectrogram whose centres lie in the gaps are lost, all others are those of the undamaged
  signal. Samples under an observed column follow from it exactly; those under none, the *core*, are lost. A method with
  `columns(audio, gap, sample_rate)` restores from the columns; any other gets the determined samples, by least squares,
  and the core as its gap.
"""

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from audio_inpaint.dsp.columns import columns_stft
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.contract import FromColumns, Method
from audio_inpaint.repairing import repair

PROTOCOLS = ("time", "columns")


def restore(
    method: Method,
    audio: Tensor,
    gaps: Sequence[Gap],
    sample_rate: int,
    protocol: str = "time",
    device: str | None = None,
) -> Tensor:
    """Damage audio and restore it, as `inpaint` does from file to file.

    Args:
        method: what restores.
        audio: undamaged, (channel, time) float64.
        gaps: where it is damaged.
        sample_rate: Hz.
        protocol: `time` or `columns`.
        device: where, if the method can compute on a GPU.

    Returns:
        (channel, time) float64.
    """
    gap = gap_mask(gaps, audio.shape[-1])[0]
    damaged, lost = damage(audio, gap, sample_rate, protocol)
    if protocol == "columns" and isinstance(method, FromColumns):
        return method.columns(damaged, gap, sample_rate).double()
    if not bool(lost.any()):
        return damaged
    # in single precision, as `inpaint` gives it the samples of files of up to 24 bits
    return repair(damaged.float(), lost, sample_rate, method, device=device).audio.double()


def damage(audio: Tensor, gap: Tensor, sample_rate: int, protocol: str = "time") -> tuple[Tensor, Tensor]:
    """What is left of audio, and which of its samples are lost.

    Args:
        audio: undamaged, (channel, time).
        gap: (time,) boolean.
        sample_rate: Hz.
        protocol: `time` or `columns`.

    Returns:
        (channel, time) with zeros where samples are lost, and (time,) boolean, true = lost.
    """
    return observe(audio, gap, sample_rate) if protocol == "columns" else (audio.masked_fill(gap, 0), gap)


def hop_length(sample_rate: int) -> int:
    """Samples between columns at a sample rate in Hz."""
    return columns_stft(sample_rate).hop_length


def column_samples(gap: Tensor, sample_rate: int) -> tuple[STFT, Tensor, Tensor]:
    """What losing columns means for samples.

    Args:
        gap: (time,) boolean; columns centred in it are lost.
        sample_rate: Hz.

    Returns:
        the STFT, the lost columns (frame,), and the core (time,): the samples under no observed column.
    """
    stft = columns_stft(sample_rate)
    columns = stft.centred(gap)
    return stft, columns, ~stft.covered(~columns, gap.shape[-1])


def observe(audio: Tensor, gap: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """What the observed columns of a signal say of its samples.

    Args:
        audio: undamaged, (channel, time).
        gap: (time,) boolean; columns centred in it are lost.
        sample_rate: Hz.

    Returns:
        audio whose core is zero and whose other samples are the least-squares solution for the observed columns; and
        the core, (time,) boolean, true = lost.
    """
    stft, columns, core = column_samples(gap, sample_rate)
    spectrum = stft(audio)
    half, length = stft.n_fft // 2, audio.shape[-1]
    frames = torch.fft.irfft(spectrum, stft.n_fft, dim=-2)
    window = stft.window.to(audio)
    total, weight = audio.new_zeros(len(audio), length + 2 * half), audio.new_zeros(length + 2 * half)
    for frame in (~columns).nonzero().flatten().tolist():
        place = slice(frame * stft.hop_length, frame * stft.hop_length + stft.n_fft)
        total[:, place] += frames[..., frame] * window
        weight[place] += window.square()
    total, weight = total[:, half : half + length], weight[half : half + length]
    return torch.where(core, 0.0, total / weight.masked_fill(core, 1.0)), core


@dataclass(frozen=True)
class Cost:
    """What a restoration took.

    Args:
        seconds: by the clock.
        memory_mb: the most memory that it held beyond what was held before, MB; not a number where it is unknown.
    """

    seconds: float
    memory_mb: float


@contextlib.contextmanager
def measured():
    """Measure what happens inside the block; the list that it gives holds the `Cost` afterwards."""
    cost: list[Cost] = []
    before = _memory(reset=True)
    began = time.perf_counter()
    yield cost
    seconds = time.perf_counter() - began
    cost.append(Cost(seconds, _memory() - before))


def _memory(reset: bool = False) -> float:
    """The highest memory of this process since the last reset, MB; resetting gives the present one (Linux only)."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS" if reset else "VmHWM")
    except OSError:
        return math.nan


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(field)).split()[1]) / 1024
