"""One damaged signal: what a deep prior is fitted to, and what of it the fit must not see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import mask_gaps


@dataclass(frozen=True)
class Signal:
    """One damaged signal.

    Attributes:
        audio: (channel, time); the samples in `gap` are zeros, whatever the file holds there. In the `columns` form it
            is the undamaged signal, of which only the columns that are centred in no gap may be looked at.
        gap: (time,) boolean, true = lost.
        withheld: (time,) boolean: known samples kept from the fit, to validate it where no truth is known.
        sample_rate: Hz.
        truth: (channel, time), the undamaged signal, if the user has it: for validation only.
        form: the problem form, lost samples (`time`) or lost spectrogram columns (`columns`).
    """

    audio: Tensor
    gap: Tensor
    withheld: Tensor
    sample_rate: int
    truth: Tensor | None = None
    form: Literal["time", "columns"] = "time"

    @property
    def lost(self) -> Tensor:
        """(time,) boolean: what the fit must not see."""
        return self.gap | self.withheld

    @property
    def judged(self) -> tuple[Tensor, Tensor]:
        """What a reconstruction is compared with, and where: the truth in the gaps, or the withheld samples."""
        return (self.audio, self.withheld) if self.truth is None else (self.truth, self.gap)

    def to(self, device: torch.device | str) -> Signal:
        """Return the same signal on a device: itself, if it is there."""
        if self.audio.device == torch.device(device):
            return self
        move = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **move)


def damaged_signal(
    audio: Tensor,
    gap: Tensor,
    sample_rate: int,
    truth: Tensor | None = None,
    form: Literal["time", "columns"] = "time",
    withheld_stretches: int = 2,
    seed: int = 0,
) -> Signal:
    """Make a signal of which a fit sees no lost sample.

    Args:
        audio: (channel, time); its lost samples are replaced by zeros here and seen by nobody.
        gap: (time,) boolean, true = lost.
        sample_rate: Hz.
        truth: (channel, time), if known.
        form: the problem form.
        withheld_stretches: stretches of known samples kept from the fit to validate it, where the truth is not known.
        seed: of their places.

    Raises:
        InputError: the truth does not fit, nothing is lost, or nothing is known.
    """
    if truth is not None and truth.shape != audio.shape:
        raise InputError(
            f"the truth has {truth.shape[0]} channels of {truth.shape[1]} samples, the damaged file "
            f"{audio.shape[0]} of {audio.shape[1]}: give the undamaged version of the same file"
        )
    if not gap.any() or gap.all():
        raise InputError("a deep prior needs lost samples to fill and known ones to fit")
    if form == "columns" and truth is None:
        raise InputError("the columns form masks an undamaged signal's spectrogram: give that signal as the truth")
    known = (truth if form == "columns" else torch.where(gap, 0.0, audio)).to(torch.float32)
    count = withheld_stretches if truth is None else 0
    withheld = withhold(gap, count, sample_rate // 20, seed)
    truth = None if truth is None else truth.to(torch.float32)
    return Signal(known, gap, withheld, sample_rate, truth, form)


def withhold(gap: Tensor, count: int, margin: int, seed: int) -> Tensor:
    """Choose stretches of known samples, as long as the median gap, at least `margin` from every gap and each other.

    Args:
        gap: (time,) boolean, true = lost.
        count: how many; fewer where the signal has no room for them.
        margin: samples left free around each.
        seed: of their places.

    Returns:
        (time,) boolean, true = withheld.
    """
    withheld = torch.zeros_like(gap)
    lengths = [len(g) for g in mask_gaps(gap)]
    if not lengths or not count:
        return withheld
    length, random = int(np.median(lengths)), np.random.default_rng(seed)
    taken = gap.cpu().numpy().copy()
    for _ in range(count):
        busy = np.concatenate([[0], np.cumsum(taken)])
        starts = np.arange(margin, len(taken) - length - margin + 1)
        free = starts[busy[starts + length + margin] == busy[starts - margin]]
        if not len(free):
            break
        start = int(random.choice(free))
        withheld[start : start + length] = True
        taken[start : start + length] = True
    return withheld
