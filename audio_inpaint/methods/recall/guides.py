"""What plays meanwhile: channels that are known where others lost samples, and what they say of these.

A guide may be delayed, inverted, equalised, silent, or a copy; one that lost the same as the recording is none, and
one that lost a part of it is heard in the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.dsp.template_search import Match
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.recall.fallen import GLANCE, fallen, lost_too
from audio_inpaint.methods.recall.recollection import MARGIN, recollections
from audio_inpaint.methods.recall.responses import FULL, Heard

# What the other channels of the same recording are called.
CHANNELS = "channels"
# Seconds on each side of a gap that a response is fitted to.
NEAR = 0.25
# Seconds that a guide may be early or late, as those of spaced microphones are.
_DELAY = 0.02
# How much better a delay must fit than none: periodic sound fits at many. Or what it must leave over as a copy does, by
# energy, of what none leaves: a response makes up for small delays, but not exactly.
_DELAYED, _COPIED = 1.5, 0.5


@dataclass(frozen=True)
class Guides:
    """Channels that are listened to where others are lost.

    Args:
        audio: (channel, time), lost samples zero.
        gap: true = lost, (channel, time).
        names: each kind of evidence with its channels.
    """

    audio: Tensor
    gap: Tensor
    names: Mapping[str, Sequence[int]]

    def known(self, name: str, run: Gap, beside: int = 0) -> list[int]:
        """Return the channels of a kind that are known in a gap and `beside` it, and sound in it."""
        place = slice(max(0, run.start - beside), run.stop + beside)
        return [
            channel
            for channel in self.names[name]
            if not self.gap[channel, place].any() and not lost_too(self.audio[channel], run)
        ]

    def any_known(self, run: Gap) -> bool:
        """Whether there is a guide to a gap: it is known beside it as well, as far as a response reaches."""
        return any(self.known(name, run, FULL // 2) for name in self.names)

    def known_in_part(self, name: str, run: Gap) -> list[int]:
        """Return the channels of a kind that are known in some of a gap, and sound there."""
        return [channel for channel in self.names[name] if self._sounds_in_part(channel, run)]

    def any_known_in_part(self, run: Gap) -> bool:
        """Whether there is a guide to a gap, or to some of it."""
        return self.any_known(run) or any(self.known_in_part(name, run) for name in self.names)

    def rehearsing(self, run: Gap, place: Gap) -> "Guides":
        """Return the guides that a rehearsal of a gap may hear: lost where they are lost in and around the gap itself.

        Args:
            run: the gap.
            place: where it is rehearsed; in a shorter one the same shares of it are lost.
        """
        beside, length = FULL // 2, self.gap.shape[-1]
        near = slice(max(0, run.start - beside), run.stop + beside)
        channels = [channel for own in self.names.values() for channel in own if self.gap[channel, near].any()]
        if run == place or not channels:
            return self
        first, last = max(-place.start, -run.start), min(length - place.stop, length - run.stop)
        inside = run.start + (torch.arange(len(place)) + 0.5).mul(len(run) / len(place)).long()
        source = torch.cat([run.start + torch.arange(first, 0), inside, run.stop + torch.arange(last)])
        gap = self.gap.clone()
        gap[channels, place.start + first : place.stop + last] |= self.gap[channels][:, source]
        return replace(self, audio=self.audio.masked_fill(gap, 0), gap=gap)

    def _sounds_in_part(self, channel: int, run: Gap) -> bool:
        known, least = mask_gaps(~self.gap[channel, run.start : run.stop]), min(GLANCE, len(run))
        return any(len(one) >= least and not lost_too(self.audio[channel], one.moved(run.start)) for one in known)

    def heard(
        self, name: str, longest: int, target: Tensor, lost: Tensor, context: Gap, run: Gap, sample_rate: int
    ) -> Heard | None:
        """Listen to the guides of a kind around a gap, each as much later as fits best.

        Args:
            name: of the kind.
            longest: coefficients of the longest response that is to be fitted.
            target: what is lost, (channel, time), in `context`.
            lost: where it is lost, or must not be looked at, the gap included, (time,).
            context: in the recording.
            run: the gap in the recording.
            sample_rate: Hz.

        Returns:
            None where no guide is known in the gap, or in enough of it. Of guides that are lost in some of it those are
            listened to that lost least.
        """
        most, half = round(_DELAY * sample_rate), longest // 2
        if not self.known(name, run, half):
            half = min(longest, FULL) // 2
        channels = self.known(name, run, half) or self.known_in_part(name, run)
        if not channels:
            return None
        beyond = most + half
        guides, missing = self._read(channels, Gap(context.start - beyond, context.stop + beyond))
        places = _delays(target.masked_fill(lost, 0), lost, guides, most, half)
        size, hole = target.shape[-1] + 2 * half, slice(run.start - context.start, run.stop - context.start + 2 * half)
        guides, missing = (
            torch.stack([rows[guide, most - delay :][:size] for guide, delay in places]) for rows in (guides, missing)
        )
        lacking = missing[:, hole].sum(-1)
        kept = (lacking == lacking.min()).nonzero()[:, 0]
        missing, inner = missing[kept].any(0), slice(hole.start + half, hole.stop - half)
        if max(map(len, mask_gaps(~missing[inner])), default=0) < min(GLANCE, len(run)):
            return None
        places = [(channels[guide], delay) for guide, delay in places]
        return Heard(guides[kept], missing, [places[i] for i in kept.tolist()])

    def besides(
        self, heard: Heard, matches: list[Match], run: Gap, context: Gap, sizes: Sequence[int], sample_rate: int
    ) -> list[Heard]:
        """Take from what is heard in a context what the guides repeat of themselves at the same matches.

        Args:
            heard: in the context.
            matches: of what is lost.
            run: the gap.
            context: in the recording.
            sizes: samples on each side of the gap to which the gains are fitted: what is left over, for each.
            sample_rate: Hz.
        """
        half = (heard.audio.shape[-1] - (context.stop - context.start)) // 2
        audio, missing, length = heard.audio.repeat(len(sizes), 1, 1), heard.missing.clone(), self.gap.shape[-1]
        for number, (channel, delay) in enumerate(heard.places):
            first, last = MARGIN - context.start + delay, length - MARGIN - context.stop + delay
            inside = [match for match in matches if first <= match.lag <= last]
            if inside:
                earlier = run.moved(-delay), context.moved(-delay)
                own = self.audio[channel : channel + 1], self.gap[channel]
                lost = self.gap[channel, earlier[1].start : earlier[1].stop].clone()
                lost[run.start - context.start : run.stop - context.start] = True
                sums = recollections(*own, inside, *earlier, sizes, sample_rate, lost)
                audio[:, number, half : audio.shape[-1] - half] -= torch.cat([total for total, _ in sums])
        audio[..., missing] = 0
        missing[:half], missing[len(missing) - half :] = True, True
        return [Heard(rows, missing, heard.places) for rows in audio]

    def _read(self, channels: list[int], place: Gap) -> tuple[Tensor, Tensor]:
        """Read guides and where they are lost, (guide, time); beyond the recording's ends they are silent."""
        length = self.gap.shape[-1]
        start, stop = min(max(0, place.start), length), max(0, min(place.stop, length))
        beyond = start - place.start, place.stop - stop
        audio, gap = (x[channels, start:stop] for x in (self.audio, self.gap))
        return pad(audio.double(), beyond), pad(gap, beyond, value=False)


