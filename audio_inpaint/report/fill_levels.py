"""How loud a fill is against its sides, in one number: what a report shows beside each fill."""

import math
from bisect import bisect_left
from collections.abc import Sequence

from torch import Tensor

from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap, gap_mask, within
from audio_inpaint.repairing import FileRepair

_LEAST, _MOST = 0.01, 0.5  # seconds of each side, as long as the gap between these


def fill_level(audio: Tensor, gap: Gap, gaps: Sequence[Gap], sample_rate: int) -> float | None:
    """Return the level of a fill against what is known on both sides, as much as it is long, in dB.

    Args:
        audio: repaired, (channel, time).
        gap: that was filled, in samples of this audio.
        gaps: all of them, which are no sides.
        sample_rate: Hz.

    Returns:
        None where nothing is known beside it, or all of it is silent.

    >>> import torch
    >>> audio, gap = torch.tensor([[0.2] * 100 + [0.1] * 50 + [0.2] * 100]), Gap(100, 150)
    >>> round(fill_level(audio, gap, [gap], sample_rate=1000), 1)
    -6.0
    """
    reach = beside(gap, sample_rate)
    start, stop = max(0, gap.start - reach), min(audio.shape[-1], gap.stop + reach)
    channels = slice(None) if gap.channel is None else slice(gap.channel, gap.channel + 1)
    known = ~gap_mask(within([*gaps, gap], start, stop), stop - start, len(audio))[channels]
    sides = audio[channels, start:stop][known].double()
    fill = audio[channels, max(0, gap.start) : gap.stop].double()
    ratio = float(fill.square().mean() / sides.square().mean()) if sides.any() and fill.any() else 0.0
    return 10 * math.log10(ratio) if ratio > 0 else None


def beside(gap: Gap, sample_rate: int) -> int:
    """Return how many samples of each side a fill is compared with."""
    return round(min(max(len(gap), _LEAST * sample_rate), _MOST * sample_rate))


def file_levels(reader: Reader, repair: FileRepair) -> list[float | None]:
    """Return the levels of all fills of a file.

    Args:
        reader: the damaged recording.
        repair: what was done to it.
    """
    fills = sorted(repair.fills, key=lambda fill: fill.gap)
    starts, longest = [fill.gap.start for fill in fills], max((len(fill.gap) for fill in fills), default=0)
    found = []
    for gap in repair.gaps:
        reach = beside(gap, repair.sample_rate)
        start, stop = max(0, gap.start - reach), min(repair.length, gap.stop + reach)
        audio = reader.read(start, stop).nan_to_num(0.0, 0.0, 0.0)
        for fill in fills[bisect_left(starts, start - longest) : bisect_left(starts, stop)]:
            fill.into(audio, start)
        lost = within(repair.gaps, start, stop)
        found.append(fill_level(audio, gap.moved(-start), lost, repair.sample_rate))
    return found
