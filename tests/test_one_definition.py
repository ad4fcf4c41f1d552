"""One restoration has one number, whoever asks for it; and what one example cannot tell is a dash everywhere."""

import csv
import math
import subprocess
import sys

import pytest
import torch
from test_benchmark_statistics import made

from audio_inpaint.benchmark import scoring, statistics
from audio_inpaint.benchmark.cases import Case, Mask, Recording
from audio_inpaint.benchmark.presets import deep_prior_fits
from audio_inpaint.benchmark.presets.paper_table import PaperTable, publish
from audio_inpaint.benchmark.report_data import benchmark_data
from audio_inpaint.gaps import Gap
from audio_inpaint.report.item import LSD, SNR, Item
from audio_inpaint.report.item import score as report_scores
from audio_inpaint.scores.torch_metrics import NMSE, LogSpectralDistance
from audio_inpaint.training.deep_prior_files import time_scores

RATE, GAPS = 16000, (Gap(4000, 5024), Gap(9000, 9640))


@pytest.fixture
def restoration():
    """Two channels, the second 40 dB below the first and badly filled: preds, target (channel, time), gap (time,)."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(2, RATE, generator=generator, dtype=torch.float64) * torch.tensor([[0.1], [0.001]])
    gap = scoring.lost(case(), RATE)
    error = torch.randn(2, RATE, generator=generator, dtype=torch.float64) * torch.tensor([[0.07], [0.01]])
    return torch.where(gap, target + error, target), target, gap


def case():
    return Case(Recording("r", "k", None), Mask("m", 1.0, GAPS))


def test_nmse_miss_of_one_restoration_is_one_number(restoration, monkeypatch):
    preds, target, gap = restoration
    error, energy = (x[:, gap].square().sum() for x in (preds - target, target))
    expected = pytest.approx(10 * math.log10(error / energy))

    assert scoring.score(["nmse_miss"], preds, target, case(), RATE)["nmse_miss"] == expected
    assert time_scores(preds, target, gap, RATE)["nmse_miss"] == expected
    assert -report_scores(item(preds, target))["m"][SNR] == expected
    metric = NMSE(RATE)
    metric.update(preds[None], target[None], gap)
    assert metric.compute().item() == expected
    monkeypatch.setattr(Recording, "audio", lambda _: (target, RATE))
    assert deep_prior_fits._nmse(case(), preds)["nmse_miss"] == expected


def item(preds, target):
    damaged = target.masked_fill(scoring.lost(case(), RATE), 0)
    return Item("r", RATE, damaged, {"m": preds}, list(GAPS), target)


@pytest.mark.parametrize("fill", [0.0, 0.01])
def test_lsd_with_a_silent_channel_is_finite_and_the_same_in_report_and_benchmark(restoration, fill):
    preds, target, gap = restoration
    target[1] = 0
    preds[1] = torch.where(gap, fill, 0.0)
    own = scoring.score(["lsd"], preds, target, case(), RATE)["lsd"]
    assert math.isfinite(own)
    assert own == report_scores(item(preds, target))["m"][LSD] == time_scores(preds, target, gap, RATE)["lsd"]
    metric = LogSpectralDistance(RATE)
    metric.update(preds[None], target[None], gap)
    assert metric.compute()["mean"].item() == pytest.approx(own)


# -- one case ----------------------------------------------------------------------------------------------------------


def test_one_case_has_neither_spread_nor_interval(tmp_path):
    results = made({"a": [3.0], "b": [6.0]})
    found = statistics.summaries(results)
    first, second, difference = statistics.text_table(found, results.methods).splitlines()[2:5]
    assert first.split() == ["a", "1", "3.00", "(–)"]
    assert second.split() == ["b", "1", "6.00", "(–)"]
    assert difference.split() == ["b", "minus", "a", "+3.00", "±", "–", "+3.00"]
    statistics.write_table(tmp_path / "table.csv", found)
    with (tmp_path / "table.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[1]
    assert (row["mean"], row["difference"]) == ("6.0", "3.0")
    assert row["std"] == row["error"] == row["t_test"] == row["wilcoxon"] == ""


def test_one_pair_among_several_cases_has_no_interval():
    _, second = statistics.summaries(made({"a": [3.0, math.nan], "b": [6.0, 8.0]}))
    assert (second.mean, second.std, second.count) == (7.0, 1.0, 2)
    assert statistics.lead(second) == "+3.00 ± –"


def test_a_paper_s_table_of_one_case_has_dashes(tmp_path):
    scores = {("music", "LPC", "snr_ms"): {"x": 1.0}, ("music", "new", "snr_ms"): {"x": 4.0}}
    lines = publish(PaperTable("title", scores, {}, "LPC"), tmp_path, "one").splitlines()
    assert lines[-2].split() == ["LPC", "1", "1.00", "(–)"]
    assert lines[-1].split() == ["new", "1", "4.00", "(–)", "+3.00", "±", "–"]


def test_the_report_s_table_of_one_case_has_no_numbers_to_show(monkeypatch):
    monkeypatch.setattr("audio_inpaint.benchmark.report_data._rate", lambda _: RATE)
    (table,) = benchmark_data(made({"a": [3.0], "b": [6.0]}))["tables"]
    other = table["groups"][0]["methods"][1][0]
    assert other == {"mean": 6.0, "std": None, "n": 1, "to": {0: [3.0, None, None, None, 3.0]}}


# -- packages ----------------------------------------------------------------------------------------------------------


def run_without(package, code):
    blocked = f"import sys; sys.modules[{package!r}] = None\n{code}"
    return subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)


def test_metrics_over_data_sets_say_in_one_line_what_they_need():
    done = run_without("torchmetrics", "import audio_inpaint.scores.torch_metrics")
    assert done.stderr.splitlines()[-1] == (
        "audio_inpaint.errors.InputError: torchmetrics is not installed: pip install 'audio-inpaint[train]'"
    )


def test_speech_scores_need_no_torchaudio():
    pytest.importorskip("pystoi")
    code = """
import torch
from audio_inpaint.scores.speech import stoi
sound = torch.randn(2, 3, 44100, generator=torch.Generator().manual_seed(0))
scores = stoi(sound, sound, 44100)
assert scores.shape == (2, 3) and (scores > 0.999).all(), scores
"""
    done = run_without("torchaudio", code)
    assert done.returncode == 0, done.stderr
