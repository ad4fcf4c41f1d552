import numpy as np
import pytest
import torch

from audio_inpaint.dsp.resampling import resampled


@pytest.mark.parametrize(("from_rate", "to_rate"), [(44100, 16000), (16000, 44100), (44101, 16000), (16000, 44101)])
@pytest.mark.parametrize("length", [1, 7, 1001, 44101])
def test_length_is_that_of_the_time_rounded_up(from_rate, to_rate, length):
    shape = resampled(torch.zeros(2, length), from_rate, to_rate).shape
    assert shape == (2, -(-length * to_rate // from_rate))


@pytest.mark.parametrize("rate", [44100, 44101, 48000])
def test_a_sine_stays_where_it_was(rate):
    audio = torch.sin(2 * np.pi * 440 * torch.arange(rate, dtype=torch.float64) / rate)[None]
    expected = torch.sin(2 * np.pi * 440 * torch.arange(16000, dtype=torch.float64) / 16000)[None]
    output = resampled(audio, rate, 16000)
    assert output.dtype == torch.float64
    assert (output - expected)[:, 400:-400].abs().max() < 1e-5


def test_equal_rates_change_nothing():
    audio = torch.randn(1, 100)
    assert resampled(audio, 16000, 16000) is audio
