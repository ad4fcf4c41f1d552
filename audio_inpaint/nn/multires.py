"""MultiRes blocks and Res paths (Ibtehaz & Rahman, 2020; deep-prior paper, Figs. 2-3), harmonic or plain.

Their anchors are those of Table I. Any network over (batch, channels, bins, frames) can use them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from audio_inpaint.nn.harmonic import HarmonicConv2d

SLOPE = 0.2  # of every LeakyReLU


def conv3x3(in_channels: int, out_channels: int, anchor: int | None, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size: harmonic with an anchor, plain (over neighbouring bins) with None."""
    if anchor is None:
        return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1)
    return HarmonicConv2d(in_channels, out_channels, anchor, stride=stride)


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and LeakyReLU, which the paper puts after each convolution (III-A)."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__(conv, nn.BatchNorm2d(conv.out_channels), nn.LeakyReLU(SLOPE, inplace=True))


class Downsampling(nn.Sequential):
    """A 3x3 convolution that halves both axes, and LeakyReLU; without norm, as the paper's parameters count.

    Args:
        channels: of input and output.
        harmonic: a harmonic convolution with anchor 1 (Table I), or a plain one.
    """

    def __init__(self, channels: int, harmonic: bool = True):
        conv = conv3x3(channels, channels, 1 if harmonic else None, stride=2)
        super().__init__(conv, nn.LeakyReLU(SLOPE, inplace=True))


class MultiResBlock(nn.Module):
    """Three 3x3 convolutions in series, their outputs concatenated, plus a 1x1 shortcut (Fig. 2).

    Args:
        in_channels: channels of the input.
        filters: channels of the three convolutions; the output has their sum.
        anchors: of the three convolutions (Table I); None makes them plain.
    """

    def __init__(
        self, in_channels: int, filters: Sequence[int] = (21, 42, 64), anchors: Sequence[int] | None = (2, 3, 4)
    ):
        super().__init__()
        widths = [in_channels, *filters]
        self.out_channels = sum(filters)
        self.series = nn.ModuleList(
            ConvNorm(conv3x3(a, b, anchor))
            for a, b, anchor in zip(widths, filters, anchors or [None] * len(filters), strict=False)
        )
        # a 1x1 convolution is harmonic with anchor 1 and a single harmonic: plain
        self.shortcut = ConvNorm(nn.Conv2d(in_channels, self.out_channels, 1))
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, bins, frames) to (batch, out_channels, bins, frames)."""
        outputs, y = [], x
        for layer in self.series:
            y = layer(y)
            outputs.append(y)
        return self.activation(torch.cat(outputs, 1).add_(self.shortcut(x)))


class ResPath(nn.Module):
    """A 3x3 convolution plus a 1x1 shortcut, in place of a skip connection (Fig. 3).

    Args:
        in_channels: channels of the encoder's feature map.
        out_channels: channels handed to the decoder.
        anchor: of the 3x3 convolution (Table I); None makes it plain.
    """

    def __init__(self, in_channels: int, out_channels: int = 128, anchor: int | None = 2):
        super().__init__()
        self.conv = ConvNorm(conv3x3(in_channels, out_channels, anchor))
        self.shortcut = ConvNorm(nn.Conv2d(in_channels, out_channels, 1))
        self.activation = nn.Sequential(nn.LeakyReLU(SLOPE, inplace=True), nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, bins, frames) to (batch, out_channels, bins, frames)."""
        return self.activation(self.shortcut(x) + self.conv(x))
