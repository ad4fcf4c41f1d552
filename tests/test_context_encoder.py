"""The context encoder: its networks' sizes, and the signal path around them."""

import pytest
import torch
from torch import nn

from audio_inpaint.losses import mixed_squared_error, weighted_nmse
from audio_inpaint.nn.context_encoder import ContextEncoder, ConvolutionalEncoder, MultiResEncoder
from audio_inpaint.nn.harmonic import HarmonicConv2d
from audio_inpaint.nn.same_padding import SameConv2d, SameConvTranspose2d
from audio_inpaint.nn.slim_context_encoder import SlimContextEncoder, compressed
from audio_inpaint.nn.spectral_inpainter import SpectralInpainter
from audio_inpaint.scores.snr import magnitude_snr, snr

RATE = 16000


def parameters(net):
    return sum(weight.numel() for weight in net.parameters())


def tones(batch, seed=0, length=5120):
    """Sums of five steady sinusoids, (batch, time)."""
    generator = torch.Generator().manual_seed(seed)
    frequency, phase = (torch.rand(batch, 5, 1, generator=generator) for _ in range(2))
    time = torch.arange(length) / RATE
    return 0.1 * torch.sin(2 * torch.pi * ((200 + 3000 * frequency) * time + phase)).sum(1)


class Oracle(nn.Module):
    """Takes the place of a network that knows the answer."""

    def __init__(self, *sizes):
        super().__init__()
        self.sizes, self.answer, self.seen = sizes, None, None

    def forward(self, contexts):
        self.seen = contexts
        return self.answer


# ---- networks


def test_context_encoders_have_the_published_numbers_of_parameters():
    magnitude, complex_ = ContextEncoder(257, 16, 11, 1), ContextEncoder(257, 16, 11, 2)
    kernels = [sum(w.numel() for w in net.parameters() if w.ndim > 1) for net in (magnitude, complex_)]
    assert kernels == [11_160_928, 11_251_392]
    assert [parameters(magnitude), parameters(complex_)] == [11_169_272, 11_259_736]
    layers = [w.numel() for w in magnitude.encoder.parameters() if w.ndim > 1]
    assert layers == [79_744, 208_896, 1_441_792, 1_179_648, 204_800, 204_800]
    assert magnitude.code[0].weight.numel() == 4_194_304
    assert magnitude.output.weight.numel() == 90_464


def test_the_encoder_has_the_published_sizes_at_every_layer():
    x, sizes = torch.zeros(1, 4, 257, 16), []
    for layer in ConvolutionalEncoder(257, 16).eval():
        x = layer(x)
        sizes.append((x.shape[3], x.shape[2], x.shape[1]))
    assert sizes == [(8, 129, 32), (4, 43, 128), (2, 15, 512), (2, 8, 256), (2, 8, 160), (2, 8, 128)]


@pytest.mark.parametrize(("bins", "context", "gap", "parts"), [(257, 16, 9, 1), (129, 32, 5, 2), (65, 7, 11, 1)])
@pytest.mark.parametrize("kind", ["paper", "harmonic", "slim", "slim harmonic"])
def test_every_network_fits_any_size(kind, bins, context, gap, parts):
    net = {
        "paper": lambda *sizes: ContextEncoder(*sizes, channels=(4, 8), code=128),
        "harmonic": lambda *sizes: ContextEncoder(
            *sizes, encoder=lambda b, f: MultiResEncoder(b, f, (2, 2, 4), channels=4), channels=(4, 8), code=128
        ),
        "slim": lambda *sizes: SlimContextEncoder(*sizes, channels=8, depth=1),
        "slim harmonic": lambda *sizes: SlimContextEncoder(*sizes, channels=8, depth=1, harmonic=True),
    }[kind](bins, context, gap, parts)
    y = net(torch.randn(2, 4, bins, context))
    assert y.shape == (2, parts, bins, gap)
    y.square().mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())
    assert any(isinstance(module, HarmonicConv2d) for module in net.modules()) == ("harmonic" in kind)


def test_raw_reshapes_follow_the_published_order_of_memory():
    net, seen = ContextEncoder(37, 16, 3, 1, channels=(4, 8), code=128).eval(), {}
    for name in ("enlarge", "unfold", "output"):
        layer = getattr(net, name)
        layer.register_forward_hook(lambda _, inputs, y, name=name: seen.update({name: (inputs[0], y)}))
    net(torch.randn(2, 4, 37, 16))

    def memory(x):  # (batch, channel, freq, frame) as (time, freq, channel) in row-major order
        return x.permute(0, 3, 2, 1).detach().numpy()

    for before, after, frames in (("enlarge", "unfold", 8), ("unfold", "output", 3)):
        flat, reshaped = memory(seen[before][1]), memory(seen[after][0])
        assert reshaped.shape[1:3] == (frames, 37)
        assert (flat.reshape(reshaped.shape) == reshaped).all()
    assert memory(seen["enlarge"][1]).shape == (2, 32, 32, 37)
    assert memory(seen["unfold"][1]).shape == (2, 16, 74, 3)


