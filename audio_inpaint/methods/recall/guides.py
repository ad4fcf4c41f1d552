"""What plays meanwhile: channels that are known where others lost samples, and what they say of these.

Each lost channel is predicted from its guides by a two-sided finite impulse response, fitted by ridge regression to
what is known of both beside the gap. A guide may be delayed, inverted, equalised, silent, or a copy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from audio_inpaint.dsp.template_search import Match
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.recall.recollection import MARGIN, recollection

# What the other channels of the same recording are called.
CHANNELS = "channels"
# Seconds on each side of a gap that a response is fitted to.
NEAR = 0.25
# Seconds that a guide may be early or late, as those of spaced microphones are.
_DELAY = 0.02
# How much better a delay must fit than none: periodic sound fits at many.
_DELAYED = 1.5
# The penalty on the square of each coefficient, of the mean energy of all.
_RIDGE = 1e-3
# The same of a single coefficient, which is sure: only for two guides that are copies.
_LOADING = 1e-9
# Coefficients in all: the equations stay small, and values enough for each.
_MOST = 520
# Values for each coefficient, at least.
_ENOUGH = 4
# Rows of equations that are summed up at once.
_BLOCK = 8192


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
            if not self.gap[channel, place].any() and self.audio[channel, run.start : run.stop].any()
        ]

    def any_known(self, run: Gap) -> bool:
        """Whether there is a guide to a gap."""
        return any(self.known(name, run) for name in self.names)

    def heard(
        self, name: str, longest: int, target: Tensor, lost: Tensor, context: Gap, run: Gap, sample_rate: int
    ) -> "Heard | None":
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
            None where no guide is known in the gap.
        """
        most, half = round(_DELAY * sample_rate), longest // 2
        channels = self.known(name, run, half)
        if not channels:
            return None
        beyond = most + half
        guides, missing = self._read(channels, Gap(context.start - beyond, context.stop + beyond))
        delays = _delays(target.masked_fill(lost, 0), guides, most, half)
        size, hole = target.shape[-1] + 2 * half, slice(run.start - context.start, run.stop - context.start + 2 * half)
        guides, missing = (
            torch.stack([row[most - delay :][:size] for row, delay in zip(rows, delays, strict=True)])
            for rows in (guides, missing)
        )
        kept = (~missing[:, hole].any(-1)).nonzero()[:, 0]
        if not len(kept):
            return None
        unknown = missing[kept].unfold(-1, 2 * half + 1, 1).any(-1).any(0)
        return Heard(guides[kept], unknown, [(channels[i], delays[i]) for i in kept.tolist()])

    def besides(
        self, heard: "Heard", matches: list[Match], run: Gap, context: Gap, size: int, sample_rate: int
    ) -> "Heard":
        """Take from what is heard in a context what the guides repeat of themselves at the same matches.

        Args:
            heard: in the context.
            matches: of what is lost.
            run: the gap.
            context: in the recording.
            size: samples on each side of the gap to which the gains are fitted.
            sample_rate: Hz.
        """
        half = (heard.audio.shape[-1] - (context.stop - context.start)) // 2
        audio, unknown, length = heard.audio.clone(), heard.unknown.clone(), self.gap.shape[-1]
        for row, (channel, delay) in zip(audio, heard.places, strict=True):
            first, last = MARGIN - context.start + delay, length - MARGIN - context.stop + delay
            inside = [match for match in matches if first <= match.lag <= last]
            if inside:
                earlier = run.moved(-delay), context.moved(-delay)
                own = self.audio[channel : channel + 1], self.gap[channel]
                row[half : len(row) - half] -= recollection(*own, *earlier, inside, size, sample_rate)[0][0]
        unknown[:half], unknown[len(unknown) - half :] = True, True
        return Heard(audio, unknown, heard.places)

    def _read(self, channels: list[int], place: Gap) -> tuple[Tensor, Tensor]:
        """Read guides and where they are lost, (guide, time); beyond the recording's ends they are silent."""
        length = self.gap.shape[-1]
        start, stop = min(max(0, place.start), length), max(0, min(place.stop, length))
        beyond = start - place.start, place.stop - stop
        audio, gap = (x[channels, start:stop] for x in (self.audio, self.gap))
        return pad(audio.double(), beyond), pad(gap, beyond, value=False)


