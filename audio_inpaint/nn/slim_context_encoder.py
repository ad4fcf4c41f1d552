"""A context encoder for two CPU cores: it keeps every bin's place, and begins from an interpolation of magnitudes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from audio_inpaint.nn.multires import MultiResBlock

_QUIETEST = 1e-3  # of a normalised coefficient, below which compression is linear


def compressed(z: Tensor) -> Tensor:
    """Square root of the magnitude of real or complex coefficients, the phase kept: tones do not drown the rest."""
    return z / (z.abs() + _QUIETEST).sqrt()


class _Residual(nn.Module):
    """Two convolutions over frequency beside a shortcut, each after batch norm and GELU."""

    def __init__(self, channels: int, kernel: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, (1, kernel), padding=(0, kernel // 2)),
            nn.BatchNorm2d(channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, 1, bins) to the same."""
        return x + self.layers(x)


class SlimContextEncoder(nn.Module):
    """Maps the spectrograms of two contexts to that of the gap between them, bin by bin.

    MultiRes blocks look at the contexts over frequency and time; then the frames become channels, and residual blocks
    over frequency find the gap's. Magnitudes are compressed by a square root on the way in; magnitudes that come out
    are the square of a learned interpolation of the contexts' plus what the blocks add.

    Args:
        bins: of all spectrograms; any number will do.
        context_frames: of each context.
        gap_frames: of the gap.
        parts: of each of the gap's coefficients: 1 for magnitudes, 2 for real and imaginary parts.
        filters: channels of the three convolutions of a MultiRes block.
        blocks: MultiRes blocks, each but the first after halving the frames.
        harmonic: harmonic convolutions in them, or plain ones with as many parameters.
        channels: of the residual blocks.
        depth: residual blocks.
        kernel: bins that each of them looks at.
    """

    def __init__(
        self,
        bins: int,
        context_frames: int,
        gap_frames: int,
        parts: int,
        filters: Sequence[int] = (8, 8, 16),
        blocks: int = 2,
        harmonic: bool = False,
        channels: int = 192,
        depth: int = 6,
        kernel: int = 7,
    ):
        super().__init__()
        self.parts, self.gap_frames = parts, gap_frames
        width, frames, seen = sum(filters), context_frames, 6
        self.blocks = nn.ModuleList()
        for _ in range(blocks):
            self.blocks.append(MultiResBlock(seen, filters, (2, 3, 4) if harmonic else None))
            seen = width
        for _ in range(blocks - 1):
            frames = -(-frames // 2)
        self.halve = nn.AvgPool2d((1, 2), ceil_mode=True)
        self.mix = nn.Conv2d(seen * frames + 6 * context_frames, channels, 1)
        self.residual = nn.Sequential(*(_Residual(channels, kernel) for _ in range(depth)))
        if parts == 1:
            self.interpolate = nn.Conv2d(2 * context_frames, gap_frames, 1)
            nn.init.constant_(self.interpolate.weight, 1 / (2 * context_frames))
        self.output = nn.Conv2d(channels, parts * gap_frames, 1)
        if parts == 1:
            nn.init.zeros_(self.output.weight)

    def forward(self, contexts: Tensor) -> Tensor:
        """Map (batch, 4, freq, context frame) to (batch, parts, freq, gap frame).

        The four are the real and imaginary part of the context before the gap, then of the one after it.
        """
        spectra = compressed(torch.view_as_complex(contexts.unflatten(1, (2, 2)).movedim(2, -1).contiguous()))
        magnitudes = spectra.abs()
        features = torch.cat([spectra.real, spectra.imag, magnitudes], 1)
        x = features.contiguous(memory_format=torch.channels_last)
        for number, block in enumerate(self.blocks):
            x = block(self.halve(x) if number else x)
        y = self.residual(self.mix(torch.cat([_frames_as_channels(x), _frames_as_channels(features)], 1)))
        y = self.output(y).float().squeeze(2).unflatten(1, (self.parts, self.gap_frames)).transpose(2, 3)
        if self.parts == 1:
            y = y + self.interpolate(_frames_as_channels(magnitudes)).float().transpose(1, 2).transpose(2, 3)
            return y.clamp(min=0).square()
        return y * (torch.linalg.vector_norm(y, dim=1, keepdim=True) + _QUIETEST**0.5)  # nearly undoes `compressed`


def _frames_as_channels(x: Tensor) -> Tensor:
    """(batch, channel, freq, frame) to (batch, channel * frame, 1, freq), which oneDNN convolves faster than 1-d."""
    return x.transpose(2, 3).flatten(1, 2).unsqueeze(2).contiguous(memory_format=torch.channels_last)
