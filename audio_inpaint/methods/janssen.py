"""Gap-wise Janssen: lost samples and the autoregressive model of their surroundings, estimated in turn.

Source: Janssen, Veldhuis and Vries, 1986; gap-wise with Burg's fit: Mokrý and Rajmic, 2024, arXiv 2403.04433.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.dsp.autoregressive import burg, interpolate
from audio_inpaint.gaps import Gap, gap_mask, mask_gaps
from audio_inpaint.methods.burg import SHORTEST, fill_edge, fill_from_sides, known_beside, loudest, model_size
from audio_inpaint.methods.contract import channels_alike, damaged, repaired
from audio_inpaint.methods.options import Count, Seconds, checked

_MANY = 16  # gaps
_ORDERS = 32  # of the model, for a sample of the longest gap in a chain of tiny ones


@checked
@dataclass(frozen=True)
class Janssen:
    """Restore each gap with its surroundings: fit a model by Burg, solve for the lost samples, fit again.

    The context shrinks at a neighbouring gap and at the ends of the recording, and the order is at most half the
    shorter side. Gaps with less than half a context between them are restored together. A gap at an end of the
    recording, longer than four contexts, or with less than 32 known samples on one side is left to Burg extrapolation.

    Args:
        iterations: of fit and solution; 2 is best in SNR at 40-80 ms.
        order: of the model; None takes `default_order` of the sample rate.
        context: audio used on each side in seconds, but no more than four orders of samples.
    """

    iterations: Count = 2
    order: Count | None = None
    context: Seconds = 0.128

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        return channels_alike(self.restore, audio, gap, sample_rate)

    def restore(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore channels that lost the same samples, gap (time,)."""
        known = damaged(audio, gap)
        order, width = model_size(self.order, self.context, sample_rate)
        runs = mask_gaps(gap)
        inner = {run for run in runs if run.start > 0 and run.stop < len(gap)}
        short = [run for run in runs if run in inner and run.stop - run.start <= 4 * width]
        filled = known.clone()
        for together in _clusters(short, width):
            if _woven(together, order):
                self._reweave(filled, gap, together, order)
                continue
            for group in _portions(together, width):
                self._fill(filled, known, gap, _reach(group, together, width), group, order, width)
        for run in runs:
            if run in inner and run.stop - run.start > 4 * width:
                filled[:, run.start : run.stop] = fill_from_sides(known, gap, run, order, width)
        for run in runs:
            if run not in inner:
                filled[:, run.start : run.stop] = fill_edge(filled, run, order, width)
        return repaired(audio, gap, filled)

    def _fill(self, filled, known, gap, solved: list[Gap], kept: list[Gap], order: int, width: int) -> None:
        """Solve for the gaps `solved` and write those of `kept` into `filled`."""
        left, right = known_beside(gap, Gap(solved[0].start, solved[-1].stop), width)
        if min(left, right) < SHORTEST:
            for run in kept:
                filled[:, run.start : run.stop] = fill_from_sides(known, gap, run, order, width)
            return
        start, stop = solved[0].start - left, solved[-1].stop + right
        lost, segment = gap[start:stop], known[:, start:stop].clone()
        for _ in range(self.iterations):
            models, _ = burg(segment, min(order, left // 2, right // 2))
            segment[:, lost] = interpolate(segment, lost, models)
        segment[:, lost] = scaled_down(segment[:, lost], loudest(segment[:, ~lost]))
        for run in kept:
            filled[:, run.start : run.stop] = segment[:, run.start - start : run.stop - start]

    def _reweave(self, filled: Tensor, gap: Tensor, chain: list[Gap], order: int) -> None:
        """Solve a chain of tiny gaps with next to nothing known between, such as two samples of every five.

        No portion of it has known sides: what is around is taken as estimated, at first by straight lines. Ends of the
        recording are mirrored.
        """
        order = min(order, _ORDERS * max(map(len, chain)))
        width = min(4 * order, len(gap) - 1)
        around = slice(max(0, chain[0].start - 1), chain[-1].stop + 1)
        places, known = np.arange(len(gap))[around], ~gap[around].numpy()
        lost = gap_mask([run.moved(-around.start) for run in chain], len(places))[0]
        for row in filled[:, around]:
            row[lost] = torch.from_numpy(np.interp(places[lost], places[known], row.numpy()[known])).to(row)
        padded = torch.nn.functional.pad(filled, (width, width), mode="reflect")
        for group in _portions(chain, width):
            solved = _reach(group, chain, width)
            start, stop = solved[0].start, solved[-1].stop + 2 * width  # in the padded audio
            segment = padded[:, start:stop].clone()
            lost, kept = (
                gap_mask([run.moved(width - start) for run in runs], stop - start)[0] for runs in (solved, group)
            )
            for _ in range(self.iterations):
                segment[:, lost] = interpolate(segment, lost, burg(segment, min(order, width // 2))[0])
            padded[:, start:stop][:, kept] = segment[:, kept]
        whole = gap_mask(chain, len(gap))[0]
        filled[:, whole] = padded[:, width:-width][:, whole]


def scaled_down(fill: Tensor, limit: Tensor) -> Tensor:
    """Scale a fill (channel, lost) down whose peak exceeds the limit (channel, 1)."""
    peak = fill.abs().amax(-1, keepdim=True)
    return fill * torch.where(peak > limit, limit / peak, 1.0)


def woven(gap: Tensor, sample_rate: int) -> list[Gap]:
    """Return the gaps of a mask (time,) that are tiny and too near each other for anything to be known between them."""
    order, width = model_size(None, Janssen.context, sample_rate)
    tiny = [run for run in mask_gaps(gap) if len(run) <= order // _ORDERS]
    return [run for chain in _clusters(tiny, width) if _woven(chain, order) for run in chain]


def _woven(chain: list[Gap], order: int) -> bool:
    """Whether gaps are tiny, and what is known between them too."""
    if len(chain) < _MANY or max(map(len, chain)) > order // _ORDERS:
        return False
    between = sorted(after.start - before.stop for before, after in pairwise(chain))
    return between[len(between) // 2] < SHORTEST


def _clusters(runs: list[Gap], width: int) -> list[list[Gap]]:
    """Put gaps together whose order would be cut, were the known samples between them the context of either."""
    clusters = [runs[:1]] if runs else []
    for before, run in pairwise(runs):
        if run.start - before.stop < width // 2:
            clusters[-1].append(run)
        else:
            clusters.append([run])
    return clusters


def _portions(cluster: list[Gap], width: int) -> list[list[Gap]]:
    """Cut a long chain of gaps every four contexts: sound keeps its spectrum only so long, and the equations small."""
    portions = [cluster[:1]]
    for run in cluster[1:]:
        if run.stop - portions[-1][0].start <= 4 * width:
            portions[-1].append(run)
        else:
            portions.append([run])
    return portions


def _reach(group: list[Gap], cluster: list[Gap], width: int) -> list[Gap]:
    """Add the gaps of the same chain within one context of a portion: they are solved with it, and not kept."""
    first = bisect_right(cluster, group[0].start - width, key=lambda run: run.stop)
    last = bisect_left(cluster, group[-1].stop + width, key=lambda run: run.start)
    return cluster[first:last]
