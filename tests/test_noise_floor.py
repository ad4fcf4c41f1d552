"""Hiss and room tone go on through a gap, and nothing else is added."""

from itertools import pairwise

import pytest
import torch
from scipy.signal import firwin, lfilter
from signals import noise

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.recall.auto import Auto
from audio_inpaint.methods.refiner.noise_floor import band_edges, floor_noise


def octaves(x, rate):
    """Power per frequency in the upper five octaves, (octave,)."""
    power = torch.fft.rfft(x * torch.hann_window(x.shape[-1], dtype=torch.float64)).abs().square().mean(0)
    frequency = torch.arange(len(power)) * rate / x.shape[-1]
    tops = [rate / 2 / 2**octave for octave in range(5)]
    return torch.stack([power[(frequency >= top / 2) & (frequency < top)].mean() for top in tops])


def decibels(ratio):
    return 10 * torch.as_tensor(ratio).log10()


@pytest.mark.parametrize("milliseconds", [20, 40, 80, 150])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_every_octave_of_hiss_keeps_its_level_in_the_middle_of_a_gap(milliseconds, rate):
    size, found, true = round(milliseconds * rate / 1000), [], []
    for seed in range(10):
        audio = 0.0316 * noise(rate, seed=seed)  # -50 dB to full scale
        hole = Gap(rate // 2, rate // 2 + size)
        true.append(octaves(audio[:, : size // 2], rate))
        audio[:, hole.start : hole.stop] = 0
        made = floor_noise(audio, hole, rate, seed)
        found.append(octaves(made[:, size // 4 : size // 4 + size // 2], rate))
    apart = decibels(torch.stack(found).mean(0) / torch.stack(true).mean(0))
    assert apart.abs().max() < 3, apart


def test_hiss_under_a_tone_goes_on_and_the_tone_is_left_alone():
    time = torch.arange(16000) / 16000
    tone = 0.3 * (2 * torch.pi * 440 * time).sin().double()[None]
    audio, hole = tone + 0.0316 * noise(16000), Gap(8000, 9024)
    audio[:, hole.start : hole.stop] = tone[:, hole.start : hole.stop]  # a fill that knows the tone alone
    made = floor_noise(audio, hole, 16000)
    assert decibels(made.square().mean() / 1e-5).abs() < 1.5
    near = torch.fft.rfft(made).abs().square()[0, 20:36].mean()  # 310 to 550 Hz
    assert near < 4 * torch.fft.rfft(made).abs().square()[0].mean()


def test_coloured_noise_keeps_its_colour():
    low = torch.from_numpy(lfilter(firwin(101, 1000, fs=16000), 1.0, noise(20000).numpy()))[:, 2000:]
    hole = Gap(8000, 9600)
    power = low[:, 8000:9600].square().mean()
    low[:, hole.start : hole.stop] = 0
    made = floor_noise(low, hole, 16000)
    assert decibels(made.square().mean() / power).abs() < 2.5
    spectrum = torch.fft.rfft(made).abs().square()[0]
    assert spectrum[400:].sum() < 0.01 * spectrum.sum()  # above 4 kHz


def test_tones_and_strokes_have_no_floor():
    time = torch.arange(16000) / 16000
    chord = sum((2 * torch.pi * pitch * time).sin() for pitch in range(110, 7000, 110)).double()[None] / 60
    strokes = noise(16000) * (torch.arange(16000) % 2000 < 150)
    for audio in (chord, strokes):
        audio = audio.clone()
        power, hole = audio.square().mean(), Gap(8000, 8640)
        audio[:, hole.start : hole.stop] = 0
        assert floor_noise(audio, hole, 16000).square().mean() < 0.01 * power


def test_a_fill_that_has_the_noise_gets_no_more_and_silence_gets_none():
    audio, hole = noise(16000), Gap(8000, 9280)
    added = floor_noise(audio, hole, 16000)
    assert added.square().mean() < 0.1 * audio.square().mean()
    assert not floor_noise(torch.zeros(1, 16000), hole, 16000).any()
    assert not floor_noise(2e-5 * audio, hole, 16000).any()  # nobody hears what 16 bits make of silence


def test_channels_have_in_common_what_they_have_in_common_beside_the_gap():
    hole, own, other = Gap(8000, 9280), noise(16000, seed=1), noise(16000, seed=2)
    for pair, coherence in ((torch.cat([own, own]), 1), (torch.cat([own, -own]), -1), (torch.cat([own, other]), 0)):
        pair = pair.clone()
        pair[:, hole.start : hole.stop] = 0
        made = floor_noise(pair, hole, 16000)
        found = (made[0] * made[1]).sum() / made.square().sum(1).prod().sqrt()
        assert found == pytest.approx(coherence, abs=0.15)


def test_the_noise_is_the_same_for_the_same_seed_and_never_more_than_is_allowed():
    audio, hole = noise(16000), Gap(8000, 9280)
    audio[:, hole.start : hole.stop] = 0
    assert floor_noise(audio, hole, 16000, 3).equal(floor_noise(audio, hole, 16000, 3))
    assert not floor_noise(audio, hole, 16000, 3).equal(floor_noise(audio, hole, 16000, 4))
    most = torch.full((257,), 1e-4, dtype=torch.float64)
    assert floor_noise(audio, hole, 16000, 3, lambda: most).square().mean() == pytest.approx(1e-4, rel=0.2)


@pytest.mark.parametrize("size", [1, 15, 16, 80])
def test_any_gap_may_be_short_and_close_to_another(size):
    audio = noise(4000)
    assert floor_noise(audio, Gap(2000, 2000 + size), 16000).shape == (1, size)
    assert not floor_noise(audio, Gap(100, 100 + size), 16000).any()  # too little before it tells nothing


def test_hiss_goes_on_where_nothing_can_be_rehearsed():
    audio = 0.0316 * noise(8000)  # as long as the context of a few rehearsals
    gap = torch.zeros_like(audio, dtype=torch.bool)
    gap[:, 5000:7000] = True
    gap[:, 2500:3500] = True
    restored, plain = (
        Auto(refine=refine, natural=0)(audio.masked_fill(gap, 0), gap, 16000) for refine in (True, False)
    )
    middle = slice(2750, 3250)
    assert decibels(plain[:, middle].square().mean() / 1e-5) < -10
    assert decibels(restored[:, middle].square().mean() / 1e-5).abs() < 3


def test_bands_cover_every_row_once_and_grow_with_frequency():
    edges = band_edges(257)
    assert edges[0] == 0
    assert edges[-1] == 257
    sizes = [b - a for a, b in pairwise(edges)]
    assert min(sizes) >= 8
    assert sizes[:-1] == sorted(sizes[:-1])
