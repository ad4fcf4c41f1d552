"""What a refiner's network sees: maps over frequency and time of a fill, its surroundings and the evidence."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.refiner.evidence import Evidence
from audio_inpaint.methods.refiner.noise_floor import floor_noise
from audio_inpaint.methods.refiner.rows import to_bins, to_rows
from audio_inpaint.methods.refiner.surroundings import BESIDE, Frames
from audio_inpaint.nn.refiner import MAPS

# Nothing is quieter than this, to the surroundings' mean power (-90 dB), and no ratio beyond these nepers is told.
_FLOOR, _MOST = 1e-9, 4.0
# The power of the inverse squared error in the mix that the candidates' spread is taken of. The fill's own is 8, but 3
# where other channels are listened to: dulled in proportion, that spread is of candidates that cannot hear them.
_DULL = 2.0
# How far a bin may move, to its expected error.
_BOUND = 2.0


@dataclass(frozen=True)
class Observation:
    """A gap as the network sees it, and what its answer is applied to.

    Args:
        maps: (map, row, frame).
        spectrum: of the surroundings with the fill in place, (channel, bin, frame) complex.
        interpolated: magnitudes of both sides, interpolated across the gap, (channel, bin, frame).
        limit: how far a row's magnitude may move, (row, frame): zero outside the gap.
        audio: what the spectrum is of, (channel, time), the first sample at the first frame's centre.
        hole: the gap in it.
        sample_rate: Hz.
    """

    maps: Tensor
    spectrum: Tensor
    interpolated: Tensor
    limit: Tensor
    audio: Tensor
    hole: Gap
    sample_rate: int

    def float(self) -> "Observation":
        """The same in single precision."""
        single = {
            "maps": self.maps.float(),
            "spectrum": self.spectrum.to(torch.complex64),
            "interpolated": self.interpolated.float(),
            "limit": self.limit.float(),
            "audio": self.audio.float(),
        }
        return Observation(**single, hole=self.hole, sample_rate=self.sample_rate)


class _Spectra:
    """What the spectra of a fill, of its surroundings, candidates and rehearsals tell, each found when it is asked for.

    Args:
        evidence: of the gap.
    """

    def __init__(self, evidence: Evidence):
        self.evidence, self.frames, self.fill = evidence, Frames.of(evidence), evidence.mix

    @cached_property
    def beside(self) -> tuple[Tensor, Tensor]:
        """Powers before and after the gap, (channel, bin, 1) each."""
        whole = self.frames.placed(self.evidence.audio, self.fill)
        return self.frames.sides(self.frames.spectrum(whole).abs().square())

    @cached_property
    def interpolated(self) -> Tensor:
        """Power between these, (channel, bin, frame)."""
        return self.frames.between(*self.beside)

    @cached_property
    def sides(self) -> Tensor:
        """The same of all channels together, (row, frame)."""
        return to_rows(self.interpolated.sum(0))

    @cached_property
    def rehearsed(self) -> "_Rehearsed":
        """What the rehearsals tell."""
        return _rehearsed(self.evidence, self.frames)

    @cached_property
    def spread(self) -> Tensor:
        """Power by which candidates are apart from the fill, those that err least counting most, (row, frame)."""
        shares = torch.softmax(-_DULL * self.rehearsed.errors, 0)
        apart = self.frames.spectrum(self.frames.alone(self.evidence.fills - self.fill)).abs().square().sum(1)
        return torch.tensordot(shares.to(apart), to_rows(apart), 1)

    def most_noise(self) -> Tensor:
        """Power that noise in the fill may have, (bin,): of its expected error's power it would double that.

        The better a row is known, the less it may have.
        """
        doubt = self.spread.amax(-1) + self.rehearsed.error * self.sides.amax(-1)
        most = doubt * (doubt / self.sides.amin(-1).clamp_min(1e-20)).clamp_max(1) / self.frames.stft.window_energy
        return to_bins(most.unsqueeze(-1), self.frames.stft.n_fft // 2 + 1)[:, 0]

    def with_floor(self, seed: int) -> Tensor:
        """Fill up to the noise floor, as far as the fill may be wrong, (channel, lost)."""
        known, hole = self.evidence.audio.clone(), self.evidence.hole
        known[:, hole.start : hole.stop] = self.fill
        return self.fill + floor_noise(known, hole, self.evidence.sample_rate, seed, self.most_noise)


def with_floor(evidence: Evidence, seed: int = 0) -> Tensor:
    """Fill a gap up to the noise floor, as far as the fill may be wrong, (channel, lost)."""
    return _Spectra(evidence).with_floor(seed)


def observed(evidence: Evidence, seed: int = 0, floor: bool = True) -> Observation:
    """Observe a gap.

    Args:
        evidence: of the gap.
        seed: of the noise floor.
        floor: whether to fill up to it, as far as the fill may be wrong.
    """
    spectra = _Spectra(evidence)
    frames, sides, rehearsed, spread = spectra.frames, spectra.sides, spectra.rehearsed, spectra.spread
    whole = frames.placed(evidence.audio, spectra.with_floor(seed) if floor else spectra.fill)
    spectrum, (before, after) = frames.spectrum(whole), spectra.beside
    filled, lost = to_rows(spectrum.abs().square().sum(0)), frames.shares
    wrong = (spread + rehearsed.error.unsqueeze(-1) * torch.maximum(filled, sides)) * lost
    reference = sides.mean().clamp_min(1e-20)

    def level(power: Tensor) -> Tensor:
        return 0.5 * (power / reference).clamp_min(_FLOOR).log()

    def rows(power: Tensor) -> Tensor:
        return to_rows(power.sum(0))

    base, hop = level(sides), frames.stft.hop_length
    janssen = frames.spectrum(frames.placed(evidence.audio, evidence.fills[0])).abs().square()
    told = {
        "level": base / _MOST,
        "fill": level(filled) - base,
        "janssen": level(rows(janssen)) - base,
        "spread": level(spread) - base,
        "spread_of_fill": level(spread) - level(filled),
        "step": level(rows(after)) - level(rows(before)),
        "variation": _variation(level(filled), lost),
        "lost": lost,
        "since": (frames.centres / hop / BESIDE).clamp(-1, 2),
        "until": ((frames.lost - frames.centres) / hop / BESIDE).clamp(-1, 2),
        "length": torch.tensor(math.log(frames.lost / evidence.sample_rate / 0.064)),
        **_frequencies(spectrum.shape[-2], evidence.sample_rate),
        "rehearsed_level": rehearsed.lack.unsqueeze(-1),
        "rehearsed_error": 0.5 * rehearsed.error.unsqueeze(-1).log(),
        "expected_error": level(wrong) - base,
        "least_error": 0.5 * rehearsed.errors.min(),
        "expected_snr": torch.tensor(evidence.expected / 20),
    }
    maps = torch.stack([told[name].to(base).clamp(-_MOST, _MOST).expand(base.shape) for name in MAPS])
    inside, hole = frames.inside()
    return Observation(
        maps[..., frames.usable],
        spectrum,
        spectra.interpolated.sqrt(),
        _BOUND * wrong.sqrt(),
        whole[:, inside],
        hole,
        evidence.sample_rate,
    )


def _variation(level: Tensor, lost: Tensor) -> Tensor:
    """How much each row's level varies beside the gap: next to nothing in a tone, half a neper in noise, (row, 1)."""
    return level[:, lost == 0].std(-1, keepdim=True)


