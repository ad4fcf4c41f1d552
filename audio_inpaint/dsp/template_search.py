"""Where else in a recording the surroundings of a gap are heard: normalised cross-correlation around a hole.

The recording is searched at about 8 kHz, by FFT, in blocks whose spectra are computed once for all its gaps; what is
found there is then placed to the sample at the recording's own rate. Lost samples are missing: they are weighted out of
the correlation and of both energies, and nothing that contains them is ever compared.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.signal import firwin, unit_impulse, upfirdn
from torch import Tensor

from audio_inpaint.gaps import Gap, mask_gaps

# Most of music's energy, which is what correlates, lies below half of this.
SEARCH_RATE = 8000
# Samples of the search rate on each side that the anti-aliasing filter mixes into one.
_SPREAD = 4
# Blocks that are correlated at once.
_AT_ONCE = 16
# Of the template's energy, what must be compared; and how much quieter (-60 dB) a segment may be than the template.
_COMPARED = 0.5
_FAINTEST = 1e-6


@dataclass(frozen=True)
class Match:
    """A segment that sounds like the surroundings of a gap.

    Args:
        lag: how many samples later it is.
        score: its normalised correlation, at most 1.
        fraction: of a sample, -0.5 to 0.5, that the lag is longer by the parabola through the correlation's peak.
    """

    lag: int
    score: float
    fraction: float = 0.0


class TemplateSearch:
    """A recording prepared for the search of any template that is cut out of it.

    Args:
        audio: (channel, time), lost samples zero.
        gap: true = lost, (time,).
        sample_rate: Hz.
        longest: samples of the longest template.
    """

    def __init__(self, audio: Tensor, gap: Tensor, sample_rate: int, longest: int):
        self.audio, self.gap = audio, gap
        self.factor = max(1, sample_rate // SEARCH_RATE)
        taps = 2 * _SPREAD * self.factor + 1
        taps = firwin(taps, 1 / self.factor) if self.factor > 1 else unit_impulse(taps, "mid")
        self.taps = taps.astype(np.float32)
        self.level = float(max(-audio.min(), audio.max())) or 1.0
        self.length = -(-audio.shape[-1] // self.factor)
        self.lost = _tainted(mask_gaps(gap), self.factor, self.length)
        size = longest // self.factor + 2
        self.n_fft = next_fast_len(max(2**15, 4 * size), real=True)
        self.hop = self.n_fft - size
        blocks = -(-self.length // self.hop)
        self.spectra = torch.empty(len(audio), blocks, self.n_fft // 2 + 1, dtype=torch.complex64)
        self.energy = torch.zeros(self.length + 1, dtype=torch.float64)
        for block in range(blocks):
            start = block * self.hop
            coarse = self._coarse(start, min(start + self.n_fft, self.length))
            self.spectra[:, block] = torch.fft.rfft(coarse, self.n_fft)
            power = coarse[:, : self.hop].double().square().sum(0)
            self.energy[start + 1 :][: len(power)] = power
        torch.cumsum(self.energy, 0, out=self.energy)

    def __call__(self, span: Gap, hole: Gap, lags: tuple[int, int], count: int, spacing: int) -> list[Match]:
        """Find the segments of the recording that correlate best with what surrounds a gap.

        Args:
            span: the template, from the first to the last sample compared.
            hole: the gap inside it; no segment overlaps it, whether the mask counts it as lost or not.
            lags: the least and the greatest lag in samples, so that `span` shifted by them lies in the recording.
            count: of matches, at most.
            spacing: samples between two matches, at least.

        Returns:
            matches, the best first; all have a correlation above zero and know every sample in place of the hole.
        """
        factor = self.factor
        first, last = -(-span.start // factor), (span.stop - 1) // factor + 1
        low, high = max(-(-lags[0] // factor), -first), min(lags[1] // factor, self.length - last)
        if high - low < 2 or last - first < 2:
            return []
        scores, step = torch.empty(high - low + 1), _AT_ONCE * self.hop
        # Some blocks at a time, since what leads to the scores takes ten times their memory.
        for edge in range((first + low) // step * step - first, high + 1, step):
            least, most = max(low, edge), min(high, edge + step - 1)
            scores[least - low : most - low + 1] = self._coarse_scores(first, last, hole, least, most)
        peaks = _peaks(scores, max(1, spacing // factor), 2 * count)
        refined = [self._refined(span, hole, (peak + low) * factor, lags) for peak in peaks]
        kept: list[Match] = []
        for match in sorted(filter(None, refined), key=lambda match: (-match.score, match.lag)):
            if len(kept) < count and all(abs(match.lag - other.lag) >= spacing for other in kept):
                kept.append(match)
        return kept

    def _coarse_scores(self, first: int, last: int, hole: Gap, low: int, high: int) -> Tensor:
        """Correlation of the template [first, last) at the search rate with the lags from low to high."""
        size, count = last - first, high - low + 1
        own = _tainted([hole], self.factor, self.length)[0]
        template = self._coarse(first, last)
        weight = torch.ones(size, dtype=torch.bool)
        for run in [own, *self.lost]:
            begin, end = max(0, run.start - first), max(0, run.stop - first)
            template[:, begin:end] = 0
            weight[begin:end] = False
        start = first + low
        block = start // self.hop
        spectra = self.spectra[:, block : (start + count - 1) // self.hop + 1]
        product = (spectra * torch.fft.rfft(template, self.n_fft).conj()[:, None]).sum(0)
        product = torch.fft.irfft(product, self.n_fft)[:, : self.hop].reshape(-1)
        product = product[start - block * self.hop :][:count]

        theirs = self.energy.new_zeros(count)
        for run in mask_gaps(weight):
            theirs += self.energy[run.stop + start :][:count] - self.energy[run.start + start :][:count]
        own_energy = _running(template.double().square().sum(0))
        total = float(own_energy[-1])
        theirs = theirs.to(product)
        ours = torch.full_like(product, total)
        for run in self.lost:
            a, b = max(0, run.start - size + 1 - start), min(count, run.stop - start)
            if a < b:
                reach = torch.arange(start + a, start + b)
                ours[a:b] -= own_energy[(run.stop - reach).clamp(0, size)].to(ours)
                ours[a:b] += own_energy[(run.start - reach).clamp(0, size)].to(ours)
        usable = (ours > _COMPARED * total) & (theirs > _FAINTEST * total)
        scores = product.mul_((ours.mul_(theirs)).rsqrt_()).masked_fill_(~usable, -1)
        scores[max(0, own.start - size + 1 - start) : max(0, own.stop - start)] = -1
        for run in self.lost:
            a, b = run.start - (own.stop - first) + 1 - start, run.stop - (own.start - first) - start
            scores[max(0, a) : max(0, b)] = -1
        return scores

    def _coarse(self, first: int, last: int) -> Tensor:
        """Low-pass the recording and keep the samples [first, last) of the search rate, lost ones zero, in float32."""
        start = max(0, first - _SPREAD)
        audio = self.audio[:, start * self.factor : (last + _SPREAD) * self.factor].float().numpy()
        coarse = upfirdn(self.taps, audio, down=self.factor, axis=-1)[:, first - start + _SPREAD :][:, : last - first]
        coarse = torch.from_numpy(coarse).div(self.level)
        for run in self.lost:
            coarse[:, max(0, run.start - first) : max(0, run.stop - first)] = 0
        return coarse

    def _refined(self, span: Gap, hole: Gap, lag: int, lags: tuple[int, int]) -> Match | None:
        """Place a match to the sample, within one sample of the search rate; None where it must not lie."""
        low, high = max(lag - self.factor, lags[0]), min(lag + self.factor, lags[1])
        if low > high:
            return None
        known = ~self.gap[span.start : span.stop]
        known[hole.start - span.start : hole.stop - span.start] = False
        template = self.audio[:, span.start : span.stop].double() * known
        around = slice(span.start + low, span.stop + high)
        theirs, both = self.audio[:, around].double(), ~self.gap[around]
        product = (theirs.unfold(-1, len(known), 1) @ template[..., None]).sum((0, 2))
        energies = theirs.square().sum(0).unfold(-1, len(known), 1) @ known.to(theirs)
        energies *= both.to(theirs).unfold(-1, len(known), 1) @ template.square().sum(0)
        scores = torch.where(energies > 0, product / energies.sqrt(), -1.0)
        best = int(scores.argmax())
        lag, score = low + best, float(scores[best])
        apart = span.start + lag >= hole.stop or span.stop + lag <= hole.start
        lost = bool(self.gap[hole.start + lag : hole.stop + lag].any())
        if score <= 0 or lost or not apart:
            return None
        fraction = 0.0
        if 0 < best < len(scores) - 1:
            before, after = float(scores[best - 1]), float(scores[best + 1])
            fraction = 0.5 * (after - before) / max(2 * score - before - after, abs(after - before), 1e-30)
        return Match(lag, score, fraction)


def delayed(x: Tensor, fraction: Tensor) -> Tensor:
    """Read signals a fraction of a sample later: x(t + fraction), band-limited.

    Args:
        x: (..., time), a signal in each row; outside its ends it is taken to be silent.
        fraction: of a sample, (...).
    """
    size = next_fast_len(x.shape[-1] + 64, real=True)
    turn = 2j * torch.pi * torch.arange(size // 2 + 1, dtype=x.dtype) / size
    return torch.fft.irfft(torch.fft.rfft(x, size) * (turn * fraction[..., None]).exp(), size)[..., : x.shape[-1]]


def _running(x: Tensor) -> Tensor:
    """Sums of all samples before each, (time + 1,)."""
    return torch.cat([x.new_zeros(1), x.cumsum(0)])


def _tainted(gaps: list[Gap], factor: int, length: int) -> list[Gap]:
    """The runs of samples at the search rate, of `length`, into which samples of the gaps are mixed, merged."""
    spread = _SPREAD * factor if factor > 1 else 0
    runs: list[Gap] = []
    for gap in gaps:
        start, stop = max(0, -(-(gap.start - spread) // factor)), min(length, (gap.stop - 1 + spread) // factor + 1)
        if runs and start <= runs[-1].stop:
            start = runs.pop().start
        if start < stop:
            runs.append(Gap(start, stop))
    return runs


def _peaks(scores: Tensor, spacing: int, count: int) -> list[int]:
    """Positions of the highest local maxima above zero, the highest first, at least `spacing` apart."""
    inner = scores[1:-1]
    places = ((inner > 0) & (inner >= scores[:-2]) & (inner > scores[2:])).nonzero()[:, 0] + 1
    order = scores[places].topk(min(len(places), 16 * count)).indices
    kept: list[int] = []
    for place in places[order].tolist():
        if len(kept) == count:
            break
        if all(abs(place - other) >= spacing for other in kept):
            kept.append(place)
    return kept