@dataclass(frozen=True)
class Heard:
    """What guides play in a context and a little before and after it.

    Args:
        audio: (guide, time), longer than the context by the longest response less 1, half of that on each side.
        unknown: where some guide is lost within reach of that response, (time,) of the context.
        places: the channel of each guide, and how many samples later than in the recording it is heard.
    """

    audio: Tensor
    unknown: Tensor
    places: list[tuple[int, int]]

    def cut(self, inner: slice) -> "Heard":
        """The same in a part of the context."""
        longer = self.audio.shape[-1] - len(self.unknown)
        return Heard(self.audio[:, inner.start : inner.stop + longer], self.unknown[inner], self.places)

    def share(self, whole: "Heard", run: Gap, context: Gap) -> float:
        """Return how much of what is heard in the gap this is, by energy."""
        half = (self.audio.shape[-1] - len(self.unknown)) // 2
        hole = slice(run.start - context.start + half, run.stop - context.start + half)
        return float(self.audio[:, hole].square().sum() / whole.audio[:, hole].square().sum().clamp_min(1e-30))

    def predictions(self, target: Tensor, lost: Tensor, lengths: Sequence[int]) -> Tensor:
        """Predict what is lost.

        Args:
            target: (channel, time) of the context.
            lost: where it is lost, or must not be looked at, (time,).
            lengths: odd numbers of coefficients for each guide: a response, and a prediction, for each.

        Returns:
            (length, channel, time), with fewer coefficients where too little is known for them. Where a guide is lost
            it is the target itself, so that nothing is left over.
        """
        count, longest = len(self.audio), self.audio.shape[-1] - target.shape[-1] + 1
        level = self.audio.square().mean(-1, keepdim=True).sqrt()
        guides, rows = self.audio / level.clamp_min(1e-30), (~lost & ~self.unknown).nonzero()[:, 0]
        gram = guides.new_zeros(count * longest, count * longest)
        shared, windows = guides.new_zeros(count * longest, len(target)), guides.unfold(-1, longest, 1)
        for block in rows.split(_BLOCK):
            equations = windows[:, block].transpose(0, 1).reshape(len(block), -1)
            gram += equations.mT @ equations
            shared += equations.mT @ target[:, block].mT
        gram, shared = gram.reshape(count, longest, count, longest), shared.reshape(count, longest, -1)
        most = min(_MOST, len(rows) // _ENOUGH) // count
        found = []
        for length in lengths:
            length = min(length, most - 1 + most % 2)
            if length < 1:
                found.append(torch.zeros_like(target))
                continue
            inner, size = slice((longest - length) // 2, (longest + length) // 2), count * length
            equations = gram[:, inner, :, inner].reshape(size, size)
            penalty = (_RIDGE if length > 1 else _LOADING) * equations.diagonal().mean() + 1e-30
            equations = equations + penalty * torch.eye(size, dtype=equations.dtype)
            response = torch.linalg.solve(equations, shared[:, inner].reshape(size, -1))
            signal = guides[None, :, inner.start : guides.shape[-1] - inner.start]
            found.append(conv1d(signal, response.mT.reshape(len(target), count, length))[0])
        return torch.where(self.unknown, target, torch.stack(found))


def guides_of(known: Tensor, gap: Tensor, channels: Sequence[int], references: Mapping[int, str]) -> Guides | None:
    """Collect what may be listened to where some channels are lost: all others, by name; None if there are none.

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
    return Guides(known, gap, names) if names else None


def _delays(target: Tensor, guides: Tensor, most: int, short: int) -> list[int]:
    """Find how many samples later than each guide the target is: 0 unless a delay fits much better.

    Args:
        target: (channel, time), zero where it is lost.
        guides: (guide, time), `most + short` samples longer on both sides.
        most: samples, early or late.
        short: samples that a response makes up for by itself.
    """
    size, beyond = guides.shape[-1], most + short
    cross = (torch.fft.rfft(target, size).conj()[:, None] * torch.fft.rfft(guides, size)).sum(0)
    # Half whitened: by all of its amplitude it would be that of the loudest tones, by none that of inaudible bands.
    likeness = torch.fft.irfft(cross / cross.abs().sqrt().clamp_min(1e-30), size)[:, : 2 * beyond + 1].abs()
    likeness = likeness[:, short : short + 2 * most + 1]
    near = likeness[:, max(0, most - short) : most + short + 1].amax(-1)
    best = likeness.amax(-1)
    places = most - likeness.argmax(-1)
    return torch.where(best > _DELAYED * near, places, 0).tolist()
