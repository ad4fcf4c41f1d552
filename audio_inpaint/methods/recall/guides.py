"""What plays meanwhile: channels that are known where others lost samples, and what they say of these.

Each lost channel is predicted from its guides by a two-sided finite impulse response, fitted by ridge regression to what
is known of both beside the gap. A guide may be delayed, inverted, equalised, silent, or a copy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from audio_inpaint.gaps import Gap

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

    def known(self, name: str, run: Gap, beside: int) -> list[int]:
        """Return the channels of a kind that are known in a gap and `beside` it, and sound in it."""
        place = slice(max(0, run.start - beside), run.stop + beside)
        return [
            channel
            for channel in self.names[name]
            if not self.gap[channel, place].any() and self.audio[channel, run.start : run.stop].any()
        ]

    def predictions(
        self, name: str, lengths: Sequence[int], target: Tensor, lost: Tensor, context: Gap, run: Gap, sample_rate: int
    ) -> Tensor | None:
        """Predict channels in a gap and around it from the guides of a kind.

        Args:
            name: of the kind.
            lengths: odd numbers of coefficients for each guide: a response, and a prediction, for each.
            target: what is predicted, (channel, time), in `context`.
            lost: where it is lost, or must not be looked at, the gap included, (time,).
            context: in the recording.
            run: the gap in the recording.
            sample_rate: Hz.

        Returns:
            (length, channel, time). Where a guide is lost, beside the gap, it is the target itself: nothing is left
            over. None where no guide is known in the gap, or too little is known beside it.
        """
        most, half = round(_DELAY * sample_rate), max(lengths) // 2
        channels = self.known(name, run, half)
        if not channels:
            return None
        beyond = most + half
        place = Gap(context.start - beyond, context.stop + beyond)
        guides, missing = self._read(channels, place)
        delays = _delays(target.masked_fill(lost, 0), guides, most, half)
        first = [beyond - delay for delay in delays]  # of the sample that meets the target's first without delay
        hole = slice(run.start - context.start, run.stop - context.start)
        size = target.shape[-1]
        guides, missing = (
            torch.stack([row[at - half : at + half + size] for row, at in zip(rows, first, strict=True)])
            for rows in (guides, missing)
        )
        kept = ~missing[:, hole.start : hole.stop + 2 * half].any(-1)
        if not kept.any():
            return None
        guides, missing = guides[kept], missing[kept]
        unknown = missing.unfold(-1, 2 * half + 1, 1).any(-1).any(0)
        return _predicted(target, ~lost & ~unknown, guides, unknown, lengths)

    def _read(self, channels: list[int], place: Gap) -> tuple[Tensor, Tensor]:
        """Read guides and where they are lost, (guide, time); beyond the recording's ends they are silent."""
        length = self.gap.shape[-1]
        start, stop = min(max(0, place.start), length), max(0, min(place.stop, length))
        beyond = start - place.start, place.stop - stop
        audio, gap = (x[channels, start:stop] for x in (self.audio, self.gap))
        return pad(audio.double(), beyond), pad(gap, beyond, value=False)


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


def _predicted(
    target: Tensor, rows: Tensor, guides: Tensor, unknown: Tensor, lengths: Sequence[int]
) -> Tensor | None:
    """Fit responses where `rows` is true, (time,), and apply them; guides are longer by the longest response less 1."""
    longest, count = guides.shape[-1] - target.shape[-1] + 1, len(guides)
    level = guides.square().mean(-1, keepdim=True).sqrt()
    guides, heard = guides / level.clamp_min(1e-30), rows.nonzero()[:, 0]
    windows = guides.unfold(-1, longest, 1)
    gram, shared = guides.new_zeros(count * longest, count * longest), guides.new_zeros(count * longest, len(target))
    for block in heard.split(_BLOCK):
        equations = windows[:, block].transpose(0, 1).reshape(len(block), -1)
        gram += equations.mT @ equations
        shared += equations.mT @ target[:, block].mT
    gram, shared = gram.reshape(count, longest, count, longest), shared.reshape(count, longest, -1)
    found = []
    most = min(_MOST, len(heard) // _ENOUGH) // count
    if not most:
        return None
    for length in lengths:
        length = min(length, most - 1 + most % 2)
        inner = slice((longest - length) // 2, (longest + length) // 2)
        some = gram[:, inner, :, inner].reshape(count * length, count * length)
        penalty = (_RIDGE if length > 1 else 1e-9) * some.diagonal().mean() + 1e-30
        equations = some + penalty * torch.eye(len(some), dtype=some.dtype)
        response = torch.linalg.solve(equations, shared[:, inner].reshape(count * length, -1))
        response = response.mT.reshape(len(target), count, length)
        signal = guides[:, inner.start : guides.shape[-1] - inner.start]
        found.append(conv1d(signal[None], response)[0])
    return torch.where(unknown, target, torch.stack(found))
