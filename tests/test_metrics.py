import sys
import time

import librosa
import numpy as np
import pytest
import torch
from sounds_to_score import mask, voice, waves
from torchmetrics.functional.audio import signal_noise_ratio

from audio_inpaint.errors import InputError
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.snr import magnitude_snr, pooled_snr, snr
from audio_inpaint.scores.speech import pesq, pesq_gain, stoi


def test_snr_of_the_lost_samples_equals_torchmetrics_on_them():
    target, preds, gap = waves(3, 2, 500), waves(3, 2, 500, seed=1), mask(500, (100, 180))
    expected = signal_noise_ratio(preds[..., gap], target[..., gap])
    torch.testing.assert_close(snr(preds, target, gap), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(snr(preds, target), signal_noise_ratio(preds, target), rtol=1e-9, atol=1e-9)


def test_snr_does_not_see_known_samples():
    target, preds, gap = waves(500), waves(500, seed=1), mask(500, (100, 180))
    spoilt = preds.masked_fill(~gap, torch.nan)
    assert snr(spoilt, target, gap) == snr(preds, target, gap)


def test_snr_takes_a_gap_of_each_waveform():
    target, preds = waves(2, 500), waves(2, 500, seed=1)
    gap = torch.stack([mask(500, (100, 180)), mask(500, (300, 310))])
    expected = [snr(preds[i], target[i], gap[i]) for i in range(2)]
    assert snr(preds, target, gap).tolist() == expected


def test_snr_of_exact_silent_and_zeroed_audio():
    target, gap = waves(500), mask(500, (100, 180))
    assert snr(target, target, gap) == torch.inf
    assert snr(torch.zeros(500), torch.zeros(500), gap) == torch.inf
    assert snr(target, torch.zeros(500), gap) == -torch.inf
    assert snr(target.masked_fill(gap, 0), target, gap) == 0


def test_pooled_snr_adds_the_energies_of_channels_on_their_own_lost_samples():
    target, preds = waves(2, 500), waves(2, 500, seed=1)
    target[0] *= 10
    gap = torch.stack([mask(500, (100, 180)), mask(500, (300, 310))])
    x, y = target.numpy()[gap], preds.numpy()[gap]
    expected = 10 * np.log10((x**2).sum() / ((x - y) ** 2).sum())
    np.testing.assert_allclose(float(pooled_snr(preds, target, gap)), expected)
    assert float(pooled_snr(preds, target, gap)) != pytest.approx(float(snr(preds, target, gap).mean()))
    assert pooled_snr(preds, torch.zeros(2, 500), gap).isnan()
    assert pooled_snr(target, target) == torch.inf


@pytest.mark.parametrize("score", [snr, pooled_snr, lsd, magnitude_snr])
def test_scores_refuse_an_empty_gap_and_unequal_shapes(score):
    x = waves(4000)
    with pytest.raises(InputError, match="no sample is lost"):
        score(x, x, mask(4000, (0, 0)))
    with pytest.raises(InputError, match="shape"):
        score(x[1:], x, mask(4000, (5, 9)))
    with pytest.raises(InputError, match=r"long|shape"):
        score(x, x, mask(3999, (5, 9)))
    with pytest.raises(InputError, match="no samples"):
        score(x[:0], x[:0], mask(0))


def test_magnitude_snr_equals_its_definition_on_librosas_frames():
    target, preds, gap = waves(2, 9000), waves(2, 9000, seed=1), mask(9000, (1000, 1700), (4000, 5024))
    both = [np.abs(librosa.stft(x.numpy(), n_fft=512, hop_length=128, pad_mode="constant")) for x in (preds, target)]
    # a periodic Hann window is zero at its first sample
    inside = [t for t in range(both[0].shape[-1]) if bool(gap[max(0, 128 * t - 255) : 128 * t + 256].all())]
    assert inside == [10, 11, *range(34, 38)]
    restored_part, original_part = (x[..., inside] for x in both)
    ratio = (original_part**2).sum((-2, -1)) / ((restored_part - original_part) ** 2).sum((-2, -1))
    np.testing.assert_allclose(magnitude_snr(preds, target, gap).numpy(), 10 * np.log10(ratio), rtol=1e-5)


def test_magnitude_snr_refuses_a_gap_shorter_than_its_window():
    x = waves(4000)
    with pytest.raises(InputError, match="shorter window"):
        magnitude_snr(x, x, mask(4000, (1000, 1500)))


@pytest.mark.parametrize("score", [lsd, magnitude_snr])
def test_spectral_scores_refuse_several_gaps_for_a_batch(score):
    x = waves(2, 4000)
    with pytest.raises(InputError, match="one gap"):
        score(x, x, torch.stack([mask(4000, (1000, 2000)), mask(4000, (1500, 2500))]))


@pytest.mark.parametrize(("start", "stop"), [(0, 900), (5000, 6024), (8300, 9000)])
def test_spectral_scores_do_not_change_with_sound_far_from_the_gap(start, stop):
    target, preds = waves(9000), waves(9000, seed=1)
    gap, far = mask(9000, (start, stop)), torch.ones(9000, dtype=torch.bool)
    far[max(0, start - 2048) : stop + 2048] = False
    for score in (lsd, magnitude_snr):
        spoilt = score(preds.masked_fill(far, torch.nan), target.masked_fill(far, torch.nan), gap)
        assert float(spoilt) == pytest.approx(float(score(preds, target, gap)), rel=1e-9)


def test_lsd_equals_its_definition_on_librosas_frames():
    target, preds, gap = waves(9000), waves(9000, seed=1), mask(9000, (4000, 5000))
    spectra = [librosa.stft(x.numpy(), n_fft=2048, hop_length=512, pad_mode="constant") for x in (preds, target)]
    frames = [t for t in range(spectra[0].shape[1]) if t * 512 + 1024 > 4000 and t * 512 - 1024 < 5000]
    differences = 20 * np.log10(np.abs(spectra[0][:, frames]) / np.abs(spectra[1][:, frames]))
    expected = np.sqrt((differences**2).mean(0)).mean()
    np.testing.assert_allclose(float(lsd(preds, target, gap)), expected, rtol=1e-6)


def test_lsd_of_a_gain_is_that_gain_in_db():
    x = waves(2, 3, 6000)
    torch.testing.assert_close(
        lsd(0.5 * x, x, mask(6000, (2000, 3000))), torch.full((2, 3), 6.0206).double(), atol=1e-3, rtol=0
    )


def test_lsd_ignores_frames_that_miss_no_sample_and_is_zero_for_exact_audio():
    target, gap = waves(20000), mask(20000, (10000, 10500))
    preds = target.clone()
    preds[:7900] = 0
    preds[12600:] = 0
    assert float(lsd(preds, target, gap)) == 0


def test_lsd_hears_the_hole_that_snr_does_not():
    """A fill that is noise like the target loses in SNR to silence and wins in log-spectral distance."""
    target, gap = waves(20000), mask(20000, (9000, 12000))
    silent = target.masked_fill(gap, 0)
    noisy = torch.where(gap, waves(20000, seed=5), target)
    assert snr(silent, target, gap) > snr(noisy, target, gap)
    assert lsd(noisy, target, gap) < lsd(silent, target, gap)


def test_lsd_of_silence():
    zeros, gap = torch.zeros(6000), mask(6000, (2000, 3000))
    assert float(lsd(zeros, zeros, gap)) == 0
    assert float(lsd(waves(6000), zeros, gap)) == torch.inf
    assert 60 < float(lsd(zeros, waves(6000), gap)) <= 80


@pytest.mark.parametrize("score", [snr, pooled_snr, lsd])
def test_one_sample_has_a_score_and_one_that_is_no_number_has_none(score):
    one, gap = torch.ones(1), mask(1, (0, 1))
    assert score(0.5 * one, one, gap).isfinite()
    assert score(torch.nan * one, one, gap).isnan()


def test_pesq_equals_the_package_at_16_khz():
    package = pytest.importorskip("pesq")
    target = voice(16000)
    preds = target + 0.01 * waves(len(target), seed=2)
    expected = package.pesq(16000, target.numpy(), preds.numpy(), "wb")
    assert float(pesq(preds, target, 16000)) == pytest.approx(expected, abs=1e-6)
    assert float(pesq(target, target, 16000)) == pytest.approx(4.64, abs=0.01)


def test_stoi_equals_the_package_at_16_khz():
    package = pytest.importorskip("pystoi")
    target = voice(16000)
    preds = target + 0.05 * waves(len(target), seed=2)
    expected = package.stoi(target.numpy(), preds.numpy(), 16000)
    assert float(stoi(preds, target, 16000)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("score", [pesq, stoi])
def test_speech_scores_agree_across_sample_rates_and_take_batches(score):
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    target = torch.stack([voice(48000), voice(48000).flip(-1)])[:, None]
    gap = mask(target.shape[-1], (40000, 70000))
    preds = target.masked_fill(gap, 0)
    at_48 = score(preds, target, 48000)
    assert at_48.shape == (2, 1)
    at_16 = score(*(x[..., ::3] for x in (preds, target)), 16000)  # the voice holds nothing above 4 kHz
    torch.testing.assert_close(at_48, at_16, atol=0.1, rtol=0)
    assert bool((at_48 < score(target, target, 48000)).all())


def test_speech_scores_at_an_odd_rate_take_no_minutes():
    """44,101 Hz and 16 kHz have no common divisor, for which a polyphase resampler makes millions of coefficients."""
    pytest.importorskip("pystoi")
    target = voice(44101, 1)
    preds = target + 0.02 * waves(len(target))
    began = time.monotonic()
    score = stoi(preds, target, 44101)
    assert time.monotonic() - began < 20
    torch.testing.assert_close(score, stoi(preds, target, 44100), atol=1e-3, rtol=0)


def test_pesq_of_more_utterances_than_its_package_takes_is_the_mean_of_two_halves():
    package = pytest.importorskip("pesq")
    time = torch.arange(24 * 16000) / 16000
    target = 0.2 * waves(len(time)) * (time % 0.4 < 0.2)  # the 51st utterance would end the process
    preds = target + 0.02 * waves(len(time), seed=1) * (time > 12)
    halves = [package.pesq(16000, target.numpy()[half], preds.numpy()[half], "wb")
              for half in (slice(12 * 16000), slice(12 * 16000, None))]  # fmt: skip
    assert halves[0] > halves[1] + 0.5
    assert float(pesq(preds, target, 16000)) == pytest.approx(sum(halves) / 2, abs=1e-5)
    silent_half = torch.where(time > 12, 0, target)
    assert float(pesq(silent_half, silent_half, 16000)) == pytest.approx(4.64, abs=0.01)
    assert pesq(silent_half, target, 16000).isnan()


def test_pesq_gain_is_the_difference_to_the_damaged_speech():
    package = pytest.importorskip("pesq")
    target = voice(16000)
    damaged = target.masked_fill(mask(len(target), (20000, 24000)), 0)
    preds = target + 0.01 * waves(len(target), seed=2)
    scores = [package.pesq(16000, target.numpy(), x.numpy(), "wb") for x in (preds, damaged)]
    assert float(pesq_gain(preds, target, damaged, 16000)) == pytest.approx(scores[0] - scores[1], abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("score", [pesq, stoi])
def test_audio_that_speech_scores_cannot_judge_has_none_and_the_rest_of_its_batch_has(score):
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    clean = voice(16000, 1)
    silence, noisy, broken = torch.zeros(16000), clean + 0.01 * waves(16000), clean.clone()
    broken[8000] = torch.nan
    scores = score(torch.stack([noisy, noisy, silence, broken]), torch.stack([clean, silence, silence, clean]), 16000)
    assert scores.isnan().tolist() == [False, True, True, True]
    for length in (1, 300, 3000):
        assert score(noisy[:length], clean[:length], 16000).isnan()
    with pytest.raises(InputError, match="no samples"):
        score(silence[:0], silence[:0], 16000)
    with pytest.raises(InputError, match="shape"):
        score(silence[:9], silence, 16000)


def test_silence_in_place_of_speech_has_no_pesq_and_the_lowest_stoi():
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    clean = voice(16000, 1)
    assert pesq(0 * clean, clean, 16000).isnan()
    assert stoi(0 * clean, clean, 16000) == 0


@pytest.mark.filterwarnings("error")
def test_a_click_is_too_little_speech_for_stoi():
    pytest.importorskip("pystoi")
    click = torch.zeros(16000)
    click[8000] = 1
    assert stoi(click, click, 16000).isnan()


@pytest.mark.parametrize(("score", "package"), [(pesq, "pesq"), (stoi, "pystoi")])
def test_a_missing_package_names_the_extra_to_install(monkeypatch, score, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*pip install .audio-inpaint\[metrics\]"):
        score(torch.zeros(16000), torch.zeros(16000), 16000)
