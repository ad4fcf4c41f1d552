"""Zeros and held values: runs of one value, and of samples that are no numbers."""

import numpy as np

from audio_inpaint.detection.blocks import HOP_S, Block, hop_length
from audio_inpaint.detection.edges import FAR_S, cut, with_smear
from audio_inpaint.detection.found import Detection
from audio_inpaint.gaps import Gap, mask_gaps


def find(block: Block, channel: int) -> list[Detection]:
    """Find runs from 1 ms of exact zeros ("zeros") and of another value ("held"), and all of NaN ("nan").

    Pauses that music fades into and out of, clipping, and the steps of coarsely quantised or square waves do not count:
    the signal has to keep its level up to both edges, and a run has to be long against the runs around it.

    Args:
        block: of the recording.
        channel: to look at.
    """
    x = block.audio[channel]
    hop = hop_length(block.sample_rate)
    found = []
    for start, stop in _runs(x, hop):
        if (stop == len(x) and not block.at_end) or (start == 0 and not block.at_start) or stop - start == len(x):
            continue
        kind = "held" if x[start] else "zeros"
        if block.lossy:
            start, stop = with_smear(x, start, stop, block.sample_rate)
        confidence = cut(x, start, stop, block.sample_rate, lossy=block.lossy)
        found.append(Detection(Gap(start, stop, channel), kind, confidence))
    if block.broken is not None and block.broken[channel].any():
        found = [one for one in found if not block.broken[channel, one.gap.start : one.gap.stop].any()]
        gaps = mask_gaps(block.broken[channel])
        found += [Detection(Gap(gap.start, gap.stop, channel), "nan", 1.0) for gap in gaps]
    return found


def _runs(x: np.ndarray, hop: int) -> list[tuple[int, int]]:
    """Runs [start, stop) of one value that hold at least one whole hop, to the sample."""
    hops = x[: len(x) // hop * hop].reshape(-1, hop)
    top, bottom = hops.max(axis=1, initial=-np.inf), hops.min(axis=1, initial=np.inf)
    flat = top == bottom
    if not flat.any():
        return []
    joins = flat[1:] & flat[:-1] & (top[1:] == top[:-1])
    begins = np.flatnonzero(flat & ~np.concatenate([[False], joins]))
    ends = np.flatnonzero(flat & ~np.concatenate([joins, [False]])) + 1
    # Where most of the neighbourhood stands still too, a short run is a quantisation step: do not look closer.
    share = np.concatenate([[0.0], np.cumsum(flat)])
    reach = round(FAR_S / HOP_S)
    before = (share[begins] - share[np.maximum(begins - reach, 0)]) / reach
    after = (share[np.minimum(ends + reach, len(flat))] - share[ends]) / reach
    worth = (np.minimum(before, after) < 0.3) | (ends - begins > reach)
    runs = []
    for begin, end in zip(begins[worth].tolist(), ends[worth].tolist(), strict=True):
        value, start, stop = x[begin * hop], begin * hop, end * hop
        while start > 0 and x[start - 1] == value:
            start -= 1
        while stop < len(x) and x[stop] == value:
            stop += 1
        if stop - start >= 2 * hop:
            runs.append((start, stop))
    return runs