def test_a_code_of_one_bin_is_refused_since_its_gradient_would_be_wrong():
    with pytest.raises(ValueError, match="at least 37 bins"):
        ContextEncoder(33, 16, 3, 1)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(16, 7, 2), (257, 89, 2), (129, 17, 3), (43, 11, 3), (15, 4, 1)]
)
def test_transposed_convolution_is_the_adjoint_of_the_convolution(size, kernel, stride):
    size -= size % stride  # where sizes come back
    down = SameConv2d(2, 3, (kernel, 1), (stride, 1)).double()
    up = SameConvTranspose2d(3, 2, (kernel, 1), (stride, 1)).double()
    up.weight = down.weight
    x, y = (torch.randn(1, c, n, 1, dtype=torch.float64) for c, n in ((2, size), (3, size // stride)))
    assert torch.allclose((down(x) * y).sum(), (x * up(y)).sum())


def test_compression_keeps_phases_and_takes_the_root_of_magnitudes():
    z = torch.polar(torch.tensor([0.0, 1.0, 100.0]), torch.tensor([0.3, -2.0, 3.0]))
    assert torch.allclose(compressed(z).abs(), torch.tensor([0.0, 1.0, 10.0]), rtol=1e-3)
    assert torch.allclose(compressed(z)[1:].angle(), z[1:].angle())


# ---- signal path


def test_frames_are_the_papers():
    inpainter = SpectralInpainter(Oracle)
    assert inpainter.net.sizes == (257, 16, 11, 1)
    inpainter.net.answer = torch.zeros(2, 1, 257, 11)
    audio = torch.randn(2, 5120)
    inpainter(inpainter.known(audio)[0])
    window = torch.hann_window(512)

    def uncentred(x, frame):  # the paper's own convention
        return torch.fft.rfft(x[:, 128 * frame : 128 * frame + 512] * window)

    before = torch.cat([audio[:, :2048], torch.zeros(2, 384)], 1)
    after = torch.cat([torch.zeros(2, 384), audio[:, 3072:]], 1)
    seen = inpainter.net.seen
    for frame in range(16):
        for part, side in ((0, before), (2, after)):
            expected = uncentred(side, frame)
            assert torch.allclose(seen[:, part, :, frame], expected.real, atol=1e-4)
            assert torch.allclose(seen[:, part + 1, :, frame], expected.imag, atol=1e-4)
    target = inpainter.target(audio)
    for frame in range(11):
        expected = uncentred(audio[:, 1664:3456], frame).abs()
        assert torch.allclose(target[:, 0, :, frame], expected, atol=1e-4)


def test_sizes_follow_from_context_gap_window_and_hop():
    inpainter = SpectralInpainter(Oracle, context=1024, gap=768, n_fft=256, hop_length=64, output="complex")
    assert inpainter.net.sizes == (129, 16, 15, 2)
    assert inpainter.segment.length == 2816
    for wrong in ({"gap": 1000}, {"context": 2000}, {"hop_length": 100}, {"gap": 4096}, {"output": "phase"}):
        with pytest.raises(ValueError, match=r"must be|output is"):
            SpectralInpainter(Oracle, **wrong)


@pytest.mark.parametrize("normalised", [False, True])
def test_true_complex_coefficients_restore_the_audio_exactly(normalised):
    inpainter = SpectralInpainter(Oracle, output="complex", normalised=normalised)
    audio = tones(3) * torch.tensor([[1.0], [0.01], [3.0]])
    _, level = inpainter.known(audio)
    inpainter.net.answer = inpainter.target(audio) / level.unsqueeze(1)
    assert torch.allclose(inpainter.restore(audio), audio, atol=1e-5)
    assert (level == 1).all() != normalised


def test_true_magnitudes_restore_steady_tones_up_to_their_phase():
    inpainter = SpectralInpainter(Oracle)
    audio = tones(4)
    inpainter.net.answer = inpainter.target(audio)
    restored = inpainter.restore(audio)
    lost = inpainter.segment.lost
    assert magnitude_snr(restored, audio, lost).mean() > 30
    assert torch.equal(restored[:, ~lost], audio[:, ~lost])


def test_a_fill_is_improved_by_true_magnitudes_and_keeps_its_phases():
    inpainter = SpectralInpainter(Oracle)
    audio, lost = tones(3), inpainter.segment.lost
    inpainter.net.answer = inpainter.target(audio)
    weak = torch.where(lost, 0.5 * audio, audio)  # right phases, wrong magnitudes
    assert snr(inpainter.improve(weak), audio, lost).min() > snr(weak, audio, lost).max() + 10
    assert torch.allclose(inpainter.improve(audio), audio, atol=1e-5)
    assert torch.allclose(inpainter.improve(weak, share=0.0), weak, atol=1e-5)
    half = inpainter.improve(weak, share=0.5)
    assert snr(weak, audio, lost).max() < snr(half, audio, lost).min() < snr(inpainter.improve(weak), audio, lost).max()


def test_what_of_a_gap_is_not_lost_stays_as_it_is():
    inpainter = SpectralInpainter(Oracle)
    inpainter.net.answer = torch.zeros(3, 1, 257, 11)  # silence, which all frames with a lost sample get
    audio, lost = tones(3), torch.zeros(5120, dtype=torch.bool)
    lost[2200:2800] = True
    improved = inpainter.improve(audio, lost)
    assert torch.equal(improved[:, ~lost], audio[:, ~lost])
    assert improved[:, 2456:2544].abs().max() < 1e-6  # only frames with a lost sample reach there
    inpainter.net.answer = torch.full((3, 1, 257, 11), 9.9)
    early = lost & (torch.arange(5120) < 2210)
    frames = inpainter.stft.touched(early)
    assert 0 < frames.sum() < 11
    assert torch.equal(inpainter.improve(audio, early)[:, ~early], audio[:, ~early])


def test_complex_networks_take_no_phases():
    with pytest.raises(ValueError, match="complex"):
        SpectralInpainter(Oracle, output="complex").improve(tones(1))


def test_lost_samples_are_never_seen():
    torch.manual_seed(0)
    inpainter = SpectralInpainter(
        lambda *sizes: SlimContextEncoder(*sizes, channels=8, depth=1), normalised=True
    ).eval()
    audio = tones(2)
    other = torch.where(inpainter.segment.lost, torch.randn(2, 5120), audio)
    with torch.no_grad():
        assert torch.equal(inpainter.restore(audio), inpainter.restore(other))


def test_normalised_networks_scale_with_the_level():
    torch.manual_seed(0)
    inpainter = SpectralInpainter(
        lambda *sizes: SlimContextEncoder(*sizes, channels=8, depth=1), normalised=True
    ).eval()
    audio = tones(2)
    with torch.no_grad():
        loud, quiet = inpainter.restore(audio), inpainter.restore(audio * 0.125) * 8
    assert torch.allclose(loud, quiet, atol=1e-3)


def test_silence_restores_to_silence():
    torch.manual_seed(0)
    inpainter = SpectralInpainter(
        lambda *sizes: SlimContextEncoder(*sizes, channels=8, depth=1), normalised=True
    ).eval()
    with torch.no_grad():
        assert inpainter.restore(torch.zeros(1, 5120)).abs().max() < 1e-3


# ---- losses and scores


def test_losses_are_the_papers_and_its_codes():
    x, y = (torch.randn(3, 2, 4, 5, dtype=torch.float64) for _ in range(2))
    for n in range(3):
        error, energy = float((x[n] - y[n]).square().sum()), float(y[n].square().sum())
        assert weighted_nmse(x, y, 5.0)[n].item() == pytest.approx(error / (0.2 + energy))
        assert mixed_squared_error(x, y)[n].item() == pytest.approx(0.5 * error * (1 + 5 / (energy + 1e-4)))
    x.requires_grad_()
    assert torch.autograd.gradcheck(weighted_nmse, (x, y))
    assert torch.autograd.gradcheck(mixed_squared_error, (x, y))


def test_magnitude_snr_is_taken_on_the_five_frames_inside_the_gap():
    truth, restored = torch.randn(2, 5120, dtype=torch.float64), torch.randn(2, 5120, dtype=torch.float64)
    lost = torch.zeros(5120, dtype=torch.bool)
    lost[2048:3072] = True
    window = torch.hann_window(512, dtype=torch.float64)
    frames = [2048 + 128 * n for n in range(5)]
    a, b = (
        torch.stack([torch.fft.rfft(x[:, s : s + 512] * window).abs() for s in frames], -1) for x in (truth, restored)
    )
    expected = 10 * torch.log10(a.square().sum((1, 2)) / (a - b).square().sum((1, 2)))
    assert torch.allclose(magnitude_snr(restored, truth, lost), expected)
    assert not torch.allclose(magnitude_snr(restored, truth, lost), snr(restored, truth, lost))
