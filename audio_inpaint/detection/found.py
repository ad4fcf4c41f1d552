"""What a search for damage gives: detections, and their order and agreement between kinds and channels."""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio_inpaint.detection.levels import log_odds, rise
from audio_inpaint.gaps import Gap

_EXACT = ("zeros", "held", "nan", "combs")
_SOFT = ("dropouts",)  # edges are not known to the sample; of several channels' odds the best would err more than one's
_MOSTLY = 0.8  # of a stretch: what fills less of it is a part of something larger


@dataclass(frozen=True)
class Detection:
    """A stretch that looks damaged: its gap, its kind, one of `KINDS`, and the probability that it is damage.

    >>> Detection(Gap(8000, 8500), "zeros", 0.9).gap
    Gap(start=8000, stop=8500, channel=None)
    """

    gap: Gap
    kind: str
    confidence: float

    def moved(self, by: int) -> "Detection":
        """Return the same detection `by` samples later."""
        return replace(self, gap=self.gap.moved(by))


def apart(detections: Sequence[Detection], margin: int) -> list[Detection]:
    """Return the detections of one channel with one kind for each place, in the order of time.

    Where two meet, the digital kind stays that fills most of the other, otherwise the longer one: the edges of a gap
    sound like clicks, and a few zeros in a dropout are a part of it.

    Args:
        detections: of one channel, in any order.
        margin: samples; nearer ones meet.
    """
    kept: list[Detection] = []
    for one in sorted(detections, key=lambda one: (one.gap.start, -len(one.gap))):
        while kept and one.gap.start <= kept[-1].gap.stop + margin:
            if kept[-1].kind == one.kind and one.gap.start > kept[-1].gap.stop:
                break
            one = _stronger(kept.pop(), one)
        kept.append(one)
    return kept


def _stronger(one: Detection, other: Detection) -> Detection:
    longer, shorter = sorted((one, other), key=lambda each: -len(each.gap))
    if (longer.confidence >= 0.5) != (shorter.confidence >= 0.5):
        return max(one, other, key=lambda each: each.confidence)
    exact = shorter.kind in _EXACT and longer.kind not in _EXACT
    most = len(shorter.gap) >= _MOSTLY * len(longer.gap) or shorter.kind == "combs"  # of many, each a part
    return shorter if exact and most else longer


def join_channels(per_channel: Sequence[Sequence[Detection]], tolerance: int) -> list[Detection]:
    """Return the detections of all channels, sorted; those at the same place in all channels become one.

    Args:
        per_channel: the detections of each channel.
        tolerance: samples by which edges may differ.
    """
    joined = []
    others = [sorted(detections, key=lambda d: d.gap.start) for detections in per_channel[1:]]
    taken: set[Detection] = set()
    for detection in per_channel[0]:
        twins = [_twin(detection, channel, taken, tolerance) for channel in others]
        if None in twins:
            joined.append(detection)
            continue
        taken.update(twins)
        group = [detection, *twins]
        whole = Gap(min(d.gap.start for d in group), max(d.gap.stop for d in group))
        surest = max(group, key=lambda d: d.confidence)
        if detection.kind in _SOFT:
            surest = replace(surest, confidence=rise(float(np.mean([log_odds(d.confidence) for d in group])), 0.0, 1.0))
        joined.append(replace(surest, gap=whole))
    joined += [detection for channel in others for detection in channel if detection not in taken]
    return sorted(joined, key=lambda d: (d.gap.start, d.gap.stop, -1 if d.gap.channel is None else d.gap.channel))


def _twin(one: Detection, others: Sequence[Detection], taken: Container[Detection], tolerance: int) -> Detection | None:
    """Return the first of detections, sorted by their starts, at the same place."""
    reach = 0 if one.kind == "combs" else tolerance  # the next tooth is nearer than that
    if one.kind in _SOFT:
        reach = max(tolerance, len(one.gap) // 4)
    first = bisect_left(others, one.gap.start - reach, key=lambda d: d.gap.start)
    last = bisect_right(others, one.gap.start + reach, key=lambda d: d.gap.start)
    near = (d for d in others[first:last] if d.kind == one.kind and abs(d.gap.stop - one.gap.stop) <= reach)
    return next((d for d in near if d not in taken), None)
