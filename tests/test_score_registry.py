"""Scores of one example under their names: how channels are pooled, what has no score, and sets of examples."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sounds_to_score import mask, voice, waves

from audio_inpaint.errors import InputError
from audio_inpaint.scores import odg
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.registry import SCORES, excerpt
from audio_inpaint.scores.snr import magnitude_snr

RATE = 16000
NEED_PACKAGES = {"pesq": "pesq", "pesq_gain": "pesq", "stoi": "pystoi"}


def scores(restored, original, gap, rate=RATE, names=SCORES):
    damaged = original.masked_fill(gap, 0)
    return {name: SCORES[name].function(restored, original, damaged, gap, rate) for name in names}


def decibels(x):
    return 10 * np.log10(x)


def test_the_energies_of_channels_are_added_in_snr_and_nmse():
    original, restored, gap = waves(2, 4000), waves(2, 4000, seed=1), mask(4000, (1000, 2000))
    original[1] *= 100
    x, y, g = original.numpy(), restored.numpy(), gap.numpy()
    lost = decibels((x[:, g] ** 2).sum() / ((y - x)[:, g] ** 2).sum())
    whole = decibels((x**2).sum() / ((y - x) ** 2).sum())
    magnitudes = [torch.stft(z, 512, 128, window=torch.hann_window(512).double(), pad_mode="constant",
                  return_complex=True)[..., 10:14].abs().numpy() for z in (restored, original)]  # fmt: skip
    central = decibels((magnitudes[1] ** 2).sum() / ((magnitudes[1] - magnitudes[0]) ** 2).sum())
    result = scores(restored, original, gap, names=("snr_td", "nmse_miss", "nmse_tot", "snr_ms"))
    assert result == pytest.approx({"snr_td": lost, "nmse_miss": -lost, "nmse_tot": -whole, "snr_ms": central})


def test_other_scores_are_means_over_the_channels_that_have_one():
    original, restored, gap = waves(3, 20000), waves(3, 20000, seed=1), mask(20000, (9000, 10000))
    original[1] = restored[1] = 0
    result = scores(restored, original, gap, names=("lsd", "odg"))
    sounding = [restored[::2], original[::2]]
    assert result["lsd"] == pytest.approx(lsd(*sounding, gap).mean().item())
    assert result["odg"] == pytest.approx(odg(*sounding, RATE).mean().item())


@pytest.mark.parametrize("name", NEED_PACKAGES)
def test_speech_scores_are_means_of_what_their_packages_give(name):
    package = pytest.importorskip(NEED_PACKAGES[name])
    original = torch.stack([voice(RATE, 1), voice(RATE, 1).flip(-1)])
    restored, gap = original + 0.01 * waves(2, RATE), mask(RATE, (4000, 6000))

    def of(audio):
        pairs = zip(original.numpy(), audio.numpy(), strict=True)
        if name == "stoi":
            return np.mean([package.stoi(*pair, RATE) for pair in pairs])
        return np.mean([package.pesq(RATE, *pair, "wb") for pair in pairs])

    expected = of(restored) - (of(original.masked_fill(gap, 0)) if name == "pesq_gain" else 0)
    assert scores(restored, original, gap, names=[name])[name] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("rate", "window"), [(8000, 256), (16000, 512), (48000, 1536)])
def test_the_window_of_snr_ms_lasts_32_ms_at_any_rate(rate, window):
    original, restored, gap = waves(1, rate), waves(1, rate, seed=1), mask(rate, (rate // 4, rate // 2))
    expected = magnitude_snr(restored, original, gap, window, window // 4).item()
    assert scores(restored, original, gap, rate, ["snr_ms"])["snr_ms"] == pytest.approx(expected)


def test_odg_hears_two_seconds_with_a_single_gap_at_half_a_second():
    assert excerpt(mask(10 * RATE, (48000, 49024)), RATE) == slice(40000, 72000)
    assert excerpt(mask(10 * RATE, (1000, 2024)), RATE) == slice(0, 32000)
    assert excerpt(mask(10 * RATE, (158000, 159024)), RATE) == slice(128000, 160000)
    assert excerpt(mask(RATE, (1000, 2024)), RATE).indices(RATE) == (0, RATE, 1)
    assert excerpt(mask(10 * RATE, (48000, 80000)), RATE) == slice(40000, 88000)  # half a second follows a long one
    assert excerpt(mask(10 * RATE, (1000, 2000), (90000, 91000)), RATE) == slice(0, 160000)

    original, gap = 0.1 * waves(1, 5 * RATE), mask(5 * RATE, (40000, 41024))
    restored = original.masked_fill(gap, 0)
    expected = odg(restored[:, 32000:64000], original[:, 32000:64000], RATE).item()
    assert scores(restored, original, gap, names=["odg"])["odg"] == expected
    assert odg(restored, original, RATE).item() != expected


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SCORES)
def test_an_example_without_a_score_is_not_a_number(name):
    pytest.importorskip(NEED_PACKAGES.get(name, "torch"))
    original = voice(RATE, 1)[None]
    gap, silence = mask(RATE, (8000, 9024)), torch.zeros(1, RATE)
    restored = torch.where(gap, 0.1 * waves(1, RATE), original)
    broken = original.masked_fill(gap, torch.nan)

    def of(restored, original, gap):
        return scores(restored, original, gap, names=[name])[name]

    assert math.isfinite(of(restored, original, gap))
    assert math.isnan(of(restored, silence, gap))
    assert math.isnan(of(broken, original, gap))
    assert math.isnan(of(restored, original, mask(RATE))) == (name in ("snr_td", "snr_ms", "lsd", "nmse_miss"))
    assert math.isnan(of(restored, original, mask(RATE, (8000, 8300)))) == (name == "snr_ms")
    if name in ("snr_td", "snr_ms", "nmse_miss"):
        pause = original.masked_fill(gap, 0)
        assert math.isnan(of(restored, pause, gap))
        assert math.isnan(of(pause, pause, gap))
    assert math.isnan(of(silence, silence, gap))


def test_an_exact_restoration_is_without_bounds():
    original, gap = waves(1, 4000), mask(4000, (1000, 2000))
    result = scores(original, original, gap, names=("snr_td", "snr_ms", "lsd", "nmse_tot", "nmse_miss"))
    assert list(result.values()) == [math.inf, math.inf, 0, -math.inf, -math.inf]


@pytest.mark.parametrize("name", SCORES)
def test_shapes_that_do_not_fit_are_an_input_error(name):
    x, gap, function = waves(1, 4000), mask(4000, (1000, 2000)), SCORES[name].function
    for arguments in ((x[:, 1:], x, x, gap), (x, x, x[:, 1:], gap), (x, x, x, gap[1:]), (x[0], x[0], x[0], gap),
                      (x[:0], x[:0], x[:0], gap)):  # fmt: skip
        with pytest.raises(InputError, match="these are"):
            function(*arguments, RATE)


@pytest.mark.parametrize("name", NEED_PACKAGES)
def test_a_missing_package_is_an_input_error(monkeypatch, name):
    monkeypatch.setitem(sys.modules, NEED_PACKAGES[name], None)
    x = voice(RATE, 1)[None]
    with pytest.raises(InputError, match=r"pip install audio-inpaint\[metrics\]"):
        scores(x, x, mask(RATE, (8000, 9000)), names=[name])


def test_a_set_of_examples_has_the_mean_of_those_with_a_score():
    values = [1.0, math.nan, 3.0, math.inf]
    assert SCORES["snr_td"].aggregate(values) == 2
    assert math.isnan(SCORES["snr_td"].aggregate([math.nan]))
    assert math.isnan(SCORES["odg"].aggregate([]))


def test_a_set_of_examples_has_the_nmse_of_equation_16():
    ratios = np.array([0.1, 1.0, 0.0])
    with np.errstate(divide="ignore"):
        values = decibels(ratios).tolist()
    assert SCORES["nmse_tot"].aggregate([*values, math.nan]) == pytest.approx(decibels(ratios.mean()))
    assert SCORES["nmse_miss"].aggregate([-math.inf]) == -math.inf
    assert math.isnan(SCORES["nmse_miss"].aggregate([]))


def test_scores_go_to_other_processes():
    for score in SCORES.values():
        assert pickle.loads(pickle.dumps(score)) == score


def test_the_registry_imports_neither_torchmetrics_nor_lightning():
    code = "import sys, audio_inpaint.scores.registry; assert not {'torchmetrics', 'lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
