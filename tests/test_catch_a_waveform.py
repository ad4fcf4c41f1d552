import itertools

import numpy as np
import pytest
import torch
from alike import alike
from torch import nn
from torch.nn.functional import conv1d

from audio_inpaint.methods.catch_a_waveform import catch_a_waveform
from audio_inpaint.methods.catch_a_waveform.catch_a_waveform import (
    CatchAWaveform,
    Scale,
    fit,
    gap_at,
    gradient_penalty,
    pyramid,
    reconstruction_error,
    resampled,
)
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.nn.catch_a_waveform import FIELD, Critic, FoldedConv1d, Generator, fields, judged

RATE = 2000
TINY = CatchAWaveform(epochs=2, width=2)


def mask(length, *lost):
    gap = torch.zeros(length, dtype=torch.bool)
    for start, stop in lost:
        gap[start:stop] = True
    return gap


def tones(length, rate=RATE, channels=1):
    t = torch.arange(length, dtype=torch.float64) / rate
    sound = sum(0.2 / (i + 1) * torch.sin(2 * torch.pi * f * t + i) for i, f in enumerate((110, 287.3, 440.5, 811)))
    return torch.stack([(i + 1) / channels * sound for i in range(channels)])


def without_norms(net):
    """Batch norm ties all samples together: without it, what is left is the convolutions."""
    for block in net.body:
        block[1] = nn.Identity()
    return net.double()


def one_scale(length=3000, lost=(2700, 2760)):
    real = tones(length).float()[None]
    gap = mask(length, lost)
    return Scale(RATE, real, ~gap, judged(gap), 0.001, 0.001 * torch.randn(real.shape) * gap)


def test_a_generator_keeps_the_length_and_a_critic_gives_a_score_for_each_field():
    x = torch.randn(2, 3, 2500)
    assert Generator(3, 4)(x, x).shape == x.shape
    assert Critic(3, 4)(x).shape == (2, 1, 2500 - 2040)


@pytest.mark.parametrize(("kind", "outputs"), [(Generator, 2), (Critic, 1)])
def test_networks_are_eight_weight_normed_convolutions_of_nine(kind, outputs):
    net = kind(2, 96)
    convolutions = [block[0] for block in net.body]
    assert [c.dilation for c in convolutions] == [(2**i,) for i in range(8)]
    assert all(c.kernel_size == (9,) and c.padding == (0,) and c.out_channels == 96 for c in convolutions)
    assert all(nn.utils.parametrize.is_parametrized(c, "weight") for c in convolutions)
    # a convolution has a direction, a length and a bias, its norm a scale and a shift
    expected = 2 * 96 * 9 + 7 * 96 * 96 * 9 + 8 * 4 * 96 + (96 + 1) * outputs
    assert sum(p.numel() for p in net.parameters()) == expected


@pytest.mark.parametrize(("dilation", "length"), [(1, 50), (2, 51), (16, 200), (32, 257)])
def test_a_folded_convolution_is_a_dilated_one(dilation, length):
    conv = FoldedConv1d(2, 3, 9, dilation=dilation).double()
    x = torch.randn(2, 2, length, dtype=torch.float64)
    torch.testing.assert_close(conv(x), conv1d(x, conv.weight, conv.bias, dilation=dilation))


def test_the_generator_adds_pre_emphasised_features_to_the_scale_before():
    net, previous = Generator(1, 3), torch.randn(1, 1, 400)
    emphasised = (net(torch.zeros_like(previous), previous) - previous)[0, 0].detach().numpy()
    plain = [0.0]
    for value in emphasised:
        plain.append(value + 0.97 * plain[-1])
    features = net.body(nn.functional.pad(previous, (1020, 1020)))
    expected = net.output(torch.tanh(features) * torch.sigmoid(features))[0, 0]
    np.testing.assert_allclose(plain[1:], expected.detach().numpy(), atol=1e-5)


