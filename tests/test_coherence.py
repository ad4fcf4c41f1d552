"""A filter that keeps the bands in which one sound is heard in another."""

import numpy as np
import pytest
import torch

from audio_inpaint.dsp.coherence import coherent

RATE = 16000
BESIDE = (slice(0, 1024), slice(2048, 3072))


def noise(channels: int = 1, low: float = 0, high: float = RATE / 2, seed: int = 0) -> torch.Tensor:
    """Noise between two frequencies, (channel, 3072)."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal((channels, 3072)))
    frequency = np.fft.rfftfreq(3072, 1 / RATE)
    return torch.from_numpy(np.fft.irfft(spectrum * ((frequency >= low) & (frequency < high)), 3072))


def level(x: torch.Tensor) -> float:
    return float(10 * x.square().mean().log10())


def test_what_is_wholly_contained_is_returned_as_it_is():
    part = noise()
    torch.testing.assert_close(coherent(part, part, BESIDE, RATE), part, atol=1e-9, rtol=0)


def test_quiet_but_contained_sound_is_kept_and_opposite_sound_is_not():
    part = noise()
    kept = coherent(part, part + noise(seed=1), BESIDE, RATE)
    assert level(kept - part) < level(part) - 20
    assert level(coherent(part, -part, BESIDE, RATE)) < level(part) - 60


def test_bands_of_chance_are_attenuated_and_the_others_kept():
    shared, chance = noise(high=1000), noise(low=3000, seed=1)
    kept = coherent(shared + chance, shared + noise(low=3000, seed=2), BESIDE, RATE)
    middle = slice(1100, 1950)
    assert level((kept - shared)[:, middle]) < level(chance[:, middle]) - 6
    assert np.corrcoef(kept[0, middle], shared[0, middle])[0, 1] > 0.95


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_bands_suit_any_rate(rate):
    part = noise(2)
    torch.testing.assert_close(coherent(part, 3 * part, BESIDE, rate), part, atol=1e-9, rtol=0)


def test_only_what_lies_beside_is_compared():
    part, whole = noise(), noise(seed=1)
    whole[:, :1024], whole[:, 2048:] = part[:, :1024], part[:, 2048:]
    torch.testing.assert_close(coherent(part, whole, BESIDE, RATE), part, atol=1e-9, rtol=0)


def test_channels_are_judged_together():
    part = noise(2)
    whole = torch.stack([part[0], noise(seed=1)[0]])
    kept = coherent(part, whole, BESIDE, RATE)
    ratio = (kept * part).sum(-1) / part.square().sum(-1)
    assert ratio[0] == pytest.approx(float(ratio[1]), abs=0.02)
    assert ratio[0] > 0.9


@pytest.mark.parametrize("silent", [0, 1])
def test_silence_gives_silence(silent):
    pair = [noise(), noise()]
    pair[silent] = torch.zeros_like(pair[silent])
    assert not coherent(*pair, BESIDE, RATE).any()


def test_one_empty_side_and_one_sample_are_accepted():
    part = noise()
    assert coherent(part, part, (slice(0, 0), slice(2048, 3072)), RATE).isfinite().all()
    assert coherent(part, part, (slice(0, 1), slice(2048, 2049)), RATE).isfinite().all()
