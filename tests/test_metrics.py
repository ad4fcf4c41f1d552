import sys

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.audio import signal_noise_ratio

from audio_inpaint.errors import InputError
from audio_inpaint.metrics.lsd import lsd
from audio_inpaint.metrics.snr import nmse, snr
from audio_inpaint.metrics.speech import pesq, stoi


def waves(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def mask(length, start, stop):
    gap = torch.zeros(length, dtype=torch.bool)
    gap[start:stop] = True
    return gap


def voice(sample_rate, seconds=3):
    """A sawtooth through three formants, switched on and off four times a second."""
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    partials = np.arange(1, 30)[:, None] * 120.0
    weights = sum(np.exp(-(((partials - formant) / 150) ** 2)) for formant in (600, 1200, 2500)) + 0.01
    tone = (weights * np.sin(2 * np.pi * partials * t)).sum(0) * (np.sin(2 * np.pi * 4 * t) > -0.3)
    return torch.from_numpy(0.1 * tone + 1e-4 * np.random.default_rng(0).standard_normal(len(t)))


def test_snr_of_the_lost_samples_equals_torchmetrics_on_them():
    original, restored, gap = waves(3, 2, 500), waves(3, 2, 500, seed=1), mask(500, 100, 180)
    expected = signal_noise_ratio(restored[..., gap], original[..., gap])
    torch.testing.assert_close(snr(restored, original, gap), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(snr(restored, original), signal_noise_ratio(restored, original), rtol=1e-9, atol=1e-9)


def test_snr_does_not_see_known_samples():
    original, restored, gap = waves(500), waves(500, seed=1), mask(500, 100, 180)
    spoilt = restored.masked_fill(~gap, torch.nan)
    assert snr(spoilt, original, gap) == snr(restored, original, gap)


def test_snr_takes_a_gap_of_each_waveform():
    original, restored = waves(2, 500), waves(2, 500, seed=1)
    gap = torch.stack([mask(500, 100, 180), mask(500, 300, 310)])
    expected = [snr(restored[i], original[i], gap[i]) for i in range(2)]
    assert snr(restored, original, gap).tolist() == expected


def test_snr_of_exact_silent_and_zeroed_audio():
    original, gap = waves(500), mask(500, 100, 180)
    assert snr(original, original, gap) == torch.inf
    assert snr(torch.zeros(500), torch.zeros(500), gap) == torch.inf
    assert snr(original, torch.zeros(500), gap) == -torch.inf
    assert snr(original.masked_fill(gap, 0), original, gap) == 0


def test_nmse_takes_the_mean_inside_the_logarithm():
    original = waves(2, 500)
    restored = original.clone()
    restored[0] *= 1.1  # -20 dB
    restored[1] *= 2.0  # 0 dB
    np.testing.assert_allclose(float(nmse(restored, original)), 10 * np.log10((0.01 + 1) / 2), atol=1e-9)
    assert float(nmse(restored, original)) != pytest.approx(-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_nmse_of_one_item_is_minus_its_snr_at_any_level(seed, level):
    original, restored, gap = waves(200, seed=seed), waves(200, seed=seed + 1), mask(200, 20, 90)
    torch.testing.assert_close(nmse(level * restored, level * original, gap), -snr(restored, original, gap))


def test_zeroed_gaps_score_0_db_of_nmse_on_the_lost_samples():
    original, gap = waves(4, 500), mask(500, 100, 180)
    assert float(nmse(original.masked_fill(gap, 0), original, gap)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("score", [snr, nmse, lsd])
def test_scores_refuse_an_empty_gap_and_unequal_shapes(score):
    x = waves(4000)
    with pytest.raises(InputError, match="no sample is lost"):
        score(x, x, mask(4000, 0, 0))
    with pytest.raises(InputError, match="shape"):
        score(x[1:], x, mask(4000, 5, 9))
    with pytest.raises(InputError, match=r"long|shape"):
        score(x, x, mask(3999, 5, 9))


def test_lsd_equals_its_definition_on_librosas_frames():
    original, restored, gap = waves(9000), waves(9000, seed=1), mask(9000, 4000, 5000)
    spectra = [librosa.stft(x.numpy(), n_fft=2048, hop_length=512, pad_mode="constant") for x in (restored, original)]
    frames = [t for t in range(spectra[0].shape[1]) if t * 512 + 1024 > 4000 and t * 512 - 1024 < 5000]
    differences = 20 * np.log10(np.abs(spectra[0][:, frames]) / np.abs(spectra[1][:, frames]))
    expected = np.sqrt((differences**2).mean(0)).mean()
    np.testing.assert_allclose(float(lsd(restored, original, gap)), expected, rtol=1e-6)


def test_lsd_of_a_gain_is_that_gain_in_db():
    x = waves(2, 3, 6000)
    torch.testing.assert_close(
        lsd(0.5 * x, x, mask(6000, 2000, 3000)), torch.full((2, 3), 6.0206).double(), atol=1e-3, rtol=0
    )


def test_lsd_ignores_frames_that_miss_no_sample_and_is_zero_for_exact_audio():
    original, gap = waves(20000), mask(20000, 10000, 10500)
    restored = original.clone()
    restored[:7900] = 0
    restored[12600:] = 0
    assert float(lsd(restored, original, gap)) == 0


def test_lsd_hears_the_hole_that_snr_does_not():
    """A fill that is noise like the original loses in SNR to silence and wins in log-spectral distance."""
    original, gap = waves(20000), mask(20000, 9000, 12000)
    silent = original.masked_fill(gap, 0)
    noisy = torch.where(gap, waves(20000, seed=5), original)
    assert snr(silent, original, gap) > snr(noisy, original, gap)
    assert lsd(noisy, original, gap) < lsd(silent, original, gap)


def test_lsd_of_silence_is_finite():
    zeros = torch.zeros(6000)
    assert float(lsd(zeros, zeros, mask(6000, 2000, 3000))) == 0
    assert lsd(zeros, waves(6000), mask(6000, 2000, 3000)).isfinite()


def test_pesq_equals_the_package_at_16_khz():
    package = pytest.importorskip("pesq")
    original = voice(16000)
    restored = original + 0.01 * waves(len(original), seed=2)
    expected = package.pesq(16000, original.numpy(), restored.numpy(), "wb")
    assert float(pesq(restored, original, 16000)) == pytest.approx(expected, abs=1e-6)
    assert float(pesq(original, original, 16000)) == pytest.approx(4.64, abs=0.01)


def test_stoi_equals_the_package_at_16_khz():
    package = pytest.importorskip("pystoi")
    original = voice(16000)
    restored = original + 0.05 * waves(len(original), seed=2)
    expected = package.stoi(original.numpy(), restored.numpy(), 16000)
    assert float(stoi(restored, original, 16000)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("score", [pesq, stoi])
def test_speech_scores_agree_across_sample_rates_and_take_batches(score):
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    original = torch.stack([voice(48000), voice(48000).flip(-1)])[:, None]
    gap = mask(original.shape[-1], 40000, 70000)
    restored = original.masked_fill(gap, 0)
    at_48 = score(restored, original, 48000)
    assert at_48.shape == (2, 1)
    at_16 = score(*(x[..., ::3] for x in (restored, original)), 16000)  # the voice holds nothing above 4 kHz
    torch.testing.assert_close(at_48, at_16, atol=0.1, rtol=0)
    assert bool((at_48 < score(original, original, 48000)).all())


def test_pesq_without_speech_is_an_input_error():
    pytest.importorskip("pesq")
    with pytest.raises(InputError, match="PESQ cannot score"):
        pesq(torch.zeros(16000), torch.zeros(16000), 16000)


@pytest.mark.parametrize(("score", "package"), [(pesq, "pesq"), (stoi, "pystoi")])
def test_a_missing_package_names_the_extra_to_install(monkeypatch, score, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*pip install audio-inpaint\[metrics\]"):
        score(torch.zeros(16000), torch.zeros(16000), 16000)
