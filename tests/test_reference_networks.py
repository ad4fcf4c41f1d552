"""The networks compute what the papers' compute: outputs and gradients equal those of independent references."""

import functools

import pytest
import reference_networks as reference
import torch

from audio_inpaint.nn.context_encoder import ContextEncoder, ConvolutionalEncoder, MultiResEncoder
from audio_inpaint.nn.multires_unet import MultiResUNet
from audio_inpaint.nn.unet import UNet


def compare(net, of_weights, x):
    """Outputs of both in double precision, and the gradients of one scalar by input and every parameter."""
    net = net.double().train()
    with torch.no_grad():  # biases and norms that are not at their neutral start
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    x = x.double().requires_grad_()
    ours, theirs = net(x), of_weights(dict(net.named_parameters()))(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    names, parameters = zip(*net.named_parameters(), strict=True)
    probe = torch.randn_like(ours)
    pairs = (torch.autograd.grad((y * probe).sum(), (x, *parameters)) for y in (ours, theirs))
    for name, a, b in zip(("input", *names), *pairs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("harmonic", [True, False])
@pytest.mark.parametrize(("bins", "frames"), [(64, 32), (48, 21)])
def test_the_multires_unet_is_the_papers(harmonic, bins, frames):
    torch.manual_seed(0)
    net = MultiResUNet(filters=(3, 4, 5), skip_channels=6, harmonic=harmonic)
    compare(net, lambda weights: reference.MultiResUNet(weights, harmonic), torch.rand(1, 2, bins, frames))


def test_the_multires_unet_of_paper_size_has_an_activation_after_each_convolution():
    net, count = MultiResUNet(), 0

    def counted(*_):
        nonlocal count
        count += 1

    for module in net.modules():
        if isinstance(module, torch.nn.LeakyReLU):
            module.register_forward_hook(counted)
    with torch.no_grad():
        net(torch.rand(1, 2, 32, 32))
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in net.modules()) - 1  # the output is linear
    sums = 9 + 4  # of MultiRes blocks and Res paths
    assert count == convolutions + sums == 61


def test_the_unet_is_that_of_the_published_code():
    torch.manual_seed(0)
    net = UNet(widths=(3, 4, 5, 6, 7))
    compare(net, lambda weights: lambda x: reference.unet(weights, x), torch.rand(2, 2, 64, 32))


@pytest.mark.parametrize("parts", [1, 2])
def test_the_context_encoder_is_the_papers(parts):
    torch.manual_seed(0)
    # the paper's kernels and strides, at which its reshapes fit, with fewer bins and channels
    encoder = functools.partial(ConvolutionalEncoder, channels=(4, 5, 6, 7, 8, 9))
    net = ContextEncoder(65, 16, 11, parts, encoder, code=128, channels=(6, 8))
    compare(net, lambda weights: lambda x: reference.context_encoder(weights, x), torch.randn(3, 4, 65, 16))


@pytest.mark.parametrize("harmonic", [True, False])
def test_the_multires_encoder_is_made_of_the_deep_priors_layers(harmonic):
    torch.manual_seed(0)
    net = MultiResEncoder(32, 16, filters=(3, 4, 5), depth=2, channels=6, harmonic=harmonic)

    def of_weights(weights):
        # blocks and downsamplings stand one after the other: 0, 1, 2, 3; then a 1x1 convolution and its norm
        layers = reference.MultiResUNet(weights, harmonic)

        def forward(x):
            for level in (0, 2):
                x = layers.block(x, str(level), (2, 3, 4))
                x = torch.nn.functional.leaky_relu(layers.conv(x, f"{level + 1}.0", 1, 2), reference.LEAK)
            return layers.norm(torch.nn.functional.leaky_relu(layers.conv(x, "4"), reference.LEAK), "6")

        return forward

    compare(net, of_weights, torch.rand(2, 4, 32, 16))
