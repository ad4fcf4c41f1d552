"""What a refiner's network sees: maps over frequency and time of a fill, its surroundings and the evidence."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.refiner.evidence import Evidence
from audio_inpaint.methods.refiner.noise_floor import floor_noise
from audio_inpaint.methods.refiner.rows import to_rows
from audio_inpaint.nn.refiner import MAPS

# Frames on each side that hold no lost sample, and those that hold some: a window is four hops.
BESIDE, _PARTLY = 8, 2
# Frames whose mean tells the level of a side.
_NEAR = 3
# Nothing is quieter than this, to the surroundings' mean power (-90 dB), and no ratio beyond these nepers is told.
_FLOOR, _MOST = 1e-9, 4.0
# The power of the inverse squared error in the mix that the candidates' spread is taken of, to that in the fill.
_DULL = 0.25
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


def placed(evidence: Evidence, fill: Tensor) -> tuple[Tensor, Gap]:
    """Put a fill between its surroundings: (channel, time) with a whole number of hops before, and the gap in it."""
    stft, hole = STFT.at(evidence.sample_rate, 512, 128), evidence.hole
    before = (BESIDE + 2 * _PARTLY) * stft.hop_length
    lost = hole.stop - hole.start
    length = 2 * before + -(-lost // stft.hop_length) * stft.hop_length
    missing = before - hole.start
    audio = pad(evidence.audio, (max(0, missing), 0))[:, max(0, -missing) :]
    audio = pad(audio, (0, max(0, length - audio.shape[-1])))[:, :length].clone()
    audio[:, before : before + lost] = fill
    return audio, Gap(before, before + lost)


def observed(evidence: Evidence, seed: int = 0, floor: bool = True) -> Observation:
    """Observe a gap.

    Args:
        evidence: of the gap.
        seed: of the noise floor.
        floor: whether to fill up to it.
    """
    fill, stft = evidence.mix, STFT.at(evidence.sample_rate, 512, 128)
    whole, place = placed(evidence, fill)
    if floor:
        whole[:, place.start : place.stop] += _noise(evidence, fill, seed)
    inner = slice(_PARTLY, -_PARTLY)
    spectrum = stft(whole)[..., inner]
    missing = stft.hop_length * (BESIDE + 2 * _PARTLY) - evidence.hole.start, place.stop - place.start
    frames, bins = spectrum.shape[-1], spectrum.shape[-2]
    centres = (torch.arange(frames, dtype=torch.float64) - BESIDE - _PARTLY) * stft.hop_length
    lost = _lost(stft, centres, missing[1])
    usable = _usable(stft, centres, evidence)
    power = spectrum.abs().square()
    before, after = _sides(power, centres, missing[1], stft, usable)
    position = _between(centres, missing[1], stft)
    interpolated = _log_lerp(before, after, position)
    pooled = to_rows(interpolated.sum(0))
    reference = pooled.mean().clamp_min(1e-20)

    def level(x: Tensor) -> Tensor:
        return 0.5 * (x / reference).clamp_min(_FLOOR).log()

    def rows(x: Tensor) -> Tensor:  # of one waveform in the fill's place
        return to_rows(stft(x)[..., inner].abs().square().sum(-3))

    shares = torch.softmax(_DULL * evidence.weights.clamp_min(1e-30).log(), 0)
    apart = pad((evidence.fills - fill), (place.start, whole.shape[-1] - place.stop))
    spread = torch.tensordot(shares.to(apart), rows(apart), 1)
    janssen = rows(placed(evidence, evidence.fills[0])[0])
    lack, error, least = _rehearsed(evidence, stft)
    mixed, base = to_rows(power.sum(0)), level(pooled)
    wrong = (spread + error.unsqueeze(-1) * torch.maximum(mixed, pooled)) * lost
    told = {
        "level": base / _MOST,
        "fill": level(mixed) - base,
        "janssen": level(janssen) - base,
        "spread": level(spread) - base,
        "spread_of_fill": level(spread) - level(mixed),
        "step": level(to_rows(after.sum(0))) - level(to_rows(before.sum(0))),
        "variation": _variation(mixed, lost, reference),
        "lost": lost,
        "since": (centres / stft.hop_length / BESIDE).clamp(-1, 2),
        "until": ((missing[1] - centres) / stft.hop_length / BESIDE).clamp(-1, 2),
        "length": torch.tensor(math.log(missing[1] / evidence.sample_rate / 0.064)),
        **_frequencies(bins, evidence.sample_rate),
        "rehearsed_level": lack.unsqueeze(-1),
        "rehearsed_error": 0.5 * error.unsqueeze(-1).log(),
        "expected_error": level(wrong) - base,
        "least_error": torch.tensor(least),
        "expected_snr": torch.tensor(evidence.expected / 20),
    }
    shape = (len(pooled), frames)
    maps = torch.stack([told[name].to(mixed).clamp(-_MOST, _MOST).expand(shape) for name in MAPS])
    maps = maps[..., _nearest_usable(usable)]
    first = _PARTLY * stft.hop_length
    audio = whole[:, first : whole.shape[-1] - first]
    hole = Gap(place.start - first, place.stop - first)
    return Observation(maps, spectrum, interpolated.sqrt(), _BOUND * wrong.sqrt(), audio, hole, evidence.sample_rate)


def _noise(evidence: Evidence, fill: Tensor, seed: int) -> Tensor:
    audio, hole = evidence.audio.clone(), evidence.hole
    audio[:, hole.start : hole.stop] = fill
    return floor_noise(audio, hole, evidence.sample_rate, seed)


def _lost(stft: STFT, centres: Tensor, size: int) -> Tensor:
    """How much of each frame's energy is lost, (frame,)."""
    energy = torch.cat([torch.zeros(1, dtype=torch.float64), stft.window.double().square().cumsum(0)])
    half = stft.n_fft // 2
    first = (half - centres).clamp(0, stft.n_fft).long()
    last = (half - centres + size).clamp(0, stft.n_fft).long()
    return (energy[last] - energy[first]) / energy[-1]


