"""The clock of another recording: its time for every time of this one, over all of it and around one gap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audio_inpaint.alignment.consensus import Line, consensus
from audio_inpaint.alignment.delay import creeping, delay, likened
from audio_inpaint.alignment.novelty import novelty
from audio_inpaint.alignment.reading import read_at
from audio_inpaint.alignment.smoothing import Deviation, smooth
from audio_inpaint.alignment.sound import Sound
from audio_inpaint.errors import InputError

SHORTEST = 1.0  # seconds of a recording that can be placed in another
_ANCHORS, _APART = (12, 128), 2.0  # places at which the line is measured, and about how many seconds lie between them
_WINDOW = 0.5  # seconds that are compared at each
_ASTRAY = 0.04  # seconds that the rough line may be wrong there
_SURE = 5.0  # height of a peak that is one
_FEWEST = 0.3  # of the anchors, those that must have one
_SOUGHT = 0.04  # seconds of the windows in which it is looked for where it wanders
_SEEN = 0.3  # height of a peak there, over that of one that has all of the energy
_CREEP = 0.05  # seconds of the windows in which the delay around a gap is measured
_PASSES = 2
_COMPARED = 8  # places, at most, at which the coherence is measured
_COPIED = 1 - 1e-4  # coherence, by gains alone and to the sample, of what is a copy
# Seconds by which the clock wanders from its line; beyond, delays around a gap are looked for, not just measured.
_STEADY = 2e-5


@dataclass(frozen=True)
class Clock:
    """How the time of another recording follows from the time of this one.

    Args:
        line: offset and drift.
        deviations: from the line, added up.
        wander: seconds, about, by which a deviation was wrong where it was measured.
        coherence: of the energy of this recording, what a filter of the other one explains, 0 to 1.
        copy: whether the other one is, but for its gain, the same samples.
    """

    line: Line
    deviations: tuple[Deviation, ...] = ()
    wander: float = 0.0
    coherence: float = 0.0
    copy: bool = False

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Return the times in the other recording, in seconds."""
        return self.line.at(seconds) + sum(one.at(seconds) for one in self.deviations)

    def doubt(self, seconds: np.ndarray, found: Clock) -> np.ndarray:
        """Return the standard deviation in seconds of what was measured anew, `found` being the clock over all."""
        anew = self.deviations[len(found.deviations) :]
        return np.sqrt(sum((one.doubt(seconds) ** 2 for one in anew), np.zeros(len(seconds))))

    def but_for(self, deviation: Deviation) -> Clock:
        """Return the clock with one more deviation."""
        return replace(self, deviations=(*self.deviations, deviation))


