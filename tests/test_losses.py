"""The deep-prior paper's losses against literal float64 loops, their gradients, masks, silence and phase wrapping."""

import math

import numpy as np
import pytest
import torch

from audio_inpaint import losses
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.losses import TABLE_II, MultiScaleSpectrogram

SHAPE = (2, 5, 7)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(SHAPE, dtype=torch.complex128, generator=generator) for _ in range(2))


@pytest.fixture
def known():
    return torch.tensor([[[True, True, False, True, False, True, True]], [[True] * 4 + [False] * 3]])


def literal(name, x, y, known):
    """Each equation of the paper, one bin at a time, for one example."""
    bins, frames = x.shape
    kept = [(m, l) for m in range(bins) for l in range(frames) if known[l]]
    count = sum(bool(k) for k in known)
    if name == "mean_squared_error":  # (10)
        return sum((x[m, l].real - y[m, l].real) ** 2 for m, l in kept) / (bins * frames)
    if name == "spectral_convergence":  # (12)
        above = math.sqrt(sum((abs(x[m, l]) - abs(y[m, l])) ** 2 for m, l in kept))
        return above / math.sqrt(sum(abs(y[m, l]) ** 2 for m, l in kept))
    if name == "log_magnitude":  # (13)
        return sum(abs(math.log(abs(x[m, l])) - math.log(abs(y[m, l]))) for m, l in kept) / count
    if name == "magnitude":  # (14)
        return sum(abs(abs(x[m, l]) - abs(y[m, l])) for m, l in kept) / count
    return sum((np.angle(x[m, l]) - np.angle(y[m, l])) ** 2 for m, l in kept) / len(kept)  # (15)


def term(name, x, y, known, **options):
    if name == "mean_squared_error":
        return losses.mean_squared_error(x.real, y.real, known)
    if name == "phase":
        return losses.phase(x, y, known, wrapped=False)
    if name != "spectral_convergence":
        options["mean_over_bins"] = False
    return getattr(losses, name)(x.abs(), y.abs(), known, **options)


TERMS = ["mean_squared_error", "spectral_convergence", "log_magnitude", "magnitude", "phase"]


@pytest.mark.parametrize("name", TERMS)
def test_each_term_equals_its_equation_per_example(name, pair, known):
    x, y = pair
    expected = [literal(name, a.numpy(), b.numpy(), k[0].numpy()) for a, b, k in zip(x, y, known, strict=True)]
    np.testing.assert_allclose(term(name, x, y, known).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", TERMS)
def test_lost_frames_contribute_no_value_and_no_gradient(name, pair, known):
    x, y = (z.clone() for z in pair)
    x.requires_grad_()
    value = term(name, x, y, known)
    value.sum().backward()
    lost = ~known.expand(SHAPE)
    assert (x.grad[lost] == 0).all()
    assert (x.grad[~lost] != 0).any()
    other = torch.where(lost, 9.0 + 3.0j, x.detach())
    assert torch.equal(term(name, other, torch.where(lost, -4.0 + 0.0j, y), known), value)


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_right_in_double_precision(name, pair, known):
    x, y = pair
    assert torch.autograd.gradcheck(lambda z: term(name, z, y, known), (x.requires_grad_(),))


def test_the_wrapped_phase_is_short_across_pi_and_the_printed_one_is_long():
    x = torch.polar(torch.ones(1, 1, 1, dtype=torch.float64), torch.full((1, 1, 1), math.pi - 0.1, dtype=torch.float64))
    y = x.conj()
    assert losses.phase(x, y, wrapped=True).item() == pytest.approx(0.2**2)
    assert losses.phase(x, y, wrapped=False).item() == pytest.approx((2 * math.pi - 0.2) ** 2)


def test_wrapped_and_printed_phase_agree_away_from_pi():
    angles = torch.linspace(-1, 1, 20, dtype=torch.float64).reshape(1, 4, 5)
    x, y = torch.polar(torch.ones_like(angles), angles), torch.polar(torch.ones_like(angles), angles.flip(-1))
    torch.testing.assert_close(losses.phase(x, y, wrapped=True), losses.phase(x, y, wrapped=False))


@pytest.mark.parametrize("phase", ["printed", "wrapped"])
@pytest.mark.parametrize("silent", ["estimate", "observation", "both"])
def test_silence_gives_no_nan_in_value_or_gradient(silent, phase):
    x = torch.zeros(1, 4000) if silent != "observation" else torch.randn(1, 4000)
    y = torch.zeros(1, 4000) if silent != "estimate" else torch.randn(1, 4000)
    x.requires_grad_()
    loss = MultiScaleSpectrogram(phase=phase)
    total = sum(loss(x, loss.observed(y)).values())
    total.sum().backward()
    assert total.isfinite().all()
    assert x.grad.isfinite().all()


def test_the_multi_scale_loss_averages_table_two_over_complete_frames():
    x, y = torch.randn(2, 1, 9000, dtype=torch.float64)
    gap = torch.zeros(9000, dtype=torch.bool)
    gap[4000:4800] = True
    loss = MultiScaleSpectrogram(mean_over_bins=False)
    found = loss(x, loss.observed(y, gap))
    expected = dict.fromkeys(found, 0.0)
    for scale in TABLE_II:
        stft = STFT(*scale)
        complete = [l for l in range(stft.frames(9000)) if not stft.touched(gap)[l]]
        a, b = stft(x)[0][:, complete].numpy(), stft(y)[0][:, complete].numpy()
        norm = np.linalg.norm(abs(b))
        expected["convergence"] += np.linalg.norm(abs(a) - abs(b)) / norm / 3
        expected["log_magnitude"] += abs(np.log(abs(a)) - np.log(abs(b))).sum() / len(complete) / 3
        expected["magnitude"] += abs(abs(a) - abs(b)).sum() / len(complete) / 3
        expected["phase"] += ((np.angle(a) - np.angle(b)) ** 2).mean() / 3
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-9), name


def test_lost_samples_change_nothing_in_the_multi_scale_loss():
    x, y = torch.randn(2, 1, 6000)
    gap = torch.zeros(6000, dtype=torch.bool)
    gap[2000:2700] = True
    loss = MultiScaleSpectrogram()
    other = loss(torch.where(gap, 5.0, x), loss.observed(torch.where(gap, -7.0, y), gap))
    assert all(torch.equal(a, other[name]) for name, a in loss(x, loss.observed(y, gap)).items())


def test_table_two_keeps_its_durations_at_another_rate():
    scales = [(s.n_fft, s.hop_length, s.win_length) for s in MultiScaleSpectrogram(48000).stfts]
    assert scales == [(3 * n, 3 * hop, 3 * window) for n, hop, window in TABLE_II]


def test_an_unknown_phase_term_is_refused():
    with pytest.raises(ValueError, match="wrapped"):
        MultiScaleSpectrogram(phase="unwrapped")
