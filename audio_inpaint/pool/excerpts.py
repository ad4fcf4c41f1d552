"""Excerpts of a pool: the passages of other recordings whose surroundings are like those of gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.dsp.resampling import resampled
from audio_inpaint.dsp.stream_search import best_places, likeness, surroundings
from audio_inpaint.dsp.template_search import SEARCH_RATE, Template
from audio_inpaint.gaps import Gap

# Seconds on each side of a gap that are compared: less than lie between it and its rehearsals.
_SIDE = 0.128
# What is heard by chance is like the gap as far as it was compared, what is played again is like it beyond, too: of so
# many seconds more on each side, and up to so many samples of the search rate off, as a high tone may be placed.
_BEYOND, _CONFIRMED, _OFF = 0.128, 0.5, 64
# Places that are looked at for each gap, the best of all recordings, and how many seconds they are apart.
_EACH, _SPACING = 8, 0.25
# Seconds of all excerpts: they are searched again for every gap, at the recording's own rate.
_MOST = 120.0
# Samples of the pool times gaps that are compared, about four minutes' work: of more gaps the longest are sought.
_WORK = 2**34
# Samples beside what is read that the resampler wants.
_MARGIN = 512


class Excerpt(NamedTuple):
    """A passage of another recording.

    Attributes:
        audio: (channel, time), at the rate of the recording that is repaired.
        missing: where it is lost or digitally silent, (time,).
        name: of the recording.
        start: seconds in it of the first sample.
    """

    audio: Tensor
    missing: Tensor
    name: str
    start: float


@dataclass(frozen=True)
class Other:
    """A recording of a pool.

    Attributes:
        name: of its file.
        index: what is searched of it, (time,) at the search rate.
        sound: opens it, to read excerpts.
        identity: of its file; None of audio in memory.
    """

    name: str
    index: np.ndarray
    sound: Callable[[], Sound] = field(repr=False)
    identity: tuple | None = None


@dataclass(frozen=True)
class Pool:
    """Other recordings, to be searched.

    Attributes:
        others: each of them.
    """

    others: Sequence[Other]

    def excerpts(self, audio: Tensor, gap: Tensor, runs: Sequence[Gap], beside: int, sample_rate: int) -> list[Excerpt]:
        """Find passages whose surroundings are like those of gaps, of all channels together.

        Args:
            audio: (channel, time), lost samples zero.
            gap: true = lost, (time,).
            runs: the gaps, and where they are rehearsed.
            beside: samples on each side of a gap that are wanted with it, besides its own length.
            sample_rate: Hz.

        Returns:
            Passages that do not overlap, of as many channels as the audio.
        """
        windows = self._windows(audio, gap, runs, beside / sample_rate, sample_rate)
        return [_excerpt(self.others[number], *window, len(audio), sample_rate) for number, window in windows]

    def _windows(
        self, audio: Tensor, gap: Tensor, runs: Sequence[Gap], beside: float, sample_rate: int
    ) -> list[tuple[int, tuple[float, float]]]:
        """Choose what to read, in seconds of each recording: the best place of every gap first, while there is room."""
        most = max(1, _WORK // max(1, sum(len(other.index) for other in self.others)))
        longest = sorted(runs, key=lambda run: (-len(run), run.start))[:most]
        sought = list(filter(None, (_sought(audio, gap, run, sample_rate) for run in longest)))
        places = [[] for _ in sought]
        for number, other in enumerate(self.others):
            found = best_places(other.index, [one.near for one in sought], _EACH, round(_SPACING * SEARCH_RATE))
            for own, one, heard in zip(places, sought, found, strict=True):
                own += [(-place.score, number, place.start / SEARCH_RATE + one.start) for place in heard]
        ranked = [
            (rank, score, number, start, one.length)
            for own, one in zip(places, sought, strict=True)
            for rank, (score, number, start) in enumerate(sorted(own)[:_EACH])
            if one.confirmed(self.others[number].index, start)
        ]
        windows: dict[int, list[tuple[float, float]]] = {}
        for _, _, number, start, length in sorted(ranked):
            seconds = len(self.others[number].index) / SEARCH_RATE
            own = windows.setdefault(number, [])
            joined = _joined([*own, (max(0.0, start - beside - length), min(seconds, start + beside + 2 * length))])
            rest = sum(_total(other) for place, other in windows.items() if place != number)
            if rest + _total(joined) <= _MOST:
                windows[number] = joined
        return [(number, window) for number in sorted(windows) for window in windows[number]]


class _Sought(NamedTuple):
    """A gap that is sought.

    Attributes:
        length: of it, in seconds.
        near: what surrounds it.
        start: seconds from where that begins to the gap.
        beyond: what surrounds that.
        before: seconds from where that begins to the gap.
    """

    length: float
    near: Template
    start: float
    beyond: Template
    before: float

    def confirmed(self, signal: np.ndarray, start: float) -> bool:
        """Whether a place is like it beyond what it was chosen by, the gap being at `start`, in seconds."""
        place = round((start - self.before) * SEARCH_RATE)
        return likeness(signal, self.beyond, place, _OFF) >= _CONFIRMED


def _sought(audio: Tensor, gap: Tensor, run: Gap, sample_rate: int) -> _Sought | None:
    side, beyond = round(_SIDE * sample_rate), round(_BEYOND * sample_rate)
    wide = Gap(max(0, run.start - side), min(len(gap), run.stop + side))
    near, farther = (surroundings(audio, gap, *pair, sample_rate) for pair in ((run, side), (wide, beyond)))
    if near is None or farther is None:
        return None
    return _Sought(len(run) / sample_rate, *near, farther[0], farther[1] + (run.start - wide.start) / sample_rate)


def _total(windows: Sequence[tuple[float, float]]) -> float:
    return sum(stop - start for start, stop in windows)


def _joined(windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join windows that overlap."""
    joined: list[tuple[float, float]] = []
    for start, stop in sorted(windows):
        if joined and start <= joined[-1][1]:
            start, stop = joined[-1][0], max(stop, joined.pop()[1])
        joined.append((start, stop))
    return joined


def _excerpt(other: Other, start: float, stop: float, channels: int, sample_rate: int) -> Excerpt:
    """Read a passage at another rate: channel by channel if there are as many, or their mean in each."""
    sound = other.sound()
    first, last = round(start * sound.sample_rate), round(stop * sound.sample_rate)
    audio, missing = sound.heard(first - _MARGIN, last + _MARGIN)
    audio = audio if len(audio) == channels else audio.mean(0, keepdim=True).expand(channels, -1)
    audio, missing = resampled(audio, sound.sample_rate, sample_rate), missing.any(0)
    begin = round(_MARGIN * sample_rate / sound.sample_rate)
    audio = audio[:, begin : begin + round((stop - start) * sample_rate)]
    near = (begin + torch.arange(audio.shape[-1])) * sound.sample_rate // sample_rate
    starts = (first - _MARGIN) / sound.sample_rate + begin / sample_rate
    return Excerpt(audio, missing[near.clamp_max(len(missing) - 1)], other.name, starts)
