"""Agreement: what two channels heard at once is surer than what one heard alone, but silence of one alone is not meant.

A gate, a stop and a synthesiser's pause silence all channels of a sound. Zeros in one channel, while another goes on
with the sound that both had, are damage, as far as their edges leave it open.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.levels import log_odds, rise, rms
from audio_inpaint.gaps import Gap

# Log odds that are added to those of two channels, and that one alone loses. Stereo music has as many false alarms with
# these as it would have without, and more of its clicks and jumps are found. A jump is always in all channels.
_TWICE = 2.5
_ALONE = {"clicks": 1.0, "jumps": 5.0}
ONE_SILENT = 3.0  # log odds that zeros gain, and that silence which is meant loses, where another channel plays on
_BESIDE_S = 0.1
_LEAST_S = 0.01  # of a side that is compared
_SHARED = 0.5  # correlation of channels that have a sound in common: that of independent voices is near 0
_NEAR_S, _GOES_ON = 0.02, 0.5  # of the level so near: -6 dB


def agreed(per_channel: Sequence[Sequence[Detection]], block: Block, apart: int) -> list[list[Detection]]:
    """Return the detections of all channels: clicks, jumps and zeros with the odds that the other channels give them.

    Args:
        per_channel: the detections of each channel.
        block: that they are in; a silent channel has no say.
        apart: samples between places that are one.
    """
    sounds = [place for place, x in enumerate(block.audio) if x.any()]
    weighed = [
        _weighed(list(each), [list(per_channel[other]) for other in sounds if other != place], apart)
        for place, each in enumerate(per_channel)
    ]
    return [[_surer(one, block) if one.kind == "zeros" else one for one in each] for each in weighed]


def another_plays_on(block: Block, gap: Gap) -> bool:
    """Whether a channel that has the sound beside a gap of one channel, too, keeps its level while that is silent."""
    if gap.channel is None or len(block.audio) == 1:
        return False
    reach = block.samples(_BESIDE_S)
    x = np.diff(block.audio[:, max(gap.start - reach, 0) : gap.stop + reach], axis=1)  # bass agrees by chance
    start = min(gap.start, reach)
    before, within, after = x[:, : max(start - 1, 0)], x[:, start : start + len(gap) - 1], x[:, start + len(gap) :]
    if min(before.shape[1], after.shape[1]) < block.samples(_LEAST_S):
        return False
    near = block.samples(_NEAR_S)
    return any(
        min(_correlation(side[gap.channel], side[other]) for side in (before, after)) > _SHARED
        and rms(within[other]) > _GOES_ON * min(rms(before[other, -near:]), rms(after[other, :near]))
        for other in range(len(x))
        if other != gap.channel
    )


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return the magnitude of the correlation of two signals (time,), 0 if one is silent."""
    x, y = (z.astype(np.float64) for z in (x, y))
    return float(abs(x @ y) / max(np.sqrt((x @ x) * (y @ y)), 1e-30))


def _surer(one: Detection, block: Block) -> Detection:
    if not another_plays_on(block, one.gap):
        return one
    return replace(one, confidence=rise(log_odds(one.confidence) + ONE_SILENT, 0.0, 1.0))


def _weighed(found: list[Detection], others: list[list[Detection]], apart: int) -> list[Detection]:
    if not others:
        return found
    known = {kind: [one for each in others for one in each if one.kind == kind] for kind in _ALONE}
    starts, stops, odds = (
        {kind: np.array([value(one) for one in each]) for kind, each in known.items()}
        for value in (lambda one: one.gap.start, lambda one: one.gap.stop, lambda one: log_odds(one.confidence))
    )
    surer = []
    for one in found:
        if one.kind in _ALONE:
            near = (starts[one.kind] <= one.gap.stop + apart) & (one.gap.start - apart <= stops[one.kind])
            more = odds[one.kind][near].max() + _TWICE if near.any() else -_ALONE[one.kind]
            one = replace(one, confidence=rise(log_odds(one.confidence) + more, 0.0, 1.0))
        surer.append(one)
    return surer