def guides_of(known: Tensor, gap: Tensor, channels: Sequence[int], references: Mapping[int, str]) -> Guides | None:
    """Collect what may be listened to where some channels are lost: all others, by name; None if there are none.

    Where one of them fell silent by itself it is lost as well.

    Args:
        known: all channels, (channel, time), lost samples zero.
        gap: true = lost, (channel, time).
        channels: those that are restored.
        references: channels that are other recordings, with their names.
    """
    names: dict[str, list[int]] = {}
    for channel in range(len(known)):
        if channel not in channels:
            names.setdefault(references.get(channel, CHANNELS), []).append(channel)
    if not names:
        return None
    others, lost = [channel for own in names.values() for channel in own], gap[list(channels)].any(0)
    gap = gap.index_put((torch.tensor(others),), fallen(known[others], gap[others], known[list(channels)], lost))
    return Guides(known.masked_fill(gap, 0), gap, names)


def _delays(target: Tensor, lost: Tensor, guides: Tensor, most: int, short: int) -> list[tuple[int, int]]:
    """Find how many samples later than each guide the target is: 0 unless a delay fits much better.

    Args:
        target: (channel, time), zero where it is lost.
        lost: where that is, (time,).
        guides: (guide, time), `most + short` samples longer on both sides.
        most: samples, early or late.
        short: samples that a response makes up for by itself.

    Returns:
        Guides with their delays: each by that which fits all of the target, and by what fits one channel much better.
    """
    size, beyond = guides.shape[-1], most + short
    cross = torch.fft.rfft(target, size).conj()[:, None] * torch.fft.rfft(guides, size)
    cross = torch.cat([cross.sum(0, keepdim=True), cross]) if len(target) > 1 else cross
    # Half whitened: by all of its amplitude it would be that of the loudest tones, by none that of inaudible bands.
    likeness = torch.fft.irfft(cross / cross.abs().sqrt().clamp_min(1e-30), size)[..., : 2 * beyond + 1].abs()
    likeness = likeness[..., short : short + 2 * most + 1]

    def near(row: Tensor, delay: int) -> float:
        return float(row[max(0, most - delay - short) : most - delay + short + 1].max())

    def left(channels: Tensor, guide: int, delay: int) -> float:
        copy = guides[guide, beyond - delay :][: target.shape[-1]] * ~lost
        gains = channels @ copy / copy.square().sum().clamp_min(1e-30)
        return float((channels - gains[:, None] * copy).square().sum())

    best, found = (most - likeness.argmax(-1)).tolist(), []
    for number, rows in enumerate(likeness):
        channels = target[number - 1 : number] if number else target
        for guide, row in enumerate(rows):
            delay, others = best[number][guide], [delay for other, delay in found if other == guide] or [0]
            better = float(row.max()) > _DELAYED * max(near(row, other) for other in others)
            if better or left(channels, guide, delay) < _COPIED * min(left(channels, guide, other) for other in others):
                found.append((guide, delay))
            elif not number:
                found.append((guide, 0))
    return found
