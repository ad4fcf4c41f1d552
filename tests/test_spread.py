"""Mean and standard deviation of scores over examples and processes."""

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection
from two_processes import in_two_processes

from audio_inpaint.scores.torch_metrics import Spread


def test_mean_and_deviation_are_those_of_all_scores():
    scores = np.random.default_rng(0).normal(5, 3, 100)
    spread = Spread()
    for part in np.split(scores, [10, 11, 70]):
        spread.update(torch.from_numpy(part).float())
    result = spread.compute()
    assert result["mean"].item() == pytest.approx(scores.mean(), rel=1e-5)
    assert result["std"].item() == pytest.approx(scores.std(), rel=1e-5)


def test_scores_that_are_no_numbers_are_left_out_and_counted():
    spread = Spread()
    spread.update(torch.tensor([1.0, float("inf"), 3.0, float("nan"), -float("inf")]))
    assert spread.compute()["mean"] == 2
    assert spread.left_out == 3


def test_no_score_has_no_mean():
    assert Spread().compute()["mean"].isnan()


def test_a_single_score_has_no_deviation():
    spread = Spread()
    spread.update(torch.tensor([3.0]))
    result = spread.compute()
    assert result["mean"] == 3
    assert result["std"].isnan()


def test_metrics_without_a_score_in_the_first_batch_stay_apart_in_a_collection():
    class Sum(Spread):
        def update(self, a, b):
            super().update(a + b)

    class Difference(Spread):
        def update(self, a, b):
            super().update(a - b)

    both = MetricCollection({"sum": Sum(), "difference": Difference()})
    both.update(torch.tensor([torch.nan]), torch.tensor([1.0]))
    both.update(torch.tensor([5.0]), torch.tensor([2.0]))
    result = both.compute()
    assert (result["sum_mean"], result["difference_mean"]) == (7, 3)


def test_two_processes_with_unequal_shares_agree_on_the_scores_of_all(tmp_path):
    scores = torch.arange(30.0).square()

    def work(rank):
        spread = Spread()
        spread.update(scores[:10] if rank else scores[10:])
        return {name: value.item() for name, value in spread.compute().items()}

    for result in in_two_processes(work, tmp_path):
        assert result["mean"] == pytest.approx(scores.mean().item())
        assert result["std"] == pytest.approx(scores.std(correction=0).item())
        assert result["count"] == 30
