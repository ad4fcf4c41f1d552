"""The scores of `registry` over a data set, as metrics of torchmetrics: any number of processes agrees with one.

They stand apart from the functions because torchmetrics takes more than a second to import.
"""

from typing import Any

import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.extras import needed
from audio_inpaint.scores.registry import SCORES, Score

with needed():
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
        """Return `mean`, `std` (of the population) and `count`; NaN without a score, as is the `std` of one."""
        mean = self.total / self.count
        deviation = (self.squares / self.count - mean.square()).clamp(min=0).sqrt()
        deviation = deviation.masked_fill(self.count < 2, torch.nan)
        return {"mean": mean, "std": deviation, "count": self.count}


class ScoreSpread(Spread):
    """Mean, standard deviation and count of a score over examples, those that have none left out.

    Args:
        sample_rate: hertz.
        options: of every torchmetrics.Metric.
    """

    score: Score

    def __init__(self, sample_rate: int, **options: Any):
        super().__init__(**options)
        self.sample_rate = sample_rate

    def update(self, preds: Tensor, target: Tensor, gap: Tensor) -> None:
        """Take in a batch.

        Args:
            preds: (batch, channel, time).
            target: (batch, channel, time).
            gap: true = lost, (time,), (batch, time) or (batch, channel, time); the damaged audio had zeros there.

        Raises:
            InputError: shapes differ, or the score's package is missing.
        """
        super().update(self._scores(preds, target, gap))

    def _scores(self, preds: Tensor, target: Tensor, gap: Tensor) -> Tensor:
        shape = target.shape
        if len(shape) != 3 or preds.shape != shape or gap.shape not in (shape[2:], shape[::2], shape):
            shapes = [tuple(x.shape) for x in (preds, target, gap)]
            raise InputError(
                "a batch is twice (batch, channel, time), and a gap (time,), (batch, time) or (batch, channel, time); "
                f"these are {shapes}"
            )
        gaps = (gap.unsqueeze(-2) if gap.dim() < 3 else gap).expand(shape)
        scores = [
            self.score.function(*pair, pair[1].masked_fill(lost, 0), lost, self.sample_rate)
            for *pair, lost in zip(preds, target, gaps, strict=True)
        ]
        return torch.tensor(scores, dtype=torch.float64, device=self.device)


class SignalToNoiseRatio(ScoreSpread):
    """SNR_TD in dB, of the lost samples."""

    score = SCORES["snr_td"]


class MagnitudeSNR(ScoreSpread):
    """SNR_MS in dB, of the magnitudes in the gap."""

    score = SCORES["snr_ms"]


class LogSpectralDistance(ScoreSpread):
    """LSD in dB, at the gap."""

    score = SCORES["lsd"]
    higher_is_better = False


class PESQ(ScoreSpread):
    """PESQ, wide band."""

    score = SCORES["pesq"]


class PESQGain(ScoreSpread):
    """What a restoration adds to the PESQ of the damaged speech."""

    score = SCORES["pesq_gain"]


class STOI(ScoreSpread):
    """Short-time objective intelligibility."""

    score = SCORES["stoi"]


class ODG(ScoreSpread):
    """Objective difference grade of the two seconds around the gap, by PEAQ."""

    score = SCORES["odg"]


class LevelBias(ScoreSpread):
    """Level of the fills over that of what they replace in dB, mean over bands; 0 is best."""

    score = SCORES["level_bias"]
    higher_is_better = None


class LevelError(ScoreSpread):
    """Magnitude of that level in dB, mean over bands."""

    score = SCORES["level_abs"]
    higher_is_better = False


class NMSE(ScoreSpread):
    """Normalised mean squared error in dB, one number: the mean over examples is inside the logarithm.

    Args:
        sample_rate: hertz.
        whole: score all samples (NMSE_tot) instead of the lost ones (NMSE_miss).
        options: of every torchmetrics.Metric.

    Source: "Deep prior-based audio inpainting using multi-resolution harmonic convolutional neural networks", eq. 16.
    """

    higher_is_better = False

    def __init__(self, sample_rate: int, whole: bool = False, **options: Any):
        super().__init__(sample_rate, **options)
        self.score = SCORES["nmse_tot" if whole else "nmse_miss"]

    def update(self, preds: Tensor, target: Tensor, gap: Tensor) -> None:
        """Take in a batch; see `ScoreSpread.update`."""
        Spread.update(self, 10 ** (self._scores(preds, target, gap) / 10))

    def compute(self) -> Tensor:
        """The error's level, NaN where no example has one."""
        return 10 * super().compute()["mean"].log10()
