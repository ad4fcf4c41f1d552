"""The papers' networks once more, as plain functions of named weights: what the package's modules must compute."""

import torch
from torch.nn import functional as F

LEAK = 0.2


def harmonic_lowering(x, weight, bias, anchor, stride=1):
    """Harmonic convolution in its textbook form: resampled copies stacked as channels, then one convolution."""
    bins, copies = x.shape[2], []
    for k in range(1, weight.shape[2] + 1):
        position = torch.arange(bins, dtype=torch.float64) * k / anchor
        low = position.floor().long()
        part = (position - low).to(x.dtype)[:, None]
        padded = torch.cat([x, x.new_zeros(*x.shape[:2], 2, x.shape[3])], 2)
        low = low.clamp(max=bins)
        copies.append(padded[:, :, low] * (1 - part) + padded[:, :, low + 1] * part)
    kernel = weight.transpose(1, 2).flatten(1, 2)[:, :, None]
    return F.conv2d(torch.cat(copies, 1), kernel, bias, stride, (0, weight.shape[3] // 2))


class MultiResUNet:
    """The deep-prior paper's network (III-A, Figs. 2 to 4): batch norm and LeakyReLU after each convolution.

    Exceptions, by the paper's number of parameters and its published code: no norm after downsampling, a third norm
    after a Res path's sum, a linear output.
    """

    def __init__(self, weights, harmonic, depth=5):
        self.weights, self.harmonic, self.depth = weights, harmonic, depth

    def conv(self, x, name, anchor=None, stride=1):
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        if anchor and self.harmonic and weight.shape[2] > 1:
            return harmonic_lowering(x, weight, bias, anchor, stride)
        return F.conv2d(x, weight, bias, stride, weight.shape[2] // 2)

    def norm(self, x, name):
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
        scale, shift = (self.weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def unit(self, x, name, anchor=None):
        return F.leaky_relu(self.norm(self.conv(x, f"{name}.0", anchor), f"{name}.1"), LEAK)

    def block(self, x, name, anchors):
        first = self.unit(x, f"{name}.series.0", anchors[0])
        second = self.unit(first, f"{name}.series.1", anchors[1])
        third = self.unit(second, f"{name}.series.2", anchors[2])
        return F.leaky_relu(torch.cat([first, second, third], 1) + self.unit(x, f"{name}.shortcut"), LEAK)

    def path(self, x, name):
        total = self.unit(x, f"{name}.conv", 2) + self.unit(x, f"{name}.shortcut")
        return self.norm(F.leaky_relu(total, LEAK), f"{name}.activation.1")

    def __call__(self, x):
        skips = []
        for level in range(self.depth - 1):
            x = self.block(x, f"encoder.{level}", (2, 3, 4))
            skips.append(self.path(x, f"paths.{level}"))
            x = F.leaky_relu(self.conv(x, f"down.{level}.0", 1, 2), LEAK)
        x = self.block(x, f"encoder.{self.depth - 1}", (2, 3, 4))
        for level, skip in enumerate(reversed(skips)):
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, : skip.shape[2], : skip.shape[3]]
            x = self.block(torch.cat([x, skip], 1), f"decoder.{level}", (None,) * 3)
        return self.conv(x, "output")


def unet(weights, x, depth=5):
    """The U-Net of the deep-prior paper's published code: instance norm in the encoder alone, ReLU, nearest up."""

    def conv(x, name):
        kernel = weights[f"{name}.weight"]
        return F.conv2d(x, kernel, weights[f"{name}.bias"], padding=kernel.shape[2] // 2)

    def normalised(x):
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt()

    skips = []
    for level in range(depth):
        if level:
            x = F.max_pool2d(x, 2)
        for layer in (0, 3):
            x = normalised(conv(x, f"encoder.{level}.{layer}")).relu()
        skips.append(x)
    skips.pop()
    for level in range(depth - 1):
        x = conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3), f"up.{level}")
        x = torch.cat([x, skips.pop()], 1)
        for layer in (0, 2):
            x = conv(x, f"decoder.{level}.{layer}").relu()
    return conv(x, "output")


def _same(size, kernel, stride):
    """TensorFlow's padding before and after, for an output of ceil(size / stride)."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def same_conv(x, weight, stride=(1, 1)):
    """A convolution with TensorFlow's `same` padding: (batch, channel, freq, time)."""
    top, bottom = _same(x.shape[2], weight.shape[2], stride[0])
    left, right = _same(x.shape[3], weight.shape[3], stride[1])
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, stride=stride)


def same_deconv(x, weight, stride=(1, 1)):
    """TensorFlow's transposed convolution: the adjoint of `same_conv` from an output `stride` times as large."""
    shape = x.shape[0], weight.shape[1], x.shape[2] * stride[0], x.shape[3] * stride[1]
    like = torch.zeros(shape, dtype=x.dtype, requires_grad=True)
    return torch.autograd.grad((same_conv(like, weight, stride) * x).sum(), like, create_graph=True)[0]


def context_encoder(weights, contexts, parts=1):
    """Marafioti et al. (2019), Figs. 2 and 3, in the published code's layout: (batch, time, freq, channel).

    Layers are convolution, ReLU, batch norm (epsilon 1e-3); two raw reshapes of channels-last memory; a linear output.
    """

    def activated(x, norm):
        x, axes = x.relu(), (0, 2, 3) if x.ndim == 4 else (0,)
        mean, variance = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
        shape = (1, -1, 1, 1) if x.ndim == 4 else (1, -1)
        scale, shift = weights[f"{norm}.weight"].view(shape), weights[f"{norm}.bias"].view(shape)
        return (x - mean) / (variance + 1e-3).sqrt() * scale + shift

    channels_last = lambda x: x.permute(0, 3, 2, 1).contiguous()  # noqa: E731
    channels_first = lambda x: x.permute(0, 3, 2, 1).contiguous()  # noqa: E731
    batch, _, bins, _ = contexts.shape
    x = contexts
    for layer, stride in enumerate([(2, 2), (3, 2), (3, 2), (2, 1), (1, 1), (1, 1)]):
        x = activated(same_conv(x, weights[f"encoder.{layer}.0.weight"], stride), f"encoder.{layer}.2")
    code = channels_last(x).reshape(batch, -1) @ weights["code.0.weight"].T
    x = channels_first(activated(code, "code.2").reshape(batch, 8, 8, -1))
    for layer, stride in enumerate([(2, 2), (2, 2), (1, 1)]):
        x = activated(same_deconv(x, weights[f"enlarge.{layer}.0.weight"], stride), f"enlarge.{layer}.2")
    x = channels_first(channels_last(x).reshape(batch, 8, bins, 128))
    x = activated(same_deconv(x, weights["unfold.0.weight"], (2, 2)), "unfold.2")
    x = channels_first(channels_last(x).reshape(batch, -1, bins, 32))
    return same_deconv(x, weights["output.weight"])
