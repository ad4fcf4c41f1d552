"""The STFT: exact inverse, agreement with scipy, and which frames a lost sample touches."""

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_inpaint.dsp.stft import STFT

SETTINGS = [(512, 128), (2048, 512), (1024, 512)]


@settings(max_examples=30, deadline=None)
@given(setting=st.sampled_from(SETTINGS), length=st.integers(1, 6000), seed=st.integers(0, 99))
def test_the_inverse_is_exact_at_any_length(setting, length, seed):
    stft = STFT(*setting)
    x = torch.randn(2, length, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    spectrum = stft(x)
    assert spectrum.shape == (2, setting[0] // 2 + 1, stft.frames(length))
    torch.testing.assert_close(stft.inverse(spectrum, length), x)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_keep_their_duration_at_any_rate_and_invert_exactly(rate, setting):
    stft = STFT.at(rate, *setting)
    assert stft.n_fft / rate == pytest.approx(setting[0] / 16000, rel=0.02)
    x = torch.randn(rate // 4, dtype=torch.float64)
    torch.testing.assert_close(stft.inverse(stft(x), len(x)), x)


def test_equals_a_literal_windowed_fourier_transform():
    x = np.random.default_rng(0).standard_normal(5000)
    ours = STFT(512, 128)(torch.tensor(x))
    window = scipy.signal.get_window("hann", 512)
    padded = np.pad(x, 256)
    theirs = np.stack([np.fft.rfft(window * padded[i : i + 512]) for i in range(0, len(x) + 1, 128)], -1)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-9)


def test_the_papers_spectrogram_of_five_seconds_has_157_frames():
    assert STFT(2048, 512).frames(5 * 16000) == 157


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(40, 900),
    data=st.data(),
    setting=st.sampled_from([(64, 16, None), (64, 20, 40), (32, 16, None)]),
)
def test_touched_frames_are_exactly_those_that_a_lost_sample_changes(length, data, setting):
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, min(length, start + 60)))
    gap = torch.zeros(length, dtype=torch.bool)
    gap[start:stop] = True
    stft = STFT(*setting)
    noise = torch.randn(length, dtype=torch.float64)
    changed = stft(noise * gap).abs().amax(-2) > 1e-9
    assert torch.equal(stft.touched(gap), changed)


@settings(max_examples=25, deadline=None)
@given(length=st.integers(40, 600), data=st.data())
def test_covered_samples_are_exactly_those_that_a_frame_sees(length, data):
    stft = STFT(64, 16)
    chosen = torch.tensor(
        data.draw(st.lists(st.booleans(), min_size=stft.frames(length), max_size=stft.frames(length)))
    )
    seen = torch.zeros(length, dtype=torch.bool)
    for frame in chosen.nonzero().flatten().tolist():
        for sample in range(max(0, frame * 16 - 31), min(length, frame * 16 + 32)):
            seen[sample] = True
    assert torch.equal(stft.covered(chosen, length), seen)


def test_up_to_three_lost_columns_lose_no_sample():
    stft, length = STFT(2048, 512), 40000
    for count in (1, 2, 3, 4, 6):
        lost = torch.zeros(stft.frames(length), dtype=torch.bool)
        lost[30 : 30 + count] = True
        core = int((~stft.covered(~lost, length)).sum())
        assert core == max(0, (count - 3) * 512 + 1)  # the one more is the sample at which both neighbours are zero


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="hop"):
        STFT(512, 400)
