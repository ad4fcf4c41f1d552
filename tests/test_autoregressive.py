import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from audio_inpaint.dsp.autoregressive import burg, interpolate, predict
from audio_inpaint.errors import InputError


def autoregressive_noise(length, a=(1, -1.6, 0.9, -0.2, 0.05), seed=0):
    return torch.from_numpy(lfilter([1], a, np.random.default_rng(seed).standard_normal(length)))


def burg_by_definition(x, order):
    f, b, a, reflection = x[1:].copy(), x[:-1].copy(), np.array([1.0]), []
    for _ in range(order):
        k = -2 * sum(u * v for u, v in zip(f, b, strict=True)) / (sum(u * u for u in f) + sum(v * v for v in b))
        f, b = (f + k * b)[1:], (b + k * f)[:-1]
        a = np.append(a, 0) + k * np.append(a, 0)[::-1]
        reflection.append(k)
    return a, np.array(reflection)


def least_residual_by_definition(x, lost, a):
    """Write every residual that holds a lost sample as a row, and solve by numpy's least squares."""
    p, x = len(a) - 1, np.where(lost, 0, x)
    rows = [[a[n - i] if 0 <= n - i <= p else 0 for i in range(len(x))] for n in range(p, len(x))]
    rows = np.array(rows)
    return np.linalg.lstsq(rows[:, lost], -rows @ x, rcond=None)[0]


@pytest.mark.parametrize("order", [1, 2, 7, 40])
def test_burg_equals_librosa(order):
    x = autoregressive_noise(400)
    np.testing.assert_allclose(burg(x, order)[0].numpy(), librosa.lpc(x.numpy(), order=order), rtol=1e-9, atol=1e-11)


def test_burg_equals_its_definition():
    x = autoregressive_noise(120)
    a, reflection = burg(x, 12)
    expected_a, expected_reflection = burg_by_definition(x.numpy(), 12)
    np.testing.assert_allclose(a.numpy(), expected_a, atol=1e-12)
    np.testing.assert_allclose(reflection.numpy(), expected_reflection, atol=1e-12)


def test_burg_finds_the_coefficients_of_a_long_process():
    true = [1, -1.6, 0.9, -0.2, 0.05]
    np.testing.assert_allclose(burg(autoregressive_noise(200_000, true), 4)[0].numpy(), true, atol=0.01)


def test_burg_of_a_batch_equals_burg_of_each_signal():
    x = torch.stack([autoregressive_noise(300, seed=seed) for seed in range(6)]).reshape(2, 3, 300)
    a, reflection = burg(x, 20)
    assert a.shape == (2, 3, 21)
    assert reflection.shape == (2, 3, 20)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(a[i, j], burg(x[i, j], 20)[0], rtol=0, atol=1e-12)


def test_burg_of_more_signals_than_fit_in_a_block_and_of_none():
    x = torch.stack([autoregressive_noise(3000, seed=seed) for seed in range(25)])
    torch.testing.assert_close(burg(x, 5)[0][-1], burg(x[-1], 5)[0], rtol=0, atol=1e-12)
    assert burg(x[:0], 5)[0].shape == (0, 6)


@pytest.mark.parametrize("amplitude", [1e-12, 1.0, 1e12])
def test_burg_of_pure_tones_stays_bounded_at_every_level(amplitude):
    t = torch.arange(2000, dtype=torch.float64)
    x = amplitude * (torch.sin(0.1 * t) + torch.cos(0.77 * t))
    a, reflection = burg(x, 500)
    assert a.isfinite().all()
    assert reflection.abs().max() <= 1
    residual = lfilter(a.numpy(), [1], x.numpy())[500:]
    assert np.abs(residual).max() < 1e-6 * amplitude


def test_burg_of_silence_and_of_a_constant_adds_no_coefficients():
    a, reflection = burg(torch.zeros(50), 10)
    assert a.tolist() == [1] + [0] * 10
    assert not reflection.any()
    a, _ = burg(torch.full((50,), 0.5), 10)
    np.testing.assert_allclose(a.numpy(), [1, -1] + [0] * 9, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=60), st.data())
def test_burg_is_finite_and_reflections_stay_within_one(samples, data):
    x = torch.tensor(samples, dtype=torch.float64)
    a, reflection = burg(x, data.draw(st.integers(0, len(samples) - 1)))
    assert a.isfinite().all()
    assert bool((reflection.abs() <= 1).all())


