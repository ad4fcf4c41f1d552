"""What a lost channel is predicted to be from those that are heard meanwhile.

Each is predicted by a two-sided finite impulse response, fitted by ridge regression to what is known beside the gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.signal import firwin
from torch import Tensor
from torch.nn.functional import conv1d

from audio_inpaint.gaps import Gap

# The penalty on the square of each coefficient, of the mean energy of all.
_RIDGE = 1e-3
# The same of a single coefficient, which is sure: only for two guides that are copies.
_LOADING = 1e-9
# Coefficients of a response that has one for every sample. A longer one goes on with a coefficient for every so many
# samples of what is low: another bass takes long, and little of it.
FULL = 129
_COARSE = 32
_BASS_RIDGE = 1e-6
# Coefficients in all: the equations stay small, and values enough for each.
_MOST = 520
# Values for each coefficient, at least.
_ENOUGH = 4
# Rows of equations that are summed up at once.
_BLOCK = 8192


@dataclass(frozen=True)
class Heard:
    """What guides play in a context and a little before and after it.

    Args:
        audio: (guide, time), longer than the context by the longest response less 1, half of that on each side.
        missing: where some guide is lost, (time,), as long as the audio.
        places: the channel of each guide, and how many samples later than in the recording it is heard.
    """

    audio: Tensor
    missing: Tensor
    places: list[tuple[int, int]]

    def cut(self, inner: slice, size: int) -> "Heard":
        """The same in a part of the context, which has this size."""
        longer = len(self.missing) - size
        return Heard(*(x[..., inner.start : inner.stop + longer] for x in (self.audio, self.missing)), self.places)

    def unheard(self, length: int, size: int) -> Tensor:
        """Where in a context of a size some guide is lost within reach of a response of a length, (size,)."""
        length = min(length, len(self.missing) - size + 1)
        spare = (len(self.missing) - size - length + 1) // 2
        return self.missing[spare : len(self.missing) - spare].unfold(-1, length, 1).any(-1)

    def share(self, whole: "Heard", run: Gap, context: Gap) -> float:
        """Return how much of what is heard in the gap this is, by energy."""
        half = (len(self.missing) - len(context)) // 2
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
            it is the target itself, so that nothing is left over; and zero where both are, but what shorter responses
            reach is predicted by these.
        """
        count, longest = len(self.audio), self.audio.shape[-1] - target.shape[-1] + 1
        unknown, half = self.unheard(longest, target.shape[-1]), longest // 2
        target = target.masked_fill(lost, 0)
        rows = (~lost & ~unknown).nonzero()[:, 0]
        if not len(rows):
            return torch.zeros(len(lengths), *target.shape, dtype=target.dtype).where(~unknown, target)
        # Constants say nothing of each other.
        offset, guides = (x.mean(-1, keepdim=True) for x in (target[:, rows], self.audio[:, half:][:, rows]))
        guides, target = self.audio - guides, target - offset
        guides = guides / guides.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-30)
        full = min(longest, FULL)
        beyond = (longest - full) // 2
        near = guides[:, beyond : guides.shape[-1] - beyond]
        gram = guides.new_zeros(count * full, count * full)
        shared, windows = guides.new_zeros(count * full, len(target)), near.unfold(-1, full, 1)
        for block in rows.split(_BLOCK):
            equations = windows[:, block].transpose(0, 1).reshape(len(block), -1)
            gram += equations.mT @ equations
            shared += equations.mT @ target[:, block].mT
        gram, shared = gram.reshape(count, full, count, full), shared.reshape(count, full, -1)
        most = min(_MOST, len(rows) // _ENOUGH) // count
        found = []
        for wanted in lengths:
            length = min(wanted, full, most - 1 + most % 2)
            if length < 1:
                found.append(torch.zeros_like(target))
                continue
            inner, size = slice((full - length) // 2, (full + length) // 2), count * length
            equations = gram[:, inner, :, inner].reshape(size, size)
            penalty = (_RIDGE if length > 1 else _LOADING) * equations.diagonal().mean() + 1e-30
            equations = equations + penalty * torch.eye(size, dtype=equations.dtype)
            response = torch.linalg.solve(equations, shared[:, inner].reshape(size, -1))
            signal = near[None, :, inner.start : near.shape[-1] - full + inner.stop]
            found.append(conv1d(signal, response.mT.reshape(len(target), count, length))[0])
            if wanted > full and beyond > 4 * _COARSE:
                found[-1] += _bass(guides, target - found[-1], rows)
        predicted, nearest = torch.where(unknown, target, torch.stack(found)) + offset, torch.zeros_like(target)
        for number in sorted(range(len(lengths)), key=lengths.__getitem__) if (unknown & lost).any() else ():
            unheard = self.unheard(lengths[number], target.shape[-1])
            nearest = torch.where(unheard, nearest, found[number] + offset)
            predicted[number][:, unknown & lost] = nearest[:, unknown & lost]
        return predicted


def _bass(guides: Tensor, rest: Tensor, rows: Tensor) -> Tensor:
    """Predict of what a response leaves over what is low, by a longer one.

    Args:
        guides: (guide, time), longer than the rest.
        rest: (channel, time).
        rows: the samples that are fitted.
    """
    taps = torch.from_numpy(firwin(8 * _COARSE + 1, 0.8 / _COARSE)).to(guides)
    low = conv1d(guides[:, None], taps[None, None])[:, 0]
    spare = (low.shape[-1] - rest.shape[-1]) // 2
    places = range(spare % _COARSE, 2 * spare + 1, _COARSE)
    windows = torch.cat([low[:, place : place + rest.shape[-1]] for place in places])
    equations = windows[:, rows]
    gram, shared = equations @ equations.mT, equations @ rest[:, rows].mT
    penalty = _BASS_RIDGE * gram.diagonal().mean() + 1e-30
    return (windows.mT @ torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=gram.dtype), shared)).mT
