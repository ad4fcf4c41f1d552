"""Dropouts: stretches where the level falls and comes back."""

from collections.abc import Iterator

import numpy as np

from audio_inpaint.detection.blocks import Block, hop_length
from audio_inpaint.detection.dips import dips
from audio_inpaint.detection.edges import FAR_S, cut, with_smear
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.network import probability
from audio_inpaint.gaps import Gap

_SHORTEST_S = 0.005
_STILL_S = 0.001
_SHARE = 1 / 3  # of a dip: one run where a gate or a pause faded; those of dropouts below the last bit are up to 0.29
_JUMP = 4.0  # of the smallest steps: what is between the words of a recording comes and goes by one or two
_SURE = 0.7  # of two as sure, the shorter is the dropout, the longer has a quiet sound beside it: 0.5 points of recall
_QUIET = 10 ** (-36 / 20)  # inside a dropout, against the 8 ms before it; lossy coders ring to about -40 dB
_AUDIBLE = 2e-3  # peak to peak: below -60 dBFS, near silence next to near silence is no dropout


def find(block: Block, channel: int) -> list[Detection]:
    """Find stretches in which the level falls and comes back, as on tape that has left the head.

    Cuts from 5 ms on, of 36 dB or more, are told by their edges, like runs of zeros. Dips with soft edges, from 12 dB
    and up to 0.3 s, are told from pauses of the sound by a small network: in a dropout all bands fall and rise at once
    and by as much, within some milliseconds, and the recording on both sides is the same. What stands still is no
    dropout, since runs of one value are judged as such, but where a sound is too quiet for the recording's words.

    Args:
        block: of the recording.
        channel: to look at.
    """
    x, rate = block.audio[channel], block.sample_rate
    found = []
    for start, stop in _abrupt(x, rate):
        if (stop == len(x) and not block.at_end) or (start == 0 and not block.at_start) or stop - start == len(x):
            continue
        if not block.lossy and _stands_still(x[start:stop], (stop - start) // 2):
            continue
        if block.lossy:
            start, stop = with_smear(x, start, stop, rate)
        found.append(Detection(Gap(start, stop, channel), "dropouts", cut(x, start, stop, rate, noisy=True)))
    soft = [
        Detection(Gap(dip.start, dip.stop, channel), "dropouts", probability("dropouts", dip.features))
        for dip in dips(x, rate)
        if not _silenced(x[dip.start : dip.stop], block.samples(_STILL_S))
    ]
    # Abrupt ones know their edges to the sample, and stay, but for those that are a moment of a sure dip.
    sure = [one for one in found if one.confidence >= 0.5 and not any(_moment_of(one, dip) for dip in soft)]
    rest = [one for one in found if one not in sure]
    return _distinct(sure + sorted(rest + soft, key=lambda one: (-min(one.confidence, _SURE), len(one.gap))))


def _moment_of(one: Detection, dip: Detection) -> bool:
    """Whether a stretch lies in a dip that is most probably damage, and is less than half of it."""
    within = dip.gap.start <= one.gap.start and one.gap.stop <= dip.gap.stop
    return within and dip.confidence >= _SURE and 2 * len(one.gap) < len(dip.gap)


def _stands_still(x: np.ndarray, length: int) -> bool:
    """Whether a run of one value has that length at least."""
    moves = np.flatnonzero(np.diff(x, prepend=np.nan, append=np.nan))
    return bool(np.diff(moves).max(initial=0) >= length)


def _silenced(x: np.ndarray, shortest: int) -> bool:
    """Whether a dip holds a run of one value that is more than a sound too quiet for the recording's words.

    Args:
        x: samples (time,) of the dip.
        shortest: length of a run that counts.
    """
    moves = np.flatnonzero(np.diff(x, prepend=np.nan, append=np.nan))
    steps = np.abs(np.diff(x, prepend=x[:1], append=x[-1:]))[moves]
    lengths, jumps = np.diff(moves), np.maximum(steps[:-1], steps[1:])
    abrupt = jumps > _JUMP * steps[steps > 0].min(initial=np.inf)
    return bool(((lengths >= shortest) & (abrupt | (lengths >= _SHARE * len(x)))).any())


def _distinct(found: list[Detection]) -> list[Detection]:
    """Return those that meet no earlier one of the list."""
    kept: list[Detection] = []
    for one in found:
        if all(one.gap.stop <= other.gap.start or other.gap.stop <= one.gap.start for other in kept):
            kept.append(one)
    return kept


def _abrupt(x: np.ndarray, sample_rate: int) -> Iterator[tuple[int, int]]:
    """Stretches whose peak-to-peak falls at once to `_QUIET` of what it was in the 8 ms before, clicks included."""
    hop = hop_length(sample_rate)
    hops = x[: len(x) // hop * hop].reshape(-1, hop)
    spread = hops.max(axis=1, initial=-np.inf) - hops.min(axis=1, initial=np.inf)
    loudest = spread
    for step in (1, 2, 4, 8):  # running maximum over 16 hops
        loudest = np.maximum(loudest, np.concatenate([np.zeros(step), loudest])[: len(loudest)])
    prior = np.concatenate([[0.0], loudest])[:-1]
    taken = 0
    for begin in np.flatnonzero((spread <= _QUIET * prior) & (prior > _AUDIBLE)).tolist():
        if begin < taken:
            continue
        limit = _QUIET * prior[begin]
        louder = np.flatnonzero(spread[begin:] > limit)
        end = begin + int(louder[0]) if len(louder) else len(spread)
        taken = end
        middle = np.median(x[begin * hop : end * hop])
        first, last = max(begin - 2, 0) * hop, min((end + 2) * hop, len(x))
        before = np.flatnonzero(np.abs(x[first : begin * hop] - middle) > limit)
        after = np.flatnonzero(np.abs(x[end * hop : last] - middle) > limit)
        start = first + int(before[-1]) + 1 if len(before) else first
        stop = end * hop + int(after[0]) if len(after) else last
        if stop - start >= _SHORTEST_S * sample_rate:
            yield _with_clicks(x, start, stop, sample_rate)


def _with_clicks(x: np.ndarray, start: int, stop: int, sample_rate: int) -> tuple[int, int]:
    """The stretch together with a click of up to 1 ms at either edge: it was not recorded either."""
    reach, far = round(0.001 * sample_rate), round(FAR_S * sample_rate)
    widened = []
    for side in (x[max(start - far, 0) : start][::-1], x[stop : stop + far]):
        steps = np.abs(np.diff(side))
        loud = np.flatnonzero(steps[:reach] > 2.5 * steps[reach:].max(initial=0.0))
        widened.append(int(loud[-1]) + 1 if len(loud) and len(side) > 4 * reach else 0)
    return start - widened[0], stop + widened[1]
