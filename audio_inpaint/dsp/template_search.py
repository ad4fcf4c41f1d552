"""Where else in a recording the surroundings of a gap are heard: normalised cross-correlation around a hole.

The recording is searched at about 8 kHz, by FFT, in blocks whose spectra are computed once for all its gaps; what is
found there is then placed to the sample at the recording's own rate. Lost samples are missing: they are weighted out of
the correlation and of both energies, and nothing that contains them is ever compared.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.signal import firwin, unit_impulse
from torch import Tensor

from audio_inpaint.dsp.template_scores import cross_spectra, decimated, normalised, peaks, refined
from audio_inpaint.gaps import Gap, mask_gaps

# Most of music's energy, which is what correlates, lies below half of this.
SEARCH_RATE = 8000
# Samples of the search rate on each side that the anti-aliasing filter mixes into one.
_SPREAD = 4
# Blocks that are correlated at once.
_AT_ONCE = 16
# Of the template's energy, what must be compared; and how much quieter (-60 dB) a segment may be than the template.
COMPARED = 0.5
FAINTEST = 1e-6


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
        low, high = audio.aminmax()
        self.level = float(max(-low, high)) or 1.0
        self.length = -(-audio.shape[-1] // self.factor)
        runs = mask_gaps(gap)
        self.lost, self.tainted = _pairs(runs), _pairs(_tainted(runs, self.factor, self.length))
        size = longest // self.factor + 2
        self.n_fft = next_fast_len(max(2**15, 4 * size), real=True)
        self.hop = self.n_fft - size
        blocks = -(-self.length // self.hop)
        self.spectra = torch.empty(len(audio), blocks, self.n_fft // 2 + 1, dtype=torch.complex64)
        self.energy = np.zeros(self.length + 1)
        for block in range(blocks):
            start = block * self.hop
            coarse = self._coarse(start, min(start + self.n_fft, self.length))
            self.spectra[:, block] = torch.fft.rfft(torch.from_numpy(coarse), self.n_fft)
            power = np.square(coarse[:, : self.hop], dtype=np.float64).sum(0)
            self.energy[start + 1 :][: len(power)] = power
        np.cumsum(self.energy, out=self.energy)

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
        own, inside = _tainted([hole], factor, self.length)[0], _touching(self.tainted, first, last)
        coarse = template_of(self._coarse(first, last), Gap(own.start - first, own.stop - first), inside)
        spectrum = torch.fft.rfft(torch.from_numpy(coarse.samples), self.n_fft)
        scores, step = np.empty(high - low + 1, np.float32), _AT_ONCE * self.hop
        # Some blocks at a time, since what leads to the scores takes several times their memory.
        for edge in range((first + low) // step * step - first, high + 1, step):
            least, most = max(low, edge), min(high, edge + step - 1)
            part = self._coarse_scores(coarse, spectrum, first + least, most - least + 1)
            scores[least - low : most - low + 1] = part
        scores[max(0, own.start - last + 1 - low) : max(0, own.stop - first - low)] = -1
        places = (peaks(scores, max(1, spacing // factor), 2 * count) + low) * factor
        found = self._refined(span, hole, places, lags)
        kept: list[Match] = []
        for match in sorted(found, key=lambda match: (-match.score, match.lag)):
            if len(kept) < count and all(abs(match.lag - other.lag) >= spacing for other in kept):
                kept.append(match)
        return kept

    def _coarse_scores(self, template: "Template", own: Tensor, start: int, count: int) -> np.ndarray:
        """Correlation of a template at the search rate with `count` segments, of which the first begins at `start`."""
        size, block = template.samples.shape[-1], start // self.hop
        product = self.spectra.new_empty((start + count - 1) // self.hop + 1 - block, self.spectra.shape[-1])
        spectra, own, out = (torch.view_as_real(part).numpy() for part in (self.spectra, own, product))
        cross_spectra(spectra, block, own, out)
        product = torch.fft.irfft(product, self.n_fft)[:, : self.hop].reshape(-1)
        scores = product[start - block * self.hop :][:count].numpy()
        lost = _touching(self.tainted, start, start + count + size)
        hole = template.hole.start, template.hole.stop
        theirs = self.energy[start : start + count + size]
        normalised(scores, theirs, template.energy, template.known, lost, hole, COMPARED, FAINTEST)
        return scores

    def _coarse(self, first: int, last: int) -> np.ndarray:
        """Low-pass the recording and keep the samples [first, last) of the search rate, lost ones zero, in float32."""
        begin, end = (first - _SPREAD) * self.factor, (last + _SPREAD) * self.factor
        known = slice(max(0, begin), min(end, self.audio.shape[-1]))
        audio = np.zeros((len(self.audio), end - begin), np.float32)
        audio[:, known.start - begin : known.stop - begin] = self.audio[:, known].numpy()
        coarse = np.empty((len(audio), last - first), np.float32)
        decimated(audio, self.taps, self.factor, coarse)
        coarse /= self.level
        for start, stop in _touching(self.tainted, first, last):
            coarse[:, start:stop] = 0
        return coarse

    def _refined(self, span: Gap, hole: Gap, places: np.ndarray, lags: tuple[int, int]) -> list[Match]:
        """Place matches to the sample, within one sample of the search rate; those left out that must not lie there."""
        samples = self.audio[:, span.start : span.stop].double().numpy()
        inside = _touching(self.lost, span.start, span.stop)
        template = template_of(samples, Gap(hole.start - span.start, hole.stop - span.start), inside)
        runs = np.stack([places - self.factor, places + self.factor], 1).clip(*lags)
        runs = runs[(places + self.factor >= lags[0]) & (places - self.factor <= lags[1])]
        own = template.samples, template.energy, template.known
        best, around = refined(self.audio.numpy(), span.start, runs, *own, self.lost)
        found, chosen = [], runs[:, 0] + best
        apart = (span.start + chosen >= hole.stop) | (span.stop + chosen <= hole.start)
        before_hole = np.searchsorted(self.lost[:, 1], hole.start + chosen, "right")
        known = before_hole == np.searchsorted(self.lost[:, 0], hole.stop + chosen)
        allowed = (around[:, 1] > 0) & apart & known
        for lag, (before, score, after) in zip(chosen[allowed].tolist(), around[allowed].tolist(), strict=True):
            inner = before > -1 and after > -1
            steepest = max(2 * score - before - after, abs(after - before), 1e-30)
            found.append(Match(lag, score, 0.5 * (after - before) / steepest if inner else 0.0))
        return found


@dataclass(frozen=True)
class Template:
    """What surrounds a gap.

    Args:
        samples: (channel, size), zero where they are lost.
        energy: of these before each of them, all channels together, (size + 1,).
        known: runs of known samples, (run, 2).
        hole: the gap in it.
    """

    samples: np.ndarray
    energy: np.ndarray
    known: np.ndarray
    hole: Gap


def template_of(samples: np.ndarray, hole: Gap, lost: np.ndarray) -> Template:
    """Cut a gap, and the lost runs beside it, out of what surrounds it."""
    known = np.ones(samples.shape[-1], dtype=bool)
    for start, stop in [(hole.start, hole.stop), *lost]:
        known[max(0, start) : stop] = False
    samples = samples * known
    return Template(samples, _energy(samples), _pairs(mask_gaps(known)), hole)


def _energy(x: np.ndarray) -> np.ndarray:
    """Sums of all squares (channel, time) before each sample, (time + 1,)."""
    return np.append(0, np.square(x, dtype=np.float64).sum(0)).cumsum()


def _pairs(runs: list[Gap]) -> np.ndarray:
    return np.array([(run.start, run.stop) for run in runs], dtype=np.int64).reshape(-1, 2)


def _touching(runs: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Those of the runs that lie in [start, stop) at least in part, counted from `start`, the ends cut."""
    first, last = np.searchsorted(runs[:, 1], start, "right"), np.searchsorted(runs[:, 0], stop)
    return (runs[first:last] - start).clip(0, stop - start)


def delayed(x: Tensor, fraction: Tensor) -> Tensor:
    """Read signals a fraction of a sample later: x(t + fraction), band-limited.

    Args:
        x: (..., time), a signal in each row; outside its ends it is taken to be silent.
        fraction: of a sample, (...).
    """
    size = next_fast_len(x.shape[-1] + 64, real=True)
    bins = size // 2 + 1
    step = math.isqrt(bins) + 1
    turn = 2j * torch.pi / size * fraction[..., None]
    # e^(a + b) = e^a e^b: so few exponentials do for all bins.
    coarse, fine = ((turn * n).exp() for n in (torch.arange(0, bins, step), torch.arange(step)))
    turns = (coarse[..., None] * fine[..., None, :]).flatten(-2)[..., :bins]
    return torch.fft.irfft(torch.fft.rfft(x, size).mul_(turns), size)[..., : x.shape[-1]]


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
