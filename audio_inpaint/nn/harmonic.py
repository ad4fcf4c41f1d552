"""Harmonic convolution (Zhang et al., 2020; Takeuchi et al., 2020; deep-prior paper, eq. 8), without stacked copies.

A kernel row `k` of a harmonic convolution with anchor `n` reads the frequency `k m / n` for the output frequency `m`.
The textbook form (harmonic lowering) resamples the whole input once for each `k`, stacks the copies as channels and
convolves them. But resampling along frequency commutes with the convolution along time and with the mixing of channels,
so each row is convolved where it has the fewest frequencies, at `min(k/n, n/k)` of the textbook's arithmetic:

- `k = n`: the input itself, a plain convolution; nothing is resampled;
- `k > n`: only outputs below `n / k` of the top read anything; the input is compressed first, then convolved, and where
  `k / n` is whole a strided convolution does both;
- `k < n`: only inputs below `k / n` of the top are read; they are convolved first, then stretched into the output.

The gradient is the exact adjoint, and nothing but the input is kept for it. The interpolation needs no tables: rows at
the same fraction between two bins are strided slices with one constant weight each.
"""

from fractions import Fraction

import torch
from torch import Tensor, nn


def _phases(ratio: Fraction, bins: int, rows: int):
    """Slices that read position `j * ratio` for output row `j`, with linear interpolation.

    The rows `s, s + q, s + 2q ...` of a ratio `p / q` all lie at the same fraction between two input bins, so they are
    two strided slices with constant weights. Yields (output slice, [(input slice, weight), ...]); a slice beyond the
    top bin is left out, which reads zero there.
    """
    p, q = ratio.numerator, ratio.denominator
    for phase in range(min(q, rows)):
        start, fraction = divmod(phase * p, q)
        count = (rows - phase + q - 1) // q
        taps = []
        for first, weight in ((start, 1 - fraction / q), (start + 1, fraction / q)):
            inside = min(count, (bins - first + p - 1) // p)
            if weight and inside > 0:
                taps.append((slice(first, first + (inside - 1) * p + 1, p), inside, weight))
        yield phase, q, taps


def _resample_add(out: Tensor, x: Tensor, ratio: Fraction) -> Tensor:
    """Add `x` (..., bin, frame), read at `j * ratio`, to row `j` of `out`, in place."""
    for phase, step, taps in _phases(ratio, x.shape[-2], out.shape[-2]):
        for source, inside, weight in taps:
            out[..., phase : phase + (inside - 1) * step + 1 : step, :].add_(x[..., source, :], alpha=weight)
    return out


def _resample_add_adjoint(x: Tensor, out: Tensor, ratio: Fraction) -> Tensor:
    """The adjoint of `_resample_add`: scatter the rows of `out` back to `x`, in place."""
    for phase, step, taps in _phases(ratio, x.shape[-2], out.shape[-2]):
        for source, inside, weight in taps:
            x[..., source, :].add_(out[..., phase : phase + (inside - 1) * step + 1 : step, :], alpha=weight)
    return x


def _layout(x: Tensor) -> torch.memory_format:
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format


def _zeros(like: Tensor, channels: int, bins: int, frames: int) -> Tensor:
    shape = (like.shape[0], channels, bins, frames)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=_layout(like)).zero_()


