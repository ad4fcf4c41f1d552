"""The context encoder (Marafioti et al., 2019, Fig. 3): two contexts in, the gap between them out."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from audio_inpaint.nn.multires import SLOPE, Downsampling, MultiResBlock
from audio_inpaint.nn.same_padding import SameConv2d, SameConvTranspose2d

# Real and imaginary part of the context before the gap and of the one after it.
INPUTS = 4
# The code is seen as a picture of this size, which the first two layers of the decoder enlarge to 32 x 32.
_SEED = 8
_EPSILON, _MOMENTUM = 1e-3, 0.01  # of the batch norms: TensorFlow's defaults
# (freq, time) kernel and stride of each layer of the encoder
KERNELS = ((89, 7), (17, 3), (11, 2), (9, 1), (5, 1), (5, 2))
STRIDES = ((2, 2), (3, 2), (3, 2), (2, 1), (1, 1), (1, 1))


class _Layer(nn.Sequential):
    """A linear layer, ReLU and batch norm, in the paper's order."""

    def __init__(self, linear: nn.Module, features: int):
        norm = nn.BatchNorm1d if isinstance(linear, nn.Linear) else nn.BatchNorm2d
        super().__init__(linear, nn.ReLU(inplace=True), norm(features, eps=_EPSILON, momentum=_MOMENTUM))


class ConvolutionalEncoder(nn.Sequential):
    """The paper's encoder: six strided convolutions with kernels that are long in frequency.

    Args:
        bins: of the contexts' spectrograms.
        frames: of one context.
        channels: of the six layers.
        kernels: their (freq, time) sizes.

    Raises:
        ValueError: fewer than 37 bins, of which the strides leave one: torch 2.11 computes a wrong gradient there, on
            a CPU, for the batch norm in front of the flattening.
    """

    def __init__(
        self,
        bins: int,
        frames: int,
        channels: Sequence[int] = (32, 128, 512, 256, 160, 128),
        kernels: Sequence[tuple[int, int]] = KERNELS,
    ):
        widths = [INPUTS, *channels]
        super().__init__(
            *(
                _Layer(SameConv2d(a, b, tuple(kernel), stride), b)
                for a, b, kernel, stride in zip(widths, channels, kernels, STRIDES, strict=False)
            )
        )
        for freq, time in STRIDES:
            bins, frames = -(-bins // freq), -(-frames // time)
        if bins == 1:
            raise ValueError("a convolutional encoder needs spectrograms of at least 37 bins: n_fft of 72 or more")
        self.features = channels[-1] * bins * frames


class MultiResEncoder(nn.Sequential):
    """An encoder of the deep prior's layers: MultiRes blocks with harmonic convolutions, each halving both axes.

    Args:
        bins: of the contexts' spectrograms.
        frames: of one context.
        filters: channels of the three convolutions of a MultiRes block.
        depth: halvings.
        channels: what is left of the channels at the end.
        harmonic: harmonic convolutions or plain ones, with as many parameters.
    """

    def __init__(
        self,
        bins: int,
        frames: int,
        filters: Sequence[int] = (21, 42, 64),
        depth: int = 3,
        channels: int = 32,
        harmonic: bool = True,
    ):
        width, anchors = sum(filters), (2, 3, 4) if harmonic else None
        layers: list[nn.Module] = []
        for level in range(depth):
            layers += [MultiResBlock(width if level else INPUTS, filters, anchors), Downsampling(width, harmonic)]
            bins, frames = -(-bins // 2), -(-frames // 2)
        layers += [nn.Conv2d(width, channels, 1), nn.LeakyReLU(SLOPE, inplace=True), nn.BatchNorm2d(channels)]
        super().__init__(*layers)
        self.features = channels * bins * frames


class ContextEncoder(nn.Module):
    """Maps the spectrograms of two contexts to that of the gap between them.

    All sizes follow from the first four arguments; the published ones are 257, 16, 11 and 1 or 2, and make 11,169,272
    and 11,259,736 parameters. There are no biases. The two raw reshapes of the decoder, from 32 x 32 places with
    `bins` channels to 8 x `bins` places with 128, and from 16 x 2 `bins` places to `gap_frames` x `bins`, are the
    published code's, and fit for any size.

    Args:
        bins: of all spectrograms.
        context_frames: of each context.
        gap_frames: of the gap.
        parts: of each of the gap's coefficients: 1 for magnitudes, 2 for real and imaginary parts.
        encoder: makes the encoder from `bins` and `context_frames`; it has `features` outputs.
        code: features of the fully connected layer; a multiple of 64.
        channels: of the decoder's first two layers.
        kernels: (freq, time) sizes of the decoder's first four layers.
        last_kernel: bins that the last layer spans; None for all. In time it spans the gap.
    """

    def __init__(
        self,
        bins: int,
        context_frames: int,
        gap_frames: int,
        parts: int,
        encoder: Callable[[int, int], nn.Module] = ConvolutionalEncoder,
        code: int = 2048,
        channels: tuple[int, int] = (128, 512),
        kernels: Sequence[tuple[int, int]] = ((8, 8), (5, 5), (3, 3), (67, 5)),
        last_kernel: int | None = None,
    ):
        super().__init__()
        if code % _SEED**2:
            raise ValueError(f"the code has a multiple of {_SEED**2} features, not {code}")
        self.bins, self.gap_frames, self.parts = bins, gap_frames, parts
        self.encoder = encoder(bins, context_frames)
        self.code = _Layer(nn.Linear(self.encoder.features, code, bias=False), code)
        self.enlarge = nn.Sequential(
            _Layer(SameConvTranspose2d(code // _SEED**2, channels[0], tuple(kernels[0]), (2, 2)), channels[0]),
            _Layer(SameConvTranspose2d(channels[0], channels[1], tuple(kernels[1]), (2, 2)), channels[1]),
            _Layer(SameConvTranspose2d(channels[1], bins, tuple(kernels[2])), bins),
        )
        self.unfold = _Layer(SameConvTranspose2d(128, gap_frames, tuple(kernels[3]), (2, 2)), gap_frames)
        self.output = SameConvTranspose2d(32, parts, (last_kernel or bins, gap_frames))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, contexts: Tensor) -> Tensor:
        """Map (batch, 4, freq, context frame) to (batch, parts, freq, gap frame).

        The four are the real and imaginary part of the context before the gap, then of the one after it.
        """
        # The published order of memory is (frame, freq, channel): flattening and reshaping follow it.
        code = self.code(_turned(self.encoder(contexts)).flatten(1))
        y = self.enlarge(_turned(code.unflatten(1, (_SEED, _SEED, -1))))
        y = self.unfold(_turned(_turned(y).reshape(len(y), _SEED, self.bins, -1)))
        return self.output(_turned(_turned(y).reshape(len(y), self.gap_frames, self.bins, -1)))


def _turned(x: Tensor) -> Tensor:
    """(batch, channel, freq, frame) to (batch, frame, freq, channel), and back."""
    return x.permute(0, 3, 2, 1)
