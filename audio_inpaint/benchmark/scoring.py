"""The scores of one restored case, under its protocol."""

from collections.abc import Sequence

from torch import Tensor

from audio_inpaint.benchmark.cases import Case, lost
from audio_inpaint.benchmark.restoration import column_samples
from audio_inpaint.scores.columns import column_scores
from audio_inpaint.scores.registry import SCORES as TIME
from audio_inpaint.scores.registry import Example, Score


def _column(name: str, label: str) -> Score:
    def formula(of: Example) -> float:
        stft, _, _ = column_samples(of.gap, of.sample_rate)
        return column_scores(stft, of.gap, of.restored, of.original)[name]

    return Score(name, label, "dB", True, formula)


COLUMNS = {
    "snr_whole": _column("snr_whole", "SNR, whole file"),
    "snr_affected": _column("snr_affected", "SNR, affected samples"),
    "snr_core": _column("snr_core", "SNR, core samples"),
}
SCORES = TIME | COLUMNS
BY_PROTOCOL = {"time": TIME, "columns": COLUMNS}
USUAL = {"time": ("snr_td", "snr_ms", "lsd", "nmse_miss", "nmse_tot"), "columns": tuple(COLUMNS)}


def score(names: Sequence[str], restored: Tensor, truth: Tensor, case: Case, sample_rate: int) -> dict[str, float]:
    """Score a restoration, (channel, time) like the truth; not a number where a score is not defined."""
    gap = lost(case, truth.shape[-1])
    damaged = truth.masked_fill(gap, 0)
    return {name: SCORES[name].function(restored, truth, damaged, gap, sample_rate) for name in names}
