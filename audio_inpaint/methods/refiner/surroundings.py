"""The spectrogram around a gap: frames that keep their distance to it, and what both sides say of its magnitudes."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.dsp.stft import STFT
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.refiner.evidence import Evidence

# Frames on each side that hold no lost sample, and those that hold some: a window is four hops.
BESIDE, PARTLY = 8, 2
# Frames whose mean tells the level of a side.
_NEAR = 3
# What is transformed begins this many hops before the gap; the first and last frames reach beyond it.
_HOPS = BESIDE + 2 * PARTLY


@dataclass(frozen=True)
class Frames:
    """Where the frames around a gap lie.

    Args:
        stft: of 32 ms every 8 ms.
        lost: samples of the gap.
        known: samples that are known before and after it.
    """

    stft: STFT
    lost: int
    known: tuple[int, int]

    @classmethod
    def of(cls, evidence: Evidence) -> "Frames":
        """The frames around the gap of some evidence."""
        hole, length = evidence.hole, evidence.audio.shape[-1]
        stft = STFT.at(evidence.sample_rate, 512, 128)
        return cls(stft, hole.stop - hole.start, (hole.start, length - hole.stop))

    @property
    def before(self) -> int:
        """Samples from the first one that is transformed to the gap."""
        return _HOPS * self.stft.hop_length

    @property
    def centres(self) -> Tensor:
        """Middle of each frame, samples after the gap's first one, (frame,)."""
        hop = self.stft.hop_length
        count = 2 * (BESIDE + PARTLY) - (-self.lost // hop) + 1
        return (torch.arange(count, dtype=torch.float64) - BESIDE - PARTLY) * hop

    @property
    def shares(self) -> Tensor:
        """How much of each frame's energy is lost, (frame,)."""
        energy = pad(self.stft.window.double().square().cumsum(0), (1, 0))
        first = (self.stft.n_fft // 2 - self.centres).long()
        inside = [place.clamp(0, self.stft.n_fft) for place in (first, first + self.lost)]
        return (energy[inside[1]] - energy[inside[0]]) / energy[-1]

    @property
    def usable(self) -> Tensor:
        """For each frame the nearest one that reaches nowhere beyond what is known, itself if none does, (frame,)."""
        half, own = self.stft.n_fft // 2, torch.arange(len(self.centres))
        first, last = self.centres - half >= -self.known[0], self.centres + half <= self.lost + self.known[1]
        good = (first & last).nonzero().flatten()
        return own if not len(good) else good[(own[:, None] - good).abs().argmin(1)]

    def placed(self, audio: Tensor, fill: Tensor) -> Tensor:
        """Put a fill (..., lost) between known audio (..., time), zeros where that ends: (..., time)."""
        hop = self.stft.hop_length
        length = 2 * self.before - (-self.lost // hop) * hop
        missing = self.before - self.known[0]
        audio = pad(audio, (max(0, missing), 0))[..., max(0, -missing) :]
        audio = pad(audio, (0, max(0, length - audio.shape[-1])))[..., :length].clone()
        audio[..., self.before : self.before + self.lost] = fill
        return audio

    def alone(self, fill: Tensor) -> Tensor:
        """Put a fill (..., lost) between zeros, (..., time)."""
        return self.placed(fill.new_zeros(*fill.shape[:-1], sum(self.known) + self.lost), fill)

    def spectrum(self, audio: Tensor) -> Tensor:
        """Transform what `placed` gave, (..., bin, frame)."""
        return self.stft(audio)[..., PARTLY:-PARTLY]

    def sides(self, power: Tensor) -> tuple[Tensor, Tensor]:
        """Average the frames nearest to the gap on each side, that hold nothing of it, (..., bin, 1) each."""
        half, usable = self.stft.n_fft // 2, torch.zeros(len(self.centres), dtype=torch.bool)
        usable[self.usable] = True
        found = []
        for outside in (self.centres <= -half, self.centres.flip(0) >= self.lost + half):
            good = outside & (usable if not found else usable.flip(0))
            places = (good if good.any() else outside).nonzero().flatten()[-_NEAR:]
            found.append((power.flip(-1) if found else power)[..., places].mean(-1, keepdim=True))
        return found[0], found[1]

    def between(self, before: Tensor, after: Tensor) -> Tensor:
        """Interpolate powers (..., 1) across the gap, as logarithms, yet so that no silence on one side silences it."""
        apart = self.stft.n_fft // 2 + (_NEAR - 1) / 2 * self.stft.hop_length
        position = ((self.centres + apart) / (self.lost + 2 * apart)).clamp(0, 1)
        low = 1e-6 * torch.maximum(before, after) + 1e-30
        return torch.lerp((before + low).log(), (after + low).log(), position.to(before)).exp()

    def inside(self) -> tuple[slice, Gap]:
        """What of the audio begins at the first frame's middle and ends at the last one's, and the gap in it."""
        cut = PARTLY * self.stft.hop_length
        return slice(cut, -cut), Gap(self.before - cut, self.before - cut + self.lost)