def _usable(stft: STFT, centres: Tensor, evidence: Evidence) -> Tensor:
    """Frames that reach nowhere beyond what is known, (frame,)."""
    half, hole = stft.n_fft // 2, evidence.hole
    length = evidence.audio.shape[-1] - hole.start
    return (centres - half >= -hole.start) & (centres + half <= length)


def _nearest_usable(usable: Tensor) -> Tensor:
    """For each frame the nearest one that is usable, itself if it is or if none is, (frame,)."""
    good, own = usable.nonzero().flatten(), torch.arange(len(usable))
    return own if not len(good) else good[(own[:, None] - good).abs().argmin(1)]


def _sides(power: Tensor, centres: Tensor, size: int, stft: STFT, usable: Tensor) -> tuple[Tensor, Tensor]:
    """Mean power of the frames nearest to a gap on each side, (channel, bin, 1)."""
    half, found = stft.n_fft // 2, []
    for outside in (centres <= -half, centres >= size + half):
        near = (outside & usable).nonzero().flatten()
        near = outside.nonzero().flatten() if not len(near) else near
        near = near[-_NEAR:] if centres[near[0]] < 0 else near[:_NEAR]
        found.append(power[..., near].mean(-1, keepdim=True))
    return found[0], found[1]


def _between(centres: Tensor, size: int, stft: STFT) -> Tensor:
    """Where each frame lies between the sides, from 0 to 1, (frame,)."""
    apart = stft.n_fft // 2 + (_NEAR - 1) / 2 * stft.hop_length
    return ((centres + apart) / (size + 2 * apart)).clamp(0, 1)


def _log_lerp(before: Tensor, after: Tensor, position: Tensor) -> Tensor:
    """Interpolate powers as logarithms, but never so that silence on one side silences the gap."""
    low = 1e-6 * torch.maximum(before, after) + 1e-30
    return torch.lerp((before + low).log(), (after + low).log(), position.to(before)).exp()


def _variation(power: Tensor, lost: Tensor, reference: Tensor) -> Tensor:
    """How much each row's level varies beside the gap: next to nothing in a tone, half a neper in noise, (row, 1)."""
    known = 0.5 * (power[:, lost == 0] / reference).clamp_min(_FLOOR).log()
    return known.std(-1, keepdim=True)


def _frequencies(bins: int, sample_rate: int) -> dict[str, Tensor]:
    hertz = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64)[:, None]
    hertz = to_rows(hertz)
    return {"octave": ((hertz + 30) / 1000).log2() / 3, "frequency": hertz / 8000}


def _rehearsed(evidence: Evidence, stft: STFT) -> tuple[Tensor, Tensor, float]:
    """What rehearsals tell of each row: nepers that the fill lacked, squared error over energy; and the least error."""
    mixes = torch.einsum("w,rwct->rct", evidence.weights, evidence.rehearsals)
    truths, level = evidence.truths, evidence.truths.square().sum((1, 2), keepdim=True).clamp_min(1e-20).sqrt()
    signals = torch.stack([mixes, truths, mixes - truths]) / level
    power = to_rows(stft(pad(signals, (stft.n_fft, stft.n_fft))).abs().square().sum(3).mean(-1, keepdim=True))
    fill, truth, error = _smooth(power.mean(1)[..., 0])
    low = _FLOOR * truth.mean()
    errors = (evidence.rehearsals - truths.unsqueeze(1)).square().sum((2, 3)) / level.square().flatten()[:, None]
    least = 0.5 * float(errors.clamp_min(1e-9).log().mean(0).min())
    return (
        0.5 * ((fill + low) / (truth + low)).log(),
        ((error + low) / (truth + low)).clamp(1e-7, 4),
        least,
    )


def _smooth(x: Tensor) -> Tensor:
    """Average each row with its neighbours, (..., row)."""
    wide = pad(x, (1, 1), mode="replicate")
    return (wide[..., :-2] + wide[..., 1:-1] + wide[..., 2:]) / 3