def clock(ours: Sound, theirs: Sound, levels: np.ndarray | None = None) -> Clock | None:
    """Find a recording of the same programme in another, wherever in it and at whichever speed within 1000 ppm.

    1. The rough line is a consensus of how levels change.
    2. At places all along it the delay is measured by correlation; a line through these, and how they wander from it.
    3. What a filter explains at some of these places is the coherence.

    What repeats so much that it fits as well at many places is compared at the same time: a copy needs no more.

    Args:
        ours: the recording, with its gaps.
        theirs: the other.
        levels: the novelty of the other, for who has it already.

    Returns:
        Its clock, None where the two have nothing sure in common.

    Raises:
        InputError: one of the two is too short to be placed, or too slow.
    """
    for sound, which in ((ours, "the recording"), (theirs, "it")):
        sound.check(which)
        if sound.seconds < SHORTEST:
            raise InputError(f"{which} is only {sound.seconds:.3f} s long: {SHORTEST:g} s are needed to align two")
    rough = consensus(novelty(ours), novelty(theirs) if levels is None else levels)
    if rough is None:
        return _copy(ours, theirs, 0, np.linspace(0, min(ours.seconds, theirs.seconds) - _WINDOW, _COMPARED))
    first = max(0.0, rough.inverse().at(0.0))
    last = min(ours.seconds, rough.inverse().at(theirs.seconds)) - _WINDOW
    count = int(np.clip((last - first) / _APART, *_ANCHORS))
    anchors = [_anchor(ours, theirs, rough, place) for place in np.linspace(first, last, count)] if first < last else []
    sure = [(place, late) for place, late, height in filter(None, anchors) if height > _SURE]
    if len(sure) < max(3, _FEWEST * len(anchors)):
        return None
    times, delays = np.array(sure).T
    line, kept, spread = _line_through(times, delays, rough)
    off = delays - (line.at(times) - rough.at(times))
    deviation = smooth(times[kept], off[kept], np.full(kept.sum(), max(spread, 1e-6)))
    wander = float(np.sqrt(np.mean((off[kept] - deviation.at(times[kept])) ** 2)))
    found = Clock(line, (deviation,), wander)
    places = times[kept][:: -(-int(kept.sum()) // _COMPARED)] - _WINDOW / 2
    late = round(float(np.mean(line.at(times) - times)) * ours.sample_rate)
    return _copy(ours, theirs, late, places) or replace(found, coherence=_coherence(ours, theirs, found, places))


def _copy(ours: Sound, theirs: Sound, late: int, places: np.ndarray) -> Clock | None:
    """The clock of what is, but for its gain, the same so many samples later; None if it is not."""
    found = Clock(Line(late / ours.sample_rate, 0.0), copy=True)
    coherence = _coherence(ours, theirs, found, places) if ours.sample_rate == theirs.sample_rate else 0.0
    return replace(found, coherence=coherence) if coherence > _COPIED else None


def _anchor(ours: Sound, theirs: Sound, rough: Line, place: float) -> tuple[float, float, float] | None:
    """Measure at a place how much later than expected the other recording plays: middle, delay (s), height."""
    rate = ours.sample_rate
    start, size, most = round(place * rate), round(_WINDOW * rate), round(_ASTRAY * rate)
    audio, lost = ours.around(start, start + size)
    if lost.any(0).float().mean() > 0.5:
        return None
    moments = rough.at(np.arange(start - most, start + size + most) / rate)
    other, _ = read_at(theirs, moments, rate)
    if not (audio.any() and other.any()):
        return None
    late, height = delay(audio.numpy(), other.numpy())
    return (start + size / 2) / rate, late / rate, height


def _line_through(times: np.ndarray, delays: np.ndarray, rough: Line) -> tuple[Line, np.ndarray, float]:
    """Draw a line through delays, most of them right; and say which are, and how far they lie from it (s)."""
    pairs = times[:, None] - times
    slopes = (delays[:, None] - delays)[pairs > 0] / pairs[pairs > 0]
    slope = float(np.median(slopes))  # Theil and Sen's
    late = float(np.median(delays - slope * times))
    off = delays - late - slope * times
    spread = 1.4826 * float(np.median(np.abs(off)))
    kept = np.abs(off) <= 4 * spread + 1e-6
    if np.ptp(times[kept]) > 0:
        slope, late = np.polyfit(times[kept], delays[kept], 1)
    return Line(rough.offset + late, rough.drift + slope), kept, spread


def _coherence(ours: Sound, theirs: Sound, found: Clock, places: np.ndarray) -> float:
    """Of the energy at some places, what a filter of the other recording explains."""
    rate, size, all_of_it, left = ours.sample_rate, round(_WINDOW * ours.sample_rate), 0.0, 0.0
    for place in places:
        local = around(ours, theirs, found, round(place * rate), round(place * rate) + size)
        audio, other, known = _both(ours, theirs, local, round(place * rate), size)
        all_of_it += float(np.square(audio * known).sum())
        like = likened(audio, other, known, 0) if found.copy else likened(audio, other, known)
        left += float(np.square((audio - like) * known).sum())
    return max(0.0, 1 - left / all_of_it) if all_of_it else 0.0


def around(ours: Sound, theirs: Sound, found: Clock, start: int, stop: int) -> Clock:
    """Measure the clock anew around a gap, from what both recordings play there: a window of the one in question.

    Where it wanders, its delay is looked for in each window. Then it is measured, to hundredths of a sample, by how a
    filtered reading of the other recording errs, and a smooth curve is drawn through all windows, which leads across
    the gap. Nothing is read of what is lost.

    Args:
        ours: the recording, with its gaps.
        theirs: the other.
        found: its clock over all.
        start: first sample of ours.
        stop: the sample after the last.
    """
    rate, local = ours.sample_rate, found
    if found.copy:
        return found
    if found.wander > _STEADY:
        local = _searched(ours, theirs, found, start, stop)
    size = max(round(_CREEP * rate), (stop - start) // 100)
    for _ in range(_PASSES):
        audio, other, known = (np.array(x) for x in _both(ours, theirs, local, start, stop - start))
        audio[:, 1:] -= 0.9 * audio[:, :-1]  # most energy is low, and says little of a delay
        other[:, 1:] -= 0.9 * other[:, :-1]
        known[1:] &= known[:-1].copy()
        places, late, deviations = creeping(audio, likened(audio, other, known), known, size)
        near = np.abs(late) < 2
        if near.sum() < 2:
            return local
        times = (start + places[near]) / rate
        local = local.but_for(smooth(times, -late[near] / rate, deviations[near] / rate))
    return local


def _searched(ours: Sound, theirs: Sound, found: Clock, start: int, stop: int) -> Clock:
    """Look for the delay in windows so short that a wow of half a per cent does not smear what it is told by."""
    rate = ours.sample_rate
    size, most, measured = round(_SOUGHT * rate), round((4 * found.wander + 0.0002) * rate), []
    for first in range(start, stop - size + 1, size // 2):
        audio, lost = ours.around(first, first + size)
        if lost.any() or not audio.any():
            continue
        other, _ = read_at(theirs, found.at(np.arange(first - most, first + size + most) / rate), rate)
        late, height = delay(audio.numpy(), other.numpy())
        if height > _SEEN * np.sqrt(2 * most) and abs(late) < most - 1:
            measured.append(((first + size / 2) / rate, late / rate))
    if len(measured) < 2:
        return found
    times, delays = np.array(measured).T
    return found.but_for(smooth(times, delays, np.full(len(times), 0.5 / rate)))


def _both(ours: Sound, theirs: Sound, local: Clock, start: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the same samples of both recordings, (channel, time), each about its mean, and which all know, (time,)."""
    audio, lost = ours.around(start, start + size)
    moments = local.at(np.arange(start, start + size) / ours.sample_rate)
    other, missing = read_at(theirs, moments, ours.sample_rate)
    known = ~(lost.any(0) | missing.any(0)).numpy()
    # what a constant is of the one says nothing of the other
    level = [x[:, known].mean(1, keepdims=True) if known.any() else 0.0 for x in (audio.numpy(), other.numpy())]
    return audio.numpy() - level[0], other.numpy() - level[1], known