def _frequencies(bins: int, sample_rate: int) -> dict[str, Tensor]:
    hertz = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64)[:, None]
    hertz = to_rows(hertz)
    return {"octave": ((hertz + 30) / 1000).log2() / 3, "frequency": hertz / 8000}


class _Rehearsed(NamedTuple):
    """What rehearsals tell: nepers that a fill lacked, its squared error over energy, both (row,).

    And the logarithm of each candidate's error, (way,).
    """

    lack: Tensor
    error: Tensor
    errors: Tensor


def _rehearsed(evidence: Evidence, frames: Frames) -> _Rehearsed:
    mixes = torch.einsum("w,rwct->rct", evidence.weights, evidence.rehearsals)
    truths, energy = evidence.truths, evidence.truths.square().sum((1, 2)).clamp_min(1e-20)
    signals = torch.stack([mixes, truths, mixes - truths]) / energy.sqrt()[:, None, None]
    power = frames.spectrum(frames.alone(signals)).abs().square().sum(2).mean((1, -1))
    fill, truth, error = _smooth(to_rows(power.unsqueeze(-1))[..., 0])
    low = _FLOOR * truth.mean()
    errors = (evidence.rehearsals - truths.unsqueeze(1)).square().sum((2, 3)) / energy[:, None]
    errors = errors.clamp_min(1e-9).log().mean(0)
    lack, error = 0.5 * ((fill + low) / (truth + low)).log(), ((error + low) / (truth + low)).clamp(1e-7, 4)
    return _Rehearsed(lack, error, errors)


def _smooth(x: Tensor) -> Tensor:
    """Average each row with its neighbours, (..., row)."""
    wide = pad(x, (1, 1), mode="replicate")
    return (wide[..., :-2] + wide[..., 1:-1] + wide[..., 2:]) / 3