def test_a_score_has_seen_2041_samples_and_no_other():
    critic, x = without_norms(Critic(1, 3)), torch.randn(1, 1, 2200, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(x)[0, 0, 37], x)
    assert gradient[0, 0].nonzero()[[0, -1], 0].tolist() == [37, 37 + 2040]


def test_lost_samples_change_no_score_that_counts():
    critic, gap = without_norms(Critic(1, 3)), mask(5000, (2100, 2150), (4500, 4501))
    x, chosen = torch.randn(1, 1, 5000, dtype=torch.float64), judged(gap)
    with torch.no_grad():
        before, after = critic(x)[0, 0], critic(x.masked_fill(gap, 7.0))[0, 0]
    assert chosen.any()
    assert torch.equal(before[chosen], after[chosen])
    assert (before != after)[~chosen].all()


@pytest.mark.parametrize("lost", [(), ((0, 3),), ((2060, 2100),), ((10, 20), (2070, 2071), (4200, 4300))])
def test_scores_that_count_and_their_fields_are_those_of_a_literal_loop(lost):
    gap = mask(4300, *lost)
    chosen = judged(gap)
    assert chosen.tolist() == [not gap[t : t + 2041].any() for t in range(4300 - 2040)]
    seen = torch.zeros(4300, dtype=torch.bool)
    for t in chosen.nonzero()[:, 0].tolist():
        seen[t : t + 2041] = True
    assert torch.equal(fields(chosen), seen)


@pytest.mark.parametrize("length", [1, FIELD - 1])
def test_a_signal_shorter_than_a_field_has_no_score(length):
    assert judged(mask(length)).shape == (0,)


