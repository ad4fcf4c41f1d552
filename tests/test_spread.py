"""Mean and standard deviation of scores over examples and processes."""

import os

import numpy as np
import pytest
import torch
import torch.distributed
import torch.multiprocessing

from audio_inpaint.metrics.spread import Spread


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


def _process(rank, port, scores, results):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    spread = Spread()
    spread.update(scores[: len(scores) // 3] if rank else scores[len(scores) // 3 :])
    results[rank] = {name: value.item() for name, value in spread.compute().items()}
    torch.distributed.destroy_process_group()


def test_two_processes_with_unequal_shares_agree_on_the_scores_of_all():
    scores = torch.arange(30.0).square()
    with torch.multiprocessing.Manager() as manager:
        results = manager.dict()
        port = 20000 + os.getpid() % 20000
        torch.multiprocessing.start_processes(_process, (port, scores, results), nprocs=2, start_method="fork")
        for rank in range(2):
            assert results[rank]["mean"] == pytest.approx(scores.mean().item())
            assert results[rank]["std"] == pytest.approx(scores.std(correction=0).item())
