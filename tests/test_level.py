"""Level of fills against an independent reference, and where it is known."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import get_window
from sounds_to_score import mask, waves

from audio_inpaint.errors import InputError
from audio_inpaint.scores.level import band_levels
from audio_inpaint.scores.registry import SCORES

RATE = 16000


def reference(fill, truth, rate, bands=24):
    """Levels of the bands in dB, those that have none left out."""
    n = len(truth)
    window = get_window(("hann"), n + 1)[1:]  # periodic: zero one sample before the gap, and one after it
    frequencies = np.fft.rfftfreq(n, 1 / rate)
    powers = [np.abs(np.fft.rfft(x * window)) ** 2 for x in (fill, truth)]
    lowest = max(50, rate / n)
    edges = [*(lowest * (rate / 2 / lowest) ** (band / bands) for band in range(bands)), rate / 2]
    energies = []
    for low, high in pairwise(edges):
        last = high == edges[-1]
        inside = (frequencies >= low) & ((frequencies < high) | last)
        if inside.any():
            energies.append([power[inside].sum() for power in powers])
    fill, truth = np.array(energies).T
    heard = truth >= 1e-8 * truth.max()
    return 10 * np.log10(np.maximum(fill, 1e-8 * truth.max())[heard] / truth[heard])


def level(preds, target, gap, rate=RATE):
    return [SCORES[n].function(preds, target, 0 * target, gap, rate) for n in ("level_bias", "level_abs")]


@pytest.mark.parametrize(("length", "rate"), [(1024, 16000), (1025, 16000), (160, 16000), (3528, 44100), (37, 8000)])
def test_levels_equal_an_independent_reference(length, rate):
    fill, truth = waves(length), waves(length, seed=1).cumsum(-1)
    found = band_levels(fill, truth, rate)
    assert found.shape == (24,)
    np.testing.assert_allclose(found[~found.isnan()].numpy(), reference(fill.numpy(), truth.numpy(), rate), rtol=1e-9)


def test_a_gain_is_that_gain_in_every_band():
    target, gap = waves(2, 20000), mask(20000, (9000, 10024), (15000, 15300))
    assert level(0.5 * target, target, gap) == pytest.approx([-6.0206, 6.0206], abs=1e-4)
    assert level(2.0 * target, target, gap) == pytest.approx([6.0206, 6.0206], abs=1e-4)
    assert level(target, target, gap) == pytest.approx([0, 0], abs=1e-9)
    assert level(-target, target, gap) == pytest.approx([0, 0], abs=1e-9)


def test_too_loud_and_too_quiet_cancel_in_the_bias_alone():
    target, gap = waves(1, 20000), mask(20000, (5000, 6000), (9000, 10000))
    preds = torch.where(torch.arange(20000) < 8000, 0.5 * target, 2.0 * target)
    assert level(preds, target, gap) == pytest.approx([0, 6.0206], abs=1e-4)


def test_silence_in_place_of_noise_is_as_quiet_as_levels_get():
    target, gap = waves(1, 20000), mask(20000, (9000, 10024))
    bias, error = level(0 * target, target, gap)
    assert -80 <= bias < -60
    assert error == -bias


def test_a_tone_is_judged_in_its_own_bands_alone():
    time = torch.arange(4096, dtype=torch.float64) / RATE
    tone = torch.sin(2 * math.pi * 1000 * time)
    levels = band_levels(0.1 * tone, tone, RATE)
    assert levels.isnan().sum() > 12
    np.testing.assert_allclose(levels[~levels.isnan()], -20, atol=1e-6)


def test_known_samples_do_not_count():
    target, preds, gap = waves(1, 20000), waves(1, 20000, seed=1), mask(20000, (9000, 10000))
    spoilt = torch.where(gap, preds, 1000.0)
    assert level(spoilt, target, gap) == level(preds, target, gap)


def test_silence_and_single_samples_have_no_level():
    target, preds = waves(1, 20000), waves(1, 20000, seed=1)
    gap = mask(20000, (9000, 10000))
    assert all(map(math.isnan, level(preds, target.masked_fill(gap, 0), gap)))
    assert all(map(math.isnan, level(preds, target, mask(20000, (9000, 9001)))))
    assert all(map(math.isfinite, level(preds, target, mask(20000, (9000, 9002)))))
    both = mask(20000, (3000, 4000)) | gap
    assert level(preds, target.masked_fill(gap, 0), both) == level(preds, target, mask(20000, (3000, 4000)))


def test_shapes_that_differ_are_refused():
    with pytest.raises(InputError, match="shape"):
        band_levels(waves(5), waves(6), RATE)
