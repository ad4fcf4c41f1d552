"""An annex: passages of other recordings, laid end to end after the one that is restored, to be searched like it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.recall.fallen import lost_too

if TYPE_CHECKING:
    from audio_inpaint.pool.excerpts import Excerpt


@dataclass(frozen=True)
class Annex:
    """A recording with passages of others after it.

    Args:
        audio: (channel, time), lost samples zero.
        gap: true = lost, as all is between two passages, (time,).
        length: samples of the recording itself.
        starts: the first sample of each passage.
        excerpts: the passages.
    """

    audio: Tensor
    gap: Tensor
    length: int
    starts: Sequence[int] = ()
    excerpts: Sequence[Excerpt] = ()

    @property
    def span(self) -> Gap:
        """Where the passages are."""
        return Gap(self.length, self.audio.shape[-1])

    def holds(self, *places: Gap) -> bool:
        """Whether the first place is in the recording, whose losses are few, or all lie in passages and are known."""
        if places[0].stop <= self.length:
            return True
        inside = all(self.length <= place.start and place.stop <= len(self.gap) for place in places)
        return inside and not any(bool(self.gap[place.start : place.stop].any()) for place in places)

    def lacks(self, place: Gap) -> bool:
        """Whether another recording lost a place, but for the noise of its own."""
        return place.start >= self.length and all(lost_too(channel, place) for channel in self.audio)

    def heard(self, start: int, sample_rate: int) -> tuple[str, float | None]:
        """Return of which other recording a sample is, and at which second of it; no name and None if of this one."""
        if start < self.length:
            return "", None
        number = bisect_right(self.starts, start) - 1
        excerpt = self.excerpts[number]
        return excerpt.name, excerpt.start + (start - self.starts[number]) / sample_rate


def annexed(audio: Tensor, gap: Tensor, excerpts: Sequence[Excerpt], apart: int) -> Annex:
    """Append passages to a recording (channel, time) and its mask (time,), each after `apart` lost samples."""
    if not excerpts:
        return Annex(audio, gap, len(gap))
    parts, masks, starts, end = [audio], [gap], [], len(gap) + apart
    silence, lost = audio.new_zeros(len(audio), apart), torch.ones(apart, dtype=torch.bool)
    for excerpt in excerpts:
        starts.append(end)
        parts += [silence, excerpt.audio.masked_fill(excerpt.missing, 0).to(audio)]
        masks += [lost, excerpt.missing]
        end += excerpt.audio.shape[-1] + apart
    return Annex(torch.cat([*parts, silence], -1), torch.cat([*masks, lost]), len(gap), starts, excerpts)
