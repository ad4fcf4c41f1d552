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
from audio_inpaint.gaps import Gap
from audio_inpaint.report.item import LSD, SNR, Item, score
from audio_inpaint.scores import odg
from audio_inpaint.scores.level import band_levels
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.registry import BY_PROTOCOL, SCORES, USUAL, excerpt
from audio_inpaint.scores.snr import central_magnitudes, magnitude_snr

RATE = 16000
NEED_PACKAGES = {"pesq": "pesq", "pesq_gain": "pesq", "stoi": "pystoi"}


def scores(preds, target, gap, rate=RATE, names=SCORES):
    damaged = target.masked_fill(gap, 0)
    return {name: SCORES[name].function(preds, target, damaged, gap, rate) for name in names}


def decibels(x):
    return 10 * np.log10(x)


def test_the_energies_of_channels_are_added_in_snr_and_nmse():
    target, preds, gap = waves(2, 4000), waves(2, 4000, seed=1), mask(4000, (1000, 2000))
    target[1] *= 100
    x, y, g = target.numpy(), preds.numpy(), gap.numpy()
    lost = decibels((x[:, g] ** 2).sum() / ((y - x)[:, g] ** 2).sum())
    whole = decibels((x**2).sum() / ((y - x) ** 2).sum())
    magnitudes = [torch.stft(z, 512, 128, window=torch.hann_window(512).double(), pad_mode="constant",
                  return_complex=True)[..., 10:14].abs().numpy() for z in (preds, target)]  # fmt: skip
    central = decibels((magnitudes[1] ** 2).sum() / ((magnitudes[1] - magnitudes[0]) ** 2).sum())
    result = scores(preds, target, gap, names=("snr_td", "nmse_miss", "nmse_tot", "snr_ms"))
    assert result == pytest.approx({"snr_td": lost, "nmse_miss": -lost, "nmse_tot": -whole, "snr_ms": central})


def test_other_scores_are_means_over_the_channels_that_have_one():
    target, preds, gap = waves(3, 20000), waves(3, 20000, seed=1), mask(20000, (9000, 10000))
    target[1] = preds[1] = 0
    result = scores(preds, target, gap, names=("lsd", "odg"))
    sounding = [preds[::2], target[::2]]
    assert result["lsd"] == pytest.approx(lsd(*sounding, gap).mean().item())
    assert result["odg"] == pytest.approx(odg(*sounding, RATE).mean().item())


def test_each_channel_is_scored_on_its_own_lost_samples():
    target, preds = waves(3, 40000), waves(3, 40000, seed=1)
    target[1] *= 100
    gap = torch.stack([mask(40000, (9000, 10000)), mask(40000, (20000, 20700)), mask(40000)])
    result = scores(preds, target, gap, names=("snr_td", "nmse_miss", "snr_ms", "lsd", "odg", "level_bias"))

    g, x, y = gap.numpy(), target.numpy(), preds.numpy()
    lost = decibels((x[g] ** 2).sum() / ((y - x)[g] ** 2).sum())
    assert result["snr_td"] == pytest.approx(lost)
    assert result["nmse_miss"] == pytest.approx(-lost)
    parts = [central_magnitudes(torch.stack([preds[n], target[n]]), gap[n]).flatten(1).numpy() for n in (0, 1)]
    y, x = np.concatenate(parts, -1)
    assert result["snr_ms"] == pytest.approx(decibels((x**2).sum() / ((y - x) ** 2).sum()))
    assert result["lsd"] == pytest.approx(np.mean([lsd(preds[n], target[n], gap[n]) for n in (0, 1)]))
    heard = [(preds[0, 1000:33000], target[0, 1000:33000]), (preds[1, 8000:], target[1, 8000:])]
    assert result["odg"] == pytest.approx(np.mean([odg(*pair, RATE) for pair in heard]))
    levels = [band_levels(preds[n][gap[n]], target[n][gap[n]], RATE).nanmean() for n in (0, 1)]
    assert result["level_bias"] == pytest.approx(np.mean(levels))


def test_one_mask_for_all_channels_is_the_same_in_any_shape():
    target, preds, gap = waves(2, 20000), waves(2, 20000, seed=1), mask(20000, (9000, 10000))
    names = [name for name in SCORES if name not in NEED_PACKAGES]
    expected = scores(preds, target, gap, names=names)
    for shape in ((1, 20000), (2, 20000)):
        assert scores(preds, target, gap.expand(shape), names=names) == pytest.approx(expected, nan_ok=True)


def test_a_channel_that_is_silent_leaves_the_lsd_finite_in_report_and_registry():
    target, preds, gap = waves(2, 20000), waves(2, 20000, seed=1), mask(20000, (9000, 10000))
    target[1] = 0
    expected = scores(preds, target, gap, names=["lsd", "snr_td"])
    assert math.isfinite(expected["lsd"])
    shown = score(Item("a", RATE, target.masked_fill(gap, 0), {"m": preds}, [Gap(9000, 10000)], target))["m"]
    assert shown == {LSD: expected["lsd"], SNR: expected["snr_td"]}


