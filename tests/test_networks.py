"""The deep prior's networks: parameter counts of the paper, sizes, and which layers are harmonic."""

import pytest
import torch

from audio_inpaint.methods.deep_prior.prior import FEWEST_COLUMNS
from audio_inpaint.nn.harmonic import HarmonicConv2d
from audio_inpaint.nn.multires import MultiResBlock, ResPath
from audio_inpaint.nn.multires_unet import MultiResUNet
from audio_inpaint.nn.unet import UNet


def parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("harmonic", [True, False])
def test_the_multires_unet_has_the_papers_parameters(harmonic):
    assert parameters(MultiResUNet(harmonic=harmonic)) == 2_015_252


def test_the_printed_filters_would_give_another_count():
    assert parameters(MultiResUNet(filters=(21, 43, 64))) == 2_040_563


def test_the_unet_has_the_papers_parameters_with_and_without_norm():
    assert parameters(UNet()) == parameters(UNet(norm=False)) == 2_158_578


def test_harmonic_layers_stand_where_table_one_puts_them():
    net = MultiResUNet()
    for block in net.encoder:
        assert [layer[0].anchor for layer in block.series] == [2, 3, 4]
    assert [path.conv[0].anchor for path in net.paths] == [2] * 4
    assert [(down[0].anchor, down[0].stride) for down in net.down] == [(1, (2, 2))] * 4
    assert not [m for m in net.decoder.modules() if isinstance(m, HarmonicConv2d)]
    assert not [m for m in MultiResUNet(harmonic=False).modules() if isinstance(m, HarmonicConv2d)]


@pytest.mark.parametrize("net", [MultiResUNet(filters=(2, 3, 4), skip_channels=5), UNet(widths=(2, 3, 4))])
@pytest.mark.parametrize(("bins", "frames"), [(64, 32), (33, 17), (16, 157), (1, 1)])
def test_any_size_goes_in_and_comes_out(net, bins, frames):
    if isinstance(net, UNet) and bins == 1:
        pytest.skip("instance norm needs more than one value at the bottom")
    assert net(torch.rand(2, 2, bins, frames)).shape == (2, 2, bins, frames)


@pytest.mark.parametrize("columns", [FEWEST_COLUMNS, 40])
def test_bfloat16_computes_what_float32_does_down_to_the_fewest_columns(columns):
    torch.manual_seed(0)
    net = MultiResUNet(filters=(8, 8, 16), skip_channels=32).to(memory_format=torch.channels_last)
    x = torch.rand(1, 2, 128, columns)
    with torch.no_grad():
        exact = net(x)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = net(x).float()
    assert (rounded - exact).square().mean() < 0.01 * exact.square().mean()


def test_blocks_serve_other_networks():
    block, path = MultiResBlock(3, (2, 3, 4), anchors=None), ResPath(9, 7, anchor=None)
    assert path(block(torch.rand(2, 3, 20, 10))).shape == (2, 7, 20, 10)
    assert block.out_channels == 9


def test_every_parameter_of_the_network_is_learned():
    net = MultiResUNet(filters=(2, 3, 4), skip_channels=5)
    net(torch.rand(1, 2, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
