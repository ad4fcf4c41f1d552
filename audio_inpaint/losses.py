"""The losses of both papers: each a function that returns one value per example, (batch,).

Equation numbers are the deep-prior paper's unless the context encoder's (CE) is named. A `known` mask selects what
counts; nothing else contributes a value or a gradient.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from audio_inpaint.dsp.stft import STFT

FLOOR = 1e-8  # magnitudes below it have no logarithm and no phase (published code)
TABLE_II = ((2048, 240, 1200), (1024, 120, 600), (512, 50, 240))  # n_fft, hop, window; samples at 16 kHz


def _known(x: Tensor, known: Tensor | None) -> Tensor:
    """Broadcast a mask over frames, (batch, 1, frame), or none, to ones and zeros like x."""
    return torch.ones_like(x) if known is None else known.to(x.dtype).expand_as(x)


def mean_squared_error(x: Tensor, y: Tensor, known: Tensor | None = None) -> Tensor:
    """Eq. (10): the mean over all M L bins of the squared error; lost frames count as zero error, as printed.

    Args:
        x: (batch, freq, frame) estimate, real.
        y: as x, the observation.
        known: boolean, broadcastable to x; true = counts.
    """
    return ((x - y).square() * _known(x, known)).mean((-2, -1))


def spectral_convergence(x: Tensor, y: Tensor, known: Tensor | None = None) -> Tensor:
    """Eq. (12): Frobenius norm of the error of the magnitudes over that of the observed magnitudes."""
    mask = _known(y, known)
    error = torch.linalg.vector_norm((x - y) * mask, dim=(-2, -1))
    return error / torch.linalg.vector_norm(y * mask, dim=(-2, -1)).clamp(min=FLOOR)


def _frame_norm(error: Tensor, known: Tensor | None, mean_over_bins: bool) -> Tensor:
    """The l1 norm over the number of known frames N, and over the bins if asked."""
    mask = _known(error, known)
    frames = mask[..., 0, :].sum(-1).clamp(min=1)
    return (error.abs() * mask).sum((-2, -1)) / frames / (error.shape[-2] if mean_over_bins else 1)


def log_magnitude(x: Tensor, y: Tensor, known: Tensor | None = None, mean_over_bins: bool = True) -> Tensor:
    """Eq. (13): l1 distance of the log magnitudes; as printed it is summed over bins (`mean_over_bins=False`)."""
    return _frame_norm(x.clamp(min=FLOOR).log() - y.clamp(min=FLOOR).log(), known, mean_over_bins)


def magnitude(x: Tensor, y: Tensor, known: Tensor | None = None, mean_over_bins: bool = True) -> Tensor:
    """Eq. (14): l1 distance of the magnitudes; as printed it is summed over bins (`mean_over_bins=False`)."""
    return _frame_norm(x - y, known, mean_over_bins)


def phase(x: Tensor, y: Tensor, known: Tensor | None = None, wrapped: bool = True) -> Tensor:
    """Eq. (15): mean squared difference of the phases of complex spectrograms.

    As printed, angles of 3.1 and -3.1 rad are far apart; `wrapped` takes the difference the short way round. Bins
    where either magnitude is below the floor have no phase and count as zero.

    Args:
        x: (batch, freq, frame) complex estimate.
        y: as x, the observation.
        known: boolean, broadcastable; true = counts.
        wrapped: right across +-pi, or as printed.
    """
    heard = (x.detach().abs() > FLOOR) & (y.abs() > FLOOR)
    x, y = (torch.where(heard, z, torch.ones_like(z)) for z in (x, y))
    difference = (x * y.conj()).angle() if wrapped else x.angle() - y.angle()
    mask = _known(difference, known)
    return (difference.square() * mask).sum((-2, -1)) / mask.sum((-2, -1)).clamp(min=1)


def weighted_nmse(x: Tensor, y: Tensor, c: float = 5.0) -> Tensor:
    """CE eq. (1): squared error over 1/c plus the target's energy, between MSE (small c) and NMSE (large c).

    Args:
        x: (batch, ...) estimated coefficients, real.
        y: as x, the true ones.
        c: what weighs quiet targets.
    """
    return (x - y).square().flatten(1).sum(1) / (1 / c + y.square().flatten(1).sum(1))


def mixed_squared_error(x: Tensor, y: Tensor) -> Tensor:
    """The form of CE eq. (1) in its published code: half the squared error times 1 + 5 / (energy + 1e-4)."""
    return (x - y).square().flatten(1).sum(1) * (0.5 + 2.5 / (y.square().flatten(1).sum(1) + 1e-4))


class MultiScaleSpectrogram(nn.Module):
    """Eq. (11): the four spectrogram terms, averaged over the STFTs of Table II.

    Args:
        sample_rate: of the signals, Hz; the windows keep Table II's durations.
        scales: (n_fft, hop_length, win_length) in samples at 16 kHz.
        phase: the phase term "printed", "wrapped" (right across +-pi) or "none".
        mean_over_bins: average over bins (published code) instead of the sum that eqs. (13)-(14) print.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        scales: Sequence[tuple[int, int, int]] = TABLE_II,
        phase: Literal["printed", "wrapped", "none"] = "printed",
        mean_over_bins: bool = True,
    ):
        super().__init__()
        if phase not in ("printed", "wrapped", "none"):
            raise ValueError(f"the phase term is printed, wrapped or none, not {phase!r}")
        self.stfts = nn.ModuleList(STFT.at(sample_rate, *scale) for scale in scales)
        self.phase, self.mean_over_bins = phase, mean_over_bins

    def observed(self, y: Tensor, gap: Tensor | None = None) -> list[tuple[Tensor, Tensor | None]]:
        """Return what `forward` compares an estimate with, at each scale: a spectrogram, and which frames are known.

        Args:
            y: (batch, time) observation; its lost samples matter in no way.
            gap: (batch, time) or (time,) boolean, true = lost.
        """
        return [(stft(y), None if gap is None else ~stft.touched(gap).unsqueeze(-2)) for stft in self.stfts]

    def forward(self, x: Tensor, observed: Sequence[tuple[Tensor, Tensor | None]]) -> dict[str, Tensor]:
        """Compare a waveform with an observation on the frames that no lost sample touches.

        Args:
            x: (batch, time) estimate.
            observed: of the observation, as `observed` gives it.

        Returns:
            Each term's (batch,) mean over the scales: convergence, log_magnitude, magnitude, phase.
        """
        terms: dict[str, list[Tensor]] = {}
        for stft, (b, known) in zip(self.stfts, observed, strict=True):
            a = stft(x)
            scale = {
                "convergence": spectral_convergence(a.abs(), b.abs(), known),
                "log_magnitude": log_magnitude(a.abs(), b.abs(), known, self.mean_over_bins),
                "magnitude": magnitude(a.abs(), b.abs(), known, self.mean_over_bins),
            }
            if self.phase != "none":
                scale["phase"] = phase(a, b, known, wrapped=self.phase == "wrapped")
            for name, value in scale.items():
                terms.setdefault(name, []).append(value)
        return {name: torch.stack(values).mean(0) for name, values in terms.items()}
