"""A small U-Net over frequency and time that says of each bin of a fill how much louder or quieter it ought to be."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from audio_inpaint.nn.multires import conv3x3

# What is known of each bin of a fill: see `methods.refiner.observation`.
MAPS = (
    "level", "fill", "janssen", "spread", "spread_of_fill", "step", "variation", "lost", "since", "until", "length",
    "octave", "frequency", "rehearsed_level", "rehearsed_error", "expected_error", "least_error", "expected_snr",
)  # fmt: skip


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut, each after batch norm and GELU; the first one harmonic if asked."""

    def __init__(self, channels: int, harmonic: bool):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.GELU(),
            conv3x3(channels, channels, 1 if harmonic else None),
            nn.BatchNorm2d(channels),
            nn.GELU(),
            conv3x3(channels, channels, None),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, row, frame) to the same."""
        return x + self.layers(x)


class Refiner(nn.Module):
    """Maps of a fill, its surroundings and the evidence to two numbers for each bin: of a gain, and of a share.

    Each level but the last halves the rows, and from the second on the frames too; the way back adds what each level
    saw. Any number of rows and frames will do. Before training all that comes out is zero.

    Args:
        widths: channels of each level, the first at full resolution.
        depths: residual blocks of each level, on the way in and, but for the last, on the way back.
        harmonic: harmonic convolutions in the blocks of the second level, or plain ones with as many parameters.
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 24, 48, 96),
        depths: Sequence[int] = (0, 1, 1, 2),
        harmonic: bool = False,
    ):
        super().__init__()

        def level(number: int) -> nn.Sequential:
            return nn.Sequential(*(_Residual(widths[number], harmonic and number == 1) for _ in range(depths[number])))

        last, maps = len(widths) - 1, len(MAPS)
        self.strides = [(2, 1) if number == 0 else (2, 2) for number in range(last)]
        self.stem = nn.Conv2d(maps, widths[0], 3, padding=1)
        self.inwards = nn.ModuleList(level(number) for number in range(last + 1))
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, stride, stride) for a, b, stride in zip(widths, widths[1:], self.strides, strict=False)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.back = nn.ModuleList(level(number) for number in range(last))
        self.mix = nn.Conv2d(widths[0] + maps, widths[0], 3, padding=1)
        self.output = nn.Conv2d(widths[0], 2, 3, padding=1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (batch, map, row, frame) to (batch, 2, row, frame)."""
        x, kept = self.inwards[0](self.stem(maps)), []
        for down, inwards, stride in zip(self.down, self.inwards[1:], self.strides, strict=True):
            kept.append(x)
            x = inwards(down(_padded(x, stride)))
        for up, back, before in reversed(list(zip(self.up, self.back, kept, strict=True))):
            x = back(before + _enlarged(up(x), before))
        x = nn.functional.gelu(self.mix(torch.cat([nn.functional.gelu(x), maps], 1)))
        return self.output(x)


def _padded(x: Tensor, stride: tuple[int, int]) -> Tensor:
    """Repeat the last row and frame, so that the stride divides their number."""
    rows, frames = (-size % step for size, step in zip(x.shape[-2:], stride, strict=True))
    return nn.functional.pad(x, (0, frames, 0, rows), mode="replicate") if rows or frames else x


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    rows, frames = (-(-a // b) for a, b in zip(like.shape[-2:], x.shape[-2:], strict=True))
    return interpolate(x, scale_factor=(rows, frames), mode="nearest")[..., : like.shape[-2], : like.shape[-1]]
