"""The plain U-Net (Ronneberger et al., 2015) of the deep-prior paper's comparison: 2,158,578 parameters by default."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


class UNet(nn.Module):
    """Two 3x3 convolutions a level, each with ReLU, max pooling down, nearest upsampling with a 3x3 convolution up.

    The paper's count is that of an up-convolution which halves the channels, biases everywhere, normalisation without
    parameters and a 1x1 output: encoder 1,178,624 + up-convolutions 391,920 + decoder 588,000 + output 34. As in the
    published code, the encoder alone is normalised, and nothing follows an up-convolution. Unlike there, maps of odd
    size are pooled with their last row, so that the output has the input's size.

    Args:
        in_channels: channels of the input noise.
        out_channels: channels of the output.
        widths: channels of each level; the last is the bottom.
        norm: instance norm without parameters after each convolution of the encoder, or none.
    """

    def __init__(
        self,
        in_channels: int = 2,
        out_channels: int = 2,
        widths: Sequence[int] = (16, 32, 64, 128, 256),
        norm: bool = True,
    ):
        super().__init__()
        self.in_channels = in_channels

        def conv(a: int, b: int, norm: bool) -> list[nn.Module]:
            layers = [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(inplace=True)]
            return [layers[0], nn.InstanceNorm2d(b), layers[1]] if norm else layers

        def double(a: int, b: int, norm: bool) -> nn.Sequential:
            return nn.Sequential(*conv(a, b, norm), *conv(b, b, norm))

        self.encoder = nn.ModuleList(double(a, b, norm) for a, b in zip([in_channels, *widths], widths, strict=False))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        downwards = list(reversed(widths))
        steps = list(itertools.pairwise(downwards))
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in steps)
        self.decoder = nn.ModuleList(double(2 * b, b, norm=False) for _, b in steps)
        self.output = nn.Conv2d(widths[0], out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, bins, frames) to (batch, out_channels, bins, frames), of any size."""
        skips = []
        for block in self.encoder[:-1]:
            skips.append(block(x))
            x = self.pool(skips[-1])
        x = self.encoder[-1](x)
        for up, block in zip(self.up, self.decoder, strict=True):
            skip = skips.pop()
            x = up(interpolate(x, scale_factor=2, mode="nearest")[:, :, : skip.shape[2], : skip.shape[3]])
            x = block(torch.cat([x, skip], 1))
        return self.output(x)
