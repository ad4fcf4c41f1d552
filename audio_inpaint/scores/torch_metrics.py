"""The scores of `registry` over a data set, as metrics of torchmetrics: any number of processes agrees with one.

They stand apart from the functions because torchmetrics takes more than a second to import.
"""

from typing import Any

import torch
from torch import Tensor

from audio_inpaint.errors import InputError
from audio_inpaint.scores.registry import SCORES, Score
from audio_inpaint.scores.spread import Spread


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

    def update(self, restored: Tensor, original: Tensor, gap: Tensor) -> None:
        """Take in a batch.

        Args:
            restored: (batch, channel, time).
            original: (batch, channel, time).
            gap: true = lost, (time,) or (batch, time); the damaged audio had zeros there.

        Raises:
            InputError: shapes differ, or the score's package is missing.
        """
        super().update(self._scores(restored, original, gap))

    def _scores(self, restored: Tensor, original: Tensor, gap: Tensor) -> Tensor:
        shape = original.shape
        if len(shape) != 3 or restored.shape != shape or gap.shape not in (shape[2:], shape[::2]):
            shapes = [tuple(x.shape) for x in (restored, original, gap)]
            raise InputError(
                f"a batch is two times (batch, channel, time), and (time,) or (batch, time); these are {shapes}"
            )
        gaps = gap.expand(shape[0], shape[2])
        scores = [
            self.score.function(*pair, pair[1].masked_fill(lost, 0), lost, self.sample_rate)
            for *pair, lost in zip(restored, original, gaps, strict=True)
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

    def update(self, restored: Tensor, original: Tensor, gap: Tensor) -> None:
        """Take in a batch; see `ScoreSpread.update`."""
        Spread.update(self, 10 ** (self._scores(restored, original, gap) / 10))

    def compute(self) -> Tensor:
        """The error's level, NaN where no example has one."""
        return 10 * super().compute()["mean"].log10()
