"""Agreement: what two channels heard at once is surer than what one heard alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.levels import log_odds, rise

# Log odds that are added to those of two channels, and that one alone loses. Stereo music has as many false alarms with
# these as it would have without, and more of its clicks and jumps are found. A jump is always in all channels.
_TWICE = 2.5
_ALONE = {"clicks": 1.0, "jumps": 5.0}


def agreed(per_channel: Sequence[Sequence[Detection]], audio: np.ndarray, apart: int) -> list[list[Detection]]:
    """Return the detections of all channels, clicks and jumps with the odds of all channels that have them.

    Args:
        per_channel: the detections of each channel.
        audio: (channel, time); a silent channel has no say.
        apart: samples between places that are one.
    """
    sounds = [place for place, x in enumerate(audio) if x.any()]
    return [
        _weighed(list(each), [list(per_channel[other]) for other in sounds if other != place], apart)
        for place, each in enumerate(per_channel)
    ]


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
