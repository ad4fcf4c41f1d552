"""Harmonic convolution against a literal loop of eq. (8) and against harmonic lowering."""

import pytest
import torch
from reference_networks import harmonic_lowering
from torch.nn.functional import conv2d

from audio_inpaint.nn.harmonic import HarmonicConv2d, harmonic_conv2d


def literal(x, weight, bias, anchor, stride):
    """Eq. (8), one product at a time, time taps centred."""
    batch, _, bins, frames = x.shape
    out_channels, _in_channels, harmonics, taps = weight.shape
    y = torch.zeros(batch, out_channels, -(-bins // stride), -(-frames // stride), dtype=x.dtype)
    at = lambda m, l: x[:, :, m, l] if 0 <= m < bins and 0 <= l < frames else torch.zeros_like(x[:, :, 0, 0])  # noqa: E731
    for row in range(y.shape[2]):
        for column in range(y.shape[3]):
            y[:, :, row, column] += bias
            for k in range(1, harmonics + 1):
                whole, rest = divmod(k * row * stride, anchor)
                for tap in range(taps):
                    l = column * stride + tap - taps // 2
                    value = at(whole, l) * (1 - rest / anchor) + (at(whole + 1, l) * (rest / anchor) if rest else 0)
                    y[:, :, row, column] += value @ weight[:, :, k - 1, tap].T
    return y


def layer(anchor, harmonics=3, taps=3, channels=(2, 3)):
    torch.manual_seed(0)
    weight = torch.randn(channels[1], channels[0], harmonics, taps, dtype=torch.float64)
    return weight, torch.randn(channels[1], dtype=torch.float64)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("anchor", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("bins", "frames"), [(13, 5), (16, 4), (3, 1), (1, 2)])
def test_equals_the_literal_loop_of_the_equation(anchor, stride, bins, frames):
    weight, bias = layer(anchor)
    x = torch.randn(2, 2, bins, frames, dtype=torch.float64)
    torch.testing.assert_close(
        harmonic_conv2d(x, weight, bias, anchor, stride), literal(x, weight, bias, anchor, stride)
    )


@pytest.mark.parametrize(("anchor", "harmonics", "taps"), [(1, 1, 1), (2, 5, 1), (6, 4, 5), (3, 2, 3)])
def test_any_number_of_harmonics_and_taps(anchor, harmonics, taps):
    weight, bias = layer(anchor, harmonics, taps)
    x = torch.randn(1, 2, 11, 6, dtype=torch.float64)
    torch.testing.assert_close(harmonic_conv2d(x, weight, bias, anchor, 1), literal(x, weight, bias, anchor, 1))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("anchor", [1, 2, 3, 4])
def test_gradients_are_the_exact_adjoint(anchor, stride):
    weight, bias = layer(anchor)
    x = torch.randn(1, 2, 9, 4, dtype=torch.float64, requires_grad=True)
    arguments = (x, weight.requires_grad_(), bias.requires_grad_())
    assert torch.autograd.gradcheck(lambda *a: harmonic_conv2d(*a, anchor, stride), arguments)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("anchor", [1, 2, 3, 4])
def test_values_and_gradients_equal_harmonic_lowering_in_float32(anchor, memory_format):
    weight, bias = (t.float().requires_grad_() for t in layer(anchor, channels=(8, 16)))
    x = torch.randn(1, 8, 64, 10).to(memory_format=memory_format).requires_grad_()
    fast, slow = harmonic_conv2d(x, weight, bias, anchor), harmonic_lowering(x, weight, bias, anchor)
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-5)
    cotangent = torch.randn_like(slow)
    for a, b in zip(*(torch.autograd.grad(y, (x, weight, bias), cotangent) for y in (fast, slow)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_a_harmonic_tone_moves_its_partials_to_the_fundamental():
    x = torch.zeros(1, 1, 64, 1)
    x[..., [10, 20, 30], :] = 1.0
    y = harmonic_conv2d(x, torch.ones(1, 1, 3, 1), None, anchor=1)
    assert y[0, 0, :, 0].argmax() == 10
    assert y[0, 0, 10, 0] == 3


def test_anchor_one_with_one_harmonic_is_a_plain_convolution_along_time():
    net = HarmonicConv2d(3, 4, harmonics=1)
    x = torch.randn(1, 3, 20, 7)
    torch.testing.assert_close(net(x), conv2d(x, net.weight, net.bias, padding=(0, 1)))


def test_an_even_number_of_taps_is_refused():
    with pytest.raises(ValueError, match="odd"):
        HarmonicConv2d(1, 1, taps=2)


def test_autocast_computes_in_bfloat16_and_keeps_float32_gradients():
    net = HarmonicConv2d(4, 4, anchor=2)
    with torch.autocast("cpu", torch.bfloat16):
        y = net(torch.randn(1, 4, 32, 8))
    assert y.dtype == torch.bfloat16
    y.float().square().mean().backward()
    assert net.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("anchor", [1, 2, 3, 4])
def test_the_operator_keeps_the_rules_of_its_kind(anchor, stride):
    # shapes, strides and devices promised to torch.compile, gradients, nothing changed in place
    x = torch.randn(1, 2, 13, 6, requires_grad=True)
    weight, bias = (t.float().requires_grad_() for t in layer(anchor))
    for example in (x, x.detach().to(memory_format=torch.channels_last).requires_grad_()):
        torch.library.opcheck(torch.ops.audio_inpaint.harmonic_conv2d, (example, weight, bias, anchor, stride))
