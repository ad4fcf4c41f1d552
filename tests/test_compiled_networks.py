"""torch.compile takes every network as one graph, and computes what the network does."""

import copy
import functools

import pytest
import torch

from audio_inpaint.nn.context_encoder import ContextEncoder, ConvolutionalEncoder
from audio_inpaint.nn.multires_unet import MultiResUNet
from audio_inpaint.nn.slim_context_encoder import SlimContextEncoder

CONTEXTS = torch.randn(2, 4, 65, 16)
NETS = {
    "harmonic MultiResUNet": (lambda: MultiResUNet(2, 2, (2, 2, 4), 4, depth=3), torch.rand(1, 2, 32, 20)),
    "context encoder": (
        lambda: ContextEncoder(
            65, 16, 11, 1, functools.partial(ConvolutionalEncoder, channels=(2,) * 6), code=64, channels=(2, 2)
        ),
        CONTEXTS,
    ),
    "slim context encoder": (lambda: SlimContextEncoder(65, 16, 11, 1, channels=4, depth=1, harmonic=True), CONTEXTS),
}


@pytest.mark.parametrize("name", NETS)
def test_a_compiled_network_is_one_graph_with_equal_outputs_and_gradients(name):
    make, x = NETS[name]
    torch.manual_seed(0)
    net = make().double()
    compiled = copy.deepcopy(net)
    compiled.compile(backend="aot_eager", fullgraph=True)  # the graphs of training, without a C++ compiler
    outputs = [one(x.double()) for one in (net, compiled)]
    torch.testing.assert_close(*outputs)
    for y in outputs:
        y.square().sum().backward()
    for a, b in zip(net.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
