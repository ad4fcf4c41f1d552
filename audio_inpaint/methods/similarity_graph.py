"""The similarity graph: each gap, with some audio around it, is replaced by the place of the recording that fits best.

Frames of the recording that sound alike are joined by edges. The path through the recording leaves it before the gap
by one edge, plays what it finds there, and comes back after the gap by another edge.

Source: Perraudin, Holighaus, Majdak and Balazs, 2018, "Inpainting of long audio segments with similarity graphs". It is
one of the two rivals in the deep-prior paper, which made it keep the length, as here.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soxr
import torch
from scipy.signal import correlate
from scipy.sparse import coo_array, dia_array
from torch import Tensor
from torch.nn.functional import pad

from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.contract import channels_alike, damaged, repaired
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.options import Context, checked

_RATE = 12000  # Hz: what lies above 6 kHz says little about likeness
_WINDOW, _HOP = 1024, 128  # samples at that rate
_FLOOR_DB = 50.0  # below the loudest bin
_AUDIBLE = 0.02  # of the loudest bin: weaker ones have no phase worth comparing
_SMOOTH = 8  # frames over which the phase derivative is averaged
_PHASE = 1.5  # weight of the phase derivative beside the magnitudes
_NEAR = 5.0  # seconds beside a gap within which the path may leave the recording and come back
_SUSTAIN = 20  # frames on each side over which likeness has to last; frames as near as that are alike by nature
_ENOUGH = 2.0  # least likeness, summed over those frames
_DETOUR, _LOSS, _UNLIKE = 10.0, 10.0, 100.0  # costs that keep the length and the signal: the paper's second setting
_LAG = 2  # hops by which a splice may be moved to align the waveforms
_BLOCK = 8192  # frames compared at once, which bounds memory


class _Edges(NamedTuple):
    """Edges from frames beside a gap, `near`, to frames anywhere, `far`, and the likeness that lasts around them."""

    near: np.ndarray
    far: np.ndarray
    likeness: np.ndarray

    def where(self, chosen: np.ndarray) -> "_Edges":
        return _Edges(*(values[chosen] for values in self))


class _Splice(NamedTuple):
    """Samples [start, stop) are to be replaced by those `shift` later."""

    start: int
    stop: int
    shift: int


@checked
@dataclass(frozen=True)
class SimilarityGraph:
    """Replace each gap and its edges by similar audio from elsewhere in the recording, one gap after the other.

    What goes into a gap never comes from a gap. Where the recording has too little for a source, a gap keeps Janssen's
    fill, which also stands in for lost samples in the search: at both ends, and wherever no known stretch as long as
    the gap has lasting likeness (0.2 s) before and after it.

    An hour of audio takes half a minute a gap, and memory for a copy at 12 kHz.
    """

    context: Context = 180.0

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return channels_alike(self.restore, audio, gap, sample_rate)

    def restore(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore channels that lost the same samples, gap (time,): the lost samples of `rearranged`."""
        return repaired(audio, gap, self.rearranged(audio, gap, sample_rate))

    def rearranged(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Give the method's own output, which keeps the length but alters good audio around the gaps as well.

        Args:
            audio: (channel, time).
            gap: true = lost, (time,).
            sample_rate: Hz.

        Returns:
            (channel, time).

        Raises:
            InputError: shapes or types do not fit, or a known sample is not finite.
        """
        source = Janssen().restore(damaged(audio, gap), gap, sample_rate).cpu()
        graph = _Graph(source, gap.cpu(), sample_rate)
        output = source.clone()
        for run in mask_gaps(gap):
            if (splice := graph.splice(run)) is not None:
                start, stop, shift = splice
                weight = source.new_ones(stop - start)
                weight[: len(graph.fade)] = graph.fade
                weight[-len(graph.fade) :] = graph.fade.flip(0)
                output[:, start:stop].lerp_(source[:, start + shift : stop + shift], weight)
        return output.to(audio)


class _Graph:
    """The graph of one recording, of which only the edges around one gap exist at a time.

    Args:
        source: (channel, time), its gaps filled.
        gap: true = lost, (time,).
        sample_rate: Hz.

    Attributes:
        fade: weights of the incoming audio, one window long: splicing the frames of two STFTs comes to the same.
    """

    def __init__(self, source: Tensor, gap: Tensor, sample_rate: int):
        rate = min(_RATE, sample_rate)
        mono = source.mean(0).float().numpy()
        self.features = _Features(torch.from_numpy(soxr.resample(mono, sample_rate, rate)))
        self.source, self.hop = source, _HOP * sample_rate / rate
        self.half = round(_WINDOW / _HOP / 2 * self.hop)
        rise = torch.hann_window(2 * self.half, dtype=source.dtype).square().cumsum(0)
        self.fade = rise / rise[-1]
        centres = np.minimum(self.samples(np.arange(len(self.features))), len(gap) - 1)
        self.known = ~gap.numpy()[centres]
        self.lost_before = np.append(0, np.cumsum(gap.numpy()))

    def samples(self, frames: np.ndarray) -> np.ndarray:
        """Positions of the frames' centres in the recording."""
        return np.rint(frames * self.hop).astype(np.int64)

    def splice(self, run: Gap) -> _Splice | None:
        """Find what replaces one gap, or nothing: the cheapest pair of edges that brings known samples into it."""
        reach = round(_NEAR * _RATE / _HOP)
        first = max(0, int(run.start / self.hop) - reach)
        last = min(len(self.features), int(run.stop / self.hop) + reach)
        edges = self._lasting(self._alike(first, last), first, last)
        near, far = self.samples(edges.near), self.samples(edges.far)
        end, room = self.source.shape[-1], self.half + (_LAG + 1) * self.hop
        inside = (near >= self.half) & (near + self.half <= end) & (far >= room) & (far + room <= end)
        leave = edges.where(inside & (near + self.half <= run.start))
        back = edges.where(inside & (near - self.half >= run.stop))
        for i1, j1, i2, j2 in self._pairs(leave, back, run):
            if (splice := self._aligned(i1, j1, i2, j2, run)) is not None:
                return splice
        return None

    def _alike(self, first: int, last: int) -> coo_array:
        """Weigh the k nearest neighbours of the frames first..last by exp(-d^2 / mean(d)^2), (frame, diagonal)."""
        rows = first + np.flatnonzero(self.known[first:last])
        query = self.features(first, last)[torch.from_numpy(rows - first)]
        k = min(max(40, len(self.features) // 1000), len(self.features))
        distance, neighbour = query.new_full((len(rows), k), math.inf), torch.zeros(len(rows), k, dtype=torch.int64)
        for start in range(0, len(self.features), _BLOCK):
            frames = np.arange(start, min(start + _BLOCK, len(self.features)))
            # barred here and not afterwards: a frame's own surroundings would take all k places
            barred = ~self.known[frames] | (np.abs(frames - rows[:, None]) <= _SUSTAIN)
            found = torch.cdist(query, self.features(start, start + len(frames)))
            found = torch.cat([distance, found.masked_fill(torch.from_numpy(barred), math.inf)], 1)
            names = torch.cat([neighbour, torch.from_numpy(frames).expand(len(rows), -1)], 1)
            distance, best = found.topk(k, largest=False)
            neighbour = names.gather(1, best)
        row, place = (index.numpy() for index in torch.nonzero(distance.isfinite(), as_tuple=True))
        d, far = distance.double().numpy()[row, place], neighbour.numpy()[row, place]
        weight = np.exp(-np.square(d) / max(np.mean(d) ** 2, 1e-9)) if len(d) else d
        shape = last - first, len(self.features) + last
        return coo_array((weight, (rows[row] - first, far - rows[row] + last)), shape=shape)

    def _lasting(self, alike: coo_array, first: int, last: int) -> _Edges:
        """Sum likeness along the diagonals under a triangle, and keep what is known, enough and a local maximum."""
        offsets = np.arange(-_SUSTAIN, _SUSTAIN + 1)
        triangle = np.repeat(1 - np.abs(offsets)[:, None] / (_SUSTAIN + 1), last - first, 1)
        total = (dia_array((triangle, offsets), shape=(last - first,) * 2).tocsr() @ alike.tocsc()).tocoo()
        near = total.row.astype(np.int64) + first
        edges = _Edges(near, near + total.col - last, total.data)
        edges = edges.where((total.data > _ENOUGH) & (edges.far >= 0) & (edges.far < len(self.features)))
        return edges.where(self.known[edges.near] & self.known[edges.far] & _peaks(edges))

    def _pairs(self, leave: _Edges, back: _Edges, run: Gap) -> np.ndarray:
        """List (i1, j1, i2, j2), the cheapest first, of those pairs whose two splices one shift can align."""
        leave, cost = _best_of_diagonals(leave, run.start / self.hop - leave.near)
        back, cost_back = _best_of_diagonals(back, back.near - run.stop / self.hop)
        total, pairs = [], []
        for detour in range(1 - 2 * _LAG, 2 * _LAG):
            away = leave.far - leave.near + detour
            _, a, b = np.intersect1d(away, back.far - back.near, assume_unique=True, return_indices=True)
            total.append(cost[a] + cost_back[b] + _DETOUR * abs(detour))
            pairs.append(np.stack([leave.near[a], leave.far[a], back.near[b], back.far[b]], 1))
        return np.concatenate(pairs)[np.argsort(np.concatenate(total), kind="stable")]

    def _aligned(self, i1: int, j1: int, i2: int, j2: int, run: Gap) -> _Splice | None:
        """Find the shift, within two hops of both edges, at which both splices' waveforms correlate best."""
        i1, j1, i2, j2 = (int(position) for position in self.samples(np.array([i1, j1, i2, j2])))
        reach = round(_LAG * self.hop)
        shifts = np.arange(max(j1 - i1, j2 - i2) - reach, min(j1 - i1, j2 - i2) + reach + 1)
        known = self.lost_before[run.stop + shifts] == self.lost_before[run.start + shifts]
        if not known.any():
            return None
        score = 0.0
        for centre in (i1, i2):
            start, stop = centre - self.half, centre + self.half
            template, audio = self.source[:, start:stop], self.source[:, start + shifts[0] : stop + shifts[-1]]
            score = score + _correlations(template, audio)
        return _Splice(i1 - self.half, i2 + self.half, int(shifts[np.where(known, score, -math.inf).argmax()]))


class _Features:
    """What frames are compared by: magnitudes in dB and the phases' derivatives over time, each scaled by its maximum.

    Args:
        audio: mono at the rate of analysis, (time,), float32.
    """

    def __init__(self, audio: Tensor):
        angle = torch.arange(_WINDOW) * (2 * math.pi / _WINDOW)
        self.windows = torch.stack([0.5 - 0.5 * angle.cos(), math.pi / _WINDOW * angle.sin()])[:, None]  # and its slope
        self.frames = 1 + len(audio) // _HOP
        margin = _WINDOW // 2 + _SMOOTH // 2 * _HOP
        self.audio = pad(audio, (margin, margin + _HOP))
        blocks = [(start, min(start + _BLOCK, self.frames)) for start in range(0, self.frames, _BLOCK)]
        self.loudest = max(float(self._spectra(*block)[0].abs().max()) for block in blocks) or 1.0
        self.steepest = max(float(self._turns(*self._spectra(*block)).abs().max()) for block in blocks) or 1.0

    def __len__(self) -> int:
        """Count the frames."""
        return self.frames

    def __call__(self, first: int, last: int) -> Tensor:
        """Compute the features of the frames [first, last), (frame, feature)."""
        spectrum, slope = self._spectra(first, last)
        magnitude = spectrum[_SMOOTH // 2 : -(_SMOOTH // 2)].abs() / self.loudest
        level = 1 + 20 / _FLOOR_DB * magnitude.clamp(min=1e-9).log10()
        return torch.cat([level.clamp(min=0), _PHASE / self.steepest * self._turns(spectrum, slope)], 1)

    def _spectra(self, first: int, last: int) -> Tensor:
        """Transform under both windows the frames [first, last) and four more on each side, (2, frame, freq)."""
        samples = self.audio[first * _HOP : (last - 1 + _SMOOTH) * _HOP + _WINDOW]
        return torch.fft.rfft(samples.unfold(0, _WINDOW, _HOP) * self.windows)

    def _turns(self, spectrum: Tensor, slope: Tensor) -> Tensor:
        """Average over frames how fast the audible bins' phases turn, relative to their centres, (frame, freq)."""
        energy = spectrum.abs().square()
        audible = energy > (_AUDIBLE * self.loudest) ** 2
        turns = torch.where(audible, (slope * spectrum.conj()).imag / energy.clamp(min=1e-30), 0.0)
        return turns.unfold(0, _SMOOTH, 1).mean(-1)[:-1]


def _peaks(edges: _Edges) -> np.ndarray:
    """Tell which edges are at least as strong as their eight neighbours in the plane (near, far)."""
    width = int(edges.far.max(initial=0)) + 3
    key = edges.near * width + edges.far + 1
    order = np.argsort(key)
    ranked, likeness = key[order], edges.likeness[order]
    highest = np.ones(len(key), dtype=bool)
    for step in [down * width + right for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]:
        place = np.searchsorted(ranked[:-1], key + step)  # never past the end
        highest &= (ranked[place] != key + step) | (edges.likeness >= likeness[place])
    return highest


def _best_of_diagonals(edges: _Edges, lost: np.ndarray) -> tuple[_Edges, np.ndarray]:
    """Keep the cheapest edge of each diagonal, and its cost; `lost` is the audio given up, in frames."""
    cost = _LOSS * lost + _UNLIKE / edges.likeness
    order = np.lexsort((cost, edges.far - edges.near))
    _, first = np.unique((edges.far - edges.near)[order], return_index=True)
    return edges.where(order[first]), cost[order[first]]


def _correlations(template: Tensor, audio: Tensor) -> np.ndarray:
    """Correlate a template (channel, time) with all its places in audio (channel, longer), normalised by energy."""
    products = sum(correlate(x.numpy(), t.numpy(), "valid") for x, t in zip(audio, template, strict=True))
    energy = pad(audio.square().sum(0).cumsum(0), (1, 0))
    energy = energy[template.shape[-1] :] - energy[: -template.shape[-1]]
    return products / (energy * template.square().sum()).clamp(min=1e-12).sqrt().numpy()