class _Row:
    """How one kernel row is computed: which inputs it reads, with which strides, and which outputs it fills."""

    def __init__(self, ratio: Fraction, stride: int, bins: int, rows: int):
        self.ratio = ratio
        self.compress = self.stretch = False
        self.read, self.fill, self.frequency_stride = bins, rows, 1
        if ratio.denominator == 1:  # every read falls on a bin: a strided convolution needs no resampling at all
            self.frequency_stride = ratio.numerator
            self.fill = min(rows, -(-bins // ratio.numerator))
        elif ratio > 1:
            self.compress = True
            self.fill = min(rows, -(-bins * ratio.denominator // ratio.numerator))
        else:
            self.stretch = True
            self.read = min(bins, (rows - 1) * ratio.numerator // ratio.denominator + 2)
        self.stride = (self.frequency_stride, stride)

    def source(self, x: Tensor) -> Tensor:
        if self.compress:
            return _resample_add(_zeros(x, x.shape[1], self.fill, x.shape[3]), x, self.ratio)
        if self.stretch:
            return x[:, :, : self.read]
        # the last read is (fill - 1) * stride: what lies beyond it belongs to no output
        return x[:, :, : (self.fill - 1) * self.frequency_stride + 1]


def _rows(anchor: int, stride: int, harmonics: int, bins: int) -> list[_Row]:
    rows = -(-bins // stride)
    return [_Row(Fraction((k + 1) * stride, anchor), stride, bins, rows) for k in range(harmonics)]


def _sum_of_rows(x: Tensor, weight: Tensor, bias: Tensor | None, anchor: int, stride: int) -> Tensor:
    """The rows' convolutions, added up; arguments are those of `harmonic_conv2d`."""
    rows, plan = -(-x.shape[2] // stride), _rows(anchor, stride, weight.shape[2], x.shape[2])
    # A row that fills the output directly comes first, and carries the bias: the others are added to it in place.
    order = sorted(range(len(plan)), key=lambda k: (plan[k].stretch, -plan[k].fill))
    padding = (0, weight.shape[3] // 2)
    out = None
    for k in order:
        row = plan[k]
        first_bias = bias if out is None else None
        y = torch.conv2d(row.source(x), weight[:, :, k : k + 1], first_bias, row.stride, padding)
        if out is None and not row.stretch and row.fill == rows:
            out = y
            continue
        if out is None:
            out = _zeros(x, weight.shape[0], rows, y.shape[3])
            if not row.stretch and bias is not None:  # rows above `fill` read nothing but still have the bias
                out[:, :, row.fill :] += bias[:, None, None]
        if row.stretch:
            _resample_add(out, y, row.ratio)
        else:
            out[:, :, : row.fill] += y
    return out.contiguous(memory_format=_layout(x))


def _gradients(
    grad: Tensor, x: Tensor, weight: Tensor, anchor: int, stride: int, needs_x: bool
) -> tuple[Tensor, Tensor]:
    """The gradients of x, empty where nobody needs it, and of the weight."""
    grad_x, grad_weight = None, torch.empty_like(weight)
    plan, padding = _rows(anchor, stride, weight.shape[2], x.shape[2]), (0, weight.shape[3] // 2)
    for k, row in sorted(enumerate(plan), key=lambda item: item[1].compress or item[1].fill < grad.shape[2]):
        source = row.source(x)
        if row.stretch:
            g = _zeros(grad, grad.shape[1], row.read, grad.shape[3])
            _resample_add_adjoint(g, grad, row.ratio)
        else:
            g = grad[:, :, : row.fill]
        kernel = weight[:, :, k : k + 1]
        g_source, g_kernel, _ = torch.ops.aten.convolution_backward(
            g, source, kernel, None, row.stride, padding, (1, 1), False, (0, 0), 1, (needs_x, True, False)
        )
        grad_weight[:, :, k : k + 1] = g_kernel
        if not needs_x:
            continue
        if grad_x is None:
            if g_source.shape == x.shape:
                grad_x = g_source
                continue
            grad_x = _zeros(x, *x.shape[1:])
        if row.compress:
            _resample_add_adjoint(grad_x, g_source, row.ratio)
        else:
            grad_x[:, :, : g_source.shape[2]] += g_source
    return x.new_empty(0) if grad_x is None else grad_x.contiguous(memory_format=_layout(x)), grad_weight


# Operators of their own are what torch.compile takes as they are; what it makes of their parts has wrong gradients
# where every row is stretched (torch 2.11).
_convolution = torch.library.custom_op("audio_inpaint::harmonic_conv2d", _sum_of_rows, mutates_args=())
_adjoint = torch.library.custom_op("audio_inpaint::harmonic_conv2d_gradients", _gradients, mutates_args=())


@_convolution.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, anchor: int, stride: int) -> Tensor:
    shape = (x.shape[0], weight.shape[0], -(-x.shape[2] // stride), -(-x.shape[3] // stride))
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_layout(x))


@_adjoint.register_fake
def _(grad: Tensor, x: Tensor, weight: Tensor, anchor: int, stride: int, needs_x: bool) -> tuple[Tensor, Tensor]:
    grad_x = torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=_layout(x))
    return grad_x if needs_x else x.new_empty(0), torch.empty_like(weight)


def _keep(ctx, inputs: tuple, output: Tensor) -> None:
    x, weight, bias, ctx.anchor, ctx.stride = inputs
    ctx.save_for_backward(x, weight)
    ctx.has_bias = bias is not None


def _backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    needs_x = ctx.needs_input_grad[0]
    grad_x, grad_weight = _adjoint(grad, *ctx.saved_tensors, ctx.anchor, ctx.stride, needs_x)
    grad_bias = grad.sum((0, 2, 3)) if ctx.has_bias else None
    return grad_x if needs_x else None, grad_weight, grad_bias, None, None


_convolution.register_autograd(_backward, setup_context=_keep)


def harmonic_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, anchor: int = 1, stride: int = 1) -> Tensor:
    """Harmonic convolution: `y[m, l] = bias + sum_k sum_j x[k m / anchor, l + j - taps // 2] weight[k, j]`.

    Frequencies between two bins are interpolated linearly; there is nothing above the top bin and outside the frames.
    Eq. (8) of the deep-prior paper counts time taps from the past; here they are centred, as in its published code.

    Args:
        x: (batch, in_channels, bins, frames).
        weight: (out_channels, in_channels, harmonics, taps), an odd number of taps.
        bias: (out_channels,).
        anchor: the harmonic that stands at the output's frequency.
        stride: keep every stride-th bin and frame of the output.

    Returns:
        (batch, out_channels, ceil(bins / stride), ceil(frames / stride)).
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    return _convolution(x, weight, bias, anchor, stride)


class HarmonicConv2d(nn.Conv2d):
    """A `Conv2d` whose kernel rows are harmonics instead of neighbouring bins (deep-prior paper, eq. 8).

    It has the parameters and the initialisation of a `(harmonics, taps)` convolution, and keeps the size at stride 1.

    Args:
        in_channels: channels of the input, (batch, in_channels, bins, frames).
        out_channels: channels of the output.
        anchor: the harmonic that stands at the output's frequency (Table I).
        harmonics: K_m, the number of harmonics.
        taps: K_l, the number of frames, odd.
        stride: downsampling of both axes.
    """

    def __init__(
        self, in_channels: int, out_channels: int, anchor: int = 1, harmonics: int = 3, taps: int = 3, stride: int = 1
    ):
        if taps % 2 == 0:
            raise ValueError(f"a harmonic convolution has an odd number of time taps, not {taps}")
        super().__init__(in_channels, out_channels, (harmonics, taps), stride=stride)
        self.anchor = anchor

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (batch, in_channels, bins, frames)."""
        return harmonic_conv2d(x, self.weight, self.bias, self.anchor, self.stride[0])

    def extra_repr(self) -> str:
        """Name the anchor beside the sizes."""
        return f"{super().extra_repr()}, anchor={self.anchor}"