def test_protocols_share_no_score():
    assert set(BY_PROTOCOL["columns"]) == {"snr_whole", "snr_affected", "snr_core"}
    assert not set(BY_PROTOCOL["columns"]) & set(BY_PROTOCOL["time"])
    assert BY_PROTOCOL["time"] | BY_PROTOCOL["columns"] == SCORES
    assert all(set(names) <= set(BY_PROTOCOL[protocol]) for protocol, names in USUAL.items())


@pytest.mark.parametrize("name", NEED_PACKAGES)
def test_speech_scores_are_means_of_what_their_packages_give(name):
    package = pytest.importorskip(NEED_PACKAGES[name])
    target = torch.stack([voice(RATE, 1), voice(RATE, 1).flip(-1)])
    preds, gap = target + 0.01 * waves(2, RATE), mask(RATE, (4000, 6000))

    def of(audio):
        pairs = zip(target.numpy(), audio.numpy(), strict=True)
        if name == "stoi":
            return np.mean([package.stoi(*pair, RATE) for pair in pairs])
        return np.mean([package.pesq(RATE, *pair, "wb") for pair in pairs])

    expected = of(preds) - (of(target.masked_fill(gap, 0)) if name == "pesq_gain" else 0)
    assert scores(preds, target, gap, names=[name])[name] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("rate", "window"), [(8000, 256), (16000, 512), (48000, 1536)])
def test_the_window_of_snr_ms_lasts_32_ms_at_any_rate(rate, window):
    target, preds, gap = waves(1, rate), waves(1, rate, seed=1), mask(rate, (rate // 4, rate // 2))
    expected = magnitude_snr(preds, target, gap, window, window // 4).item()
    assert scores(preds, target, gap, rate, ["snr_ms"])["snr_ms"] == pytest.approx(expected)


def test_odg_hears_two_seconds_with_a_single_gap_at_half_a_second():
    assert excerpt(mask(10 * RATE, (48000, 49024)), RATE) == slice(40000, 72000)
    assert excerpt(mask(10 * RATE, (1000, 2024)), RATE) == slice(0, 32000)
    assert excerpt(mask(10 * RATE, (158000, 159024)), RATE) == slice(128000, 160000)
    assert excerpt(mask(RATE, (1000, 2024)), RATE).indices(RATE) == (0, RATE, 1)
    assert excerpt(mask(10 * RATE, (48000, 80000)), RATE) == slice(40000, 88000)  # half a second follows a long one
    assert excerpt(mask(10 * RATE, (1000, 2000), (90000, 91000)), RATE) == slice(0, 160000)

    target, gap = 0.1 * waves(1, 5 * RATE), mask(5 * RATE, (40000, 41024))
    preds = target.masked_fill(gap, 0)
    expected = odg(preds[:, 32000:64000], target[:, 32000:64000], RATE).item()
    assert scores(preds, target, gap, names=["odg"])["odg"] == expected
    assert odg(preds, target, RATE).item() != expected


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SCORES)
def test_an_example_without_a_score_is_not_a_number(name):
    pytest.importorskip(NEED_PACKAGES.get(name, "torch"))
    target = voice(RATE, 1)[None]
    gap, silence = mask(RATE, (8000, 9024)), torch.zeros(1, RATE)
    preds = torch.where(gap, 0.1 * waves(1, RATE), target)
    broken = target.masked_fill(gap, torch.nan)

    def of(preds, target, gap):
        return scores(preds, target, gap, names=[name])[name]

    assert math.isfinite(of(preds, target, gap)) == (name != "snr_core")  # so short a gap has no core
    assert math.isnan(of(preds, silence, gap))
    assert math.isnan(of(broken, target, gap))
    of_a_gap = ("snr_td", "snr_ms", "lsd", "nmse_miss", "level_bias", "level_abs", "snr_affected", "snr_core")
    assert math.isnan(of(preds, target, mask(RATE))) == (name in of_a_gap)
    assert math.isnan(of(preds, target, mask(RATE, (8000, 8300)))) == (name in ("snr_ms", "snr_core"))
    if name in ("snr_td", "snr_ms", "nmse_miss"):
        pause = target.masked_fill(gap, 0)
        assert math.isnan(of(preds, pause, gap))
        assert math.isnan(of(pause, pause, gap))
    assert math.isnan(of(silence, silence, gap))


def test_an_exact_restoration_is_without_bounds():
    target, gap = waves(1, 4000), mask(4000, (1000, 2000))
    result = scores(target, target, gap, names=("snr_td", "snr_ms", "lsd", "nmse_tot", "nmse_miss"))
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
    with pytest.raises(InputError, match=r"pip install .audio-inpaint\[metrics\]"):
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
    for one in SCORES.values():
        assert pickle.loads(pickle.dumps(one)) == one


def test_only_the_torch_metrics_import_torchmetrics_and_nothing_lightning_or_matplotlib():
    code = """
import pkgutil, sys
from importlib import import_module
import audio_inpaint.scores as scores
names = [module.name for module in pkgutil.walk_packages(scores.__path__, scores.__name__ + ".")]
own = scores.__name__ + ".torch_metrics"
assert own in names
for name in names:
    if name != own:
        import_module(name)
assert not {"torchmetrics", "lightning", "matplotlib"} & set(sys.modules)
import_module(own)
assert "lightning" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
