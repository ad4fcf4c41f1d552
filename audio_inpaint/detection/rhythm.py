"""Rhythm: runs of zeros that keep time, as stop-cuts, gates in tempo and drum machines do and faults do not."""

import numpy as np
from scipy.special import bdtrc

_BEAT_S = (0.08, 4.0)  # from a sixteenth note at 188 to a bar at 60 beats a minute
_PARTS = (1, 2, 3, 4)  # of the commonest intervals: a beat that is often left out is a part of each
_INTERVALS = 8  # that are tried
_LATE_S = 0.004  # by which a cut may miss its beat
_PACKET_S = 0.06  # the longest usual packet: lost ones begin at its multiples
_SHORTEST_S = 0.025  # on average: shorter ones, such as a scratch's at each turn, are no music
_CHANCE = 1e-4
_MORE = 1.25  # times as many runs have to keep a shorter beat: it fits any run sooner


def in_time(times: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return which runs keep time: they come a multiple of a beat after the one before, or before the next.

    That so many intervals are multiples of a beat has to be improbable for faults: those of a medium lie anywhere,
    lost packets at multiples of the packet, which is as long as the shortest run.

    Args:
        times: in seconds, in order, (run, edge): of the edges that keep time, each of them.
        lengths: of the runs, in seconds, (run,).

    Returns:
        Boolean (run,).
    """
    best = np.zeros(len(times), bool)
    if len(times) < 4:
        return best
    grain = max(2 * _LATE_S, min(lengths.min(), _PACKET_S))
    intervals = np.diff(times, axis=0)
    for beat in _beats(intervals[:, 0]):
        beats = np.round(intervals / beat)
        fits = ((np.abs(intervals - beats * beat) < _LATE_S) & (beats > 0)).all(axis=1)
        # Of the binomial distribution; the interval that the beat was taken from fits anyway.
        chance = bdtrc(max(fits.sum() - 2, 0), len(fits) - 1, min(1.0, grain / beat))
        timed = np.append(fits, False) | np.append(False, fits)
        improbable = chance * _INTERVALS * len(_PARTS) < _CHANCE
        if improbable and np.median(lengths[timed]) >= _SHORTEST_S and timed.sum() > _MORE * best.sum():
            best = timed
    return best


def _beats(intervals: np.ndarray) -> list[float]:
    """Return the commonest intervals and simple parts of them that may be beats, in seconds, the longest first."""
    ordered = np.sort(intervals[intervals >= _BEAT_S[0]])
    if not len(ordered):
        return []
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > _LATE_S) + 1)
    groups.sort(key=len, reverse=True)
    beats = (float(np.median(group)) / part for group in groups[:_INTERVALS] for part in _PARTS)
    return [beat for beat in sorted(beats, reverse=True) if _BEAT_S[0] <= beat <= _BEAT_S[1]]
