"""Mean and standard deviation of a score over examples, right for any number of processes."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


class Spread(Metric):
    """Collects one score per example; computes their mean, and the standard deviation beside it.

    Scores that are not finite (a silent original has none) are left out and counted in `left_out`.

    Args:
        options: of every torchmetrics.Metric.
    """

    full_state_update = False
    higher_is_better = True

    def __init__(self, **options: Any):
        super().__init__(**options)
        for name in ("total", "squares", "count", "left_out"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        # A MetricCollection takes two metrics for one if their states are equal after the first batch, as they are
        # where neither has a score yet. Not a number equals nothing.
        self.add_state("unlike_any_other", torch.tensor(torch.nan), dist_reduce_fx="sum")

    def update(self, scores: Tensor) -> None:
        """Take in the scores of a batch, any shape."""
        scores = scores.detach().double()
        finite = scores[scores.isfinite()]
        self.total += finite.sum()
        self.squares += finite.square().sum()
        self.count += finite.numel()
        self.left_out += scores.numel() - finite.numel()

    def compute(self) -> dict[str, Tensor]:
        """`mean` and `std` (of the population), not a number where there is no score, and the `count` of scores."""
        mean = self.total / self.count
        deviation = (self.squares / self.count - mean.square()).clamp(min=0).sqrt()
        return {"mean": mean, "std": deviation, "count": self.count}
