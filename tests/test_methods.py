import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from alike import alike
from scipy.signal import lfilter
from signals import noise

from audio_inpaint.dsp.autoregressive import burg, interpolate
from audio_inpaint.errors import InputError
from audio_inpaint.methods.burg import Burg, default_order, model_size
from audio_inpaint.methods.deep_prior.presets import presets
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.registry import method, names
from audio_inpaint.nn import checkpoints
from audio_inpaint.scores.snr import snr

RATE = 16000
METHODS = [Burg(), Janssen()]
every_method = pytest.mark.parametrize("restore", METHODS, ids=["burg", "janssen"])


def mask(length, *lost):
    gap = torch.zeros(length, dtype=torch.bool)
    for start, stop in lost:
        gap[start:stop] = True
    return gap


def tones(length, rate=RATE):
    t = torch.arange(length, dtype=torch.float64) / rate
    return sum(
        0.2 / (i + 1) * torch.sin(2 * torch.pi * f * t + i) for i, f in enumerate((220, 331.3, 440.5, 1234, 3000))
    )[None]


def resonances(length, seed=0):
    """An autoregressive process of order 16: eight resonances a little inside the unit circle."""
    angles = np.linspace(0.05, 0.9, 8) * np.pi
    a = np.poly(np.concatenate([0.999 * np.exp(1j * angles), 0.999 * np.exp(-1j * angles)])).real
    x = lfilter([1], a, np.random.default_rng(seed).standard_normal(length + 4000))[4000:]
    return torch.from_numpy(x / np.abs(x).max())[None]


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_known_samples_are_returned_bit_for_bit(restore, dtype):
    audio = noise(6000, 2).to(dtype)
    audio[0, 10] = -0.0
    gap = mask(6000, (0, 40), (2500, 3200), (3300, 3301), (5990, 6000))
    before = audio.clone()
    restored = alike(restore)(audio, gap, RATE)
    bits = {torch.float32: torch.int32, torch.float64: torch.int64}[dtype]
    assert restored.dtype == dtype
    assert restored.shape == audio.shape
    assert torch.equal(restored[:, ~gap].view(bits), audio[:, ~gap].view(bits))
    assert torch.equal(audio, before)


@every_method
@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
def test_lost_values_change_no_bit_of_the_result(restore, value):
    audio, gap = noise(6000), mask(6000, (0, 30), (2000, 2500), (2600, 2700), (5900, 6000))
    assert torch.equal(alike(restore)(audio.masked_fill(gap, value), gap, RATE), alike(restore)(audio, gap, RATE))


