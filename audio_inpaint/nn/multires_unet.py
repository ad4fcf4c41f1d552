"""The MultiResUNet of the deep-prior paper (Fig. 4), harmonic or plain: 2,015,252 parameters by default."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from audio_inpaint.nn.multires import Downsampling, MultiResBlock, ResPath


class MultiResUNet(nn.Module):
    """An encoder of MultiRes blocks, Res paths in place of skips, and a decoder of plain MultiRes blocks.

    Harmonic convolutions stand in the encoder's blocks, in the Res paths and in the downsampling; the decoder is plain.

    Args:
        in_channels: channels of the input noise.
        out_channels: channels of the output: real and imaginary part.
        filters: channels of the three convolutions of a MultiRes block. The paper prints 21, 43, 64, which would make
            2,040,563 parameters; its count is reached with 21, 42, 64.
        skip_channels: channels of the Res paths.
        depth: levels of the encoder; each but the last halves both axes.
        harmonic: harmonic convolutions (the method) or plain ones (the ablation of Fig. 6), with as many parameters.
    """

    def __init__(
        self,
        in_channels: int = 2,
        out_channels: int = 2,
        filters: Sequence[int] = (21, 42, 64),
        skip_channels: int = 128,
        depth: int = 5,
        harmonic: bool = True,
    ):
        super().__init__()
        self.in_channels = in_channels
        width = sum(filters)
        levels = range(depth - 1)
        anchors = (2, 3, 4) if harmonic else None
        self.encoder = nn.ModuleList(
            MultiResBlock(in_channels if level == 0 else width, filters, anchors) for level in range(depth)
        )
        self.down = nn.ModuleList(Downsampling(width, harmonic) for _ in levels)
        self.paths = nn.ModuleList(ResPath(width, skip_channels, 2 if harmonic else None) for _ in levels)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.decoder = nn.ModuleList(MultiResBlock(width + skip_channels, filters, None) for _ in levels)
        self.output = nn.Conv2d(width, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, bins, frames) to (batch, out_channels, bins, frames), of any size."""
        skips = []
        for block, path, down in zip(self.encoder, self.paths, self.down, strict=False):
            x = block(x)
            skips.append(path(x))
            x = down(x)
        x = self.encoder[-1](x)
        for block in self.decoder:
            skip = skips.pop()
            x = self.up(x)[:, :, : skip.shape[2], : skip.shape[3]]
            x = block(torch.cat([x, skip], 1))
        return self.output(x)
