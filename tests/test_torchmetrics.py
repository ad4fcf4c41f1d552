"""Scores over a data set: mean, deviation and count of the examples' scores, in any number of processes."""

import math
import warnings

import numpy as np
import pytest
import torch
from sounds_to_score import mask, voice, waves
from torchmetrics import MetricCollection
from two_processes import in_two_processes

from audio_inpaint.errors import InputError
from audio_inpaint.scores import odg
from audio_inpaint.scores.level import band_levels
from audio_inpaint.scores.lsd import lsd
from audio_inpaint.scores.registry import SCORES
from audio_inpaint.scores.snr import magnitude_snr, snr
from audio_inpaint.scores.speech import pesq, pesq_gain, stoi
from audio_inpaint.scores.torch_metrics import (
    NMSE,
    ODG,
    PESQ,
    STOI,
    LevelBias,
    LevelError,
    LogSpectralDistance,
    MagnitudeSNR,
    PESQGain,
    SignalToNoiseRatio,
)

RATE = 16000
METRICS = {
    "snr_td": SignalToNoiseRatio,
    "snr_ms": MagnitudeSNR,
    "lsd": LogSpectralDistance,
    "pesq": PESQ,
    "pesq_gain": PESQGain,
    "stoi": STOI,
    "odg": ODG,
    "level_bias": LevelBias,
    "level_abs": LevelError,
}

FUNCTIONS = {
    "snr_td": lambda preds, target, gap: snr(preds, target, gap),
    "snr_ms": magnitude_snr,
    "lsd": lsd,
    "pesq": lambda preds, target, gap: pesq(preds, target, RATE),
    "pesq_gain": lambda preds, target, gap: pesq_gain(preds, target, target.masked_fill(gap, 0), RATE),
    "stoi": lambda preds, target, gap: stoi(preds, target, RATE),
    "odg": lambda preds, target, gap: odg(preds, target, RATE),
    "level_bias": lambda preds, target, gap: band_levels(preds[..., gap], target[..., gap], RATE).nanmean(),
    "level_abs": lambda preds, target, gap: band_levels(preds[..., gap], target[..., gap], RATE).abs().nanmean(),
}


@pytest.fixture(scope="module")
def batch():
    """Restored and target (5, 1, time), the third silent, and gaps (5, time)."""
    target = torch.stack([voice(RATE, 1).roll(1000 * n) for n in range(5)])[:, None]
    gaps = torch.stack([mask(RATE, (3000 + 2000 * n, 4024 + 2000 * n)) for n in range(5)])
    preds = torch.where(gaps[:, None], target + 0.1 * waves(5, 1, RATE), target)
    target[2] = 0
    return preds, target, gaps


def packages(*names):
    for name in names:
        if name.startswith("pesq"):
            pytest.importorskip("pesq")
        if name == "stoi":
            pytest.importorskip("pystoi")


def numbers(result):
    return {name: value.item() for name, value in result.items()}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_mean_deviation_and_count_of_its_functions_values(name, batch):
    packages(name)
    preds, target, gaps = batch
    metric = METRICS[name](RATE)
    for part in (slice(0, 2), slice(2, 5)):
        metric.update(preds[part], target[part], gaps[part])
    expected = np.array([FUNCTIONS[name](*(x[n] for x in batch)).item() for n in (0, 1, 3, 4)])
    assert numbers(metric.compute()) == pytest.approx(
        {"mean": expected.mean(), "std": expected.std(), "count": 4}, abs=1e-6
    )
    assert metric.left_out == 1
    metric.reset()
    metric.update(preds[3:4], target[3:4], gaps[3])
    assert metric.compute()["mean"].item() == pytest.approx(expected[2], abs=1e-6)


@pytest.mark.parametrize("whole", [False, True])
def test_nmse_has_the_mean_of_all_examples_inside_the_logarithm(whole, batch):
    preds, target, gaps = (x[[0, 1, 3, 4]] for x in batch)
    metric = NMSE(RATE, whole=whole)
    metric.update(preds[:1], target[:1], gaps[:1])
    metric.update(preds[1:], target[1:], gaps[1:])
    x, y = (z[:, 0].numpy() for z in (target, preds))
    if not whole:
        x, y = x * gaps.numpy(), y * gaps.numpy()
    expected = 10 * np.log10((((y - x) ** 2).sum(-1) / (x**2).sum(-1)).mean())
    assert metric.compute().item() == pytest.approx(expected)
    metric.update(*batch)  # a silent target has none and spoils nothing
    assert metric.compute().item() == pytest.approx(expected)


def test_nmse_of_exact_restorations():
    target, gap, metric = waves(2, 1, 4000), mask(4000, (1000, 2000)), NMSE(RATE)
    metric.update(target, target, gap)
    assert metric.compute() == -torch.inf
    metric.update(0 * target, target, gap)
    assert metric.compute().item() == pytest.approx(10 * np.log10(0.5))


def test_the_value_of_a_step_is_that_of_its_batch(batch):
    metric, pair = SignalToNoiseRatio(RATE), [x[:2] for x in batch]
    metric.update(*(x[3:] for x in batch))
    of_batch, expected = metric(*pair), FUNCTIONS["snr_td"](*(x[:2] for x in (*batch[:2], batch[2][:, None])))
    assert of_batch["mean"].item() == pytest.approx(expected.mean().item())
    assert metric.compute()["count"] == 4


@pytest.mark.parametrize("metric", [*METRICS.values(), NMSE])
def test_no_example_has_no_score_and_no_warning(metric):
    metric = metric(RATE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric.update(torch.zeros(0, 1, 400), torch.zeros(0, 1, 400), mask(400, (0, 9)))
        result = metric.compute()
    assert (result["mean"] if isinstance(result, dict) else result).isnan()


def test_metrics_know_what_is_better():
    for name, metric in METRICS.items():
        assert metric.score is SCORES[name]
        assert metric.higher_is_better == SCORES[name].higher_is_better
        assert metric.full_state_update is False
    assert NMSE.higher_is_better is SCORES["nmse_tot"].higher_is_better is False
    assert NMSE(RATE).score.name == "nmse_miss"


@pytest.mark.parametrize("metric", [SignalToNoiseRatio, NMSE])
def test_shapes_that_do_not_fit_are_an_input_error(metric):
    x, gap = waves(2, 1, 400), mask(400, (0, 9))
    for arguments in ((x, x[:1], gap), (x[0], x[0], gap), (x, x, gap[1:]), (x, x, gap.expand(3, 400))):
        with pytest.raises(InputError, match="a batch is"):
            metric(RATE).update(*arguments)


def test_two_processes_with_unequal_shares_agree_with_one(batch, tmp_path):
    packages(*METRICS)

    def collection(part):
        metrics = MetricCollection({name: metric(RATE) for name, metric in METRICS.items()})
        metrics.add_metrics({"nmse_miss": NMSE(RATE), "nmse_tot": NMSE(RATE, whole=True)})
        for n in part:  # the silent one comes first in one of the processes
            metrics.update(*(x[n : n + 1] for x in batch))
        return numbers(metrics.compute())

    alone = collection(range(5))
    assert set(alone) >= {"snr_td_mean", "odg_std", "stoi_count", "nmse_miss", "nmse_tot"}
    assert all(math.isfinite(value) for value in alone.values())
    for result in in_two_processes(lambda rank: collection([[2, 0, 1, 3], [4]][rank]), tmp_path):
        assert result == pytest.approx(alone, rel=1e-6)
