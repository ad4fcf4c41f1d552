"""The scores of one restored case, as `scores.registry` defines them."""

from collections.abc import Sequence

from torch import Tensor

from audio_inpaint.benchmark.cases import Case, lost
from audio_inpaint.scores import registry
from audio_inpaint.scores.registry import BY_PROTOCOL, SCORES, USUAL

__all__ = ["BY_PROTOCOL", "SCORES", "USUAL", "score"]


def score(names: Sequence[str], preds: Tensor, target: Tensor, case: Case, sample_rate: int) -> dict[str, float]:
    """Score a restoration, (channel, time) like the target; NaN where a score is not defined."""
    return registry.score(names, preds, target, lost(case, target.shape[-1]), sample_rate)
