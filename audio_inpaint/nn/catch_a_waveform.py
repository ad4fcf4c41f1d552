"""Catch-A-Waveform's two networks, the same at every scale: stacks of dilated convolutions over raw samples.

Source: Greshler, Shaham and Michaeli, 2021, "Catch-A-Waveform: Learning to generate audio from a single short example".
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch.nn.utils.parametrizations import weight_norm

KERNEL = 9
DILATIONS = tuple(2**i for i in range(8))
FIELD = 1 + (KERNEL - 1) * sum(DILATIONS)  # samples that one output depends on: 2041
_SLOPE = 0.2
_PRE_EMPHASIS = 0.97


class FoldedConv1d(nn.Conv1d):
    """A dilated convolution as a dense one over the signal folded to rows of `dilation` samples.

    The processor's dilated convolution takes twice as long forwards and backwards, on long signals, for the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, time) to (batch, channel, time less the kernel's span)."""
        dilation, length = self.dilation[0], x.shape[-1] - (self.kernel_size[0] - 1) * self.dilation[0]
        rows = pad(x, (0, -x.shape[-1] % dilation)).unflatten(-1, (-1, dilation))
        return conv2d(rows, self.weight[..., None], self.bias).flatten(-2)[..., :length]


class DilatedConvolutions(nn.Sequential):
    """Eight weight-normed convolutions, each with batch norm and LeakyReLU: (batch, channel, time) loses 2040 samples.

    The norm always takes the statistics of its input, for there is only one signal, and no other is ever put in.

    Args:
        in_channels: of the signal.
        width: channels of every convolution.
    """

    def __init__(self, in_channels: int, width: int):
        widths = [in_channels, *[width] * len(DILATIONS)]
        super().__init__(
            *(
                nn.Sequential(
                    weight_norm((FoldedConv1d if dilation > 1 else nn.Conv1d)(a, width, KERNEL, dilation=dilation)),
                    nn.BatchNorm1d(width, track_running_stats=False),
                    nn.LeakyReLU(_SLOPE, inplace=True),
                )
                for a, dilation in zip(widths, DILATIONS, strict=False)
            )
        )


class Generator(nn.Module):
    """Adds to the upsampled output of the scale before what it lacks at this one.

    Args:
        channels: of the signal.
        width: channels inside.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.body = DilatedConvolutions(channels, width)
        self.output = nn.Conv1d(width, channels, 1)

    def forward(self, noise: Tensor, previous: Tensor) -> Tensor:
        """Map noise and the scale before, both (batch, channel, time), to this scale's signal of the same shape."""
        features = self.body(pad(noise + previous, (FIELD // 2, FIELD // 2)))
        added = self.output(features.tanh() * features.sigmoid())
        return previous + added - _PRE_EMPHASIS * pad(added, (1, -1))


class Critic(nn.Module):
    """Scores how real each stretch of 2041 samples is; the higher the more.

    Args:
        channels: of the signal.
        width: channels inside.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.body = DilatedConvolutions(channels, width)
        self.output = nn.Conv1d(width, 1, 1)

    def forward(self, signal: Tensor) -> Tensor:
        """Map (batch, channel, time) to (batch, 1, time - 2040): score `t` has seen the samples from t to t + 2040."""
        return self.output(self.body(signal))


def judged(gap: Tensor) -> Tensor:
    """Tell which scores of a critic have no lost sample in their receptive field.

    Args:
        gap: true = lost, (time,).

    Returns:
        (time - 2040,) boolean; empty for a shorter signal.
    """
    lost = pad(gap.to(torch.int64).cumsum(0), (1, 0))
    return lost[FIELD:] == lost[:-FIELD]


def fields(scores: Tensor) -> Tensor:
    """Tell which samples lie in the receptive field of at least one of the chosen scores.

    Args:
        scores: true = chosen, (time - 2040,).

    Returns:
        (time,) boolean.
    """
    chosen = pad(scores.to(torch.int64), (FIELD, FIELD - 1)).cumsum(0)
    return chosen[FIELD:] > chosen[:-FIELD]
