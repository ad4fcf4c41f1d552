"""How loud a fill is beside what surrounds it, octave by octave: what is missing is heard, whatever the SNR."""

import torch
from torch import Tensor

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.burg import known_beside

# dB that an octave may lie under the quieter side.
_UNDER = 10.0
# Mean square below which an octave of both sides is not heard (-72 dB of full scale).
_INAUDIBLE = 6e-8
# Seconds of each side that are compared, at most.
_BESIDE = 0.5
# Seconds that are looked at at once: in longer fills loud ends would hide that nothing is between them.
_WINDOW = 0.128
# Resolved are octaves that begin so many bins above zero.
_RESOLVED = 2
_LOWEST = 44.0  # Hz


def missing_octaves(audio: Tensor, run: Gap, gap: Tensor, sample_rate: int) -> tuple[float, float] | None:
    """Return the lowest and the highest Hz of the octaves in which a fill is over 10 dB under both of its sides.

    Of sides, and of the middle of a long fill, the median of short windows counts.

    Args:
        audio: filled, (channel, time).
        run: the gap that was filled.
        gap: true = lost, before any was filled, (time,).
        sample_rate: Hz.

    Returns:
        None where none is missing, or nothing known beside the gap is as long as half of it or half a second, or the
        rate is too low for any octave. At an end of the recording one side counts.
    """
    if sample_rate < 2 * _LOWEST:
        return None
    most = min(len(run), round(_BESIDE * sample_rate))
    before, after = known_beside(gap, run, most)
    size = min(len(run), round(_WINDOW * sample_rate))
    sides = [
        _octaves(part, size, sample_rate)
        for part in (audio[:, run.start - before : run.start], audio[:, run.stop : run.stop + after])
        if 2 * part.shape[-1] >= most
    ]
    end = min(len(run) // 4, (len(run) - size) // 2)
    fill = _octaves(audio[:, run.start + end : run.stop - end], size, sample_rate)
    missing = [
        hertz for hertz, level in fill.items() if sides and all(_louder(side.get(hertz, 0.0), level) for side in sides)
    ]
    return (min(missing), min(2 * max(missing), sample_rate / 2)) if missing else None


def _louder(side: float, level: float) -> bool:
    return side > _INAUDIBLE and side > level * 10 ** (_UNDER / 10)


def _octaves(x: Tensor, size: int, sample_rate: int) -> dict[float, float]:
    """Mean square of audio (channel, time) in octaves, by the lowest Hz of each; those too low to resolve left out.

    Args:
        x: audio; it may be shorter than a window.
        size: samples of a window.
        sample_rate: Hz.
    """
    size = min(size, x.shape[-1])
    window = torch.hann_window(size, periodic=True, dtype=torch.float64)
    windows = x.double().unfold(-1, size, max(1, size // 2)) * window
    power = (2 * torch.fft.rfft(windows).abs().square()).sum(0) / (size * window.square().sum())
    levels, hertz = {}, _LOWEST
    while hertz < sample_rate / 2:
        first, last = (int(edge * size / sample_rate) for edge in (hertz, min(2 * hertz, sample_rate / 2)))
        if first >= _RESOLVED:
            levels[hertz] = float(power[:, first : last + 1].sum(1).quantile(0.5))
        hertz *= 2
    return levels