@every_method
@pytest.mark.parametrize("rate", [16000, 44100])
def test_tones_are_restored_above_40_db(restore, rate):
    audio = tones(rate, rate)
    gap = mask(rate, (rate // 2, rate // 2 + round(0.064 * rate)))
    assert snr(alike(restore)(audio, gap, rate), audio, gap) > 40


def test_janssen_beats_burg_and_burg_beats_silence_on_an_autoregressive_process():
    scores = []
    for seed in range(8):
        audio, gap = resonances(5000, seed), mask(5000, (2400, 2560))
        restored = [alike(restore)(audio, gap, RATE) for restore in (Burg(order=16), Janssen(order=16))]
        scores.append([float(snr(x, audio, gap)) for x in restored])
    extrapolated, interpolated = np.mean(scores, axis=0)
    assert 0 < extrapolated < interpolated - 1


def test_second_iteration_beats_the_first_on_tones():
    audio, gap = tones(6000), mask(6000, (2500, 3500))
    assert (
        snr(alike(Janssen(2))(audio, gap, RATE), audio, gap) > snr(alike(Janssen(1))(audio, gap, RATE), audio, gap) + 20
    )


def test_janssen_is_fit_and_solution_in_turn():
    audio, gap = resonances(3000), mask(3000, (1400, 1500))
    segment = audio[0].masked_fill(gap, 0)[1400 - 256 : 1500 + 256]
    lost = gap[1400 - 256 : 1500 + 256]
    for _ in range(3):
        segment[lost] = interpolate(segment, lost, burg(segment, 64)[0])
    restored = alike(Janssen(iterations=3, order=64, context=256 / RATE))(audio, gap, RATE)
    torch.testing.assert_close(restored[0, gap], segment[lost], rtol=0, atol=1e-12)


def test_burg_cross_fades_two_extrapolations_by_squared_cosines():
    audio, gap = resonances(1200), mask(1200, (500, 600))
    restored = alike(Burg(order=50, context=200 / RATE))(audio, gap, RATE)
    sides = []
    for side in (audio[0, 300:500].numpy(), audio[0, 600:800].numpy()[::-1]):
        a = burg(torch.from_numpy(side - side.mean()), 50)[0].numpy()
        x = list(side - side.mean())
        for _ in range(100):
            x.append(-sum(a[i] * x[-i] for i in range(1, 51)))
        sides.append(np.array(x[200:]) + side.mean())
    weight = np.cos(np.linspace(0, np.pi / 2, 100)) ** 2
    np.testing.assert_allclose(restored[0, gap].numpy(), weight * sides[0] + (1 - weight) * sides[1][::-1], atol=1e-9)


@every_method
@pytest.mark.parametrize(
    "lost",
    [[(2000, 2500)], [(2000, 2001)], [(0, 300)], [(4700, 5000)], [(1500, 1700), (1900, 2300)], [(0, 60), (100, 160)]],
    ids=["one", "one sample", "start", "end", "two", "start and near"],
)
def test_time_reversal_of_the_audio_reverses_the_result(restore, lost):
    audio, gap = resonances(5000), mask(5000, *lost)
    backwards = alike(restore)(audio.flip(-1), gap.flip(-1), RATE).flip(-1)
    torch.testing.assert_close(backwards, alike(restore)(audio, gap, RATE), rtol=0, atol=1e-7)


@every_method
def test_channels_are_restored_each_on_its_own(restore):
    audio, gap = (
        torch.cat([resonances(5000), tones(5000), torch.zeros(1, 5000)]),
        mask(5000, (2000, 2500), (2550, 2600)),
    )
    together = alike(restore)(audio, gap, RATE)
    for channel in range(3):
        alone = alike(restore)(audio[channel : channel + 1], gap, RATE)[0]
        torch.testing.assert_close(together[channel], alone, rtol=0, atol=1e-6)
    assert not together[2].any()


@every_method
def test_level_scales_the_result_with_it(restore):
    audio, gap = resonances(5000), mask(5000, (0, 50), (2000, 2500))
    torch.testing.assert_close(
        alike(restore)(audio * 1e-6, gap, RATE) * 1e6, alike(restore)(audio, gap, RATE), rtol=0, atol=1e-8
    )


@every_method
@pytest.mark.parametrize(
    "lost",
    [
        [(0, 300)],
        [(700, 1000)],
        [(1, 999)],
        [(3, 998)],
        [(0, 999)],
        [(1, 1000)],
        [(0, 1000)],
        [(40, 960)],
        [(500, 501)],
        [(20, 30), (40, 50)],
        [(0, 20), (25, 600)],
        [(i, i + 10) for i in range(5, 990, 20)],
        [(i, i + 1) for i in range(0, 1000, 2)],
    ],
    ids=str,
)
def test_any_shape_of_gap_gives_sensible_values(restore, lost):
    audio, gap = noise(1000, 2), mask(1000, *lost)
    restored = alike(restore)(audio, gap, RATE)
    assert restored.isfinite().all()
    if not gap.all():
        assert restored[:, gap].abs().max() <= 2 * audio[:, ~gap].abs().max()


@every_method
def test_silence_stays_silence_and_a_constant_stays_constant(restore):
    gap = mask(5000, (0, 100), (2000, 2300), (2350, 2500), (4900, 5000))
    assert not alike(restore)(torch.zeros(1, 5000), gap, RATE).any()
    restored = alike(restore)(torch.full((1, 5000), 0.25), gap, RATE)
    torch.testing.assert_close(restored, torch.full((1, 5000), 0.25), rtol=0, atol=1e-3)


@every_method
def test_everything_lost_gives_silence_and_nothing_lost_gives_the_audio(restore):
    audio = noise(500)
    assert not alike(restore)(audio, mask(500, (0, 500)), RATE).any()
    assert torch.equal(alike(restore)(audio, mask(500), RATE), audio)
    assert torch.equal(alike(restore)(audio[:0], mask(500, (5, 9)), RATE), audio[:0])


@every_method
def test_two_known_samples_are_joined_by_a_straight_line(restore):
    audio, gap = torch.tensor([[0.0, 9, 9, 9, 1.0]]), mask(5, (1, 4))
    torch.testing.assert_close(alike(restore)(audio, gap, RATE), torch.tensor([[0.0, 0.25, 0.5, 0.75, 1.0]]))


@every_method
def test_a_gap_at_an_end_is_continued_from_its_one_side(restore):
    audio = tones(4000)
    gap = mask(4000, (0, 160), (3840, 4000))
    assert snr(alike(restore)(audio, gap, RATE), audio, gap) > 30


@every_method
def test_a_gap_longer_than_its_context_is_restored(restore):
    audio, gap = tones(9000), mask(9000, (600, 8400))
    restored = alike(restore)(audio, gap, RATE)
    assert restored.isfinite().all()
    assert snr(restored[:, :700], audio[:, :700], gap[:700]) > 20


def test_an_overlong_gap_costs_no_quadratic_time():
    audio, gap = noise(120_000), mask(120_000, (10_000, 110_000))
    torch.testing.assert_close(alike(Janssen())(audio, gap, RATE), alike(Burg())(audio, gap, RATE), rtol=0, atol=0)


@every_method
def test_clipped_audio_is_restored_within_bounds(restore):
    audio, gap = (20 * tones(6000)).clamp(-1, 1), mask(6000, (2500, 3300))
    restored = alike(restore)(audio, gap, RATE)
    assert restored.isfinite().all()
    assert restored.abs().max() <= 2


@every_method
def test_growing_audio_does_not_explode(restore):
    t = torch.arange(4000, dtype=torch.float64)
    audio, gap = (torch.exp(t / 150 - 20) * torch.sin(0.2 * t))[None], mask(4000, (3000, 4000))
    assert alike(restore)(audio, gap, RATE).abs().max() <= 2 * audio[:, :3000].abs().max()


def test_a_silent_side_leaves_the_gap_to_the_other():
    audio, gap = tones(6000), mask(6000, (3000, 3300))
    audio[:, :3000] = 0
    assert snr(alike(Burg())(audio, gap, RATE), audio, gap) > 40


def test_close_gaps_are_restored_together_better_than_one_by_one():
    """Between gaps a few samples apart nobody can fit a model, but the joint solution needs none there."""
    gap, gains = mask(5000, (2400, 2500), (2520, 2620)), []
    for seed in range(6):
        audio = resonances(5000, seed)
        gains.append(
            snr(alike(Janssen())(audio, gap, RATE), audio, gap) - snr(alike(Burg())(audio, gap, RATE), audio, gap)
        )
    assert sum(gains) / len(gains) > 2


def test_a_far_gap_does_not_change_a_gap():
    audio = resonances(12000)
    alone, both = mask(12000, (3000, 3500)), mask(12000, (3000, 3500), (9000, 9300))
    for restore in METHODS:
        torch.testing.assert_close(
            alike(restore)(audio, alone, RATE)[:, 3000:3500],
            alike(restore)(audio, both, RATE)[:, 3000:3500],
            rtol=0,
            atol=1e-12,
        )


def test_a_chain_of_many_close_gaps_keeps_its_quality_to_the_end():
    """20 ms lost in every 40 ms for four seconds: cut into portions, each solved with its neighbours' gaps."""
    audio = resonances(64000)
    starts = range(800, 63000, 640)
    gap = mask(64000, *((start, start + 320) for start in starts))
    restored = alike(Janssen())(audio, gap, RATE)
    scores = [float(snr(restored[:, s : s + 320], audio[:, s : s + 320])) for s in starts]
    assert np.mean(scores) > 5
    assert np.min(scores) > 0


@every_method
def test_the_context_that_a_method_asks_for_is_all_that_it_uses(restore):
    for rate in (8000, 16000, 44100, 96000):
        reach = round(restore.context * rate)
        audio, start = noise(2 * reach + 3000), reach + 1200
        gap = mask(audio.shape[-1], (start, start + 200))
        cut = slice(start - reach, start + 200 + reach)
        whole, part = alike(restore)(audio, gap, rate)[:, cut], alike(restore)(audio[:, cut], gap[cut], rate)
        torch.testing.assert_close(part, whole, rtol=0, atol=1e-12)


def test_orders_and_contexts_follow_the_sample_rate():
    assert model_size(None, 0.128, 16000) == (512, 2048)
    assert model_size(None, 0.128, 44100) == (1024, 4096)
    assert model_size(None, 0.128, 8000) == (256, 1024)
    assert 1024 < default_order(48000) < default_order(96000) < 2048
    assert model_size(1000, 0.128, 16000) == (1000, 2048)


@pytest.fixture
def deep_prior_stub(monkeypatch):
    stub = types.ModuleType("audio_inpaint.methods.deep_prior.method")
    stub.DeepPrior = lambda name: lambda: ("deep prior", name)
    monkeypatch.setitem(sys.modules, stub.__name__, stub)


@pytest.mark.usefixtures("deep_prior_stub")
def test_registry_names_classical_methods_first_and_builds_each():
    known = names()
    trained = [*checkpoints.names(), *presets()]
    assert next(iter(known)) == "auto"
    assert list(known)[-len(trained) :] == trained
    assert all("\n" not in line for line in known.values())
    assert method("janssen") == Janssen()
    assert method("burg") == Burg()
    assert method("burg:order=20,context=0.5") == Burg(order=20, context=0.5)
    assert method("dpai")() == ("deep prior", "dpai")
    with pytest.raises(InputError, match=r"'jansen'.*janssen, .*burg, .*dpai"):
        method("jansen")
    with pytest.raises(InputError, match=r"janssen:speed=3: .*speed"):
        method("janssen:speed=3")


def test_classical_methods_need_no_training_framework():
    code = (
        "import sys; from audio_inpaint.methods.registry import method; method('janssen'), method('burg');"
        "sys.exit(any(name in sys.modules for name in ('lightning', 'wandb', 'torchaudio', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