@pytest.mark.parametrize(
    ("rate", "rates"),
    [
        (800, [800]),
        (8000, [1000, 1600, 2500, 8000]),
        (11025, [1000, 1600, 2500, 8000, 11025]),
        (16000, [1000, 1600, 2500, 8000, 12000, 16000]),
        (44100, [1000, 1600, 2500, 8000, 12000, 16000]),
    ],
)
def test_scales_are_the_papers_below_the_recordings_own_rate(rate, rates):
    audio, gap = tones(rate, rate, 2).float(), mask(rate, (rate // 2, rate // 2 + rate // 20))
    scales = pyramid(audio, gap, rate)
    assert [scale.rate for scale in scales] == rates
    assert [scale.real.shape for scale in scales] == [(1, 2, r) for r in rates]
    powers = [float(scale.real[..., scale.known].double().square().mean()) for scale in scales]
    added = [powers[0], *(b - a for a, b in itertools.pairwise(powers))]
    np.testing.assert_allclose([s.noise for s in scales], 0.01 * np.sqrt(np.clip(added, 0, None)), rtol=1e-3, atol=1e-7)
    assert (scales[0].fixed != 0).all()
    assert all(torch.equal(scale.fixed[0, 1] == 0, scale.known) for scale in scales[1:] if scale.noise > 0)


def test_no_sample_of_another_rate_counts_as_known_that_lies_in_a_gap_or_beside_it():
    gap = mask(16000, (0, 5), (4001, 4002), (9000, 9100), (15990, 16000))
    for length in (1000, 1600, 12000):
        at = torch.arange(length)[:, None] * 16000 / length
        near = ((at - gap.nonzero()[:, 0]).abs() <= 16000 / length).any(1)
        assert gap_at(gap, length)[near].all()
        assert gap_at(gap, length).sum() <= near.sum() + 2 * 4
    assert torch.equal(gap_at(gap, 16000), gap)


@pytest.mark.parametrize("length", [1000, 1600, 12000, 44100])
def test_resampling_is_exact_for_what_both_rates_hold(length):
    for cycles in (0, 3, 440):
        x, y = (torch.cos(2 * torch.pi * cycles * torch.arange(n).double() / n + 0.4) for n in (16000, length))
        torch.testing.assert_close(resampled(x, length), y, rtol=0, atol=1e-9)
        torch.testing.assert_close(resampled(y, 16000), x, rtol=0, atol=1e-9)


def test_the_penalty_is_that_of_the_gradient_at_each_sample_that_counts():
    chosen = judged(mask(2100, (2095, 2100)))

    def critic(x):
        return 3 * x[..., :60].sum(1, keepdim=True)

    real, fake = torch.randn(1, 2, 2100), torch.randn(1, 2, 2100)
    penalty = gradient_penalty(critic, real, fake, chosen, fields(chosen))
    judged_samples, seen = int(chosen.sum()), 2095
    expected = (judged_samples * (3 * 2**0.5 - 1) ** 2 + seen - judged_samples) / seen
    assert float(penalty) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("lost", [(2700, 2760), (1500, 1560)], ids=["adversarial", "reconstruction alone"])
def test_a_short_fit_lowers_the_reconstructions_error(lost):
    torch.manual_seed(0)
    scale = one_scale(lost=lost)
    assert bool(scale.judged.any()) == (lost[0] == 2700)
    generator, critic = Generator(1, 4), Critic(1, 4)
    previous = resampled(resampled(scale.real, 1000), 3000)
    weights = [p.clone() for p in critic.parameters()]
    with torch.no_grad():
        before = reconstruction_error(generator(scale.fixed, previous), scale)
    after = reconstruction_error(fit(scale, generator, critic, previous, lambda: previous, 8), scale)
    assert after < 0.5 * before
    moved = any((p != w).any() for p, w in zip(critic.parameters(), weights, strict=True))
    assert moved == bool(scale.judged.any())


def test_the_error_is_that_of_the_known_samples():
    scale = one_scale()
    wrong = scale.real.masked_fill(~scale.known, 5.0)
    assert reconstruction_error(wrong, scale) == 0
    assert reconstruction_error(wrong + 0.5, scale) == pytest.approx(0.25)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_known_samples_are_returned_bit_for_bit(dtype):
    audio, gap = tones(3000, channels=2).to(dtype), mask(3000, (0, 20), (1000, 1060), (2990, 3000))
    before = audio.clone()
    restored = alike(TINY)(audio, gap, RATE)
    bits = {torch.float32: torch.int32, torch.float64: torch.int64}[dtype]
    assert restored.dtype == dtype
    assert restored.isfinite().all()
    assert torch.equal(restored[:, ~gap].view(bits), audio[:, ~gap].view(bits))
    assert torch.equal(audio, before)
    assert not torch.equal(restored, alike(Janssen())(audio, gap, RATE))


def test_lost_values_change_no_bit_and_a_seed_gives_one_result():
    audio, gap = tones(3000), mask(3000, (2700, 2760))
    state = torch.get_rng_state()
    restored = alike(TINY)(audio, gap, RATE)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(alike(TINY)(audio.masked_fill(gap, torch.nan), gap, RATE), restored)
    assert not torch.equal(alike(CatchAWaveform(epochs=2, width=2, seed=1))(audio, gap, RATE), restored)


def test_above_8_khz_the_fill_is_janssens(monkeypatch):
    monkeypatch.setattr(catch_a_waveform, "RATES", (1000, 16000))
    audio, gap = tones(8000, 44100), mask(8000, (3000, 5000))
    audio = audio + 0.01 * torch.from_numpy(np.random.default_rng(0).standard_normal(audio.shape))
    change = (alike(TINY)(audio, gap, 44100) - alike(Janssen())(audio, gap, 44100))[0]
    power = torch.fft.rfft(change).abs().square()
    assert power.sum() > 1
    assert power[round(8500 / 44100 * 8000) :].sum() < 1e-3 * power.sum()


def test_an_interrupted_fit_leaves_the_random_numbers_as_they_were(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(catch_a_waveform, "fit", interrupted)
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        alike(TINY)(tones(3000), mask(3000, (1000, 1060)), RATE)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("lost", [(), ((0, 3000),)], ids=["nothing", "everything"])
def test_without_a_gap_or_without_sound_nothing_is_fitted(lost):
    audio = tones(3000)
    restored = alike(CatchAWaveform())(audio, mask(3000, *lost), RATE)
    assert torch.equal(restored, torch.zeros_like(audio) if lost else audio)