def test_burg_computes_in_double_precision_and_returns_the_dtype_it_got():
    x = autoregressive_noise(500).float()
    a, reflection = burg(x, 30)
    assert a.dtype == reflection.dtype == torch.float32
    torch.testing.assert_close(a, burg(x.double(), 30)[0].float(), rtol=0, atol=0)


def test_burg_takes_the_highest_order_and_refuses_more():
    x = autoregressive_noise(20)
    assert burg(x, 19)[0].isfinite().all()
    for order in (20, -1):
        with pytest.raises(InputError, match="choose an order from 0 to 19"):
            burg(x, order)


def test_predict_equals_a_literal_loop():
    x = autoregressive_noise(400)
    a, _ = burg(x, 30)
    expected = list(x.numpy())
    for _ in range(100):
        expected.append(-sum(float(a[i]) * expected[-i] for i in range(1, 31)))
    np.testing.assert_allclose(predict(x, a, 100).numpy(), expected[400:], atol=1e-10)


def test_predict_continues_every_signal_of_a_batch_by_its_own_model():
    x = torch.stack([autoregressive_noise(200, seed=seed) for seed in range(4)]).reshape(2, 2, 200)
    a, _ = burg(x, 8)
    out = predict(x, a, 50)
    assert out.shape == (2, 2, 50)
    torch.testing.assert_close(out[1, 0], predict(x[1, 0], a[1, 0], 50), rtol=0, atol=0)


def test_predict_of_order_zero_is_silence_and_of_too_few_samples_an_error():
    assert not predict(torch.ones(5), torch.ones(1), 7).any()
    with pytest.raises(InputError, match="order 8"):
        predict(torch.ones(5), torch.ones(9), 7)


def test_predict_continues_a_tone_by_its_two_coefficients():
    x = torch.sin(0.05 * torch.arange(3000, dtype=torch.float64))
    a = torch.tensor([1, -2 * np.cos(0.05), 1], dtype=torch.float64)
    torch.testing.assert_close(predict(x[:2000], a, 1000), x[2000:], rtol=0, atol=1e-8)


@pytest.mark.parametrize("lost", [[slice(60, 90)], [slice(60, 61)], [slice(40, 50), slice(53, 60), slice(100, 120)]])
def test_interpolation_is_the_literal_least_squares_solution(lost):
    x, gap = autoregressive_noise(200), torch.zeros(200, dtype=torch.bool)
    for part in lost:
        gap[part] = True
    a, _ = burg(x, 12)
    expected = least_residual_by_definition(x.numpy(), gap.numpy(), a.numpy())
    np.testing.assert_allclose(interpolate(x, gap, a).numpy(), expected, atol=1e-9)


def test_scattered_and_contiguous_solvers_agree():
    """One more lost sample, farther away than the order, must not change the gap's solution."""
    x, gap = autoregressive_noise(400), torch.zeros(400, dtype=torch.bool)
    gap[100:150] = True
    a, _ = burg(x, 16)
    alone = interpolate(x, gap, a)
    gap[300] = True
    torch.testing.assert_close(interpolate(x, gap, a)[:50], alone, rtol=0, atol=1e-10)


def test_interpolation_needs_the_order_on_both_sides_and_ignores_lost_values():
    x, gap = autoregressive_noise(100), torch.zeros(100, dtype=torch.bool)
    gap[50:60] = True
    a, _ = burg(x, 20)
    assert torch.equal(interpolate(x.masked_fill(gap, torch.nan), gap, a), interpolate(x, gap, a))
    assert interpolate(x, torch.zeros_like(gap), a).shape == (0,)
    gap[85:90] = True
    with pytest.raises(InputError, match="before and after"):
        interpolate(x, gap, a)


def test_interpolation_survives_singular_equations():
    """A difference of a high order has all its zeros on the unit circle, so its normal equations are near singular."""
    a = torch.from_numpy(np.poly(np.ones(12)))
    x, gap = torch.ones(600, dtype=torch.float64), torch.zeros(600, dtype=torch.bool)
    gap[100:500] = True
    assert interpolate(x, gap, a).isfinite().all()
    gap[50:60] = True
    assert interpolate(x, gap, a).isfinite().all()
