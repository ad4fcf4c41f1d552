"""Strided convolutions whose sizes depend on the stride alone, as TensorFlow's `SAME` padding has it."""

from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, pad


class SameConv2d(nn.Conv2d):
    """A convolution without bias that maps a size `n` to `ceil(n / stride)`; the odd zero goes to the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)):
        super().__init__(in_channels, out_channels, kernel, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, rows, columns) to (batch, out_channels, ceil(rows / s0), ceil(columns / s1))."""
        around = []
        for size, kernel, stride in reversed(list(zip(x.shape[-2:], self.kernel_size, self.stride, strict=True))):
            total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
            around += [total // 2, total - total // 2]
        return super().forward(pad(x, around))


class SameConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution without bias that maps a size `n` to `n * stride`: the adjoint of `SameConv2d`."""

    def __init__(self, in_channels: int, out_channels: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)):
        if any(k < s for k, s in zip(kernel, stride, strict=True)):
            raise ValueError(f"a kernel of {kernel} leaves holes at strides of {stride}")
        super().__init__(in_channels, out_channels, kernel, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, rows, columns) to (batch, out_channels, rows * s0, columns * s1)."""
        cut = [(kernel - stride) // 2 for kernel, stride in zip(self.kernel_size, self.stride, strict=True)]
        y = conv_transpose2d(x, self.weight, None, self.stride, cut)
        rows, columns = (size * stride for size, stride in zip(x.shape[-2:], self.stride, strict=True))
        return y[..., :rows, :columns]
