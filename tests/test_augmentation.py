"""Recordings as other equipment would have made them: same length, other sound, the same from the same seed."""

import numpy as np
import pytest
import torch
from signals import noise

from data_prep import augmentation, fills
from data_prep.augmentation import augment, coded

RATE = 16000


def spectrum(audio):
    return torch.stft(audio, 512, window=torch.hann_window(512, dtype=audio.dtype), return_complex=True).abs().mean(-1)


def test_a_seed_gives_one_change_and_another_seed_another():
    audio = 0.1 * noise(2 * RATE, seed=0)
    first, again, other = (augment(audio, RATE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == audio.shape
    assert first.dtype == audio.dtype
    assert first.equal(again)
    assert not first.allclose(other, atol=1e-3)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 96000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_number_of_channels_keeps_its_length_and_full_scale(rate, channels):
    audio = torch.randn(channels, rate // 2, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    for seed in range(4):
        changed = augment(audio, rate, np.random.default_rng(seed))
        assert changed.shape == audio.shape
        assert changed.isfinite().all()
        assert changed.abs().max() < 1.2  # a codec may exceed what it was given a little


def test_effects_move_bands_apart_and_take_treble_away(monkeypatch):
    audio = 0.05 * noise(4 * RATE, seed=0)
    monkeypatch.setattr(augmentation, "CODED", 0.0)
    monkeypatch.setattr(augmentation, "LOWPASSED", 0.0)
    flat = 20 * (spectrum(augment(audio, RATE, np.random.default_rng(5)))[0] / spectrum(audio)[0]).log10()
    assert 3 < flat[2:240].max() - flat[2:240].min() < 60
    monkeypatch.setattr(augmentation, "LOWPASSED", 1.0)
    monkeypatch.setattr(augmentation, "LOWPASS", (0.4, 0.4001))
    dull = 20 * (spectrum(augment(audio, RATE, np.random.default_rng(5)))[0] / spectrum(audio)[0]).log10()
    assert (dull - flat)[:60].abs().max() < 1.5
    assert (dull - flat)[220:].max() < -8


def test_a_codec_changes_samples_and_keeps_their_place():
    time = torch.arange(2 * RATE, dtype=torch.float64) / RATE
    audio = (0.2 * (2 * torch.pi * 440 * time).sin() * (4 * torch.pi * time).cos())[None] + 0.01 * noise(
        2 * RATE, seed=1
    )
    decoded = coded(audio, RATE, 0.9)
    assert decoded.shape == audio.shape
    inner = slice(4000, 28000)
    apart = decoded[:, inner] - audio[:, inner]
    assert -40 < 10 * (apart.square().sum() / audio[:, inner].square().sum()).log10() < -10


def test_of_augmented_fills_the_share_asked_for_differs_and_the_rest_stays(monkeypatch, tmp_path):
    audio, seen = 0.1 * noise(6 * RATE, seed=0), []
    monkeypatch.setattr(fills, "drawn", lambda changed, *_: seen.append(changed.equal(audio)))

    class Recorded:
        name = "one"

        def audio(self):
            return audio, RATE

    def same(share, folder):
        seen.clear()
        folder.mkdir()
        fills.write_shard(0, fills.Plan((Recorded(),), "noise", "training", 1.0, share, 0), folder)
        return list(seen)

    none, half, every = (same(share, tmp_path / str(share)) for share in (0.0, 0.5, 1.0))
    assert all(none)
    assert 0.2 < sum(half) / len(half) < 0.8
    assert not any(every)
