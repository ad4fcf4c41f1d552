"""Everything that trains or restores keeps its tensors on one device, and a step makes no processor wait for a GPU.

Where there is no GPU, tensors pretend to be on one: torch's FakeTensorMode computes devices and shapes alone, refuses
operations between devices, and refuses to read a value, for which the processor would have to wait.
"""

import functools
import types

import pytest
import torch
from alike import one_mask
from signals import noise
from torch._subclasses.fake_tensor import FakeTensorMode

from audio_inpaint.gaps import Gap
from audio_inpaint.losses import MultiScaleSpectrogram
from audio_inpaint.methods.deep_prior.prior import Prior
from audio_inpaint.methods.deep_prior.signal import damaged_signal
from audio_inpaint.nn import harmonic
from audio_inpaint.nn.context_encoder import ContextEncoder as PaperNet
from audio_inpaint.nn.context_encoder import ConvolutionalEncoder
from audio_inpaint.nn.multires_unet import MultiResUNet
from audio_inpaint.nn.slim_context_encoder import SlimContextEncoder
from audio_inpaint.nn.unet import UNet

RATE, GPU = 16000, "cuda:0"
NETS = {
    "paper": functools.partial(
        PaperNet, encoder=functools.partial(ConvolutionalEncoder, channels=(2, 2, 2, 2, 2, 2)), code=64, channels=(2, 2)
    ),
    "slim": functools.partial(SlimContextEncoder, channels=4, depth=1),
}


@pytest.fixture
def pretended(monkeypatch):
    """A mode in which `.to(GPU)` gives tensors that pretend to be there; what needs a driver is left out."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


def signal(form="time", truth=True, channels=2):
    audio = noise(RATE, channels).float()
    gap = one_mask([Gap(8000, 8800)], RATE)
    return damaged_signal(audio, gap, RATE, audio if truth or form == "columns" else None, form)


def taken(one, net=None, **options):
    net = net or MultiResUNet(filters=(2, 2, 4), skip_channels=4)
    prior = Prior(net, **options)
    prior.take(one)
    return prior


@pytest.mark.parametrize("form", ["time", "columns"])
@pytest.mark.parametrize("net", ["harmonic", "plain", "unet"])
def test_a_deep_prior_trains_and_restores_on_its_device_without_waiting(request, form, net):
    made = UNet(widths=(2, 4)) if net == "unet" else MultiResUNet(2, 2, (2, 2, 4), 4, harmonic=net == "harmonic")
    one = signal(form)
    prior = taken(one, made, averaging=0.9, level=1.0)
    request.getfixturevalue("pretended")
    prior, moved = prior.to(GPU), one.to(GPU)
    for step in (1, 2):  # step 0 is looked at, to find a fit that diverges at once
        terms, enough = prior.step(step, moved)
        assert enough is False
        assert {value.device.type for value in terms.values()} == {"cuda"}
    assert prior.restored(moved).device.type == "cuda"
    assert prior.restored(one).device.type == "cuda"  # a signal in the processor's memory is moved
    assert prior.validation_loss(prior.restored(one), one).device.type == "cuda"


class Scored(torch.nn.Module):
    """Where the values of a metric were; torchmetrics reads them, which a validation may."""

    def __init__(self):
        super().__init__()
        self.devices = []

    def update(self, values):
        self.devices.append(values.device.type)


@pytest.mark.parametrize("output", ["magnitude", "complex"])
@pytest.mark.parametrize("net", NETS)
def test_a_context_encoder_trains_and_improves_on_its_device_without_waiting(request, net, output):
    from audio_inpaint.training.models.context_encoder import ContextEncoder

    model = ContextEncoder(NETS[net], output=output, weight_decay=0.01, restored_segments=0)
    model.trainer = types.SimpleNamespace(log_every_n_steps=50, global_step=0)
    segments = noise(5120, 3).float()
    request.getfixturevalue("pretended")
    model, segments = model.to(GPU), segments.to(GPU)
    loss = model.training_step(segments, 0)
    assert loss.device.type == "cuda"
    for name in ("losses", "weighted_nmse"):
        setattr(model, name, Scored())
    model.scores = torch.nn.ModuleDict({name: Scored() for name in model.scores})
    model._judge(segments, 0)
    judged = [model.losses, model.weighted_nmse, model.scores["snr_network"]]
    assert {device for metric in judged for device in metric.devices} == {"cuda"}
    inpainter = model.inpainter
    # the heap that phases are reconstructed by lives in the processor
    improved = inpainter.improve(segments) if output == "magnitude" else inpainter.restore(segments)
    assert improved.device.type == "cuda"


@pytest.mark.parametrize("anchor", [1, 2, 3, 4])
def test_gradients_of_harmonic_convolution_stay_on_their_device(pretended, anchor):
    # autograd's engine wants a driver, so that the gradient is called by hand
    x, weight, bias = (torch.rand(shape).to(GPU) for shape in ((1, 2, 32, 8), (3, 2, 3, 3), (3,)))
    y = harmonic._sum_of_rows(x, weight, bias, anchor, 1)
    gradients = harmonic._gradients(torch.rand_like(y), x, weight, anchor, 1, True)
    assert [g.device.type for g in (y, *gradients)] == ["cuda"] * 3
    assert [g.shape for g in gradients] == [x.shape, weight.shape]


def test_losses_stay_on_their_device(pretended):
    loss = MultiScaleSpectrogram().to(GPU)
    x, y = (noise(8000, seed=seed).float().to(GPU) for seed in (0, 1))
    gap = one_mask([Gap(4000, 4400)], 8000).to(GPU)
    assert {value.device.type for value in loss(x, loss.observed(y, gap)).values()} == {"cuda"}
