"""A small convolutional judge of spectrograms: does a stretch of it sound recorded, or filled?"""

from collections.abc import Sequence

from torch import Tensor, nn

from audio_inpaint.nn.multires import SLOPE


class Discriminator(nn.Sequential):
    """Maps of a spectrogram to a verdict on every patch of it: 1 for recorded, 0 for filled (Mao et al., 2017).

    Each layer but the last two halves the rows; frames stay as many, so that those of a gap can be told apart. A
    verdict sees 11 frames.

    Args:
        maps: channels of the input.
        widths: channels of the layers.
    """

    def __init__(self, maps: int = 2, widths: Sequence[int] = (16, 32, 48, 64)):
        layers: list[nn.Module] = []
        for number, (a, b) in enumerate(zip((maps, *widths), widths, strict=False)):
            stride = (2, 1) if number + 1 < len(widths) else (1, 1)
            layers += [nn.Conv2d(a, b, (5, 3), stride, padding=(2, 1)), nn.LeakyReLU(SLOPE)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, (3, 3), padding=1))

    def forward(self, maps: Tensor) -> Tensor:
        """Map (batch, map, row, frame) to (batch, 1, patch, frame)."""
        return super().forward(maps)
